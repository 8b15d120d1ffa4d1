/// How a group is to be held.
struct HoldWant {
  var action: HoldAction
  var rate_bytes_s: UInt64
  var phase: Phase
  /// The breaker's.
  var revision: UInt64
  /// Connections that others depend on are held as well.
  var sharesFreely: Bool

  enum Phase {
    /// The group's standing rate, whatever the breaker says.
    case standing
    case open
    /// Half-open has just begun: requests pass one at a time until they have brought the probes.
    case singly
    /// Half-open waits for the answers to its probes.
    case probesOut
  }

  /// Nil if it is not to be held at all.
  init?(_ group: HoldGroup, isLimited: Bool, at now: Timestamp) {
    sharesFreely = group.sharesFreely
    revision = group.revision
    rate_bytes_s = 0
    if group.wantsHold, !isLimited, !group.isBlind {
      (action, rate_bytes_s) = (group.action, group.rate_bytes_s)
      phase = group.state == .halfOpen ? .probesOut : .open
    } else if let standing = group.standingRate_bytes_s {
      (action, rate_bytes_s, phase) = (.throttle, standing, .standing)
    } else if group.action == .pause, group.state == .halfOpen, !group.wantsHold, !group.isBlind,
      now - group.since < Self.singly_ns
    {
      (action, phase) = (.pause, .singly)
    } else {
      return nil
    }
  }

  var isStanding: Bool { phase == .standing }
  var why: HoldEvent.Why { phase == .probesOut ? .probesOut : .action(action) }

  /// Twice the span in which the consumer's kernel tries again.
  private static let singly_ns: Int64 = .seconds(1)
}

/// One group in mode `enforce`, as far as holding it depends on it.
struct HoldGroup {
  var id: GroupID
  var action: HoldAction
  var rate_bytes_s: UInt64
  var standingRate_bytes_s: UInt64?
  var sharesFreely: Bool
  var state: BreakerState
  /// When the breaker's state began.
  var since: Timestamp
  var revision: UInt64
  /// The breaker asks for it (`GroupMonitor.wantsHold`).
  var wantsHold: Bool
  /// Too little is seen of it to hold anything.
  var isBlind: Bool
  /// It has reached the limit since its breaker opened.
  var isLimited: Bool
  /// Since when it is held without a break; nil if it is not.
  var heldSince: Timestamp?
  /// Some of its connections are kept alive only by letting segments through.
  var isTrickled = false
  /// Addresses of its cluster's brokers; needed for `block` alone.
  var brokers: [Endpoint]
}
