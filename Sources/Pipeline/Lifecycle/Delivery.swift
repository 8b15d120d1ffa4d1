/// Names one delivery for good: its slot in the `DeliveryTable` in the lower half, how often that slot was used before in
/// the upper one, so that whoever keeps an id for too long finds nothing, never another delivery. 0 is none.
package typealias DeliveryID = UInt64

/// One message in the hands of one consumer.
struct Delivery: BitwiseCopyable {
  /// Index in `Ledger.groups`, and the group's serial number: a bound may give the index to another group.
  var group: Int32 = 0
  var groupSerial: UInt32 = 0
  /// Index in the `ConsumerTable`. Once the delivery has ended, another consumer may have that place.
  var consumer: Int32 = 0
  /// Index in its group's `partitions`; −1 where the system has none.
  var partition: Int32 = -1
  /// Neighbours in the group's list of deliveries in flight, or of paired ones; oldest first.
  var previous: DeliveryID = 0
  var next: DeliveryID = 0
  var at = Timestamp.zero
  /// When its message was first delivered to this target.
  var first = Timestamp.zero
  /// Or when it was first seen here, with `.lowerBound`.
  var enqueued_ns: Int64 = 0
  /// Deliberate delay (wait queues) that is not the consumer's fault, to be taken off.
  var deliberate_ns: Int64 = 0
  var message: UInt64 = 0
  /// Hash of the process that holds it.
  var process: UInt64 = 0
  var attempt: Int32 = 1
  fileprivate var generation: UInt32 = 0
  /// Index of its message in the `MessageTable` when it was delivered.
  var record: UInt32 = 0
  /// Its number in the `SourceTable`; 0 if it is not kept there.
  var source: UInt32 = 0
  var flags: Flags = []

  var groupID: GroupID { GroupID(index: group, serial: groupSerial) }

  /// Of a paired one: when its copy was published. It stands where the moment of enqueueing did, which has done its work.
  var pairedAt: Timestamp {
    get { Timestamp(ns: enqueued_ns) }
    set { enqueued_ns = newValue.ns }
  }

  struct Flags: OptionSet, BitwiseCopyable {
    let rawValue: UInt16
    /// `enqueued_ns` is when the message was first seen here.
    static let lowerBound = Flags(rawValue: 1)
    /// One more return exceeds the queue's delivery limit.
    static let lastAttempt = Flags(rawValue: 2)
    /// Settled by an own dead-letter or retry publish; kept until its acknowledgement comes.
    static let paired = Flags(rawValue: 4)
    /// Its answer was seen while the breaker held it back.
    static let answeredHeld = Flags(rawValue: 8)
    /// Where nothing can be failed by the consumer: a stream, whose acks are credit.
    static let credit = Flags(rawValue: 16)
    /// How it will be settled was seen while that was held back.
    static let foretold = Flags(rawValue: 32)
    /// The own table of messages knows it only once it has failed.
    static let selfTracked = Flags(rawValue: 64)
    static let live = Flags(rawValue: 128)
    /// It only waits here: the target has handed it back to the group that it came from.
    static let moved = Flags(rawValue: 256)
    /// The consumer published an equal message to where it came from.
    static let returned = Flags(rawValue: 512)
  }
}

/// Deliveries in flight, in one flat array with a free list. Nothing is allocated per delivery once it has grown to the
/// largest number that was ever in flight; `bound` limits that.
struct DeliveryTable: ~Copyable {
  private var slots = FlatArray(repeating: Delivery(), count: 1)
  private var free: UInt32 = 0
  private(set) var count = 0
  let bound: Int

  init(bound: Int) { self.bound = max(1, min(bound, Int(UInt32.max) - 2)) }

  var isFull: Bool { count >= bound }

  mutating func insert(_ delivery: Delivery) -> DeliveryID {
    count += 1
    var delivery = delivery
    delivery.flags.insert(.live)
    if free != 0 {
      let slot = Int(free)
      free = UInt32(truncatingIfNeeded: slots[slot].next)
      delivery.generation = slots[slot].generation
      slots[slot] = delivery
      return DeliveryID(delivery.generation) << 32 | DeliveryID(slot)
    }
    slots.append(delivery)
    return DeliveryID(slots.count - 1)
  }

  mutating func remove(_ id: DeliveryID) {
    let slot = Self.slot(id)
    guard isLive(id) else { return }
    count -= 1
    slots[slot].flags = []
    slots[slot].generation &+= 1
    slots[slot].next = DeliveryID(free)
    free = UInt32(truncatingIfNeeded: slot)
  }

  /// Whether the delivery is still there. Its holder must ask: a bound may have taken it away.
  func isLive(_ id: DeliveryID) -> Bool {
    let slot = Self.slot(id)
    return id != 0 && slot < slots.count && slots[slot].flags.contains(.live)
      && slots[slot].generation == UInt32(truncatingIfNeeded: id >> 32)
  }

  /// Only for ids of deliveries that are live.
  subscript(_ id: DeliveryID) -> Delivery {
    @inline(__always) _read { yield slots[Self.slot(id)] }
    @inline(__always) _modify { yield &slots[Self.slot(id)] }
  }

  @inline(__always) private static func slot(_ id: DeliveryID) -> Int { Int(truncatingIfNeeded: id & 0xffff_ffff) }
}
