/// What became of one held connection's egress since the hold began. A segment that is tried again while it is held (its
/// kernel does so every half second) counts each time.
package struct HoldCounters: Equatable, Sendable {
  package struct Count: Equatable, Sendable {
    package var packets: UInt64 = 0
    /// Payload.
    package var bytes: UInt64 = 0

    package init(packets: UInt64 = 0, bytes: UInt64 = 0) {
      self.packets = packets
      self.bytes = bytes
    }

    package static func += (sum: inout Count, count: Count) {
      sum.packets &+= count.packets
      sum.bytes &+= count.bytes
    }
  }

  package var held = Count()
  package var passed = Count()

  package init(held: Count = Count(), passed: Count = Count()) {
    self.held = held
    self.passed = passed
  }

  package static func += (sum: inout HoldCounters, counters: HoldCounters) {
    sum.held += counters.held
    sum.passed += counters.passed
  }
}
