/// Deliveries of one group that expired, by message: each waits for its message to come to this target again.
///
/// Memory: at most 1,024 messages with 120 bytes each; past that the one that expired first goes, counted in
/// `Ledger.Dropped.expired`: it stays `expired`. Cost: one look-up per delivery while there are any.
struct ExpiredDeliveries {
  private var byMessage: [UInt64: Waiting] = [:]

  private struct Waiting {
    /// The one that expired last.
    var delivery: Delivery
    var expiredAt: Timestamp
    /// More than one where messages can't be told apart.
    var count: Int
  }

  var isEmpty: Bool { byMessage.isEmpty }

  /// Answers whether one had to go.
  mutating func insert(_ delivery: Delivery, at: Timestamp) -> Bool {
    let count = byMessage[delivery.message]?.count ?? 0
    let isFull = count == 0 && byMessage.count >= Self.bound
    if isFull, let oldest = byMessage.min(by: { $0.value.expiredAt < $1.value.expiredAt }) {
      byMessage[oldest.key] = nil
    }
    byMessage[delivery.message] = Waiting(delivery: delivery, expiredAt: at, count: count + 1)
    return isFull
  }

  /// Takes over those of another group, changed. Answers how many had to go.
  mutating func absorb(_ other: ExpiredDeliveries, as change: (Delivery) -> Delivery) -> UInt64 {
    var gone: UInt64 = 0
    for waiting in other.byMessage.values.sorted(by: { $0.expiredAt < $1.expiredAt }) {
      for _ in 0..<waiting.count where insert(change(waiting.delivery), at: waiting.expiredAt) { gone += 1 }
    }
    return gone
  }

  /// Takes out a delivery of that message; nil if none of it waits.
  mutating func take(_ message: UInt64) -> Delivery? {
    guard let waiting = byMessage[message] else { return nil }
    byMessage[message] =
      waiting.count > 1
      ? Waiting(
        delivery: waiting.delivery, expiredAt: waiting.expiredAt, count: waiting.count - 1) : nil
    return waiting.delivery
  }

  static let bound = 1024
}
