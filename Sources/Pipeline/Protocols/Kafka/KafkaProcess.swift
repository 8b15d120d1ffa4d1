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
  /// Some of it to dead-letter or retry topics, or to topics that it consumes itself.
  var publishesCopies = false
  /// Its latest transaction that was aborted, until records come that were asked for later.
  var aborted: AbortedTransaction?
  /// Where a record of those contents was delivered last to a group, by both.
  private(set) var bodies: [UInt64: KafkaSource] = [:]

  /// Past the bound all begin anew: copies follow their sources soon.
  func noteBody(_ body: UInt64, _ source: KafkaSource) {
    if bodies.count >= Self.bodyBound { bodies.removeAll(keepingCapacity: true) }
    bodies[body ^ source.partition.group.salt] = source
  }

  /// Keys of the records that were delivered last, hashed: between half and all of `bodyBound`.
  private var keys: Set<UInt64> = []
  private var earlierKeys: Set<UInt64> = []

  func noteKey(_ key: UInt64) {
    guard key != 0, keys.insert(key).inserted, keys.count >= Self.bodyBound / 2 else { return }
    earlierKeys = keys
    keys = []
  }

  /// A key that no record had that was delivered here.
  func isOwnKey(_ key: UInt64) -> Bool {
    key != 0 && !(keys.isEmpty && earlierKeys.isEmpty) && !keys.contains(key) && !earlierKeys.contains(key)
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
  /// Copies without headers are told by their contents. A process that has read so many and published nothing is taken for
  /// one that does not: its records' contents are looked at again once it does.
  var readsContents: Bool { publishesCopies || recordsRead < Self.recordsHashed }
  static let recordsHashed = 16_384
}
