/// What a delivered message's headers say of its earlier deliveries from one queue.
struct AMQPHistory {
  /// Times it was rejected from, or given up by, that queue (`x-death`). Expired entries are not counted: each round of a
  /// wait queue has one beside its rejected one.
  var deaths: Int64 = 0
  /// After a rejection it waited in another queue until it expired, and came back.
  var returnedAfterWaiting = false
  /// How long it waited in other queues on purpose, over all rounds, as far as the entries tell.
  var waited_ns: Int64 = 0

  /// `queue` is the consumed queue, `topology` knows how long others let messages wait. Counts and spans are
  /// the sender's to choose: they are clamped.
  init(_ items: Text?, in frame: RawSpan, queue: AMQPQueue, topology: AMQPTopology) {
    guard let items else { return }
    var waits = 0
    var last: AMQPDeath?
    var rejected_s: UInt64?
    // The latest entry is the first: what follows the rejection is older.
    var hasWaitedSince = false
    var entries = AMQPDeaths(items)
    while let death = entries.next(in: frame) {
      let isHere = frame.extracting(death.queue.range(in: frame)).equals(queue.nameBytes)
      let count = min(max(0, death.count), Self.countBound)
      if isHere, death.reason == .rejected || death.reason == .deliveryLimit {
        deaths = min(deaths + count, Self.countBound)
        rejected_s = death.time_s
      } else if !isHere, death.reason == .expired {
        waits += 1
        last = death
        if deaths == 0 { hasWaitedSince = true }
        topology.noteReturn(from: death.queue, to: queue, in: frame)
        if let limit_ms = Self.limit_ms(death, in: frame, topology) { wait(limit_ms, count) }
      }
    }
    guard let last, deaths > 0 else { return }
    returnedAfterWaiting = hasWaitedSince
    // Of a single wait of unknown length both entries keep the time of the first round, and the rounds are alike.
    if waits == 1, waited_ns == 0, let end_s = last.time_s, let rejected_s, end_s >= rejected_s {
      wait(Int64(min(end_s - rejected_s, UInt64(Self.spanBound_ms))) * 1000, min(last.count, Self.countBound))
    }
  }

  private mutating func wait(_ span_ms: Int64, _ rounds: Int64) {
    waited_ns += min(span_ms, Self.spanBound_ms) * 1_000_000 * rounds
    waited_ns = min(waited_ns, Self.spanBound_ms * 1_000_000)
  }

  /// How long that queue lets a message wait: the message's own limit or the queue's, whichever is less.
  private static func limit_ms(_ death: AMQPDeath, in frame: RawSpan, _ topology: AMQPTopology) -> Int64? {
    let limits_ms = [
      Int64(death.originalExpiration.string(in: frame)), topology.messageTTL_ms(of: death.queue.string(in: frame)),
    ]
    return limits_ms.compactMap(\.self).filter { $0 >= 0 }.min()
  }

  private static let countBound: Int64 = 3000
  private static let spanBound_ms: Int64 = 30 * 86_400_000
}

extension RawSpan {
  func equals(_ bytes: [UInt8]) -> Bool {
    guard byteCount == bytes.count else { return false }
    for i in 0..<byteCount where unsafeLoad(fromUncheckedByteOffset: i, as: UInt8.self) != bytes[i] { return false }
    return true
  }
}
