// Requests to fetch: whose they are, where positions return to.

extension KafkaSession {
  /// The partition whose records are being read.
  struct Fetching {
    var readsCommitted = false
    var partition: KafkaPartition?
    /// Where to count what belongs to no group, or to several; nil: nowhere.
    var stray: Stray?
    var place: KafkaPlace = 0
    /// The position that was asked for: what lies before it is only part of its batch.
    var offset: Int64 = 0
    /// Behind the batches of it that came in this answer.
    var next: Int64 = 0
    var group = GroupID(index: 0, serial: 0)
    var detail: KafkaDetail = []
    /// The batch whose records come one by one.
    var batch: KafkaBatch?
    /// Records that have come of the partition.
    var handedOver = 0
    /// Of the record that is being handed over.
    var body: UInt64 = 0
    var marks: KafkaRecordMarks?
    var tries = KafkaTryMarks()
    var isLogAppendTime = false
    /// A broker that replicates, no consumer.
    var isReplica = false
    /// The request lists every partition that is wanted, not what changed in a session.
    var isFull = false
    /// It belongs to no session.
    var isAlone = false
    /// It ends a session, and asks for another one.
    var renewsSession = false
    /// When the latest request that is answered was sent.
    var answeredThrough = Timestamp.zero
    /// Counts full requests; how many partitions the latest lists.
    var fullRequests: UInt32 = 0
    var listed = 0
    /// Of the answer that is being read: it belongs to a session whose requests list only what changed.
    var isIncremental = false
    var requestedAt = Timestamp.zero
    /// The connection's latest request, and the one before it.
    var latest = KafkaSeeks.Request()
    var before = KafkaSeeks.Request()
  }

  enum Stray { case ungrouped, unattributed }

  // MARK: Requests

  func fetchRequested(_ request: KafkaFetchRequest, at: Timestamp) {
    fetching.before = fetching.latest
    fetching.latest = .init(sentAt: at)
    // Of a full request only what it lists is fetched; one within a session lists what changed.
    fetching.isFull = request.sessionEpoch <= 0
    fetching.isAlone = request.sessionEpoch < 0
    fetching.renewsSession = state.inferences.has(.renewedSession) && RenewedSession.renews(request)
    if fetching.isFull { fetching.fullRequests &+= 1 }
    fetching.listed = 0
    fetching.isReplica = request.replica >= 0
  }

  func fetchRequestEnded(replica: Int32) {
    // A broker that replicates is no consumer; from version 15 on that is said at the end. Some clients (afkak) ask for
    // each partition by a request of its own, without waiting for the answers of the others.
    let mayAwait = positions.count - fetching.listed <= Self.awaitedBound
    let isMeant = { (position: Position) in
      replica < 0
        && (position.fullRequest == self.fetching.fullRequests
          || mayAwait && position.isAwaited && position.askedAt >= self.fetching.answeredThrough)
    }
    guard replica >= 0 || (fetching.isFull && positions.count > fetching.listed) else { return }
    for (place, position) in positions where !isMeant(position) {
      positions[place] = nil
      moved(from: position.partition, to: nil)
    }
  }

  func fetchPartitionRequested(_ asked: KafkaFetchPosition, of exchange: KafkaExchange, in frame: RawSpan) {
    guard !fetching.isReplica, positions.count < KafkaGroup.partitionBound,
      let place = place(asked.topic, asked.partition, in: frame)
    else { return }
    let known = positions[place]
    let position = known ?? Position()
    if position.version != process.version { attribute(position, place, offset: asked.offset) }
    position.offset = asked.offset
    position.askedAt = exchange.requestedAt
    position.isAwaited = fetching.isAlone
    if fetching.isFull, position.fullRequest != fetching.fullRequests {
      position.fullRequest = fetching.fullRequests
      fetching.listed += 1
    }
    if known == nil { positions[place] = position }
    // Another owner's position is not this one's.
    if let partition = position.partition, partition.serial == position.serial {
      requested(partition, asked.offset, at: exchange.requestedAt)
    }
  }

  /// Partitions asked for one by one; a search among more would cost too much for each request.
  private static var awaitedBound: Int { 1_024 }

  func forget(_ topic: KafkaTopic, _ partition: Int32, in frame: RawSpan) {
    guard let place = place(topic, partition, in: frame), let position = positions.removeValue(forKey: place) else {
      return
    }
    moved(from: position.partition, to: nil)
  }

  /// Which group it is that fetches. By the assignments of this process; where several groups have the partition, by
  /// `GroupByOffset` or `GroupByClient`. Outside of every assignment (`assign()`), by the same. Never by a guess.
  func attribute(_ position: Position, _ place: KafkaPlace, offset: Int64) {
    position.version = process.version
    let before = position.partition
    var fitting = process.groups.filter { group in
      !group.isForeign && group.partitions[place].map { $0.member?.process == process.id } ?? false
    }
    var rule: KafkaInference?
    if fitting.count > 1 {
      (fitting, rule) = narrow(fitting, place, offset)
    } else if fitting.isEmpty {
      (fitting, rule) = standalone(place, offset)
      if fitting.count == 1, !assignStandalone(fitting[0], place) { fitting.removeAll() }
    }
    position.isAmbiguous = fitting.count > 1
    position.partition = fitting.count == 1 ? fitting[0].partitions[place] : nil
    if let partition = position.partition {
      position.serial = partition.serial
      if let member = partition.member { attach(member) }
      if partition.group.id == nil { _ = state.ledgerGroup(partition.group) }
      if let rule, partition !== before { state.count(rule, in: partition.group) }
      position.version = process.version
    }
    moved(from: before, to: position.partition)
  }

  private func narrow(
    _ groups: [KafkaGroup], _ place: KafkaPlace, _ offset: Int64
  ) -> (groups: [KafkaGroup], by: KafkaInference?) {
    if state.inferences.has(.groupByOffset) {
      let fitting = GroupByOffset.fitting(groups, place, offset)
      if fitting.count == 1 { return (fitting, .groupByOffset) }
    }
    if state.inferences.has(.groupByClient) {
      let fitting = GroupByClient.fitting(groups, place, client)
      if fitting.count == 1 { return (fitting, .groupByClient) }
    }
    return (groups, nil)
  }

  /// Groups that have no member in this process.
  private func standalone(_ place: KafkaPlace, _ offset: Int64) -> (groups: [KafkaGroup], by: KafkaInference?) {
    let groups = process.groups.filter { group in
      !group.isForeign && !group.members.contains { $0.value.process == process.id && !$0.value.isStandalone }
    }
    if state.inferences.has(.groupByOffset) {
      let fitting = GroupByOffset.standalone(groups, place, offset)
      if !fitting.isEmpty { return (fitting, .groupByOffset) }
    }
    guard state.inferences.has(.groupByClient) else { return ([], nil) }
    return (GroupByClient.standalone(groups, place, client), .groupByClient)
  }

  /// A consumer that assigns partitions to itself, of a group whose offsets it asked for or commits. Whether it has this one.
  @discardableResult
  func assignStandalone(_ group: KafkaGroup, _ place: KafkaPlace) -> Bool {
    let id = process.id ^ 0x73_74_61_6e_64_61_6c_6f
    guard let partition = state.partition(place, of: group) else { return false }
    if let other = partition.member {
      // It was started again as another process.
      guard other.isStandalone, other.process != process.id, other.connections == 0 else { return false }
      state.revoke(partition, at: ledger.now)
    }
    guard let member = state.member(id, of: group, process: process, client: client) else { return false }
    member.isStandalone = true
    take(partition, for: member)
    return true
  }

  /// The member has the partition from now on.
  func take(_ partition: KafkaPartition, for member: KafkaMember) {
    partition.owner.take(member, at: ledger.now)
    partition.cursor.assign()
    member.assigned.take(partition.place)
    let group = state.enrol(partition)
    if ledger.isCurrent(group) { ledger.setProcess(member.process, ofConsumer: partition.consumer) }
    process.version += 1
    ledger.isPlanDue = true
  }

  /// A position was asked for: `RenewedSession` and the rules of `KafkaSeeks` say what it means that it goes back.
  func requested(_ partition: KafkaPartition, _ offset: Int64, at: Timestamp) {
    let move = partition.cursor.request(offset)
    switch move {
    case .begins: begins(partition, offset, at: at)
    case .repeats where fetching.renewsSession && process.aborted?.workedOn.contains(partition.place) != true:
      state.count(.renewedSession, in: partition.group)
    case .repeats, .goesBack:
      let isAborted = process.aborted?.tells(requestSentAt: at) ?? false
      partition.member?.seeks.returned(
        partition.place, to: offset, before: fetching.before, isAborted: isAborted, at: at)
    case .goesOn: break
    }
    // Skipped, or handed over in a gap.
    partition.end = max(partition.end, offset)
  }

  /// The first request since an assignment. Where it goes on behind what was handed over, it was the same consumer's all
  /// along (cooperative rebalancing); also where it goes on behind what is in work: then it dropped only what it had fetched
  /// ahead, which comes again.
  private func begins(_ partition: KafkaPartition, _ offset: Int64, at: Timestamp) {
    let goesOn = partition.end >= 0 && partition.deliveries.count(below: offset) > 0
    if !goesOn, partition.end < 0 || offset < partition.end { state.abandon(partition, at: at) }
    partition.end = goesOn ? max(partition.end, offset) : offset
  }

  /// A round of returns was a failed attempt: the delivery ends, and the copy that came, or is to come, is another one.
  func confirm(_ confirmed: KafkaSeeks.Confirmed, of group: KafkaGroup, at: Timestamp) {
    guard let partition = group.partitions[confirmed.place] else { return }
    let offset = confirmed.offset
    state.count(
      confirmed.rule, in: group, message: confirmed.isNamed ? message(partition.place, offset) : nil)
    let failed = fail(partition, offset, isNamed: confirmed.isNamed, at: at)
    if confirmed.isNamed { partition.countReturn(to: offset) }
    if confirmed.isHandedOver {
      redeliver(failed, offset, of: partition, at: at)
    } else if partition.awaited.count < KafkaPartition.awaitedBound {
      partition.awaited.insert(offset)
    }
  }

  /// A copy that came before was a delivery after all.
  private func redeliver(_ failed: Delivery?, _ offset: Int64, of partition: KafkaPartition, at: Timestamp) {
    let group = state.enrol(partition)
    ledger.takeBackRefetched(of: group, partition.books)
    var arrival = arrival(offset, of: partition, in: group, at: at)
    // Counted when the copy came.
    arrival.isDuplicate = false
    if let failed {
      arrival.message = failed.message
      let attempts = Int64(failed.attempt) + (partition.seekBacks[offset] == nil ? 0 : 1)
      arrival.attempt = max(arrival.attempt ?? 1, Int32(clamping: attempts))
      arrival.deliberate_ns = failed.deliberate_ns
      if !failed.flags.contains(.lowerBound) {
        arrival.enqueued = Timestamp(ns: failed.enqueued_ns)
        arrival.delaySource = ledger.delaySource(of: group) ?? .createTime
      }
    }
    let id = ledger.deliver(arrival, noAck: false, isStream: false)
    if failed == nil, offset < partition.ackedThrough {
      // Acknowledged before it was worked on, so that nothing will end it but its return.
      ledger.settle(id, as: .requeued, at: at)
    } else {
      partition.deliveries.insert(offset, id)
    }
  }

  /// The delivery of that offset, if it is in flight, is tried again. Not `isNamed`: some delivery was, perhaps this one.
  @discardableResult
  func fail(_ partition: KafkaPartition, _ offset: Int64, isNamed: Bool = true, at: Timestamp) -> Delivery? {
    guard let id = partition.deliveries.find(offset) else { return nil }
    partition.deliveries.remove(offset)
    guard ledger.isLive(id) else { return nil }
    let delivery = ledger.delivery(id)
    if delivery.flags.contains(.paired) {
      ledger.dropPaired(id)
    } else {
      if isNamed { label(partition, offset, delivery.message) }
      ledger.settle(id, as: .requeued, at: at)
    }
    return delivery
  }

  /// The leader's epoch was asked for: where the position goes from there is not the consumer's doing.
  func excuse(_ topic: KafkaTopic, _ number: Int32, in frame: RawSpan) {
    guard let place = place(topic, number, in: frame) else { return }
    // It may be asked on another connection than the one that fetches.
    for group in process.groups {
      guard let partition = group.partitions[place], let member = partition.member, member.process == process.id
      else { continue }
      partition.cursor.excuseMove()
      member.seeks.cancel(place)
    }
  }
}
