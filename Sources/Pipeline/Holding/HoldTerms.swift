/// How one connection's egress is held: what the kernel is told.
package struct HoldTerms: Equatable, Sendable {
  package var action: HoldAction
  /// At least one segment with payload passes in this time, or the consumer's own kernel would give the connection up.
  package var trickle_ns: Int64
  /// The same for what is sent as several segments at once: longer, since the consumer's kernel tries the first of them
  /// alone meanwhile, and each brings as many deliveries as it has answers.
  package var whole_ns: Int64
  /// `throttle`: payload bytes per second that pass.
  package var rate_bytes_s: UInt64
  /// Bare acknowledgements are held as well: nothing else stops a consumer whose messages need no answer.
  package var holdsAcks: Bool

  /// `whole_ns`: nil for a quarter longer than the trickle.
  package init(
    action: HoldAction, trickle_ns: Int64, whole_ns: Int64? = nil, rate_bytes_s: UInt64 = 0, holdsAcks: Bool = false
  ) {
    self.action = action
    self.trickle_ns = trickle_ns
    self.whole_ns = whole_ns ?? Trickle.whole(trickle_ns)
    self.rate_bytes_s = rate_bytes_s
    self.holdsAcks = holdsAcks
  }
}
