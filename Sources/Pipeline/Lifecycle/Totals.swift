/// Counters of one group over the whole run. `delivered` = the settlements + in flight, at every instant.
struct Totals {
  var delivered: UInt64 = 0
  var redelivered: UInt64 = 0
  var acked: UInt64 = 0
  var ackedPaired: UInt64 = 0
  var requeued: UInt64 = 0
  var rejected: UInt64 = 0
  var deadLettered: UInt64 = 0
  var crashed: UInt64 = 0
  var abandoned: UInt64 = 0
  var expired: UInt64 = 0
  var exhausted: UInt64 = 0
  /// Messages that came once more although their consumer had not failed with them (fetched again after a pause, a seek):
  /// neither delivered again nor settled.
  var refetched: UInt64 = 0
  /// Of `acked`: the consumer published an equal message to where this one came from, and nothing says that it failed.
  var returned: UInt64 = 0
  /// Of `acked`: the target handed the message back to the group that it waits for. In no rate.
  var moved: UInt64 = 0
  var duplicates: UInt64 = 0
  /// Offset commits that the broker refused for good.
  var commitFailures: UInt64 = 0
  /// Times that the group was assigned anew while the target was a member.
  var rebalances: UInt64 = 0
  var skewed: UInt64 = 0

  var settled: UInt64 { acked + requeued + rejected + deadLettered + crashed + abandoned + expired }
  var failures: UInt64 { requeued + rejected + deadLettered + crashed }

  subscript(_ settlement: Settlement) -> UInt64 {
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

  /// One that was counted so has ended otherwise. There must be one.
  mutating func revoke(_ settlement: Settlement) {
    switch settlement {
    case .acked: acked -= 1
    case .requeued: requeued -= 1
    case .rejected: rejected -= 1
    case .deadLettered: deadLettered -= 1
    case .crashed: crashed -= 1
    case .abandoned: abandoned -= 1
    case .expired: expired -= 1
    }
  }

  mutating func count(_ settlement: Settlement) {
    switch settlement {
    case .acked: acked += 1
    case .requeued: requeued += 1
    case .rejected: rejected += 1
    case .deadLettered: deadLettered += 1
    case .crashed: crashed += 1
    case .abandoned: abandoned += 1
    case .expired: expired += 1
    }
  }
}
