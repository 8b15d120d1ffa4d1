package import Pipeline

/// An alert that began or ended: of one group, or of the sidecar (then `key` is empty).
package typealias AlertEvent = GroupEvent<AlertNews>

/// What an event about an alert says besides its head.
package struct AlertNews: Codable, Equatable, Sendable {
  package var at: RFC3339
  package var kind: Alert.Kind
  package var state: Alert.State
  package var since: RFC3339
  /// Of `ended`: when it did; it is told a few seconds later, once it is sure.
  @NullEncoded package var until: RFC3339?
  /// Of `unholdable`: why `pause` could not hold the group, by its name. Of `state` and `events`: what is wrong, in words.
  @NullEncoded package var why: String?
  /// Of `events`, once it has ended: events that were lost meanwhile.
  package var lost: UInt64?
  /// The verdict's evidence as it is now; empty where the alert is no verdict.
  package var evidence: [Evidence]
  /// Of `poison`: the messages named; of `crash_loop`: the suspects.
  package var messages: [String]
  /// Of `poison` and `crash_loop`: messages that share the crashes and come near to the broker's delivery limit.
  package var victims: [String]
  package var breaker: BreakerState?
}

extension GroupEvent<AlertNews> {
  package static var schema: String { "stormfuse.alert/1" }

  package init(_ alert: Alert, group: Report.Group, owner: String? = nil, runbook: String? = nil) {
    let messages: [String] =
      switch alert.kind {
      case .poison: group.poison_messages.map(\.message)
      case .crashLoop: group.crashes?.suspects ?? []
      default: []
      }
    let isAboutMessages = alert.kind == .poison || alert.kind == .crashLoop
    let victims = isAboutMessages ? group.crashes?.victims.map(\.message) ?? [] : []
    self.init(
      EventHead(
        schema: Self.schema, group: group, at: alert.at, what: Self.what(alert), owner: owner, runbook: runbook),
      AlertNews(
        at: RFC3339(alert.at), kind: alert.kind, state: alert.state, since: RFC3339(alert.since),
        until: alert.until.map { RFC3339($0) }, why: alert.why?.rawValue,
        evidence: alert.kind == .unholdable ? [] : group.verdict.evidence, messages: messages,
        victims: victims.filter { !messages.contains($0) || alert.kind == .crashLoop }, breaker: group.breaker.state))
  }

  /// Of the sidecar itself. `why`: what is wrong, in words. `lost`: events lost meanwhile.
  package init(_ alert: Alert, target: String, why: String?, lost: UInt64? = nil) {
    self.init(
      EventHead(schema: Self.schema, target: target, at: alert.at, what: Self.what(alert)),
      AlertNews(
        at: RFC3339(alert.at), kind: alert.kind, state: alert.state, since: RFC3339(alert.since),
        until: alert.until.map { RFC3339($0) }, why: why, lost: lost, evidence: [], messages: [], victims: [],
        breaker: nil))
  }

  private static func what(_ alert: Alert) -> String { "\(alert.kind.rawValue)-\(alert.state.rawValue)" }
}
