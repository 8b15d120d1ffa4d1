/// What all Kafka connections of one target share: topics, groups, processes, transactions.
///
/// Memory: bounded by the ledger's groups, `KafkaGroup`'s members and partitions, `KafkaTopics.bound`, `processBound`
/// and `transactionBound`; what a bound drops is counted in the ledger.
final class KafkaState {
  let key: KeyedHash.Key
  let ledger: Ledger
  var topics: KafkaTopics
  /// Counts topics that turned out to be others: places that were kept must be looked at.
  private(set) var topicsVersion: UInt64 = 0
  private var processes: [UInt64: KafkaProcess] = [:]
  private var groups: [GroupName: KafkaGroup] = [:]
  /// Members whose side ended every connection without their leaving.
  private(set) var gone: [KafkaMember] = []
  /// Processes with copies of which nobody knows yet what they are copies of.
  var copying: [KafkaProcess] = []
  /// Share groups: their locks run out.
  private(set) var shares: [KafkaGroup] = []
  /// Offsets that transactions in progress would commit.
  private var transactions: [Int64: [(group: KafkaGroup, place: KafkaPlace, offset: Int64)]] = [:]

  private struct GroupName: Hashable {
    var name: String
    var cluster: ClusterID
  }

  init(key: KeyedHash.Key, ledger: Ledger) {
    self.key = key
    self.ledger = ledger
    topics = KafkaTopics(key: key, settings: ledger.settings.destinations)
  }

  func process(_ id: UInt64) -> KafkaProcess {
    if let known = processes[id] { return known }
    let made = KafkaProcess(id: id)
    if processes.count >= Self.processBound, let idle = processes.first(where: { $0.value.groups.isEmpty })?.key {
      processes[idle] = nil
    }
    if processes.count < Self.processBound { processes[id] = made }
    return made
  }

  /// The group of that name, made if need be; nil where there is no room.
  func group(_ name: String, cluster: ClusterID) -> KafkaGroup? {
    let filed = GroupName(name: name, cluster: cluster)
    if let known = groups[filed] { return known }
    guard groups.count < ledger.settings.limits.groups else {
      ledger.dropped.groups += 1
      return nil
    }
    let made = KafkaGroup(name: name, cluster: cluster)
    groups[filed] = made
    return made
  }

  func member(_ id: UInt64, of group: KafkaGroup, process: KafkaProcess, client: UInt64) -> KafkaMember? {
    if let known = group.members[id] {
      known.process = process.id
      return known
    }
    if group.members.count >= KafkaGroup.memberBound {
      // Those that lost their partitions have nothing more to say.
      for (id, member) in group.members where member.assigned.isEmpty && member.connections == 0 {
        group.members[id] = nil
      }
    }
    guard group.members.count < KafkaGroup.memberBound else {
      ledger.dropped.consumers += 1
      return nil
    }
    let made = KafkaMember(group, id: id, process: process.id, client: client)
    group.members[id] = made
    process.has(group)
    return made
  }

  func partition(_ place: KafkaPlace, of group: KafkaGroup) -> KafkaPartition? {
    if let known = group.partitions[place] { return known }
    guard group.partitions.count < KafkaGroup.partitionBound else {
      ledger.dropped.consumers += 1
      return nil
    }
    let made = KafkaPartition(group, place)
    group.partitions[place] = made
    return made
  }

  /// The group in the ledger, made if need be: it consumes something.
  @discardableResult
  func ledgerGroup(_ group: KafkaGroup) -> GroupID {
    if let id = group.id, ledger.isCurrent(id) { return id }
    let id = ledger.group(
      .kafka, key: GroupKey.kafka(group: group.name), name: group.name, destination: nil, cluster: group.cluster)
    group.id = id
    return id
  }

  /// Sees to it that the partition has a consumer in the ledger whose process is its owner's.
  func enrol(_ partition: KafkaPartition) -> GroupID {
    let id = ledgerGroup(partition.group)
    if partition.groupSerial != id.serial || partition.consumer == 0 {
      var consumer = Consumer(process: partition.member?.process ?? 0, noAck: false)
      consumer.lastSettled = ledger.now
      partition.books = ledger.groups[Int(id.index)].addPartition(
        KafkaTopics.partition(of: partition.place), of: topics[partition.place].name, at: ledger.now)
      consumer.partition = partition.books
      partition.consumer = ledger.addConsumer(consumer, of: id)
      partition.groupSerial = id.serial
    }
    return id
  }

  // MARK: Topics

  func learn(_ topic: KafkaTopic, in frame: RawSpan, cluster: ClusterID) {
    switch topics.learn(topic, in: frame, cluster: cluster) {
    case .nothing: break
    case .named(let was, let now):
      for group in groups.values {
        if let id = group.id, ledger.isCurrent(id) { ledger.groups[Int(id.index)].rename(was, to: now) }
      }
    case .merged(let from, _):
      topicsVersion += 1
      for group in groups.values { move(from, in: group) }
      for process in processes.values { process.version += 1 }
    }
  }

  /// What was filed under a topic's id goes to its name.
  private func move(_ topic: Int32, in group: KafkaGroup) {
    for place in group.offsetsFetched.keys where place >> 32 == KafkaPlace(topic) {
      let offset = group.offsetsFetched.removeValue(forKey: place)
      let other = topics.current(place)
      if group.offsetsFetched[other] == nil { group.offsetsFetched[other] = offset }
    }
    for (place, partition) in group.partitions where place >> 32 == KafkaPlace(topic) {
      let other = topics.current(place)
      group.partitions[place] = nil
      if let known = group.partitions[other] {
        // Assigned by name, fetched by id: the owner goes on with what is known there.
        if known.member == nil { known.member = partition.member }
        abandon(partition, at: ledger.now)
      } else {
        partition.place = other
        partition.groupSerial = 0
        abandon(partition, at: ledger.now)
        group.partitions[other] = partition
      }
    }
    for member in group.members.values {
      for place in member.assigned where place >> 32 == KafkaPlace(topic) {
        member.assigned.remove(place)
        member.assigned.insert(topics.current(place))
        member.returns.rename(place, to: topics.current(place))
      }
    }
  }

  // MARK: Ends

  /// What of a partition is in flight ends untried; it may come again.
  func abandon(_ partition: KafkaPartition, at: Timestamp) {
    while let (_, id) = partition.deliveries.removeFirst() {
      guard ledger.deliveries.isLive(id) else { continue }
      if ledger.deliveries[id].flags.contains(.paired) {
        ledger.dropPaired(id)
      } else {
        ledger.settle(id, as: .abandoned, at: at)
      }
    }
    partition.awaited.removeAll()
    partition.seekBacks.removeAll()
    partition.locks.removeAll()
  }

  /// A member no longer has the partition.
  func revoke(_ partition: KafkaPartition, at: Timestamp) {
    abandon(partition, at: at)
    partition.member?.assigned.remove(partition.place)
    partition.member?.returns.cancel(partition.place)
    partition.member = nil
    partition.serial &+= 1
    partition.end = -1
    partition.requested = -1
    partition.position = -1
    partition.isReassigned = true
    setLag(of: partition, nil)
    ledger.isPlanDue = true
  }

  /// The member left, or was put out.
  func dismiss(_ member: KafkaMember, at: Timestamp) {
    member.goneAt = nil
    gone.removeAll { $0 === member }
    for place in member.assigned.sorted() {
      if let partition = member.group.partitions[place], partition.member === member { revoke(partition, at: at) }
    }
    member.assigned.removeAll()
    member.returns.cancel()
    for process in processes.values where process.id == member.process { process.version += 1 }
  }

  /// Its side ended the last of its connections.
  func vanished(_ member: KafkaMember, at: Timestamp) {
    guard member.goneAt == nil, !member.assigned.isEmpty else { return }
    member.goneAt = at
    gone.append(member)
  }

  func isBack(_ member: KafkaMember) {
    guard member.goneAt != nil else { return }
    member.goneAt = nil
    gone.removeAll { $0 === member }
  }

  /// It is not coming back: what it was working on, its oldest delivery, has crashed with it; the rest was prefetched.
  /// A static member, which stops without leaving, and one without a session, which can't leave, have just stopped.
  func crash(_ member: KafkaMember, at: Timestamp) {
    if !member.isStatic, !member.isStandalone {
      var oldest: (partition: KafkaPartition, offset: Int64, id: DeliveryID)?
      for place in member.assigned.sorted() {
        guard let partition = member.group.partitions[place], partition.member === member,
          let (offset, id) = firstInFlight(of: partition)
        else { continue }
        if oldest.map({ ledger.deliveries[id].at < ledger.deliveries[$0.id].at }) ?? true {
          oldest = (partition, offset, id)
        }
      }
      if let oldest {
        ledger.settle(oldest.id, as: .crashed, at: at)
        oldest.partition.deliveries.remove(oldest.offset)
      }
    }
    dismiss(member, at: at)
  }

  private func firstInFlight(of partition: KafkaPartition) -> (offset: Int64, id: DeliveryID)? {
    while let first = partition.deliveries.first {
      if ledger.deliveries.isLive(first.id), !ledger.deliveries[first.id].flags.contains(.paired) { return first }
      _ = partition.deliveries.removeFirst()
      if ledger.deliveries.isLive(first.id) { ledger.dropPaired(first.id) }
    }
    return nil
  }

  /// Time alone ends something.
  var isWaiting: Bool {
    !gone.isEmpty || !copying.isEmpty || shares.contains { $0.partitions.values.contains { !$0.locks.isEmpty } }
  }

  func expire(at: Timestamp) {
    for member in gone {
      if let since = member.goneAt, at - since > member.sessionTimeout_ns { crash(member, at: at) }
    }
    for group in shares { expireLocks(of: group, at: at) }
    for process in copying { expireCopies(of: process, since: at + -Self.copyWait_ns, at: at) }
    copying.removeAll { $0.copies.isEmpty }
  }

  /// The capture is over: who is gone does not come back.
  func finish(at: Timestamp) {
    for process in copying { expireCopies(of: process, since: .distantFuture, at: at) }
    copying.removeAll()
    for member in gone { crash(member, at: at) }
  }

  func noteShare(_ group: KafkaGroup) {
    guard !group.isShare else { return }
    group.isShare = true
    shares.append(group)
  }

  // MARK: Lag

  func setLag(of partition: KafkaPartition, _ lag: Int64?) {
    guard partition.books >= 0, let id = partition.group.id, id.serial == partition.groupSerial, ledger.isCurrent(id)
    else { return }
    ledger.groups[Int(id.index)].partitions[Int(partition.books)].lag = lag
  }

  func updateLag(of partition: KafkaPartition) {
    let position = partition.committed >= 0 ? partition.committed : partition.end
    guard partition.logEnd >= 0, position >= 0 else { return }
    setLag(of: partition, max(0, partition.logEnd &- position))
  }

  // MARK: Transactions

  func addToTransaction(_ producer: Int64, _ group: KafkaGroup, _ place: KafkaPlace, _ offset: Int64) {
    guard transactions[producer] != nil || transactions.count < Self.transactionBound,
      transactions[producer]?.count ?? 0 < Self.transactionBound
    else { return }
    transactions[producer, default: []].append((group, place, offset))
  }

  func takeTransaction(_ producer: Int64) -> [(group: KafkaGroup, place: KafkaPlace, offset: Int64)] {
    transactions.removeValue(forKey: producer) ?? []
  }

  /// A copy's source is acknowledged within this time, or not at all.
  private static let copyWait_ns: Int64 = .seconds(10)
  private static let processBound = 16_384
  private static let transactionBound = 4_096
}
