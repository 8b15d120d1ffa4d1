// What the engine takes to tell: transitions of breakers, and alerts.

extension Ledger {
  var hasTransitions: Bool { !transitions.isEmpty }

  /// Transitions since the last call, in the order of their time; from here on they bear the wall clock's, as it was then.
  func takeTransitions() -> [(group: Group, transition: Transition)] {
    guard hasTransitions else { return [] }
    defer { transitions.removeAll(keepingCapacity: true) }
    // Those of one group are in order.
    transitions.sort { ($0.transition.at, $0.transition.revision) < ($1.transition.at, $1.transition.revision) }
    for i in transitions.indices {
      transitions[i].transition.at = wall(transitions[i].transition.at)
      transitions[i].group.keep(transitions[i].transition)
    }
    return transitions
  }

  var hasAlerts: Bool { !alerts.isEmpty }

  /// Alerts since the last call, in moments of the wall clock.
  func takeAlerts() -> [(group: Group, alert: Alert)] {
    defer { alerts.removeAll(keepingCapacity: true) }
    return alerts.map { group, alert in
      var alert = alert
      alert.at = wall(alert.at)
      alert.since = wall(alert.since)
      alert.until = alert.until.map(wall)
      return (group, alert)
    }
  }
}
