import Testing

@testable import Pipeline

@Suite struct BreakerClosedTests {
  @Test func `begins closed, armed, with revision 0 and no timer`() {
    let breaker = Breaker(settings: BreakerSettings(), seed: 0, at: start)
    #expect(breaker.state == .closed)
    #expect(breaker.isArmed)
    #expect(breaker.revision == 0)
    #expect(breaker.nextDeadline == .distantFuture)
  }

  @Test func `opens with the verdict of the storm`() {
    var breaker = BreakerFixture.closed.breaker()
    let transition = breaker.storm(at: start + 5)
    #expect(
      transition
        == Transition(
          revision: 1, at: start + 5, from: .closed, to: .open, cause: .rule,
          verdict: Verdict(kind: .storm, rule: .deadLetterStorm, evidence: [])))
    #expect(transition?.restartsWindow == false)
  }

  @Test func `asks for the verdict only when it opens`() {
    var breaker = BreakerFixture.disarmed.breaker()
    let transition = breaker.judge(.storm, at: start) {
      Issue.record("asked")
      return nil
    }
    #expect(transition == nil)
  }

  @Test func `poison, stalled and incomplete never open it`() {
    var breaker = BreakerFixture.closed.breaker()
    for kind in Verdict.Kind.allCases where kind != .storm {
      #expect(breaker.judge(kind, at: start + 1, verdict: { nil }) == nil)
    }
  }

  @Test func `disarmed it stays closed until a verdict is healthy`() {
    var breaker = BreakerFixture.disarmed.breaker()
    #expect(breaker.storm(at: start + 1) == nil)
    for kind in Verdict.Kind.allCases where kind != .healthy && kind != .storm {
      _ = breaker.judge(kind, at: start + 2, verdict: { nil })
      #expect(!breaker.isArmed)
    }
    _ = breaker.judge(.healthy, at: start + 3, verdict: { nil })
    #expect(breaker.storm(at: start + 4)?.to == .open)
  }

  /// Steady failures below every rule are never healthy.
  @Test func `disarmed it is armed by two minutes of failing without a break`() {
    var breaker = BreakerFixture.disarmed.breaker()
    func judge(_ kind: Verdict.Kind, after_s: Int64) {
      _ = breaker.judge(kind, at: start + .seconds(after_s), verdict: { nil })
    }
    judge(.failing, after_s: 1)
    judge(.failing, after_s: 100)
    judge(.insufficient, after_s: 101)
    judge(.failing, after_s: 102)
    judge(.failing, after_s: 221)
    #expect(!breaker.isArmed)
    judge(.failing, after_s: 222)
    #expect(breaker.isArmed)
    #expect(breaker.storm(at: start + .seconds(223))?.to == .open)
  }

  @Test func `disarmed it is armed by an operator`() {
    var breaker = BreakerFixture.disarmed.breaker()
    #expect(breaker.apply(.rearm, at: start) == .rearmed)
    #expect(breaker.apply(.rearm, at: start) == .unchanged(why: "it is armed already"))
    #expect(breaker.storm(at: start)?.to == .open)
    breaker = BreakerFixture.disarmed.breaker()
    #expect(breaker.apply(.reset, at: start) == .rearmed)
    #expect(breaker.apply(.reset, at: start) == .unchanged(why: "it is closed already"))
  }

  @Test func `a verdict on an earlier generation is dropped and counted`() {
    var breaker = BreakerFixture.disarmed.breaker()
    let dropped = breaker.dropped
    #expect(breaker.judge(.healthy, at: breaker.since + -1, verdict: { nil }) == nil)
    #expect(!breaker.isArmed)
    #expect(breaker.dropped == dropped + 1)
  }
}
