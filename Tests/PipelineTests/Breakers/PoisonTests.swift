import Testing

@testable import Pipeline

@Suite struct PoisonTests {
  /// Each named message fails, then others are acked, by turns.
  private func fixture(poison: Int, failuresEach: Int, acks: Int, otherFailures: Int = 0) -> JudgeFixture {
    var fixture = JudgeFixture()
    for _ in 0..<failuresEach { for i in 0..<poison { fixture.settle(1, .requeued, message: UInt64(i)) } }
    fixture.settle(otherFailures, .requeued)
    fixture.settle(acks, .acked)
    return fixture
  }

  @Test func `one message that fails again and again while others are acked is poison, and is named`() {
    var fixture = fixture(poison: 1, failuresEach: 30, acks: 70)
    let verdict = fixture.verdict()
    #expect(verdict.kind == .poison)
    #expect(verdict.rule == .deadLetterStorm)
    #expect(fixture.monitor.judgement.named?.messages[0] == 0)
    #expect(fixture.monitor.poison.list == [PoisonMessages.Message(message: 0, failures: 30)])
    #expect(fixture.monitor.breaker.state == .closed)
    #expect(
      verdict.evidence.map(\.condition)
        == [
          "settlements", "error_rate", "retries", "consumption_delay", "named_share", "others_acked",
          "error_rate_without_named", "coverage",
        ])
    #expect(verdict.evidence("named_share")?.value == 1)
    #expect(verdict.evidence("named_share")?.source == "1 messages")
    #expect(verdict.evidence("error_rate_without_named")?.value == 0)
    #expect(verdict.evidence("others_acked")?.value == 70)
    #expect(verdict.evidence.allSatisfy { $0.met })
  }

  @Test(arguments: [(4, Verdict.Kind.poison), (5, .storm)])
  func `four messages may be poison, five are a storm`(count: Int, kind: Verdict.Kind) {
    // Five, each with a fifth of the failures: four of them make exactly 80 %, so one other failure decides.
    var fixture = fixture(poison: count, failuresEach: 10, acks: 200, otherFailures: 1)
    #expect(fixture.verdict().kind == kind)
  }

  /// With three of the others they make 43 of 53, or 43 of 54.
  @Test(arguments: [(13, Verdict.Kind.poison), (14, .storm)])
  func `they must make at least 80 percent of the failures`(others: Int, kind: Verdict.Kind) {
    var fixture = fixture(poison: 1, failuresEach: 40, acks: 400, otherFailures: others)
    #expect(fixture.verdict().kind == kind)
  }

  @Test(arguments: [(95, Verdict.Kind.poison), (94, .storm)])
  func `without them the error rate must not be above 5 percent`(acks: Int, kind: Verdict.Kind) {
    var fixture = fixture(poison: 1, failuresEach: 40, acks: acks, otherFailures: 5)
    #expect(fixture.verdict().kind == kind)
  }

  @Test func `if nobody else is acked it is a storm`() {
    var fixture = fixture(poison: 1, failuresEach: 50, acks: 0)
    #expect(fixture.verdict().kind == .storm)
  }

  @Test func `acks from before it began to fail say nothing about now`() {
    var fixture = JudgeFixture()
    fixture.settle(500, .acked)
    fixture.settle(100, .requeued, message: 1)
    #expect(fixture.verdict().kind == .storm)
    fixture = JudgeFixture()
    fixture.settle(500, .acked)
    fixture.settle(50, .requeued, message: 1)
    fixture.settle(2, .acked)
    fixture.settle(50, .requeued, message: 1)
    #expect(fixture.verdict().kind == .poison)
  }

  @Test func `an ack of the message itself is not another's`() {
    var fixture = JudgeFixture()
    fixture.settle(50, .requeued, message: 1)
    fixture.settle(1, .acked, message: 1)
    #expect(fixture.verdict().kind == .storm)
  }

  @Test func `a consumer that crashes on one message is poison if others are acked`() {
    var fixture = JudgeFixture()
    for _ in 0..<30 {
      fixture.settle(1, .crashed, message: 1)
      fixture.settle(9, .abandoned)
      fixture.settle(2, .acked)
    }
    #expect(fixture.verdict().kind == .poison)
  }

  @Test(arguments: [5, 30, 300]) func `a consumer that only crashes, always on the same message, trips nothing`(
    crashes: Int
  ) {
    var fixture = JudgeFixture()
    for i in 0..<crashes {
      fixture.settle(1, .crashed, message: 1, attempt: Int32(i + 1))
      fixture.settle(9, .abandoned)
    }
    let verdict = fixture.verdict()
    #expect(verdict.kind == (crashes >= 20 ? .failing : .insufficient))
    #expect(verdict.rule == nil)
    #expect(fixture.monitor.breaker.state == .closed)
    if crashes >= 20 {
      #expect(verdict.evidence("named_share")?.value == 1)
      #expect(verdict.evidence("others_acked")?.met == false)
    }
  }

  @Test func `a consumer that crashes on ever other messages is a storm`() {
    var fixture = JudgeFixture()
    fixture.settle(50, .crashed)
    #expect(fixture.verdict().kind == .storm)
  }

  @Test func `a flood of a few messages that come back is poison, too`() {
    var fixture = JudgeFixture()
    for i in 0..<60 { fixture.settle(1, .rejected, message: UInt64(i % 2), attempt: 1, delay_ns: 1000) }
    fixture.settle(10, .rejected, attempt: 1, delay_ns: 1000)
    fixture.settle(90, .acked, delay_ns: 1000)
    let verdict = fixture.verdict()
    #expect(verdict.kind == .poison)
    #expect(verdict.rule == .deadLetterFlood)
    #expect(verdict.evidence("dead_letter_rate_without_named")?.value == 0.1)
  }

  @Test func `a flood of others is a storm although one message is requeued all the time`() {
    var fixture = JudgeFixture()
    fixture.settle(200, .requeued, message: 1, attempt: 1, delay_ns: 1000)
    fixture.settle(80, .acked, delay_ns: 1000)
    fixture.settle(20, .rejected, attempt: 1, delay_ns: 1000)
    // 20 of 100 ends are dead letters, which is not above 20 %: the requeues are no ends.
    #expect(fixture.verdict().kind == .failing)
    fixture.settle(1, .rejected, attempt: 1, delay_ns: 1000)
    #expect(fixture.verdict().kind == .storm)
  }

  @Test func `a storm by another rule comes before poison`() {
    var fixture = fixture(poison: 1, failuresEach: 400, acks: 20)
    #expect(fixture.verdict().kind == .poison)
    fixture.settle(101, .rejected, attempt: 1, delay_ns: 1000)
    let verdict = fixture.verdict()
    #expect(verdict.kind == .storm)
  }

  @Test func `failures after a message was named are counted, also when they have left the window`() {
    var fixture = fixture(poison: 1, failuresEach: 30, acks: 70)
    _ = fixture.verdict()
    fixture.settle(3, .requeued, message: 0)
    fixture.now = fixture.now + .seconds(600)
    fixture.settle(4, .rejected, message: 0)
    _ = fixture.verdict()
    #expect(fixture.monitor.poison.list == [PoisonMessages.Message(message: 0, failures: 37)])
  }
}
