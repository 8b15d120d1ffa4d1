/// Deliveries of one channel that its client has handed back in one go: a run of rejects with requeue, with no other answer
/// between. A client library that closes gives back like that what its consumers had prefetched.
///
/// ```
/// none ── reject with requeue ──→ run ── ack, or reject without requeue ──→ none
///                                  │ ↺ a further one, of a delivery that had come before the run began
///                                  └── cancel or close by the client, at once ──→ leaving: what follows in the run is untried
/// ```
/// A delivery that came after the run began begins another one: a consumer that fails gets its messages back again.
///
/// Memory: 65,536 deliveries, as many as a prefetch can be, with 150 bytes each; the rest is not revised, counted in
/// `Ledger.Dropped.revisions`. Nothing for a channel on which nothing is handed back.
struct AMQPReturns {
  struct Returned {
    /// Its delivery tag.
    var tag: UInt64
    /// As it was counted.
    var ended: SettledAck
  }

  private(set) var list: [Returned] = []
  private(set) var began = Timestamp.zero
  private var last = Timestamp.zero
  private var count: Int64 = 0
  private(set) var isActive = false
  /// Consumers that the client cancelled at the end of this run.
  private var leaving: Set<Int32> = []

  /// Something else was answered.
  mutating func end() {
    isActive = false
    list.removeAll(keepingCapacity: list.count <= 64)
    leaving.removeAll()
    count = 0
  }

  /// Answers false if there is no room for it.
  mutating func append(_ ended: SettledAck, tag: UInt64) -> Bool {
    if isActive, ended.delivery.at >= began || ended.at - last > Self.pause_ns { end() }
    if !isActive {
      isActive = true
      began = ended.at
    }
    goOn(at: ended.at)
    guard list.count < Self.bound else { return false }
    list.append(Returned(tag: tag, ended: ended))
    return true
  }

  /// Whether the delivery, handed back now, goes on with a run at the end of which its consumer was cancelled.
  mutating func isUntried(_ delivery: Delivery, at: Timestamp) -> Bool {
    guard isActive, leaving.contains(delivery.consumer), delivery.at < began, at - last <= Self.pause_ns else {
      return false
    }
    goOn(at: at)
    return true
  }

  /// The client cancels that consumer or, nil, closes. Answers what was handed back in one go right before, and takes it
  /// out.
  mutating func take(of consumer: Int32?, at: Timestamp) -> [Returned] {
    // A handler that fails one message after another takes its time for each.
    guard isActive, at - last <= Self.pause_ns, last - began <= Self.slack_ns + count * Self.each_ns else { return [] }
    guard let consumer else {
      defer { end() }
      return list
    }
    let taken = list.filter { $0.ended.delivery.consumer == consumer }
    if !taken.isEmpty { leaving.insert(consumer) }
    list.removeAll { $0.ended.delivery.consumer == consumer }
    return taken
  }

  private mutating func goOn(at: Timestamp) {
    last = at
    count += 1
  }

  /// Longest time between two of a run, and from the last to the cancel or close.
  private static let pause_ns: Int64 = .milliseconds(100)
  /// pika writes one in 3 µs; what hands back on purpose has run a handler before.
  private static let each_ns: Int64 = 200_000
  private static let slack_ns: Int64 = .milliseconds(5)
  private static let bound = 65_536
}
