/// Something about holding a group that people should know.
package struct HoldEvent: Equatable, Sendable {
  package var at: Timestamp
  package var kind: Kind
  /// Why, in words: `shared: it also publishes`, `hold limit`, `no_ack`, …; nil where there is nothing to add.
  package var why: String?
  /// Connections concerned.
  package var connections: Int
  /// Deliveries that the consumers had already and will run all the same.
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

/// What the kernel did to held connections since the hold began. Segments with payload, or those without one where they
/// are held too; retransmissions count each time.
package struct HoldCounters: Equatable, Sendable, Codable {
  package var held_packets: UInt64
  package var held_bytes: UInt64
  package var passed_packets: UInt64
  package var passed_bytes: UInt64

  package init(held_packets: UInt64 = 0, held_bytes: UInt64 = 0, passed_packets: UInt64 = 0, passed_bytes: UInt64 = 0) {
    self.held_packets = held_packets
    self.held_bytes = held_bytes
    self.passed_packets = passed_packets
    self.passed_bytes = passed_bytes
  }

  package static func += (sum: inout HoldCounters, other: HoldCounters) {
    sum.held_packets &+= other.held_packets
    sum.held_bytes &+= other.held_bytes
    sum.passed_packets &+= other.passed_packets
    sum.passed_bytes &+= other.passed_bytes
  }
}
