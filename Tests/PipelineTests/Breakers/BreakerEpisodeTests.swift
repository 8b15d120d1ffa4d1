import Testing

@testable import Pipeline

@Suite struct BreakerEpisodeTests {
  /// Ticks and lets every probe fail; every transition until it closes.
  private func failUntilClosed(_ breaker: inout Breaker) -> [Transition] {
    var transitions: [Transition] = []
    while breaker.state != .closed, transitions.count < 1000 {
      let now = breaker.nextDeadline
      guard let transition = breaker.tick(at: now) else { break }
      transitions.append(transition)
      if transition.to == .halfOpen, let reopened = breaker.settle(.rejected, at: now + 1) {
        transitions.append(reopened)
      }
    }
    return transitions
  }

  @Test func `lets go after the longest episode, with an alarm, and is disarmed`() {
    var breaker = BreakerFixture.open.breaker()
    let last = failUntilClosed(&breaker).last
    #expect(last?.cause == .maxEpisode)
    #expect(last?.at == start + .seconds(100))
    #expect(last?.raisesAlarm == true)
    #expect(last?.restartsWindow == true)
    #expect(!breaker.isArmed)
    #expect(breaker.nextDeadline == .distantFuture)
  }

  @Test func `never lasts longer, however late the tick`() {
    var breaker = BreakerFixture.open.breaker()
    _ = breaker.tick(at: start + .seconds(1))
    _ = breaker.settle(.rejected, at: start + .seconds(99))
    #expect(breaker.tick(at: start + .seconds(500))?.at == start + .seconds(100))
    #expect(breaker.state == .closed)
  }

  @Test func `half-open without a delivery has nothing to let go, and the next storm has its whole time`() {
    var breaker = BreakerFixture.halfOpen.breaker()
    let late = start + .seconds(3600)
    #expect(breaker.tick(at: late) == nil)
    _ = breaker.settle(.rejected, at: late)
    #expect(breaker.state == .open)
    #expect(failUntilClosed(&breaker).last?.at == late + .seconds(100))
  }

  @Test func `a first delivery within the time doesn't prolong it`() {
    var breaker = BreakerFixture.halfOpen.breaker()  // open since 1 s before
    _ = breaker.settle(.rejected, at: start + .seconds(60))
    #expect(failUntilClosed(&breaker).last?.at == start + .seconds(99))
  }

  @Test func `ends half-open, too, if deliveries come but it neither fails nor is quiet for long enough`() {
    var settings = BreakerFixture.settings
    settings.maxEpisode_ns = .seconds(20)
    var breaker = BreakerFixture.halfOpen.breaker(settings)
    breaker.delivered(at: start + 1)
    #expect(breaker.tick(at: start + .seconds(60))?.cause == .maxEpisode)
  }

  @Test func `a new storm after closing is a new episode`() {
    var breaker = BreakerFixture.open.breaker()
    _ = breaker.apply(.reset, at: start + .seconds(90))
    _ = breaker.storm(at: start + .seconds(95))
    #expect(failUntilClosed(&breaker).last?.at == start + .seconds(195))
  }

  @Test func `an operator's trip arms it again`() {
    var breaker = BreakerFixture.disarmed.breaker()
    _ = breaker.apply(.trip(), at: start)
    #expect(breaker.isArmed)
    #expect(breaker.state == .open)
  }
}
