import Testing

@testable import Pipeline

/// `failing`: no rule is met, but a rate is above a rule's threshold.
@Suite struct FailingTests {
  /// Messages that fail fast: first tries, a second old.
  private func fixture(
    acks: Int, failures: Int, _ settlement: Settlement = .requeued,
    _ change: (inout ResolvedSettings) -> Void = { _ in }
  ) -> JudgeFixture {
    var fixture = JudgeFixture(change)
    fixture.settle(acks, .acked, delay_ns: .seconds(1))
    fixture.settle(failures, settlement, attempt: 1, delay_ns: .seconds(1))
    return fixture
  }

  @Test(arguments: [
    (95, 5, Verdict.Kind.healthy), (94, 6, .failing), (18, 2, .failing), (17, 2, .insufficient), (0, 1000, .failing),
  ])
  func `an error rate above the joint rule's threshold, of at least 20 settlements`(
    acks: Int, failures: Int, kind: Verdict.Kind
  ) {
    var fixture = fixture(acks: acks, failures: failures)
    let verdict = fixture.verdict()
    #expect(verdict.kind == kind)
    #expect(verdict.rule == nil)
    #expect(fixture.monitor.judgement.kind == kind)
    #expect(fixture.monitor.breaker.state == .closed)
  }

  @Test(arguments: [(16, 4, Verdict.Kind.healthy), (15, 5, .failing), (14, 5, .healthy)])
  func `a dead-letter rate above the flood's, where the joint rule is off, of at least 20 ends`(
    acks: Int, dead: Int, kind: Verdict.Kind
  ) {
    var fixture = fixture(acks: acks, failures: dead, .rejected) { $0.rules.deadLetterStorm.enabled = false }
    fixture.settle(100, .requeued, attempt: 1, delay_ns: .seconds(1))
    #expect(fixture.verdict().kind == kind)
  }

  @Test func `the evidence says which conditions are met and which are not`() {
    var fixture = fixture(acks: 60, failures: 40, .crashed)
    fixture.settle(10, .rejected, attempt: 1, delay_ns: .seconds(1))
    let verdict = fixture.verdict()
    #expect(verdict.kind == .failing)
    #expect(
      verdict.evidence.map { "\($0.condition) \($0.met)" }
        == [
          "settlements true", "error_rate true", "retries false", "consumption_delay false", "ends true",
          "dead_letter_rate false", "distinct_messages true", "coverage true",
        ])
    #expect(
      verdict.evidence.map(\.rule)
        == Array(repeating: .deadLetterStorm, count: 4) + Array(repeating: .deadLetterFlood, count: 3) + [nil])
    let delay = verdict.evidence("consumption_delay")
    #expect(delay?.threshold == 60)
    #expect(abs((delay?.value ?? 0) - 1) < 0.02)
    #expect(verdict.evidence("dead_letter_rate")?.samples == 70)
  }

  @Test func `no condition is listed twice, whatever the verdict`() {
    var fixtures = [JudgeFixture(), fixture(acks: 60, failures: 40), fixture(acks: 0, failures: 60, .rejected)]
    fixtures.append(fixture(acks: 60, failures: 1) { $0.rules.deadLetterStorm.enabled = false })
    for i in fixtures.indices {
      let listed = fixtures[i].verdict().evidence.map { "\($0.condition) \($0.scope)" }
      #expect(Set(listed).count == listed.count, "\(listed)")
    }
  }

  @Test func `it names the few messages that fail, where it is a few`() {
    var fixture = JudgeFixture()
    fixture.settle(40, .requeued, message: 1, attempt: 1, delay_ns: .seconds(1))
    fixture.settle(60, .acked, delay_ns: .seconds(1))
    let verdict = fixture.verdict()
    #expect(verdict.kind == .failing)
    #expect(verdict.evidence("named_share")?.value == 1)
    #expect(verdict.evidence("others_acked")?.met == true)
    #expect(verdict.evidence("error_rate_without_named")?.value == 0)
    // Poison is named only where a rule is met.
    #expect(fixture.monitor.poison.list.isEmpty)
    fixture.settle(40, .requeued, message: 1)
    #expect(fixture.verdict().kind == .poison)
  }

  @Test func `it hides an undecided rule, and is hidden by stalled`() {
    var fixture = fixture(acks: 0, failures: 49, .rejected)
    #expect(fixture.verdict().kind == .failing)
    fixture.now = fixture.now + .seconds(59)
    #expect(fixture.verdict().kind == .failing)
    fixture = JudgeFixture()
    fixture.settle(4, .acked)
    fixture.now = fixture.now + .seconds(100)
    fixture.settle(30, .requeued, attempt: 1, delay_ns: 1000)
    #expect(fixture.verdict().kind == .failing)
    fixture.context.headOfLine_ns = .seconds(100)
    #expect(fixture.verdict().kind == .stalled)
  }

  @Test func `it is no episode, and ends with the window`() {
    var fixture = fixture(acks: 10, failures: 90)
    #expect(fixture.verdict().kind == .failing)
    #expect(fixture.monitor.episodes.list.isEmpty)
    fixture.now = fixture.now + .seconds(61)
    fixture.settle(30, .acked, delay_ns: .seconds(1))
    #expect(fixture.verdict().kind == .healthy)
  }

  @Test func `with bytes lost it is incomplete`() {
    var fixture = fixture(acks: 10, failures: 90)
    fixture.monitor.record(understood_bytes: 9, lost_bytes: 1, at: fixture.now)
    #expect(fixture.verdict().kind == .incomplete)
  }

  @Test func `takes its thresholds from the settings`() {
    var fixture = fixture(acks: 50, failures: 50) { $0.rules.deadLetterStorm.errorRate = 0.5 }
    #expect(fixture.verdict().kind == .healthy)
    fixture.settle(1, .requeued, attempt: 1, delay_ns: .seconds(1))
    #expect(fixture.verdict().kind == .failing)
    fixture = self.fixture(acks: 1, failures: 9) { $0.rules.deadLetterStorm.minSettlements = 10 }
    #expect(fixture.verdict().kind == .failing)
  }
}
