/// What holds for one group, after every entry of `groups` whose pattern matches its key was applied.
package struct ResolvedSettings: Equatable, Sendable {
  package var mode: Mode
  package var action: HoldAction
  package var rate_bytes_s: UInt64 = 0
  package var standingRate_bytes_s: UInt64?
  package var sharedConnections = SharedConnections.leave
  package var owner: String?
  package var runbook: String?
  package var window_ns: Int64
  package var rules: RuleSettings
  package var breaker: BreakerSettings

  package init(
    mode: Mode = .observe, action: HoldAction = .pause, owner: String? = nil, runbook: String? = nil,
    window_ns: Int64 = .seconds(60), rules: RuleSettings = RuleSettings(), breaker: BreakerSettings = BreakerSettings()
  ) {
    self.mode = mode
    self.action = action
    self.owner = owner
    self.runbook = runbook
    self.window_ns = window_ns
    self.rules = rules
    self.breaker = breaker
  }
}

extension Settings {
  /// Settings of the group with this key, as it is shown (percent-encoding included).
  ///
  /// Entries apply in their order; a later one wins, setting by setting. Rules, too: an entry's rules begin as a copy of
  /// the general ones, so what differs from those was set by the entry, and only that is taken over. (An entry therefore
  /// cannot set a threshold back to the general value after an earlier entry changed it.)
  package func resolved(for key: String) -> ResolvedSettings {
    var resolved = ResolvedSettings(window_ns: window_ns, rules: rules, breaker: breaker)
    resolved.mode = mode
    resolved.sharedConnections = holding.sharedConnections
    for group in groups where Glob(group.match).matches(key) {
      if let mode = group.mode { resolved.mode = mode }
      if let action = group.action { resolved.action = action }
      if let rate_bytes_s = group.rate_bytes_s { resolved.rate_bytes_s = rate_bytes_s }
      if let standing = group.standingRate_bytes_s { resolved.standingRate_bytes_s = standing }
      if let shared = group.sharedConnections { resolved.sharedConnections = shared }
      if let owner = group.owner { resolved.owner = owner }
      if let runbook = group.runbook { resolved.runbook = runbook }
      if let window_ns = group.window_ns { resolved.window_ns = window_ns }
      if let rules = group.rules { resolved.rules.take(rules, where: self.rules) }
    }
    return resolved
  }
}

extension RuleSettings {
  /// Takes over every field of `other` that differs from `base`.
  fileprivate mutating func take(_ other: RuleSettings, where base: RuleSettings) {
    func take<Value: Equatable>(_ field: WritableKeyPath<RuleSettings, Value>) {
      if other[keyPath: field] != base[keyPath: field] { self[keyPath: field] = other[keyPath: field] }
    }
    take(\.deadLetterStorm.enabled)
    take(\.deadLetterStorm.errorRate)
    take(\.deadLetterStorm.retries)
    take(\.deadLetterStorm.consumptionDelay_ns)
    take(\.deadLetterStorm.minSettlements)
    take(\.deadLetterStorm.window_ns)
    take(\.deadLetterFlood.enabled)
    take(\.deadLetterFlood.deadLetterRate)
    take(\.deadLetterFlood.minSettlements)
    take(\.deadLetterFlood.minDistinct)
    take(\.deadLetterFlood.window_ns)
    take(\.slowPartition.enabled)
    take(\.slowPartition.failures)
    take(\.slowPartition.settleLatency_ns)
    take(\.slowPartition.minSettlements)
    take(\.slowPartition.window_ns)
    take(\.crashLoop.enabled)
    take(\.crashLoop.crashes)
    take(\.crashLoop.within_ns)
    take(\.crashLoop.acks)
    take(\.stalled.enabled)
    take(\.stalled.minimum_ns)
    take(\.stalled.gapFactor)
    take(\.stalled.history_ns)
    take(\.stalled.unknown_ns)
    take(\.minCoverage)
    take(\.evaluation_ns)
  }
}
