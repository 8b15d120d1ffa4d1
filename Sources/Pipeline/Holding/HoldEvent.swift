/// Something about holding a group that people should know.
package struct HoldEvent: Equatable, Sendable {
  package var at: Timestamp
  package var kind: Kind
  /// Why, in words: `shared: it also publishes`, `hold limit`, `no_ack`, …; nil where there is nothing to add.
  package var why: String?
  /// Connections concerned.
  package var connections: Int
  /// Deliveries that the consumers had already, or may get without asking, and will run all the same.
  package var exposure: Int

  package enum Kind: String, Sendable, CaseIterable, Codable {
    /// Requests are being held from now on.
    case held
    /// Nothing is held any more.
    case released
    /// An open breaker leaves connections alone; `why` says for what reason.
    case notHeld = "not_held"
    /// Held as long as was tested: traffic passes until the next opening.
    case holdLimit = "hold_limit"
    /// A consumer was seen that `pause` could not hold.
    case unholdable
  }

  package init(at: Timestamp, kind: Kind, why: String? = nil, connections: Int, exposure: Int) {
    self.at = at
    self.kind = kind
    self.why = why
    self.connections = connections
    self.exposure = exposure
  }
}
