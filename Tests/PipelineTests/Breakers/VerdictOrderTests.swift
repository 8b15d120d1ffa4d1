import Testing

@testable import Pipeline

@Suite struct VerdictOrderTests {
  @Test(arguments: [(95, 5, Verdict.Kind.storm), (94, 6, .incomplete), (0, 1, .incomplete)])
  func `below 95 percent coverage everything is incomplete`(understood: Int, lost: Int, kind: Verdict.Kind) {
    var fixture = JudgeFixture()
    fixture.settle(100, .requeued)
    fixture.monitor.record(understood_bytes: UInt64(understood), lost_bytes: UInt64(lost), at: fixture.now)
    let verdict = fixture.verdict()
    #expect(verdict.kind == kind)
    #expect(verdict.evidence("coverage")?.value == Double(understood) / Double(understood + lost))
    #expect(verdict.evidence("coverage")?.met == (kind != .incomplete))
    #expect(fixture.monitor.breaker.state == (kind == .storm ? .open : .closed))
    if kind == .incomplete { #expect(verdict.rule == nil) }
  }

  @Test func `incomplete hides stalled`() {
    var fixture = JudgeFixture()
    fixture.now = start + .seconds(600)
    fixture.context.headOfLine_ns = .seconds(600)
    #expect(fixture.verdict().kind == .stalled)
    fixture.monitor.record(understood_bytes: 0, lost_bytes: 1, at: fixture.now)
    #expect(fixture.verdict().kind == .incomplete)
    fixture.now = fixture.now + .seconds(61)
    #expect(fixture.verdict().kind == .stalled)
  }

  @Test func `a storm hides stalled, and stalled hides failing, insufficient and healthy`() {
    var fixture = JudgeFixture()
    fixture.settle(4, .acked)
    fixture.now = fixture.now + .seconds(100)
    fixture.context.headOfLine_ns = .seconds(100)
    #expect(fixture.verdict().kind == .stalled)
    fixture.settle(30, .requeued, attempt: 1, delay_ns: 1000)
    #expect(fixture.verdict().kind == .stalled)
    fixture.settle(30, .requeued)
    #expect(fixture.verdict().kind == .storm)
  }

  @Test func `with every rate rule off there is nothing to be insufficient`() {
    var fixture = JudgeFixture {
      $0.rules.deadLetterStorm.enabled = false
      $0.rules.deadLetterFlood.enabled = false
      $0.rules.slowPartition.enabled = false
    }
    #expect(fixture.verdict().kind == .healthy)
  }

  @Test func `a healthy verdict shows how far every rule is`() {
    var fixture = JudgeFixture()
    fixture.settle(100, .acked, delay_ns: 1000)
    let verdict = fixture.verdict()
    #expect(verdict.kind == .healthy)
    #expect(verdict.rule == nil)
    #expect(
      Set(verdict.evidence.map(\.condition))
        == [
          "settlements", "error_rate", "retries", "consumption_delay", "ends", "dead_letter_rate",
          "distinct_messages", "ack_gap", "head_of_line_age", "coverage",
        ])
    #expect(verdict.evidence("retries")?.value == nil)
  }
}
