#if os(Linux)
  import Testing

  @testable import Pipeline
  @testable import stormfuse

  @Suite struct RecordSummaryTests {
    @Test func `a recording ends with what it holds and what it lacks`() throws {
      var capture = try Captured.engine().report().capture
      #expect(capture.decoded.bySystem == [.rabbitmq: capture.connections])
      capture.decoded.bySystem = [.rabbitmq: 1, .kafka: 2]
      var summary = RecordSummary(
        path: "night.pcapng", bytes: 4711, withBodies: false, limit_bytes: nil, leftOut: 0, capture: capture)
      #expect(
        summary.text == "recorded night.pcapng: 4711 bytes, 3 broker connections (kafka 2, rabbitmq 1), message bodies "
          + "and credentials zeroed")
      capture.undecoded = [.init(reason: "tls", connections: 2)]
      summary = RecordSummary(
        path: "x", bytes: 9, withBodies: true, limit_bytes: 9, leftOut: 5, capture: capture)
      #expect(summary.text.contains("message bodies and credentials included; not decoded and recorded as well: tls 2"))
      #expect(summary.text.contains("stopped at its limit of 9 bytes"))
      #expect(summary.text.contains("5 segments are missing"))
    }
  }
#endif
