package import Pipeline

/// Something about holding one group, as the event log and the webhook carry it.
package struct HoldingEvent: Codable, Equatable, ExportedEvent {
  package var schema = HoldingEvent.schema
  package var id: String
  package var at: RFC3339
  /// `held`, `released`, `not_held`, `hold_limit`, `unholdable`.
  package var kind: HoldEvent.Kind
  @NullEncoded package var why: String?
  package var key: String
  package var href: String
  package var cluster: String
  package var system: String
  package var group: String
  package var target: String
  /// Who answers for the group, from the configuration.
  @NullEncoded package var owner: String?
  @NullEncoded package var runbook: String?
  package var mode: String
  package var state: BreakerState
  package var revision: UInt64
  package var connections: Int
  /// Deliveries that the consumers have already, or may get without asking, and will run all the same.
  package var exposure: Int
  package static let schema = "stormfuse.hold/1"

  package init(_ event: HoldEvent, group: Report.Group, owner: String? = nil, runbook: String? = nil) {
    id = TransitionEvent.identifier(of: group, at: event.at, "\(group.breaker.revision)-\(event.kind.rawValue)")
    at = RFC3339(event.at)
    kind = event.kind
    why = event.why
    key = group.key
    href = BreakerReference(key: group.key).href
    cluster = group.cluster
    system = group.system
    self.group = group.group
    target = group.target
    self.owner = owner
    self.runbook = runbook
    mode = group.mode
    state = group.breaker.state
    revision = group.breaker.revision
    connections = event.connections
    exposure = event.exposure
  }
}
