/// `exceeded_poll`
///
/// - Concludes: the member took longer than `max.poll.interval.ms` for what it was working on: that delivery is `expired`, and
///   `requeued` (cause `ack_timeout`) once its record comes to the target again. What else it had was only prefetched, and is
///   `abandoned`.
/// - Evidence: it left the group by itself while it had deliveries in flight, and one of these: it gives the reason (KIP-800); it
///   commits later, and the coordinator does not know it; or it had worked on its oldest delivery for at least its rebalance
///   timeout, which is `max.poll.interval.ms`, and joins again on the same connection. Or it did not leave (static members): its
///   heartbeats stopped for longer than its session timeout, and the coordinator does not know it when it commits. A refused
///   commit names the partition; else the oldest delivery of all is meant.
/// - For: librdkafka, which commits in vain; the Java client, which gives its reason; kafka-python and aiokafka, which do neither.
/// - Wrong if: a consumer that has paused for so long unsubscribes and subscribes again.
/// - Tests: `KafkaPollTests`; recording `kafka_max_poll_exceeded`.
struct ExceededPoll {
  /// A delivery that was the oldest of its partition when its member lost it; counted as `abandoned`.
  struct Lost {
    var partition: KafkaPartition
    var offset: Int64
    var delivery: Delivery
  }

  /// A member that left by itself: it sent LeaveGroup, or said the same in a heartbeat.
  struct Member {
    var id: UInt64
    var at: Timestamp
    /// It had worked on its oldest delivery for its rebalance timeout.
    var tookTooLong: Bool
    /// The connection that it spoke on.
    var session: ObjectIdentifier
    /// The oldest of each partition, the oldest of all first; never empty.
    var lost: [Lost]

    /// Which delivery took too long, if the coordinator refuses to commit that offset of the member's.
    func refused(_ place: KafkaPlace, _ offset: Int64, error: Int16, requestedAt: Timestamp) -> Lost? {
      guard error == KafkaError.unknownMemberID || error == KafkaError.illegalGeneration, requestedAt >= at else {
        return nil
      }
      return lost.first { $0.partition.place == place && $0.offset < offset }
    }
  }

  /// At most `bound`; the earliest goes first.
  private(set) var members: [Member] = []

  var isEmpty: Bool { members.isEmpty }

  mutating func insert(_ member: Member) {
    members.removeAll { $0.id == member.id }
    if members.count >= Self.bound { members.removeFirst() }
    members.append(member)
  }

  /// That connection is over: no member joins on it again.
  mutating func ended(_ session: ObjectIdentifier) {
    for i in members.indices where members[i].session == session { members[i].tookTooLong = false }
  }

  /// It is known what became of the member.
  mutating func remove(_ id: UInt64) { members.removeAll { $0.id == id } }

  /// The reason that Java's client gives (`AbstractCoordinator`).
  static func isReason(_ reason: RawSpan) -> Bool {
    let begin: StaticString = "consumer poll timeout has expired"
    let count = begin.utf8CodeUnitCount
    return reason.byteCount >= count && reason.extracting(first: count).equals(begin)
  }

  private static let bound = 64
}

extension KafkaState {
  /// The oldest delivery in flight of each of its partitions; the oldest of all first.
  func oldestDeliveries(of member: KafkaMember) -> [ExceededPoll.Lost] {
    var lost: [ExceededPoll.Lost] = []
    for place in member.assigned.places.sorted() {
      guard let partition = member.group.partitions[place], partition.member === member,
        let (offset, id) = firstInFlight(of: partition)
      else { continue }
      lost.append(.init(partition: partition, offset: offset, delivery: ledger.delivery(id)))
    }
    lost.sort { ($0.delivery.at, $0.partition.place) < ($1.delivery.at, $1.partition.place) }
    return lost
  }

  /// That delivery, which is counted as abandoned, took too long.
  func exceeded(_ lost: ExceededPoll.Lost, at: Timestamp) {
    let partition = lost.partition
    guard isFiled(partition) else { return }
    count(.exceededPoll, in: partition.group)
    let again = partition.deliveries.find(lost.offset).flatMap { ledger.isLive($0) ? $0 : nil }
    ledger.expireAbandoned(
      lost.delivery, cameAgain: again != nil || lost.offset < partition.ackedThrough, at: at)
    partition.countReturn(to: lost.offset)
    if let again { ledger.raiseAttempt(of: again, to: lost.delivery.attempt &+ 1) }
  }
}
