import Testing

@testable import Pipeline

@Suite struct DeadLetterStormTests {
  @Test(arguments: [(95, 5, Verdict.Kind.healthy), (94, 6, .storm), (0, 100, .storm), (100, 0, .healthy)])
  func `needs an error rate above 5 percent`(acks: Int, failures: Int, kind: Verdict.Kind) {
    var fixture = JudgeFixture()
    fixture.settle(acks, .acked)
    fixture.settle(failures, .requeued)
    let verdict = fixture.verdict()
    #expect(verdict.kind == kind)
    #expect(verdict.rule == (kind == .storm ? .deadLetterStorm : nil))
  }

  @Test(arguments: [(Int32(4), Verdict.Kind.failing), (5, .storm)])
  func `needs more than 3 retries in p95 over the failures`(attempt: Int32, kind: Verdict.Kind) {
    var fixture = JudgeFixture()
    fixture.settle(50, .acked)
    fixture.settle(50, .requeued, attempt: attempt)
    #expect(fixture.verdict().kind == kind)
  }

  @Test(arguments: [(94, 6, Verdict.Kind.storm), (95, 5, .failing)])
  func `p95 is the sample of rank 95 of 100`(low: Int, high: Int, kind: Verdict.Kind) {
    var fixture = JudgeFixture()
    fixture.settle(low, .requeued, attempt: 1)
    fixture.settle(high, .requeued, attempt: 9)
    #expect(fixture.verdict().kind == kind)
  }

  @Test(arguments: [
    (Int64.seconds(60), Verdict.Kind.failing), (.seconds(60) + 1, .storm), (.seconds(60) - 1, .failing),
  ])
  func `needs a consumption delay above 60 s, exactly`(delay_ns: Int64, kind: Verdict.Kind) {
    var fixture = JudgeFixture()
    fixture.settle(10, .acked, delay_ns: delay_ns)
    fixture.settle(10, .requeued, delay_ns: delay_ns)
    let verdict = fixture.verdict()
    #expect(verdict.kind == kind)
    let value = verdict.evidence("consumption_delay")?.value ?? 0
    #expect((value > 60) == (kind == .storm))
    #expect(abs(value - 60) < 1)
  }

  @Test(arguments: [(Int64.seconds(60), Verdict.Kind.failing), (.seconds(60) + 1, .storm)])
  func `the oldest in flight counts, too`(age_ns: Int64, kind: Verdict.Kind) {
    var fixture = JudgeFixture()
    fixture.settle(50, .requeued, delay_ns: .seconds(1))
    fixture.context.oldestInFlight_ns = age_ns
    let verdict = fixture.verdict()
    #expect(verdict.kind == kind)
    #expect(verdict.evidence("consumption_delay")?.source == "oldest_in_flight,timestamp")
    #expect(verdict.evidence("consumption_delay")?.samples == 1)
  }

  @Test func `a young delivery in flight doesn't hide the delay of the settled`() {
    var fixture = JudgeFixture()
    fixture.settle(50, .requeued)
    fixture.context.oldestInFlight_ns = .seconds(1)
    let verdict = fixture.verdict()
    #expect(verdict.kind == .storm)
    #expect(verdict.evidence("consumption_delay")?.source == "settled_p95,timestamp")
  }

  @Test func `a lower bound may satisfy it, and says so`() {
    var fixture = JudgeFixture()
    fixture.context.delaySource = "first_seen"
    fixture.settle(50, .requeued, lowerBound: true)
    let verdict = fixture.verdict()
    #expect(verdict.kind == .storm)
    #expect(verdict.evidence("consumption_delay")?.source == "settled_p95,first_seen,lower_bound")

    fixture = JudgeFixture()
    fixture.settle(50, .requeued, delay_ns: nil)
    fixture.context.oldestInFlight_ns = .seconds(61)
    fixture.context.oldestInFlightIsLowerBound = true
    #expect(fixture.verdict().kind == .storm)
    #expect(fixture.verdict().evidence("consumption_delay")?.source == "oldest_in_flight,timestamp,lower_bound")
  }

  @Test(arguments: [(19, Verdict.Kind.insufficient), (20, .storm)])
  func `is judged from 20 settlements on`(count: Int, kind: Verdict.Kind) {
    var fixture = JudgeFixture()
    fixture.settle(count, .requeued)
    let verdict = fixture.verdict()
    #expect(verdict.kind == kind)
    #expect(verdict.evidence("settlements")?.value == Double(count))
    #expect(verdict.evidence("settlements")?.met == (count >= 20))
  }

  @Test func `abandoned, expired and paired ones are no settlements to judge by`() {
    var fixture = JudgeFixture()
    fixture.settle(10, .requeued)
    fixture.settle(100, .abandoned)
    fixture.settle(100, .expired)
    fixture.settle(100, .acked, paired: true)
    let verdict = fixture.verdict()
    #expect(verdict.kind == .insufficient)
    #expect(verdict.evidence("error_rate")?.value == 1)
  }

  @Test func `without any delay known it can't be decided, which leaves it failing`() {
    var fixture = JudgeFixture()
    fixture.settle(50, .requeued, delay_ns: nil)
    let verdict = fixture.verdict()
    #expect(verdict.kind == .failing)
    #expect(verdict.rule == nil)
    #expect(verdict.evidence("consumption_delay")?.value == nil)
    #expect(verdict.evidence("consumption_delay")?.samples == 0)
    #expect(verdict.evidence("consumption_delay")?.met == false)
  }

  @Test func `one unmet condition decides, whatever is unknown`() {
    var fixture = JudgeFixture()
    fixture.settle(50, .requeued, attempt: 1, delay_ns: nil)
    #expect(fixture.verdict().kind == .failing)
    fixture = JudgeFixture()
    fixture.settle(50, .acked, delay_ns: nil)
    #expect(fixture.verdict().kind == .healthy)
  }

  @Test func `an idle group is insufficient`() {
    var fixture = JudgeFixture()
    #expect(fixture.verdict().kind == .insufficient)
  }

  @Test func `the evidence tells each condition with value, threshold, samples, window and source`() {
    var fixture = JudgeFixture()
    fixture.settle(75, .acked)
    fixture.settle(25, .requeued)
    fixture.monitor.record(understood_bytes: 99, lost_bytes: 1, at: fixture.now)
    let verdict = fixture.verdict()
    #expect(
      verdict.evidence.map(\.condition) == ["settlements", "error_rate", "retries", "consumption_delay", "coverage"])
    #expect(verdict.evidence.allSatisfy { $0.met && $0.scope == "group" && $0.window_s == 60 })
    #expect(
      verdict.evidence("error_rate")
        == Evidence(
          condition: "error_rate", rule: .deadLetterStorm, value: 0.25, threshold: 0.05, unit: "ratio", samples: 100,
          window_s: 60,
          source: "settled", met: true))
    #expect(
      verdict.evidence("retries")
        == Evidence(
          condition: "retries", rule: .deadLetterStorm, value: 4, threshold: 3, unit: "1", samples: 25, window_s: 60,
          source: "failed_p95,x-delivery-count", met: true))
    let delay = verdict.evidence("consumption_delay")
    #expect(delay?.threshold == 60)
    #expect(delay?.unit == "s")
    #expect(delay?.samples == 100)
    #expect(abs((delay?.value ?? 0) - 70) < 1.2)
    #expect(verdict.evidence("coverage")?.value == 0.99)
    #expect(verdict.evidence("coverage")?.samples == 100)
  }

  @Test func `takes thresholds and window from the settings`() {
    var fixture = JudgeFixture {
      $0.rules.deadLetterStorm.errorRate = 0.5
      $0.rules.deadLetterStorm.retries = 0.5
      $0.rules.deadLetterStorm.consumptionDelay_ns = .milliseconds(10)
      $0.rules.deadLetterStorm.minSettlements = 2
      $0.rules.deadLetterStorm.window_ns = .seconds(6)
    }
    fixture.settle(1, .acked, delay_ns: .milliseconds(11))
    fixture.settle(2, .requeued, attempt: 2, delay_ns: .milliseconds(11))
    fixture.settle(3, .crashed, attempt: 2, delay_ns: .milliseconds(11))
    let verdict = fixture.verdict()
    #expect(verdict.kind == .storm)
    #expect(verdict.evidence("retries")?.window_s == 6)
    #expect(verdict.evidence("retries")?.threshold == 0.5)
    fixture.now = fixture.now + .seconds(6)
    #expect(fixture.verdict().kind == .insufficient)
  }

  @Test func `switched off it trips nothing`() {
    var fixture = JudgeFixture { $0.rules.deadLetterStorm.enabled = false }
    fixture.settle(60, .requeued)
    #expect(fixture.verdict().kind == .healthy)
  }
}
