// Deliveries that end without anybody having tried them.
extension Ledger {
  /// It is given back. If its copy had ended it already, nothing is left that could be acknowledged.
  func abandon(_ id: DeliveryID, at: Timestamp) {
    if deliveries[id].flags.contains(.paired) {
      dropPaired(id)
    } else {
      settle(id, as: .abandoned, at: at)
    }
  }

  /// What was counted as a delivery was none: there was no such message. Nothing of it stays but its attempt among those
  /// seen.
  func withdraw(_ id: DeliveryID) {
    let delivery = deliveries[id]
    let group = groups[Int(delivery.group)]
    group.unlink(id, in: &deliveries)
    group.count(delivery.partition) {
      $0.delivered -= 1
      if delivery.attempt > 1, $0.redelivered > 0 { $0.redelivered -= 1 }
    }
    consumers[delivery.consumer].inFlight -= 1
    journal?.noted(.withdrawn, delivery, of: group)
    deliveries.remove(id)
  }
}
