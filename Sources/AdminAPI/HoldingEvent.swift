package import Pipeline

/// Something about holding one group.
package typealias HoldingEvent = GroupEvent<Holding>

/// What an event about holding says besides its head.
package struct Holding: Codable, Equatable, Sendable {
  package var at: RFC3339
  /// `held`, `released`, `not_held`, `hold_limit`, `keepalive`.
  package var kind: HoldEvent.Kind
  /// Of `held`: the action, or `probes are out`. Else a `NotHeld`, by its name.
  @NullEncoded package var why: String?
  /// The kernel's words where `why` is `kernel`; else left out.
  package var why_detail: String?
  /// Of `held` and `keepalive`: `nudge` (nothing passes while it is held), or `trickle` (now and then a segment has to).
  package var keepalive: String?
  /// Why it is `trickle`.
  package var keepalive_why: String?
  package var state: BreakerState
  package var revision: UInt64
  package var connections: Int
  /// Deliveries that the consumers have already, or may get without asking, and will run all the same.
  package var exposure: Int
  /// As in `Report.Group`.
  package var exposure_is_minimum: Bool?
}

extension GroupEvent<Holding> {
  package static var schema: String { "stormfuse.hold/1" }

  package init(_ event: HoldEvent, group: Report.Group, owner: String? = nil, runbook: String? = nil) {
    let breaker = group.breaker
    self.init(
      EventHead(
        schema: Self.schema, group: group, at: event.at, what: "\(breaker.revision)-\(event.kind.rawValue)",
        owner: owner, runbook: runbook),
      Holding(
        at: RFC3339(event.at), kind: event.kind, why: event.why?.name, why_detail: event.detail,
        keepalive: event.keepalive?.name, keepalive_why: event.keepalive?.why, state: breaker.state,
        revision: breaker.revision, connections: event.connections, exposure: event.exposure,
        exposure_is_minimum: group.exposure_is_minimum))
  }
}
