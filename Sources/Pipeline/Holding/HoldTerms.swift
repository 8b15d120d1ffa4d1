/// How one connection's egress is held: what the kernel is told.
package struct HoldTerms: Equatable, Sendable {
  package var action: HoldAction
  /// At least one segment with payload passes in this time, or the consumer's own kernel would give the connection up.
  package var trickle_ns: Int64
  /// `throttle`: payload bytes per second that pass.
  package var rate_bytes_s: UInt64
  /// Bare acknowledgements are held as well: nothing else stops a consumer whose messages need no answer.
  package var holdsAcks: Bool

  package init(action: HoldAction, trickle_ns: Int64, rate_bytes_s: UInt64 = 0, holdsAcks: Bool = false) {
    self.action = action
    self.trickle_ns = trickle_ns
    self.rate_bytes_s = rate_bytes_s
    self.holdsAcks = holdsAcks
  }
}
