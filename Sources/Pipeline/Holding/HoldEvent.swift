/// Something about holding a group that people should know.
package struct HoldEvent: Equatable, Sendable {
  package var at: Timestamp
  package var kind: Kind
  /// Nil where there is nothing to add.
  package var why: Why?
  /// The kernel's own words, where it could not hold.
  package var detail: String?
  /// Of `held` and `keepalive`; nil where nothing but new connections is concerned.
  package var keepalive: Keepalive?
  /// Connections concerned.
  package var connections: Int
  /// Deliveries that the consumers had already, or may get without asking, and will run all the same.
  package var exposure: Int

  package enum Kind: String, Sendable, CaseIterable, Codable {
    /// Requests are being held from now on, or new connections refused.
    case held
    /// Nothing is held any more.
    case released
    /// An open breaker leaves connections alone; `why` says for what reason.
    case notHeld = "not_held"
    /// Held as long as was tested: traffic passes until the next opening.
    case holdLimit = "hold_limit"
    /// What is held can be kept alive no longer but by letting a segment through now and then.
    case keepalive
  }

  package enum Why: Equatable, Sendable {
    /// Of `held`: the breaker is open, or the group has a standing rate.
    case action(HoldAction)
    /// Of `held`: half-open waits for the answers to its probes.
    case probesOut
    /// Of every other kind.
    case not(NotHeld)

    /// As the API names it.
    package var name: String {
      switch self {
      case .action(let action): action.rawValue
      case .probesOut: "probes are out"
      case .not(let why): why.rawValue
      }
    }
  }

  package init(
    at: Timestamp, kind: Kind, why: Why? = nil, detail: String? = nil, keepalive: Keepalive? = nil,
    connections: Int, exposure: Int
  ) {
    self.keepalive = keepalive
    self.at = at
    self.kind = kind
    self.why = why
    self.detail = detail
    self.connections = connections
    self.exposure = exposure
  }
}
