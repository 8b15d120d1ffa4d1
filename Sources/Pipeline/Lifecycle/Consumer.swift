/// One consumer of a group, as its protocol tells consumers apart: a tag, the gets of one queue, a partition.
struct Consumer: BitwiseCopyable {
  var process: UInt64
  /// Of which group's consumers it is one; nil once it gets nothing more.
  var group: GroupID?
  /// The protocol's own number for where it consumes.
  var place: Int32 = 0
  /// Index in its group's `partitions`; −1 where the system has none.
  var partition: Int32 = -1
  /// The broker takes a delivery for acknowledged as soon as it is sent.
  var noAck: Bool
  /// Deliveries are a stream: acks are credit, nothing is ever requeued.
  var isStream = false
  /// It stands for gets, which ask for each message: nothing about them makes the group unholdable.
  var isGetter = false
  /// How many unsettled deliveries the broker may send; 0 is no limit, nil is unknown.
  var prefetch: UInt32?
  /// The broker sends to it without being asked, up to a prefetch that was not seen (joined midway).
  var hasUnseenPrefetch = false
  /// Nothing of it is in doubt any more: cancelled or closed in good order.
  var isCancelled = false
  var lastSettled = Timestamp.zero
  var lastAcked = Timestamp.zero
  var inFlight: Int32 = 0
  var isLive = true

  /// Why to hold its requests would not stop deliveries; nil if it would.
  var unholdable: NotHeld? {
    if isGetter { return nil }
    return noAck ? .noAck : prefetch == 0 ? .unlimitedPrefetch : nil
  }

  /// It was joined midway and has not settled anything yet: perhaps it never will.
  var mayBeUnanswered: Bool { !isGetter && prefetch == nil && lastSettled == .zero }
}

/// A group's consumers that get deliveries, as far as holding it is concerned.
struct GroupConsumers {
  private var noAck = 0
  private var unlimited = 0
  /// Unsettled deliveries that the broker may send to all of them together, as far as that was seen. (A limit of a whole
  /// channel counts for each of its consumers: at most so many.)
  private(set) var prefetch = 0
  private var unseen = 0

  mutating func enter(_ consumer: Consumer) { count(consumer, 1) }
  mutating func leave(_ consumer: Consumer) { count(consumer, -1) }

  private mutating func count(_ consumer: Consumer, _ step: Int) {
    if consumer.isGetter { return }
    if consumer.hasUnseenPrefetch { unseen += step }
    if consumer.noAck {
      noAck += step
    } else if consumer.prefetch == 0 {
      unlimited += step
    } else {
      prefetch += step * Int(consumer.prefetch ?? 0)
    }
  }

  /// `prefetch` lacks that of a consumer, which was not seen.
  var isPrefetchMinimum: Bool { unseen > 0 }

  /// Why `pause` could not hold the group; nil if it could.
  var unholdable: NotHeld? { noAck > 0 ? .noAck : unlimited > 0 ? .unlimitedPrefetch : nil }
}

/// Consumers in a flat array with a free list; index 0 is none. At most `bound` of them.
struct ConsumerTable: ~Copyable {
  private var slots = FlatArray(repeating: Consumer(process: 0, noAck: false, isLive: false), count: 1)
  private var free: [Int32] = []

  /// 0 when there is no room.
  mutating func insert(_ consumer: Consumer) -> Int32 {
    if let index = free.popLast() {
      slots[Int(index)] = consumer
      return index
    }
    guard slots.count <= Self.bound else { return 0 }
    slots.append(consumer)
    return Int32(slots.count - 1)
  }

  /// Only once nothing of it is in flight or awaiting an acknowledgement.
  mutating func remove(_ index: Int32) {
    guard index > 0, slots[Int(index)].isLive else { return }
    slots[Int(index)].isLive = false
    free.append(index)
  }

  /// Consumers there are.
  var count: Int { slots.count - 1 - free.count }

  /// More than any broker serves to one target.
  static let bound = 262_144

  subscript(_ index: Int32) -> Consumer {
    @inline(__always) _read { yield slots[Int(index)] }
    @inline(__always) _modify { yield &slots[Int(index)] }
  }
}
