/// The one end of a delivery. delivered = the sum of all of these + in flight, at every instant.
package enum Settlement: UInt8, Sendable, CaseIterable, BitwiseCopyable {
  /// The consumer confirmed it.
  case acked
  /// It goes back to be delivered again: nack or reject with requeue, reclaim, redelivery, retry destination.
  case requeued
  /// Nack or reject without requeue.
  case rejected
  /// The client published it to a dead-letter destination itself.
  case deadLettered
  /// The client's side ended without closing: the oldest unsettled delivery of each of its consumers.
  case crashed
  /// Every other delivery that ended with its connection, channel, membership or assignment. Not a failure: deploys,
  /// scale-downs and rebalances return whole prefetch queues that nobody tried.
  case abandoned
  /// In flight past the acknowledgement deadline: it ends elsewhere. Not a failure.
  case expired

  /// Whether it counts in the numerator of the error rate.
  @inlinable package var isFailure: Bool {
    switch self {
    case .requeued, .rejected, .deadLettered, .crashed: true
    case .acked, .abandoned, .expired: false
    }
  }
}

/// One settled delivery as the windows see it.
package struct Outcome: Sendable {
  package var settlement: Settlement
  /// An ack that only ends an own dead-letter or retry publish: counted as `acked_paired`, in no rate.
  package var paired = false
  /// Rejected into a dead-letter exchange of which nothing tells whether its queue waits and returns: a failure, but not
  /// one that `dead-letter-flood` may count.
  package var causeUnknown = false
  /// A failure whose settle latency and delay are not known, or were counted with an ack that it comes in place of.
  package var isUntimed = false
  /// Half-open has heard of it already (`GroupMonitor.foretell`).
  package var isForetold = false
  /// The answer was seen while the breaker held it back, and passed since.
  package var wasHeld = false
  /// The how-manieth try this was; 1 is the first. Retries are one less.
  package var attempt: Int32
  /// Enqueue time to settlement, deliberate delay taken off; nil when unknown or skewed.
  package var delay_ns: Int64?
  /// `delay_ns` is the age since the message was first seen here, so the true delay is at least that.
  package var delayIsLowerBound = false
  /// max(delivery, previous settlement of that consumer) to settlement.
  package var settleLatency_ns: Int64
  /// Identifies the message: keyed hash, stable for this message over its redeliveries.
  package var message: UInt64
  /// The delivery was received before this moment of the breaker's life began; half-open ignores it.
  package var deliveredAt: Timestamp

  @inlinable package init(
    settlement: Settlement, paired: Bool = false, causeUnknown: Bool = false, attempt: Int32, delay_ns: Int64?,
    delayIsLowerBound: Bool = false, settleLatency_ns: Int64, message: UInt64, deliveredAt: Timestamp
  ) {
    self.settlement = settlement
    self.paired = paired
    self.causeUnknown = causeUnknown
    self.attempt = attempt
    self.delay_ns = delay_ns
    self.delayIsLowerBound = delayIsLowerBound
    self.settleLatency_ns = settleLatency_ns
    self.message = message
    self.deliveredAt = deliveredAt
  }
}
