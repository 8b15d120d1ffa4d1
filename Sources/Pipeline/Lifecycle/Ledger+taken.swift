// Deliveries that the broker takes away because no acknowledgement came in time.

extension Ledger {
  /// The broker waited for its acknowledgement as long as it does: the delivery ends as `expired`. When its message
  /// comes to this target again (`deliver`), that becomes `requeued` with the cause `ack_timeout`. It must be live.
  func expire(_ id: DeliveryID, at: Timestamp) {
    switch standing(of: id) {
    case nil: break
    case .paired?: dropPaired(id)
    // Of a stream nothing is tried again.
    case .credit?: settle(id, as: .abandoned, at: at)
    case .open?:
      let delivery = deliveries[id]
      settle(id, as: .expired, at: at)
      if groups[Int(delivery.group)].expired.insert(delivery, at: now) { dropped.expired += 1 }
    }
  }

  /// The broker gave up waiting for acknowledgements and took away everything that a consumer held: the first of each
  /// consumer's that is given here took too long, and `blamed` remembers that consumer; the others had only been
  /// prefetched.
  func timeOut(_ id: DeliveryID, blamed: inout Set<Int32>, at: Timestamp) {
    guard let standing = standing(of: id) else { return }
    if standing == .open, blamed.insert(deliveries[id].consumer).inserted {
      expire(id, at: at)
    } else {
      abandon(id, at: at)
    }
  }

  /// A try that had expired: which it was (0: there is none), and when its message was first delivered here.
  struct ExpiredTry {
    var attempt: Int32 = 0
    var first = Timestamp.zero
  }

  /// A message has come to this target. If a delivery of it had expired, that was a failed try: answers it.
  func endExpired(_ message: UInt64, record index: UInt32, to group: Group, at: Timestamp) -> ExpiredTry {
    guard let delivery = group.expired.take(message) else { return ExpiredTry() }
    if index != 0 {
      if messages[index].abandoned > 0 { messages[index].abandoned -= 1 }
      messages[index].failed &+= 1
      messages[index].firstFailed = min(messages[index].firstFailed, at)
    }
    requeueExpired(delivery, at: at)
    return ExpiredTry(attempt: delivery.attempt, first: delivery.first)
  }

  /// What was counted never was: the delivery went back as it was, `abandoned`. `rule`: the inference that says so. Without
  /// effect where a bound has taken the group away, or a copy has ended the delivery since.
  func takeBack(_ ended: SettledAck, countedAs settlement: Settlement, by rule: String, at: Timestamp) {
    let at = advance(to: at)
    guard let delivery = present(ended.delivery) else { return }
    let group = groups[Int(delivery.group)]
    guard group.totals[settlement] > 0 else { return }
    if delivery.source != 0, sources.isKept(delivery.source) {
      guard sources[delivery.source].state == .settled, sources[delivery.source].settlement == settlement else {
        return
      }
      takeBackReturned(delivery.source, delivery)
      sources[delivery.source].settlement = .abandoned
      sources[delivery.source].settledAt = at
    }
    countInference(rule, ofDelivery: delivery)
    journal?.revised(delivery, of: group, from: settlement, to: .abandoned, at: at)
    group.lastActive = at
    let partition = delivery.partition
    group.count(partition) {
      $0.revoke(settlement)
      $0.count(.abandoned)
    }
    let window = group.window(of: partition)
    group.monitor.revoke(settlement, recordedAt: ended.at, partition: ended.inBatch ? nil : window)
    let index = messages.find(delivery.message &+ group.salt)
    if index != 0 {
      if settlement == .acked, messages[index].acked > 0 { messages[index].acked -= 1 }
      if settlement.isFailure, messages[index].failed > 0 {
        messages[index].failed -= 1
        if messages[index].failed == 0 { messages[index].firstFailed = .distantFuture }
      }
      messages[index].abandoned &+= 1
    }
    var outcome = Outcome(
      settlement: .abandoned, attempt: delivery.attempt, delay_ns: nil, settleLatency_ns: 0, message: delivery.message,
      deliveredAt: delivery.at)
    outcome.isUntimed = true
    record(outcome, group, delivery.group, partition: window, at: at)
  }

  /// A rule has decided something about that delivery beyond what the wire says.
  func countInference(_ rule: String, ofDelivery delivery: Delivery) {
    let group = groups[Int(delivery.group)]
    group.inferences[rule, default: 0] += 1
    journal?.inferred(rule, delivery.message, of: group)
  }

  /// When a message that is delivered now was first delivered here. One that was acknowledged since has begun anew: so
  /// have all messages that look like it.
  @inline(__always) func firstDelivery(of delivery: Delivery, isRepeat: Bool, _ expired: ExpiredTry) -> Timestamp {
    isRepeat ? earlierDelivery(of: delivery, expired) : delivery.at
  }

  @inline(never) private func earlierDelivery(of delivery: Delivery, _ expired: ExpiredTry) -> Timestamp {
    if expired.attempt > 0 { return expired.first }
    let salt = groups[Int(delivery.group)].salt
    let index = messages.find(delivery.message &+ salt, lastAt: delivery.record)
    return index != 0 && messages[index].acked == 0 ? messages[index].firstSeen : delivery.at
  }

  /// A delivery that had expired has come to this target again: it was a failed try.
  func requeueExpired(_ delivery: Delivery, at: Timestamp) {
    let at = advance(to: at)
    guard let delivery = present(delivery) else { return }
    let group = groups[Int(delivery.group)]
    guard group.totals.expired > 0 else { return }
    group.lastActive = at
    group.requeueCauses[.ackTimeout, default: 0] += 1
    let partition = delivery.partition
    journal?.noted(.because(.ackTimeout), delivery, of: group)
    journal?.revised(delivery, of: group, from: .expired, to: .requeued, at: at)
    group.count(partition) {
      $0.expired -= 1
      $0.count(.requeued)
    }
    var outcome = Outcome(
      settlement: .requeued, attempt: delivery.attempt, delay_ns: nil, settleLatency_ns: 0, message: delivery.message,
      deliveredAt: delivery.at)
    outcome.isUntimed = true
    record(outcome, group, delivery.group, partition: group.window(of: partition), at: at)
  }
}
