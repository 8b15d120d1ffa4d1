/// One consumer group as far as the target takes part in it.
final class KafkaGroup {
  let name: String
  /// Mixed into hashes of contents.
  let salt: UInt64
  var cluster: ClusterID
  /// Its members in the target, by hash of their ids.
  var members: [UInt64: KafkaMember] = [:]
  private(set) var partitions: [KafkaPlace: KafkaPartition] = [:] {
    didSet {
      latest = nil
      topics = nil
    }
  }
  /// Topics of its partitions, once they were asked for.
  private var topics: Set<Int32>?
  /// The one that was looked up last, which is mostly the next one, too.
  private var latest: KafkaPartition?
  /// The same in the order in which they were seen.
  private(set) var list: [KafkaPartition] = []
  /// What OffsetFetch answered last (−1: nothing was committed yet), and what was committed last.
  private(set) var offsetsFetched: [KafkaPlace: Int64] = [:]
  private(set) var offsetsCommitted: [KafkaPlace: Int64] = [:]
  /// Client ids, hashed, of clients that were answered that nothing was committed yet.
  private(set) var askedInVain: [KafkaPlace: UInt64] = [:]
  var generations = KafkaGenerations()
  /// Connect's workers and Schema Registry's: no consumers.
  var isForeign = false
  /// Its messages are acquired one by one (KIP-932), not partition by partition.
  var isShare = false
  /// Its members stop without leaving.
  var staysOnClose = false
  /// Members that lost what they were working on.
  var exceeded = ExceededPoll()
  /// What brokers refused before it consumed anything.
  var earlyErrors: [BrokerError] = []
  /// In the ledger; nil until it consumes something.
  var id: GroupID?
  /// Of the partition that a commit acknowledged something of last.
  var latestAcknowledged: KafkaPartition?
  /// Copies to dead-letter and retry topics that do not say what they are copies of, and that no acknowledgement was found for.
  var copies: [Copy] = []

  struct Copy {
    var producer: Int32
    var settlement: Settlement
  }

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

  /// Whether it consumes that topic, as far as the target shows.
  func consumes(_ topic: Int32) -> Bool { consumedTopics.contains(topic) }

  var consumedTopics: Set<Int32> {
    if let topics { return topics }
    let all = Set(list.lazy.map { Int32(truncatingIfNeeded: $0.place >> 32) })
    topics = all
    return all
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

  /// Lets go of its members and partitions, and of deliveries that name these, which refer to it: one of them may be kept for
  /// longer than the group is there.
  func dissolve() {
    members.removeAll()
    partitions.removeAll()
    list.removeAll()
    latestAcknowledged = nil
    copies.removeAll()
    latest = nil
    exceeded = ExceededPoll()
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

  /// Whether a fetch that begins there begins where this group's consumer would; nil: it may begin anywhere.
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
  static let copyBound = 65_536
}
