/// What is remembered of a message between its deliveries, where the wire carries no attempt count.
struct MessageRecord {
  var key: UInt64 = 0
  var firstSeen = Timestamp.zero
  /// `Timestamp.distantFuture` until one failed.
  var firstFailed = Timestamp.distantFuture
  /// First deliveries: more than one when several messages can't be told apart (same body, no id).
  var first: UInt32 = 0
  /// Deliveries that ended without having been tried.
  var abandoned: UInt32 = 0
  var failed: UInt32 = 0
  var acked: UInt32 = 0
  /// The latest delivery in flight; 0 if none.
  var inFlight: DeliveryID = 0
  fileprivate var newer: UInt32 = 0
  fileprivate var older: UInt32 = 0
}

/// Messages by keyed hash, at most `bound` of them; the least recently seen goes first, counted in `evicted`.
///
/// Open addressing with linear probing over a power of two of at least twice the bound; entries in a flat array linked
/// by recency. A look-up costs one or two cache lines; nothing is allocated once the table has grown to its bound.
struct MessageTable {
  private(set) var evicted: UInt64 = 0
  private var records: ContiguousArray<MessageRecord> = [MessageRecord()]
  private var buckets: ContiguousArray<UInt32>
  private var mask: Int
  private var newest: UInt32 = 0
  private var oldest: UInt32 = 0
  private let bound: Int

  init(bound: Int) {
    self.bound = max(1, min(bound, 1 << 28))
    let capacity = Self.capacity(for: min(self.bound, 1024))
    buckets = ContiguousArray(repeating: 0, count: capacity)
    mask = capacity - 1
  }

  var count: Int { records.count - 1 }

  subscript(_ index: UInt32) -> MessageRecord {
    _read { yield records[Int(index)] }
    _modify { yield &records[Int(index)] }
  }

  /// The record's index, or 0. Does not count as seeing it.
  func find(_ key: UInt64) -> UInt32 {
    var at = slot(key)
    while true {
      let index = buckets[at]
      if index == 0 || records[Int(index)].key == key { return index }
      at = (at + 1) & mask
    }
  }

  /// The record of `key`, made if need be, now the most recently seen.
  mutating func touch(_ key: UInt64, at: Timestamp) -> UInt32 {
    let found = find(key)
    if found != 0 {
      if found != newest {
        unlink(found)
        link(found)
      }
      return found
    }
    let index: UInt32
    if records.count <= bound {
      if records.count * 2 > buckets.count { grow() }
      index = UInt32(records.count)
      records.append(MessageRecord())
    } else {
      index = oldest
      unlink(index)
      removeFromBuckets(records[Int(index)].key)
      evicted += 1
    }
    records[Int(index)] = MessageRecord()
    records[Int(index)].key = key
    records[Int(index)].firstSeen = at
    place(key, index)
    link(index)
    return index
  }

  private func slot(_ key: UInt64) -> Int { Int(truncatingIfNeeded: (key &* 0x9e37_79b9_7f4a_7c15) >> 20) & mask }

  private mutating func place(_ key: UInt64, _ index: UInt32) {
    var at = slot(key)
    while buckets[at] != 0 { at = (at + 1) & mask }
    buckets[at] = index
  }

  /// Backward shift: entries behind the hole that probed past it move up, so that no tombstones are needed.
  private mutating func removeFromBuckets(_ key: UInt64) {
    var hole = slot(key)
    while buckets[hole] != 0, records[Int(buckets[hole])].key != key { hole = (hole + 1) & mask }
    var at = hole
    while true {
      at = (at + 1) & mask
      let index = buckets[at]
      if index == 0 { break }
      let home = slot(records[Int(index)].key)
      if ((at &- home) & mask) >= ((at &- hole) & mask) {
        buckets[hole] = index
        hole = at
      }
    }
    buckets[hole] = 0
  }

  private mutating func grow() {
    let capacity = Self.capacity(for: records.count * 2)
    buckets = ContiguousArray(repeating: 0, count: capacity)
    mask = capacity - 1
    for index in 1..<records.count { place(records[index].key, UInt32(index)) }
  }

  private mutating func link(_ index: UInt32) {
    records[Int(index)].older = newest
    records[Int(index)].newer = 0
    if newest != 0 { records[Int(newest)].newer = index }
    newest = index
    if oldest == 0 { oldest = index }
  }

  private mutating func unlink(_ index: UInt32) {
    let older = records[Int(index)].older
    let newer = records[Int(index)].newer
    if older != 0 { records[Int(older)].newer = newer } else { oldest = newer }
    if newer != 0 { records[Int(newer)].older = older } else { newest = older }
  }

  private static func capacity(for records: Int) -> Int {
    var capacity = 64
    while capacity < records * 2 + 2 { capacity *= 2 }
    return capacity
  }
}
