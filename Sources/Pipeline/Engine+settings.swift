// Settings that are replaced while the engine runs.

extension Engine {
  /// Longest hold without a break.
  package var longestHold_ns: Int64 { ledger.settings.holding.limit_ns }

  /// Goes on under other settings. Says what changed.
  ///
  /// Breakers keep their state, revision and openings. A deadline that is set (the end of an open time, an override, an
  /// episode) stands; the next one is that of the new settings. A window begins anew only where what it counts has
  /// changed: its span, the retries, delay or latency above which its samples count, or what is a dead-letter or retry
  /// destination. Thresholds that are only compared with it, the mode and the action hold from the next judgement on,
  /// which follows at once.
  ///
  /// `limits` and `cluster` stay as they are until the next start (`SettingsChange.deferred`).
  package mutating func replace(settings new: Settings) -> SettingsChange {
    _ = ledger.advance(to: to)
    var new = new
    var change = SettingsChange()
    change.deferred = new.keepFixed(of: ledger.settings)
    change.replaced = new.differences(from: ledger.settings)
    guard !change.replaced.isEmpty else { return change }
    let hasOtherDestinations = new.destinations != ledger.settings.destinations
    (change.groups, change.restarted) = ledger.replace(settings: new)
    if hasOtherDestinations {
      protocols.destinationsChanged()
    }
    // What waits for nothing but time was put off by the old settings.
    if let due = nextTick { nextTick = min(due, to + evaluation_ns) }
    ledger.tick(at: to)
    collectTransitions(at: to)
    return change
  }
}
