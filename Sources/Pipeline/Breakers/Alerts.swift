/// Which alerts there are now, and what is to be told of them.
///
/// ```
/// quiet ── its condition holds: told as `began` ──→ lasting ── the condition is gone ──→ leaving
///   ↑                                                  ↑───────── it is back ────────────┘
///   └────── gone for `linger_ns`: told as `ended`, with the moment when it went ─────────┘
/// ```
/// So an alert that comes and goes within seconds is told once, and begins without delay. While its condition can't be
/// known (a verdict that comes first in the order hides it) it lasts.
package struct Alerts: Equatable, Sendable {
  private var active: [Active] = []
  private let linger_ns: Int64

  private struct Active: Equatable {
    var kind: Alert.Kind
    var since: Timestamp
    var goneAt: Timestamp?
  }

  package enum Condition { case holds, gone, unknown }

  package init(linger_ns: Int64 = Alerts.linger_ns) { self.linger_ns = linger_ns }

  /// The condition of one alert as it is now; call it again when `nextDeadline` has come. Answers what is to be told.
  package mutating func update(_ kind: Alert.Kind, _ condition: Condition, at now: Timestamp) -> Alert? {
    guard let i = active.firstIndex(where: { $0.kind == kind }) else {
      guard condition == .holds else { return nil }
      active.append(Active(kind: kind, since: now))
      return Alert(kind: kind, state: .began, at: now, since: now)
    }
    guard condition == .gone else {
      active[i].goneAt = nil
      return nil
    }
    let goneAt = active[i].goneAt ?? now
    active[i].goneAt = goneAt
    guard now - goneAt >= linger_ns else { return nil }
    let alert = Alert(kind: kind, state: .ended, at: now, since: active[i].since, until: goneAt)
    active.remove(at: i)
    return alert
  }

  /// What would be told of an alert that ends now; nil if none of that kind lasts. Changes nothing.
  package func ending(_ kind: Alert.Kind, at now: Timestamp) -> Alert? {
    active.first { $0.kind == kind }.map {
      Alert(kind: kind, state: .ended, at: now, since: $0.since, until: now)
    }
  }

  /// Another group's go on as this one's, which has absorbed it.
  package mutating func absorb(_ other: Alerts) {
    for alert in other.active where !active.contains(where: { $0.kind == alert.kind }) { active.append(alert) }
  }

  /// Its group is given up: all end. Answers what is to be told.
  package mutating func end(at now: Timestamp) -> [Alert] {
    defer { active = [] }
    return active.map { Alert(kind: $0.kind, state: .ended, at: now, since: $0.since, until: $0.goneAt ?? now) }
  }

  /// When an alert that is leaving is over, unless its condition is back before.
  package var nextDeadline: Timestamp {
    active.reduce(.distantFuture) { next, alert in alert.goneAt.map { min(next, $0 + linger_ns) } ?? next }
  }

  /// As long as an episode waits for the same kind to come back, in a window of a minute.
  package static let linger_ns: Int64 = .seconds(6)
}

extension Alerts {
  /// The alerts of a group, by its verdict and by why it could not be held.
  mutating func update(verdict: Verdict.Kind, unholdable: NotHeld?, at now: Timestamp) -> [Alert] {
    var told: [Alert] = []
    for (kind, alertsOn) in Self.verdicts {
      let condition: Condition =
        verdict == alertsOn ? .holds : verdict.order < alertsOn.order ? .unknown : .gone
      if let alert = update(kind, condition, at: now) { told.append(alert) }
    }
    if let alert = update(unholdable: unholdable, at: now) { told.append(alert) }
    return told
  }

  mutating func update(unholdable: NotHeld?, at now: Timestamp) -> Alert? {
    var alert = update(.unholdable, unholdable == nil ? .gone : .holds, at: now)
    alert?.why = unholdable
    return alert
  }

  private static let verdicts: [(Alert.Kind, Verdict.Kind)] = [
    (.incomplete, .incomplete), (.poison, .poison), (.crashLoop, .crashLoop), (.stalled, .stalled),
  ]
}
