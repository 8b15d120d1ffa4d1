/// What is remembered of a message between its deliveries, where the wire carries no attempt count.
struct MessageRecord: BitwiseCopyable {
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
  fileprivate var newer: UInt32 = 0
  fileprivate var older: UInt32 = 0
}

/// Messages by keyed hash, at most `bound` of them; the least recently seen goes first, counted in `evicted`.
///
/// Open addressing with linear probing over a power of two of at least twice the bound; entries in a flat array linked
/// by recency. A bucket knows its entry's hash, so that probing and moving entries up touch no record but the one sought.
/// Nothing is allocated once the table has grown to its bound.
struct MessageTable: ~Copyable {
  private(set) var evicted: UInt64 = 0
  private var records = FlatArray(repeating: MessageRecord(), count: 1)
  private var buckets: FlatArray<Bucket>
  private var mask: Int
  private var newest: UInt32 = 0
  private var oldest: UInt32 = 0
  private let bound: Int

  /// Not private: the compiler (6.3.1) fails on a private type as another type's element in debug builds.
  struct Bucket: BitwiseCopyable {
    /// In `records`; 0: free.
    var index: UInt32 = 0
    /// Of the record's key.
    var hash: UInt32 = 0
  }

  init(bound: Int) {
    self.bound = max(1, min(bound, 1 << 28))
    let capacity = Self.capacity(for: min(self.bound, 1024))
    buckets = FlatArray(repeating: Bucket(), count: capacity)
    mask = capacity - 1
  }

  var count: Int { records.count - 1 }

  subscript(_ index: UInt32) -> MessageRecord {
    @inline(__always) _read { yield records[Int(index)] }
    @inline(__always) _modify { yield &records[Int(index)] }
  }

  /// The record's index, or 0. Does not count as seeing it.
  func find(_ key: UInt64) -> UInt32 {
    let hash = hash(key)
    var at = home(hash)
    while true {
      let bucket = buckets[at]
      if bucket.index == 0 { return 0 }
      if bucket.hash == hash, records[Int(bucket.index)].key == key { return bucket.index }
      at = (at + 1) & mask
    }
  }

  /// The same, with the index under which the record was when it was touched: it is there still, unless it was evicted.
  func find(_ key: UInt64, lastAt index: UInt32) -> UInt32 {
    if index != 0, records[Int(index)].key == key { return index }
    return find(key)
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
      removeFromBuckets(index)
      evicted += 1
    }
    records[Int(index)] = MessageRecord()
    records[Int(index)].key = key
    records[Int(index)].firstSeen = at
    place(key, index)
    link(index)
    return index
  }

  private func hash(_ key: UInt64) -> UInt32 { UInt32(truncatingIfNeeded: (key &* 0x9e37_79b9_7f4a_7c15) >> 20) }

  /// Where probing begins. There are never more than 2^30 buckets (`bound`), so 32 bits of hash suffice.
  private func home(_ hash: UInt32) -> Int { Int(hash) & mask }

  private mutating func place(_ key: UInt64, _ index: UInt32) {
    let hash = hash(key)
    var at = home(hash)
    while buckets[at].index != 0 { at = (at + 1) & mask }
    buckets[at] = Bucket(index: index, hash: hash)
  }

  /// Backward shift: entries behind the hole that probed past it move up, so that no tombstones are needed.
  private mutating func removeFromBuckets(_ index: UInt32) {
    var hole = home(hash(records[Int(index)].key))
    while buckets[hole].index != 0, buckets[hole].index != index { hole = (hole + 1) & mask }
    var at = hole
    while true {
      at = (at + 1) & mask
      let bucket = buckets[at]
      if bucket.index == 0 { break }
      if ((at &- home(bucket.hash)) & mask) >= ((at &- hole) & mask) {
        buckets[hole] = bucket
        hole = at
      }
    }
    buckets[hole] = Bucket()
  }

  private mutating func grow() {
    let capacity = Self.capacity(for: min(records.count * 2, bound))
    buckets = FlatArray(repeating: Bucket(), count: capacity)
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
    while capacity < records * 2 { capacity *= 2 }
    return capacity
  }
}
