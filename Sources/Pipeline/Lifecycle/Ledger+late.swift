// Deliveries that a broker took away, if it shows only later that their consumer took too long.

extension Ledger {
  /// A delivery that was counted as abandoned took longer than its consumer may: it is `expired`, and `requeued` when its message
  /// comes to this target again (`deliver`). `cameAgain`: it has come since.
  func expireAbandoned(_ delivery: Delivery, cameAgain: Bool, at: Timestamp) {
    let at = advance(to: at)
    guard let delivery = present(delivery) else { return }
    let group = groups[Int(delivery.group)]
    guard group.totals.abandoned > 0 else { return }
    group.lastActive = at
    journal?.revised(delivery, of: group, from: .abandoned, to: .expired, at: at)
    group.count(delivery.partition) {
      $0.abandoned -= 1
      $0.count(.expired)
    }
    if cameAgain {
      requeueExpired(delivery, at: at)
    } else if group.expired.insert(delivery, at: at) {
      dropped.expired += 1
    }
  }
}
