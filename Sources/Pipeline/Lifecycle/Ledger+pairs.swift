// Deliveries that a copy has ended, until their own acknowledgement comes.

extension Ledger {
  /// The acknowledgement of a delivery that an own dead-letter or retry publish had settled. It says nothing any more if
  /// that was longer ago than the group's window.
  func acknowledgePaired(_ id: DeliveryID, at: Timestamp) {
    let at = advance(to: at)
    let group = groups[Int(deliveries[id].group)]
    lapsePairs(of: group, at: at)
    guard deliveries.isLive(id) else {
      dropped.unmatchedSettlements += 1
      return
    }
    let delivery = deliveries[id]
    dropPaired(id)
    consumers[delivery.consumer].lastAcked = at
    group.count(delivery.partition) { $0.ackedPaired += 1 }
    group.lastActive = at
    journal?.acknowledged(delivery, of: group, at: at)
    var outcome = Outcome(
      settlement: .acked, paired: true, attempt: delivery.attempt, delay_ns: nil, settleLatency_ns: 0,
      message: delivery.message, deliveredAt: delivery.at)
    outcome.wasHeld = delivery.flags.contains(.answeredHeld)
    record(outcome, group, delivery.group, partition: nil, at: at)
  }

  /// Forgets a paired delivery whose acknowledgement can't come any more.
  func dropPaired(_ id: DeliveryID) {
    groups[Int(deliveries[id].group)].unlinkPaired(id, in: &deliveries)
    deliveries.remove(id)
  }

  /// A pair lapses with the window.
  func lapsePairs(of group: Group, at: Timestamp) {
    while group.oldestPaired != 0, at - deliveries[group.oldestPaired].pairedAt > group.monitor.windows.main.span_ns {
      dropPaired(group.oldestPaired)
    }
  }
}
