/// What one pane, or one window, adds up. A plain value without references; additions wrap.
package struct WindowCounts: BitwiseCopyable, Equatable, Sendable {
  package var acked: UInt32 = 0
  package var requeued: UInt32 = 0
  package var rejected: UInt32 = 0
  package var deadLettered: UInt32 = 0
  package var crashed: UInt32 = 0
  package var abandoned: UInt32 = 0
  package var expired: UInt32 = 0
  /// Of `rejected` and `deadLettered`: those that may only be waiting and come back. Failures, but not for the flood.
  package var causeUnknown: UInt32 = 0
  /// Judged settlements (acked and failures) whose consumption delay is known.
  package var delays: UInt32 = 0
  /// Of those: known only as lower bounds; and above the threshold.
  package var delayLowerBounds: UInt32 = 0
  package var delaysAbove: UInt32 = 0
  /// Failures with more retries, and judged settlements with a longer settle latency, than the threshold.
  package var retriesAbove: UInt32 = 0
  package var latenciesAbove: UInt32 = 0
  /// Judged settlements without a settle latency, less acks that were revoked, whose latencies stay; wraps.
  package var untimed: UInt32 = 0
  /// Bytes of the group's connections that were seen and understood, and that were not.
  package var understoodBytes: UInt64 = 0
  package var lostBytes: UInt64 = 0

  package init() {}

  package var failures: UInt32 { requeued &+ rejected &+ deadLettered &+ crashed }
  /// What the error rate divides by: deliveries that were tried. Abandoned and expired ones were not.
  package var judged: UInt32 { acked &+ failures }
  /// Of how many a settle latency is known.
  var latencies: UInt32 { judged &- untimed }
  /// Numerator of the dead-letter rate.
  package var deadLetters: UInt32 { rejected &+ deadLettered &- causeUnknown }
  /// What the dead-letter rate divides by: messages that came to an end. A requeue is no end, or a message that is tried
  /// six times could bring no more than one dead letter in six settlements.
  package var ends: UInt32 { acked &+ deadLetters }

  /// Failures ÷ (failures + acked); nil without samples.
  package var errorRate: Double? { judged == 0 ? nil : Double(failures) / Double(judged) }
  /// (Rejected + dead-lettered, as far as the cause is known) ÷ (those + acked); nil without samples.
  package var deadLetterRate: Double? { ends == 0 ? nil : Double(deadLetters) / Double(ends) }
  /// Share of the bytes that were seen and understood; nil without bytes.
  package var coverage: Double? {
    let all = understoodBytes &+ lostBytes
    return all == 0 ? nil : Double(understoodBytes) / Double(all)
  }

  package subscript(settlement: Settlement) -> UInt32 {
    switch settlement {
    case .acked: acked
    case .requeued: requeued
    case .rejected: rejected
    case .deadLettered: deadLettered
    case .crashed: crashed
    case .abandoned: abandoned
    case .expired: expired
    }
  }

  /// One that was counted so has ended otherwise.
  mutating func revoke(_ settlement: Settlement, causeUnknown isUnknown: Bool) {
    switch settlement {
    case .acked: acked &-= 1
    case .requeued: requeued &-= 1
    case .rejected: rejected &-= 1
    case .deadLettered: deadLettered &-= 1
    case .crashed: crashed &-= 1
    case .abandoned: abandoned &-= 1
    case .expired: expired &-= 1
    }
    if isUnknown { causeUnknown &-= 1 }
    if settlement == .acked || settlement.isFailure { untimed &-= 1 }
  }

  static func &+= (a: inout WindowCounts, b: WindowCounts) { a.combine(b, &+) { $0 &+ $1 } }
  static func &-= (a: inout WindowCounts, b: WindowCounts) { a.combine(b, &-) { $0 &- $1 } }

  @inline(__always) private mutating func combine(
    _ b: WindowCounts, _ counts: (UInt32, UInt32) -> UInt32, _ bytes: (UInt64, UInt64) -> UInt64
  ) {
    acked = counts(acked, b.acked)
    requeued = counts(requeued, b.requeued)
    rejected = counts(rejected, b.rejected)
    deadLettered = counts(deadLettered, b.deadLettered)
    crashed = counts(crashed, b.crashed)
    abandoned = counts(abandoned, b.abandoned)
    expired = counts(expired, b.expired)
    causeUnknown = counts(causeUnknown, b.causeUnknown)
    delays = counts(delays, b.delays)
    delayLowerBounds = counts(delayLowerBounds, b.delayLowerBounds)
    delaysAbove = counts(delaysAbove, b.delaysAbove)
    retriesAbove = counts(retriesAbove, b.retriesAbove)
    latenciesAbove = counts(latenciesAbove, b.latenciesAbove)
    untimed = counts(untimed, b.untimed)
    understoodBytes = bytes(understoodBytes, b.understoodBytes)
    lostBytes = bytes(lostBytes, b.lostBytes)
  }
}
