/// One consumer group as far as the target takes part in it.
final class KafkaGroup {
  let name: String
  /// Mixed into hashes of contents.
  let salt: UInt64
  var cluster: ClusterID
  /// Its members in the target, by hash of their ids.
  var members: [UInt64: KafkaMember] = [:]
  private(set) var partitions: [KafkaPlace: KafkaPartition] = [:] { didSet { latest = nil } }
  /// The one that was looked up last, which is mostly the next one, too.
  private var latest: KafkaPartition?
  /// The same in the order in which they were seen.
  private(set) var list: [KafkaPartition] = []
  /// What OffsetFetch answered last (−1: nothing was committed yet), and what was committed last.
  private(set) var offsetsFetched: [KafkaPlace: Int64] = [:]
  private(set) var offsetsCommitted: [KafkaPlace: Int64] = [:]
  /// Client ids, hashed, of those who were answered that nothing was committed yet.
  private(set) var askedInVain: [KafkaPlace: UInt64] = [:]
  /// The latest generation (or member epoch) that was seen.
  var generation: Int32 = -1
  /// The epoch at which a member's partitions changed last.
  var changedAt: Int32 = -1
  /// Connect's workers and Schema Registry's: no consumers.
  var isForeign = false
  /// Its messages are acquired one by one (KIP-932), not partition by partition.
  var isShare = false
  /// Its members stop without leaving.
  var staysOnClose = false
  /// In the ledger; nil until it consumes something.
  var id: GroupID?
  /// Of the partition that a commit acknowledged something of last.
  var latestAcknowledged: KafkaPartition?

  init(name: String, cluster: ClusterID, salt: UInt64) {
    self.name = name
    self.cluster = cluster
    self.salt = salt
  }

  func partition(_ place: KafkaPlace) -> KafkaPartition? {
    if let latest, latest.place == place { return latest }
    latest = partitions[place]
    return latest
  }

  func add(_ partition: KafkaPartition) {
    if partitions.updateValue(partition, forKey: partition.place) == nil { list.append(partition) }
  }

  /// A partition is known by another place from now on.
  func move(_ partition: KafkaPartition, to place: KafkaPlace) {
    partitions[partition.place] = nil
    partition.place = place
    partitions[place] = partition
  }

  func drop(_ partition: KafkaPartition) {
    partitions[partition.place] = nil
    list.removeAll { $0 === partition }
    if latestAcknowledged === partition { latestAcknowledged = nil }
  }

  /// Lets go of its members and partitions, which know it: somebody may hold one of them for longer than the group is there.
  func dissolve() {
    members.removeAll()
    partitions.removeAll()
    list.removeAll()
    latestAcknowledged = nil
  }

  func noteFetched(_ place: KafkaPlace, _ offset: Int64, by client: UInt64) {
    if offset >= 0 {
      askedInVain[place] = nil
    } else if askedInVain.count < Self.partitionBound || askedInVain[place] != nil {
      askedInVain[place] = client
    }
    if offsetsFetched.count < Self.partitionBound || offsetsFetched[place] != nil { offsetsFetched[place] = offset }
  }

  func noteCommitted(_ place: KafkaPlace, _ offset: Int64) {
    askedInVain[place] = nil
    if offsetsCommitted.count < Self.partitionBound || offsetsCommitted[place] != nil {
      offsetsCommitted[place] = offset
    }
  }

  /// Whether who begins to fetch there does it where this group's consumer would; nil: it may begin anywhere.
  func begins(_ place: KafkaPlace, at offset: Int64) -> Bool? {
    let known = [offsetsFetched[place], offsetsCommitted[place]].compactMap { $0 }.filter { $0 >= 0 }
    return known.isEmpty ? nil : known.contains(offset)
  }

  /// Places of a topic that turned out to be others.
  func moveOffsets(_ topic: Int32, by topics: KafkaTopics) {
    func move<Value>(_ offsets: inout [KafkaPlace: Value]) {
      for place in offsets.keys where place >> 32 == KafkaPlace(topic) {
        let offset = offsets.removeValue(forKey: place)
        let other = topics.current(place)
        if offsets[other] == nil { offsets[other] = offset }
      }
    }
    move(&offsetsFetched)
    move(&offsetsCommitted)
    move(&askedInVain)
  }

  static let memberBound = 4_096
  static let partitionBound = 65_536
}

/// One consumer of a group: who has its partitions, and since when nobody has heard of it.
final class KafkaMember {
  let group: KafkaGroup
  let id: UInt64
  /// Hash that stands for its process.
  var process: UInt64
  /// Hash of its client id.
  var client: UInt64
  /// `group.instance.id`: it may stop without leaving, and come back as the same.
  var isStatic = false
  /// It assigns its partitions to itself (`assign()`), and has no session.
  var isStandalone = false
  var generation: Int32 = -1
  /// What it is assigned was heard, and every change since (KIP-848: answers repeat nothing).
  var isAssignmentKnown = false
  /// It was assigned something before.
  var hadPartitions = false
  var sessionTimeout_ns: Int64 = .seconds(45)
  var assigned: Set<KafkaPlace> = []
  /// Open connections that it was seen on.
  var connections = 0
  /// When its last connection was ended without its leaving, and whether by its own side.
  var goneAt: Timestamp?
  var wentByItself = false
  var seeks: KafkaSeeks
  /// Topics of a Streams member's subtopologies, by hash of the subtopology's id.
  var subtopologies: [UInt64: [Int32]] = [:]

  init(_ group: KafkaGroup, id: UInt64, process: UInt64, client: UInt64, rules: KafkaInferences) {
    seeks = KafkaSeeks(rules)
    self.group = group
    self.id = id
    self.process = process
    self.client = client
  }
}

/// One partition as one group consumes it.
final class KafkaPartition {
  let group: KafkaGroup
  var place: KafkaPlace
  /// Who has it; nil: nobody in the target.
  var member: KafkaMember?
  /// Changes with its owner.
  var serial: UInt32 = 0
  /// When that got it.
  var takenAt = Timestamp.zero
  /// In the ledger: `Consumer`, and the serial of the group that it was made for.
  var consumer: Int32 = 0
  var groupSerial: UInt32 = 0
  /// Index in the ledger group's `partitions`.
  var books: Int32 = -1
  /// Behind the last offset that was handed over; −1: none was since it was assigned.
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

/// One process of the target: a Fetch names no group, so what its connections say together tells.
final class KafkaProcess {
  let id: UInt64
  /// Groups that were seen in it.
  var groups: [KafkaGroup] = []
  /// Changes with every assignment.
  var version: UInt64 = 1
  /// Where it connected to first: other brokers belong to the same cluster unless they say otherwise.
  var cluster: ClusterID?
  /// Records that were handed over to it.
  var recordsRead = 0
  /// Some of it to dead-letter or retry topics.
  var publishesCopies = false
  /// Its latest transaction that was aborted, until records come that were asked for later.
  var aborted: AbortedTransaction?
  /// Copies to dead-letter and retry topics that do not say what they are copies of.
  var copies: [Copy] = []
  /// Where a record of those contents was delivered last to a group, by both.
  private(set) var bodies: [UInt64: KafkaSource] = [:]

  /// Past the bound all begin anew: copies follow their sources soon.
  func noteBody(_ body: UInt64, _ partition: KafkaPartition, _ offset: Int64) {
    if bodies.count >= Self.bodyBound { bodies.removeAll(keepingCapacity: true) }
    bodies[body ^ partition.group.salt] = KafkaSource(partition: partition, offset: offset)
  }

  func lastDelivery(of body: UInt64, in group: KafkaGroup) -> KafkaSource? { bodies[body ^ group.salt] }

  /// Of idempotent producers: the latest sequences by producer and partition, to tell repeated requests.
  var sequences: [UInt64: Sequences] = [:]

  /// As many as may be in flight.
  struct Sequences {
    private var latest: (Int32, Int32, Int32, Int32, Int32) = (-1, -1, -1, -1, -1)

    func contains(_ one: Int32) -> Bool {
      one == latest.0 || one == latest.1 || one == latest.2 || one == latest.3 || one == latest.4
    }

    mutating func append(_ one: Int32) { latest = (latest.1, latest.2, latest.3, latest.4, one) }
  }

  struct Copy {
    var producer: Int32
    var settlement: Settlement
  }

  init(id: UInt64) { self.id = id }

  func has(_ group: KafkaGroup) {
    if groups.contains(where: { $0 === group }) { return }
    // Those that it only asked about make room.
    if groups.count >= Self.groupBound { groups.removeAll { $0.members.isEmpty } }
    if groups.count < Self.groupBound { groups.append(group) }
  }

  private static let groupBound = 1_024
  static let sequenceBound = 4_096
  static let bodyBound = 65_536
  static let copyBound = 65_536
  /// Copies without headers are told by their contents. A process that has read so many and published nothing is taken for
  /// one that does not: its records' contents are looked at again once it does.
  var readsContents: Bool { publishesCopies || recordsRead < Self.recordsHashed }
  static let recordsHashed = 16_384
}
