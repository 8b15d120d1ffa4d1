/// One partition as one group consumes it.
final class KafkaPartition {
  let group: KafkaGroup
  var place: KafkaPlace
  var owner = KafkaOwner()
  /// The member that has it; nil: none in the target.
  var member: KafkaMember? { owner.member }
  var serial: UInt32 { owner.serial }
  /// In the ledger: `Consumer`, and the serial of the group that it was made for.
  var consumer: Int32 = 0
  var groupSerial: UInt32 = 0
  /// Index in the ledger group's `partitions`.
  var books: Int32 = -1
  /// Records below this offset count as fetched again: the larger of the last fetch offset and the offset after the last
  /// record. −1: not fetched since it was assigned.
  var end: Int64 = -1
  /// Behind the last that was ever handed over.
  var seenThrough: Int64 = 0
  /// What the group committed last; −1: unknown.
  var committed: Int64 = -1
  /// Behind the last that was acknowledged, and behind the last whose commit was refused.
  var ackedThrough: Int64 = 0
  var refusedThrough: Int64 = 0
  /// Where the log ends for this reader (high watermark, or last stable offset); −1: unknown.
  var logEnd: Int64 = -1
  var deliveries = KafkaOffsets()
  var cursor = KafkaCursor()
  /// Confirmed returns to exactly these offsets. They count on through generations, until the group is past them: kafkajs
  /// leaves its group and joins anew when its retries are used up.
  var seekBacks: [Int64: Int32] = [:]
  /// Offsets whose next copy is a delivery again.
  var awaited: Set<Int64> = []
  /// The last that were acknowledged.
  var recent = KafkaRecent()
  /// Records that are further tries of others, by offset: `FollowedCopy`.
  var tries: [Int64: FollowedCopy.Try] = [:]
  /// Offsets of deliveries in flight that `ReturnedRecord` applies to.
  var returned: Set<Int64> = []
  var metadata = ChangedMetadata()
  /// Of a share group: deliveries whose lock may run out, and those whose lock did, should they come again.
  var locks = KafkaLocks()
  var lapsed: [Int64: Delivery] = [:]

  init(_ group: KafkaGroup, _ place: KafkaPlace) {
    self.group = group
    self.place = place
  }

  /// One more try of exactly that record.
  func countReturn(to offset: Int64) {
    if seekBacks[offset] != nil || seekBacks.count < Self.awaitedBound { seekBacks[offset, default: 0] += 1 }
  }

  static let awaitedBound = 4_096
  /// Before anything tells that the process publishes copies, and then; of all partitions of a group.
  static let recentBound = 64
  static let recentCopiedBound = 2_048
  static let recentTotal = 65_536
}
