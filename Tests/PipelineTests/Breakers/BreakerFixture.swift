@testable import Pipeline

/// A breaker in each of its states, with round numbers: no jitter, opens for 1 s, 2 s, 4 s, … up to 16 s, half-open
/// for 30 s, 5 probes, an episode of 100 s, forced open for 50 s.
enum BreakerFixture: String, CaseIterable {
  case closed, disarmed, open, halfOpen, forcedOpen, forcedClosed

  static var settings: BreakerSettings {
    var settings = BreakerSettings()
    settings.openBase_ns = .seconds(1)
    settings.openMaximum_ns = .seconds(16)
    settings.maxEpisode_ns = .seconds(100)
    settings.forcedOpen_ns = .seconds(50)
    settings.jitter = 0
    return settings
  }

  /// In this state since `start`.
  func breaker(_ settings: BreakerSettings = settings) -> Breaker {
    let before = start + .seconds(-1)
    var breaker = Breaker(settings: settings, seed: 1, at: self == .closed ? start : before)
    switch self {
    case .closed: break
    case .disarmed:
      breaker = Breaker(settings: settings, seed: 1, at: start + .seconds(-500))
      // Probes fail until the episode is over.
      var now = start + -settings.maxEpisode_ns
      _ = breaker.storm(at: now)
      while breaker.state != .closed {
        now = breaker.nextDeadline
        let transition = breaker.tick(at: now)
        if transition?.to == .halfOpen { _ = breaker.settle(.requeued, at: now + 1) }
      }
    case .open: _ = breaker.storm(at: start)
    case .halfOpen:
      _ = breaker.storm(at: before)
      _ = breaker.tick(at: start)
    case .forcedOpen: _ = breaker.apply(.forceOpen(), at: start)
    case .forcedClosed: _ = breaker.apply(.forceClosed(for_ns: .seconds(50)), at: start)
    }
    return breaker
  }
}

extension Breaker {
  mutating func storm(at now: Timestamp) -> Transition? {
    judge(.storm, at: now) { Verdict(kind: .storm, rule: .deadLetterStorm, evidence: []) }
  }

  /// An outcome of a delivery that was received and settled at this moment.
  mutating func settle(_ settlement: Settlement, paired: Bool = false, at now: Timestamp) -> Transition? {
    outcome(.of(settlement, paired: paired, deliveredAt: now), at: now)
  }
}
