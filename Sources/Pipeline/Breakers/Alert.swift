/// Something that a person should look at and that moves no breaker: told once when it begins and once when it ends.
package struct Alert: Equatable, Sendable {
  package var kind: Kind
  package var state: State
  /// When it was found out.
  package var at: Timestamp
  /// When it began.
  package var since: Timestamp
  /// When it ended; nil while it lasts.
  package var until: Timestamp?
  /// Of `unholdable`: why `pause` could not hold the group.
  package var why: NotHeld?

  /// The first four are verdicts. `state` and `events` are the sidecar's own and concern no group.
  package enum Kind: String, Sendable, CaseIterable, Codable {
    case poison
    case crashLoop = "crash_loop"
    case stalled
    case incomplete
    /// A consumer of the group could not be held by `pause`.
    case unholdable
    /// The breakers' state can't be saved.
    case state
    /// Events can't be written.
    case events
  }

  package enum State: String, Sendable, CaseIterable, Codable { case began, ended }
}
