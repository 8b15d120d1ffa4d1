/// Locks of a share group's deliveries in one partition, oldest first: each is acquired by a member until its lock runs
/// out. Those whose delivery has ended are dropped when they come to the front.
///
/// Memory: `bound` locks; what is acquired beyond has none, so that only its acknowledgement ends it.
struct KafkaLocks {
  struct Lock {
    var offset: Int64
    var id: DeliveryID
    var until: Timestamp
    /// Who has acquired it: `KafkaMember.id`.
    var member: UInt64
  }

  private var queue: [Lock] = []
  private var head = 0
  /// Until when locks hold that were renewed.
  private var renewed: [DeliveryID: Timestamp] = [:]

  var isEmpty: Bool { head == queue.count }
  var count: Int { queue.count - head }

  mutating func append(_ lock: Lock, isLive: (DeliveryID) -> Bool) {
    while head < queue.count, !isLive(queue[head].id) { drop() }
    guard count < Self.bound else { return }
    if head > 64, head * 2 >= queue.count {
      queue.removeFirst(head)
      head = 0
    }
    queue.append(lock)
  }

  mutating func renew(_ id: DeliveryID, until: Timestamp) {
    if renewed[id] != nil || renewed.count < Self.bound { renewed[id] = until }
  }

  mutating func settled(_ id: DeliveryID) {
    if !renewed.isEmpty { renewed[id] = nil }
  }

  /// The next that has run out.
  mutating func nextExpired(at: Timestamp, isLive: (DeliveryID) -> Bool) -> Lock? {
    while head < queue.count {
      var lock = queue[head]
      guard isLive(lock.id) else {
        drop()
        continue
      }
      guard lock.until <= at else { return nil }
      let later = renewed[lock.id] ?? lock.until
      drop()
      guard later > at else { return lock }
      lock.until = later
      queue.append(lock)
    }
    return nil
  }

  /// The oldest of a member's.
  func first(of member: UInt64, where isMeant: (DeliveryID) -> Bool) -> Lock? {
    queue[head...].first { $0.member == member && isMeant($0.id) }
  }

  /// All that a member has acquired; it has none any more.
  mutating func take(of member: UInt64) -> [Lock] {
    let taken = queue[head...].filter { $0.member == member }
    guard !taken.isEmpty else { return [] }
    for lock in taken { renewed[lock.id] = nil }
    queue = queue[head...].filter { $0.member != member }
    head = 0
    return taken
  }

  mutating func removeAll() { self = KafkaLocks() }

  private mutating func drop() {
    renewed[queue[head].id] = nil
    head += 1
    if head == queue.count {
      queue.removeAll(keepingCapacity: true)
      head = 0
    }
  }

  private static let bound = 65_536
}
