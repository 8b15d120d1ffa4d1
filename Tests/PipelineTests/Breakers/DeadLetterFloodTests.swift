import Testing

@testable import Pipeline

@Suite struct DeadLetterFloodTests {
  /// First tries without delay: nothing that `dead-letter-storm` could see.
  private func fixture(acks: Int, dead: Int, _ change: (inout ResolvedSettings) -> Void = { _ in }) -> JudgeFixture {
    var fixture = JudgeFixture(change)
    fixture.settle(acks, .acked, delay_ns: 1000)
    fixture.settle(dead / 2, .rejected, attempt: 1, delay_ns: 1000)
    fixture.settle(dead - dead / 2, .deadLettered, attempt: 1, delay_ns: 1000)
    return fixture
  }

  @Test(arguments: [
    (80, 20, Verdict.Kind.failing), (79, 21, .storm), (0, 50, .storm), (0, 49, .failing), (0, 19, .insufficient),
    (40, 9, .failing), (39, 10, .failing), (100, 5, .healthy),
  ])
  func `needs a dead-letter rate above 20 percent of at least 50 ends`(acks: Int, dead: Int, kind: Verdict.Kind) {
    var fixture = fixture(acks: acks, dead: dead)
    let verdict = fixture.verdict()
    #expect(verdict.kind == kind)
    #expect(verdict.rule == (kind == .storm || kind == .insufficient ? .deadLetterFlood : nil))
    #expect(verdict.evidence("dead_letter_rate")?.value == Double(dead) / Double(acks + dead))
  }

  @Test(arguments: [(9, Verdict.Kind.failing), (10, .storm)])
  func `needs at least 10 distinct messages`(distinct: Int, kind: Verdict.Kind) {
    var fixture = JudgeFixture()
    for i in 0..<60 { fixture.settle(1, .rejected, message: UInt64(i % distinct), attempt: 1, delay_ns: 1000) }
    let verdict = fixture.verdict()
    #expect(verdict.kind == kind)
    #expect(verdict.evidence("distinct_messages")?.value == Double(distinct))
  }

  @Test(arguments: [(9, Verdict.Kind.failing), (10, .storm)])
  func `counts distinct messages that were dead-lettered, not those that were requeued`(
    distinct: Int, kind: Verdict.Kind
  ) {
    var fixture = JudgeFixture()
    fixture.settle(100, .requeued, attempt: 1, delay_ns: 1000)
    fixture.settle(100, .rejected, attempt: 1, delay_ns: 1000, causeUnknown: true)
    for i in 0..<60 { fixture.settle(1, .rejected, message: UInt64(i % distinct), attempt: 1, delay_ns: 1000) }
    let verdict = fixture.verdict()
    #expect(verdict.kind == kind)
    #expect(verdict.evidence("distinct_messages")?.value == Double(distinct))
    #expect(verdict.evidence("distinct_messages")?.samples == 60)
  }

  @Test(arguments: [0, 1, 5, 10]) func `retries before the dead letter do not lower the rate`(retries: Int) {
    var fixture = JudgeFixture()
    fixture.settle(78, .acked, delay_ns: 1000)
    for message in 0..<22 {
      for attempt in 1...retries + 1 {
        fixture.settle(
          1, attempt > retries ? .rejected : .requeued, message: UInt64(message), attempt: Int32(attempt),
          delay_ns: 1000)
      }
    }
    let verdict = fixture.verdict()
    #expect(verdict.kind == .storm)
    #expect(verdict.rule == .deadLetterFlood)
    #expect(verdict.evidence("dead_letter_rate")?.value == 0.22)
    #expect(verdict.evidence("dead_letter_rate")?.samples == 100)
    #expect(verdict.evidence("ends")?.value == 100)
  }

  @Test func `requeued ones and those that may come back are failures but no dead letters`() {
    var fixture = JudgeFixture()
    fixture.settle(1, .acked, delay_ns: 1000)
    fixture.settle(100, .requeued, attempt: 1, delay_ns: 1000)
    fixture.settle(100, .rejected, attempt: 1, delay_ns: 1000, causeUnknown: true)
    let verdict = fixture.verdict()
    #expect(verdict.kind == .failing)
    #expect(verdict.evidence("error_rate")?.value == 200.0 / 201)
    #expect(verdict.evidence("dead_letter_rate")?.value == 0)
    #expect(verdict.evidence("dead_letter_rate")?.samples == 1)
  }

  @Test func `has its own minimum and its own window`() {
    var fixture = fixture(acks: 0, dead: 12) {
      $0.rules.deadLetterFlood.minSettlements = 12
      $0.rules.deadLetterFlood.window_ns = .seconds(300)
    }
    fixture.now = fixture.now + .seconds(200)
    let verdict = fixture.verdict()
    #expect(verdict.kind == .storm)
    #expect(verdict.evidence("dead_letter_rate")?.window_s == 300)
    fixture.now = fixture.now + .seconds(101)
    #expect(fixture.verdict().kind == .insufficient)
  }

  @Test func `bytes lost in its longer window make it incomplete`() {
    var fixture = fixture(acks: 0, dead: 60) { $0.rules.deadLetterFlood.window_ns = .seconds(300) }
    fixture.monitor.record(understood_bytes: 10, lost_bytes: 10, at: fixture.now)
    fixture.now = fixture.now + .seconds(200)
    let verdict = fixture.verdict()
    #expect(verdict.kind == .incomplete)
    #expect(verdict.evidence("coverage")?.window_s == 300)
  }

  @Test func `switched off it trips nothing`() {
    var fixture = fixture(acks: 0, dead: 100) { $0.rules.deadLetterFlood.enabled = false }
    #expect(fixture.verdict().kind == .failing)
  }

  @Test func `the evidence is that of the rule`() {
    var fixture = fixture(acks: 50, dead: 50)
    let verdict = fixture.verdict()
    #expect(verdict.evidence.map(\.condition) == ["ends", "dead_letter_rate", "distinct_messages", "coverage"])
    #expect(verdict.evidence("ends")?.threshold == 50)
    #expect(verdict.evidence("distinct_messages")?.source == "dead_lettered")
  }
}
