import Foundation
import Pipeline
import Testing

@testable import State

/// Files of other versions, and clocks that were changed.
struct VersionTests {
  /// The file with its payload changed, and checksums to match.
  private func file(_ number: Int, _ change: (String) -> String) throws -> [UInt8] {
    var snapshot = Sample.snapshot(number)
    snapshot.generation = UInt64(number)
    let bytes = try SnapshotFile.encode(snapshot)
    let text = String(decoding: bytes[SnapshotFile.header_bytes...], as: UTF8.self)
    let changed = change(text)
    #expect(changed != text)
    return framed(bytes, Array(changed.utf8))
  }

  private func framed(_ file: [UInt8], _ payload: [UInt8], format: UInt8 = 1) -> [UInt8] {
    var header = Array(file[..<32])
    func put(_ number: UInt64, _ count: Int, at offset: Int) {
      for index in 0..<count { header[offset + index] = UInt8(truncatingIfNeeded: number >> (8 * index)) }
    }
    header[8] = format
    put(UInt64(CRC32C.checksum(payload)), 4, at: 12)
    put(UInt64(payload.count), 8, at: 24)
    let checksum = CRC32C.checksum(header)
    header += [0, 0, 0, 0]
    put(UInt64(checksum), 4, at: 32)
    return header + payload
  }

  private func load(_ bytes: [UInt8]) -> (StateDirectory.Loaded, SimulatedDisk) {
    let disk = SimulatedDisk(.init(files: ["snapshot.a": bytes]))
    return (StateDirectory(files: disk).load(at: .distantFuture), disk)
  }

  @Test("keys that this version does not know are skipped")
  func unknownKeys() throws {
    let (loaded, _) = load(
      try file(4) {
        $0.replacingOccurrences(of: "\"is_armed\"", with: "\"colour\":{\"a\":[1]},\"is_armed\"")
          .replacingOccurrences(of: "\"schema\"", with: "\"regions\":[],\"schema\"")
      })
    #expect(loaded.snapshot?.breakers == Sample.snapshot(4).breakers)
    #expect(loaded.notices.isEmpty)
  }

  @Test("a breaker in a state that this version does not know is left out and named; the others stay")
  func unknownState() throws {
    let (loaded, disk) = load(
      try file(4) { $0.replacingOccurrences(of: "\"state\":\"forced_open\"", with: "\"state\":\"slightly_open\"") })
    #expect(loaded.snapshot?.breakers == [Sample.breaker(4, index: 1)])
    #expect(loaded.notices.count == 1 && loaded.notices[0].contains("rabbitmq:%2F:orders.0"))
    #expect(Set(disk.image.files.keys) == ["snapshot.a"])
  }

  @Test("an entry that is no object is left out and numbered; the others stay")
  func noObject() throws {
    let (loaded, _) = load(
      try file(4) { $0.replacingOccurrences(of: "\"breakers\":[", with: "\"breakers\":[17,null,[],") })
    #expect(loaded.snapshot?.breakers == Sample.snapshot(4).breakers)
    #expect(loaded.notices.count == 3 && loaded.notices[1].contains("number 2"))
  }

  @Test("a transition with an unknown cause is left out; its breaker's state stays")
  func unknownTransition() throws {
    let (loaded, _) = load(
      try file(4) { $0.replacingOccurrences(of: "\"cause\":\"rule\"", with: "\"cause\":\"full_moon\"") })
    let expected = Sample.snapshot(4).breakers.map { breaker in
      var breaker = breaker
      breaker.transitions = []
      return breaker
    }
    #expect(loaded.snapshot?.breakers == expected)
    #expect(loaded.notices.count == 2)
  }

  @Test("a newer schema or format is refused, told and set aside whole", arguments: [true, false])
  func newer(isFormat: Bool) throws {
    let plain = try SnapshotFile.encode(Sample.snapshot(4))
    let bytes =
      isFormat
      ? framed(plain, Array("binary of the future".utf8), format: 2)
      : try file(4) { $0.replacingOccurrences(of: "stormfuse.state/1", with: "stormfuse.state/2") }
    let (loaded, disk) = load(bytes)
    #expect(loaded.snapshot == nil)
    #expect(loaded.notices[0].contains("another version") && loaded.notices[0].contains("snapshot.newer"))
    #expect(disk.image.files == ["snapshot.newer": bytes])
  }

  @Test(
    "a payload that is valid in its checksum but no snapshot is damaged", arguments: ["{}", "[]", "", "{\"schema\":7}"])
  func noSnapshot(payload: String) throws {
    let (loaded, disk) = load(framed(try SnapshotFile.encode(Sample.snapshot(1)), Array(payload.utf8)))
    #expect(loaded.snapshot == nil && loaded.notices.count == 2)
    #expect(disk.image.files["snapshot.broken"] != nil)
  }

  @Test("a payload whose generation is not its header's is damaged")
  func contradiction() throws {
    let (loaded, _) = load(try file(4) { $0.replacingOccurrences(of: "\"generation\":4", with: "\"generation\":5") })
    #expect(loaded.snapshot == nil && loaded.notices[0].contains("contradicts"))
  }

  @Test("a state from later than the clock is said so")
  func clockSetBack() throws {
    let disk = SimulatedDisk()
    try StateDirectory(files: disk).save(Sample.snapshot(1))
    let written = Timestamp(ns: Sample.snapshot(1).written_at_ns)
    let loaded = StateDirectory(files: disk).load(at: written + -Int64.seconds(86_400))
    #expect(loaded.snapshot != nil && loaded.notices.count == 1)
    #expect(loaded.notices[0].contains("later than this clock"))
    #expect(StateDirectory(files: disk).load(at: written).notices.isEmpty)
  }

  /// The clock's error and what then is left of a deadline that was 60 s off, longest 900 s, in seconds.
  @Test(
    "a deadline is never further off than it was, nor than allowed, nor in the past",
    arguments: [(0, 60), (-86_400, 60), (30, 30), (60, 0), (86_400, 0)])
  func deadlines(shift_s: Int64, left_s: Int64) {
    let written = Timestamp(ns: Sample.start_ns)
    let deadline = BreakerMemory.Deadline(at_ns: written.ns + .seconds(60), remaining_ns: .seconds(60))
    let now = written + .seconds(shift_s)
    #expect(deadline.clamped(at: now, longest_ns: .seconds(900)) - now == .seconds(left_s))
  }

  @Test("a deadline with absurd numbers stays between now and the longest time allowed")
  func absurdDeadlines() {
    let values: [Int64] = [.min, .min + 1, -1, 0, 1, Sample.start_ns, .max - 1, .max]
    for at_ns in values {
      for remaining_ns in values {
        for now in [Timestamp(ns: Sample.start_ns), .zero, .distantFuture] {
          let left = BreakerMemory.Deadline(at_ns: at_ns, remaining_ns: remaining_ns)
            .clamped(at: now, longest_ns: .seconds(900))
          #expect((0...Int64.seconds(900)).contains(left - now), "\(at_ns) \(remaining_ns) \(now)")
        }
      }
    }
  }
}
