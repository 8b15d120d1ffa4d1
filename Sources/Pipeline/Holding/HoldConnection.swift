/// One connection whose protocol is known, as far as holding it depends on it.
struct HoldConnection {
  var cookie: UInt64
  var server: Endpoint
  var use: ConnectionUse
  /// The kernel holds it now.
  var isHeld: Bool
  /// Since when it is held without a break because breakers ask for it; nil if it is not.
  var heldSince: Timestamp?
  /// It is held, and only by letting segments through is it kept alive.
  var isTrickled = false
  /// Openings that it is not held for any more.
  var limitedFor: [HoldOpening] = []
}

/// One opening of one group's breaker.
struct HoldOpening: Equatable {
  var group: GroupID
  /// The breaker's.
  var revision: UInt64
}
