#if os(Linux)
  import Foundation
  import Testing

  @Suite struct AlertEventTests {
    @Test func `an alert goes to the terminal and to the event log`() async throws {
      try await withTemporaryDirectory { directory in
        let events = directory + "/events.jsonl"
        let binary = try Binary(["replay", Captured.crashLoop, "--format", "json", "--events", events])
        #expect(try await binary.end() == 0)
        #expect(binary.text.contains("alert: crash loop: crashes "))
        let lines = try String(contentsOfFile: events, encoding: .utf8).split(separator: "\n")
        #expect(lines.count == 1)
        #expect(lines.first?.contains("stormfuse.alert") == true)
        #expect(lines.first?.contains(#""kind":"crash_loop""#) == true)
        #expect(lines.first?.contains(#""state":"began""#) == true)
        #expect(lines.first?.contains("POISON") == true)
      }
    }

    @Test func `that events can't be written is told where it can be`() async throws {
      let binary = try Binary(["replay", Captured.crashLoop, "--format", "json", "--events", "/dev/full"])
      #expect(try await binary.end() == 0)
      #expect(binary.text.contains("stormfuse alert: events can't be written"))
    }
  }
#endif
