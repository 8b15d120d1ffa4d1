/// What of one breaker outlives the process: its state, deadlines, override and openings. No message, no window: what
/// happened before the restart is not judged again.
package struct BreakerMemory: Codable, Equatable, Sendable {
  package var key: String
  /// The cluster's name as it was known.
  package var cluster: String
  /// Addresses of its brokers: after a restart connections are joined midway, where nobody says the cluster's name.
  package var addresses: [String]
  package var system: MessagingSystem
  package var group: String
  package var destination: String
  package var state: BreakerState
  package var revision: UInt64
  /// When the state began. Nanoseconds since 1970, as all moments here.
  package var since_ns: Int64
  /// End of the open time or of the override; nil if it has none.
  package var until: Deadline?
  package var episode_end: Deadline?
  /// When it was last let go.
  package var closed_since_ns: Int64
  /// The exponent of the next open time.
  package var openings: Int
  package var is_armed: Bool
  /// Who asked for the state, and why; nil for rules and timers.
  package var note: OperatorNote?
  /// The latest transitions, oldest first.
  package var transitions: [Report.TransitionReport]

  /// An operator's trip, which may stay open longer than a rule's opening.
  package var isTripped: Bool {
    state == .open && transitions.contains { $0.revision == revision && $0.cause == .trip }
  }

  /// A moment, and how far off it was when it was written: a clock that was set back must not make a deadline longer, and
  /// one that was set forward only ends it.
  package struct Deadline: Codable, Equatable, Sendable {
    package var at_ns: Int64
    package var remaining_ns: Int64

    package init(at_ns: Int64, remaining_ns: Int64) {
      self.at_ns = at_ns
      self.remaining_ns = remaining_ns
    }

    /// The same deadline on today's clock: never further off than it was, nor than `longest_ns`, nor in the past.
    package func clamped(at now: Timestamp, longest_ns: Int64) -> Timestamp {
      let (left_ns, overflow) = at_ns.subtractingReportingOverflow(now.ns)
      return now + max(0, min(overflow ? (at_ns < 0 ? 0 : remaining_ns) : left_ns, remaining_ns, longest_ns))
    }
  }

  package init(
    key: String, cluster: String, addresses: [String] = [], system: MessagingSystem, group: String, destination: String,
    state: BreakerState,
    revision: UInt64, since_ns: Int64, until: Deadline?, episode_end: Deadline?, closed_since_ns: Int64, openings: Int,
    is_armed: Bool, note: OperatorNote?, transitions: [Report.TransitionReport]
  ) {
    self.key = key
    self.cluster = cluster
    self.addresses = addresses
    self.system = system
    self.group = group
    self.destination = destination
    self.state = state
    self.revision = revision
    self.since_ns = since_ns
    self.until = until
    self.episode_end = episode_end
    self.closed_since_ns = closed_since_ns
    self.openings = openings
    self.is_armed = is_armed
    self.note = note
    self.transitions = transitions
  }
}
