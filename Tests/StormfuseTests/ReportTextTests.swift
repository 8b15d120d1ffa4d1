import AdminAPI
import Testing

@testable import Pipeline
@testable import stormfuse

/// What a replay prints where no consumer group was seen.
@Suite struct ReportTextTests {
  private func text(_ path: String, segments: Int = .max) throws -> String {
    ReportText(report: try Captured.engine(path: path, segments: segments).report(), style: .plain).text
  }

  @Test(arguments: [(Captured.nats, "NATS"), (Captured.redis, "Redis")])
  func `a protocol that is not decoded yet is named`(path: String, name: String) throws {
    let text = try text(path)
    #expect(text.contains("No consumer group was seen: \(name) is not decoded yet."), "\(text)")
  }

  @Test func `a capture that ends before the first consumer is no capture without a broker`() throws {
    let text = try text(Captured.path, segments: 38)
    #expect(
      text.contains("No consumer group was seen. Broker traffic was decoded (rabbitmq 1), but no consumer in it."),
      "\(text)")
    #expect(text.contains("Published\n           3  orders.classic  normal"), "\(text)")
  }

  @Test func `one connection is one`() throws {
    let text = try text(Captured.path, segments: 38)
    #expect(text.contains(" bytes, 1 connection\n"), "\(text)")
  }

  @Test func `what a failing group lacks has a line of its own`() throws {
    var report = try Captured.engine(path: Captured.shown).report()
    report.groups[0].verdict = .init(
      kind: .failing, rule: nil,
      evidence: [
        Evidence(
          condition: "error_rate", rule: .deadLetterStorm, value: 0.717, threshold: 0.05, unit: "ratio", samples: 120,
          window_s: 60, source: "settled", met: true),
        Evidence(
          condition: "consumption_delay", rule: .deadLetterStorm, value: 1.3, threshold: 60, unit: "s", samples: 120,
          window_s: 60, source: "settled_p95", met: false),
      ])
    let text = ReportText(report: report, style: .colour).text
    #expect(text.contains("verdict    \u{1b}[33mfailing\u{1b}[0m\n"), "\(text)")
    #expect(text.contains("\n  unmet      dead-letter-storm: delay p95 1.3 s of 60 s\n"), "\(text)")
  }

  @Test func `states are written as the log line writes them`() throws {
    let text = try text(Captured.shown)
    #expect(text.contains("open → half-open  open time elapsed"), "\(text)")
  }
}
