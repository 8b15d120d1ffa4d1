/// What replacing the settings of a running engine came to.
package struct SettingsChange: Equatable, Sendable {
  /// What differs and holds from now on, by the file's names (`mode`, `rules`, `groups`, …), in the file's order.
  package var replaced: [String] = []
  /// What differs and stays as it was until the next start: `limits`, which size tables, and `cluster`, by which what is
  /// known is filed.
  package var deferred: [String] = []
  /// Groups whose settings are others now.
  package var groups = 0
  /// Groups of which a window began anew, since what it counts has changed.
  package var restarted = 0

  package init() {}
}

extension Settings {
  /// Takes back what can't change in a running engine; the names of what differed in it.
  mutating func keepFixed(of running: Settings) -> [String] {
    var names: [String] = []
    if cluster != running.cluster { names.append("cluster") }
    if limits != running.limits { names.append("limits") }
    (cluster, limits) = (running.cluster, running.limits)
    return names
  }

  /// What differs, by the file's names.
  func differences(from other: Settings) -> [String] {
    let all: [(String, Bool)] = [
      ("mode", mode == other.mode), ("window", window_ns == other.window_ns), ("rules", rules == other.rules),
      ("breaker", breaker == other.breaker), ("dead_letter", destinations.deadLetter == other.destinations.deadLetter),
      ("retry", destinations.retry == other.destinations.retry),
      ("normal", destinations.normal == other.destinations.normal),
      ("conventional_names", destinations.conventional == other.destinations.conventional),
      ("hold_limit", holding.limit_ns == other.holding.limit_ns),
      ("shared_connections", holding.sharedConnections == other.holding.sharedConnections),
      ("shared_connections_age", holding.sharedAge_ns == other.holding.sharedAge_ns),
      ("groups", groups == other.groups),
    ]
    let named = all.filter { !$0.1 }.map(\.0)
    // One that has no name here is replaced all the same.
    return named.isEmpty && self != other ? ["settings"] : named
  }
}
