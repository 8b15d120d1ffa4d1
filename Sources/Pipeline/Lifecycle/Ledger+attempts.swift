// What a delivery tells of its past: how often it was tried, and since when it waits.

extension Ledger {
  /// Which try it is, and how that is known: by the wire's own count, else by the own table, which an upper bound from
  /// the wire limits. Of a message that the table has not met, the bound is the best there is.
  @inline(__always) func attempt(_ arrival: Arrival, _ record: MessageRecord) -> (Int32, AttemptSource) {
    if let told = arrival.attempt, !arrival.attemptIsMinimum || !arrival.redelivered {
      return (told, arrival.attemptSource)
    }
    if arrival.attempt == nil, let bound = arrival.attemptBound, record.first == 0 {
      return (bound, arrival.attemptBoundSource)
    }
    let own = min(ownAttempt(arrival, record), arrival.attemptBound ?? .max)
    if let told = arrival.attempt { return (max(told, own), arrival.attemptSource) }
    return (own, .ownTable)
  }

  /// Copies that the target published, and headers that count tries, may tell of more tries than the wire does.
  func raise(
    _ attempt: inout Int32, _ source: inout AttemptSource, _ arrival: Arrival, _ returned: Returned
  ) {
    // Copies of the target are better evidence than the own table.
    if returned.attempt > attempt || (returned.attempt == attempt && source == .ownTable) {
      (attempt, source) = (returned.attempt, .copies)
    }
    if arrival.toldAttempt > attempt { (attempt, source) = (arrival.toldAttempt, .counter) }
  }

  /// The own table's estimate: one more than the failed tries. Where messages can't be told apart, their failures are
  /// shared out evenly over those not acked yet, so that many that failed once don't look like one that failed often.
  private func ownAttempt(_ arrival: Arrival, _ record: MessageRecord) -> Int32 {
    if arrival.redelivered {
      if record.failed == 0 { return record.abandoned > 0 ? 1 : 2 }
      let sharers = max(1, Int64(record.first) - Int64(record.acked))
      return Int32(clamping: 1 + (Int64(record.failed) + sharers - 1) / sharers)
    }
    // The same id again without the broker's mark: the publisher or a retry path sent it anew.
    if arrival.hasOwnID, record.failed > 0, record.acked == 0, record.first <= 1 {
      return Int32(clamping: 1 + Int64(record.failed))
    }
    return 1
  }

  func dateEnqueueing(of delivery: inout Delivery, _ arrival: Arrival, firstSeen: Timestamp, _ group: Group) {
    if let stamped = arrival.enqueued {
      let enqueued = stamped + -wallAhead_ns
      let age_ns = arrival.at - enqueued
      if age_ns >= -arrival.enqueuedResolution_ns, age_ns <= Self.longestDelay_ns {
        delivery.enqueued_ns = min(enqueued.ns, arrival.at.ns)
        delivery.deliberate_ns = arrival.deliberate_ns
        group.delaySource = min(group.delaySource ?? .firstSeen, arrival.delaySource)
        return
      }
      group.totals.skewed += 1
    }
    delivery.enqueued_ns = firstSeen.ns
    delivery.deliberate_ns = arrival.deliberate_ns
    delivery.flags.insert(.lowerBound)
    group.delaySource = min(group.delaySource ?? .firstSeen, .firstSeen)
  }

  /// Above this an enqueue time is taken for a wrong clock.
  private static var longestDelay_ns: Int64 { .seconds(30 * 86_400) }
}
