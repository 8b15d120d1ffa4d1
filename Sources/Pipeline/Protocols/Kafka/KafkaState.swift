/// What all Kafka connections of one target share: topics, groups, processes, transactions.
///
/// Memory: bounded by the ledger's groups, `KafkaGroup`'s members and partitions, `KafkaTopics.bound`, `processBound`
/// and `KafkaTransactions`; what a bound drops is counted in the ledger.
final class KafkaState: ProtocolState {
  let key: KeyedHash.Key
  let ledger: Ledger
  var topics: KafkaTopics
  /// Counts topics that turned out to be others: places that were kept must be looked at.
  private(set) var topicsVersion: UInt64 = 0
  private var processes: [UInt64: KafkaProcess] = [:]
  /// By hash of cluster and name.
  private var groups: [UInt64: KafkaGroup] = [:] { didSet { groupsVersion &+= 1 } }
  /// Counts changes of which groups there are: one that was looked up before must be looked up again.
  private(set) var groupsVersion: UInt64 = 0
  /// How many of the ledger's unions of clusters were followed.
  private var clustersFollowed = 0
  private var idleGroupsMissedAt = Timestamp(ns: .min)
  /// Members whose every connection ended without their leaving.
  private(set) var gone: [KafkaMember] = []
  /// Which rules apply.
  var inferences = KafkaInferences.all
  /// Share groups: their locks run out.
  private(set) var shares: [KafkaGroup] = []
  var transactions = KafkaTransactions()
  /// Copies that are on their way to where they are tried again.
  var republished = FollowedCopy()
  /// What names of headers say.
  var headerNames = MarkNames()

  init(key: KeyedHash.Key, ledger: Ledger) {
    self.key = key
    self.ledger = ledger
    topics = KafkaTopics(key: key, settings: ledger.settings.destinations)
  }

  func destinationsChanged() { topics.replace(settings: ledger.settings.destinations) }

  deinit { for group in groups.values { group.dissolve() } }

  func session(server: Endpoint, process: UInt64) -> any ProtocolSession {
    KafkaSession(ledger: ledger, state: self, server: server, process: process)
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

  func group(_ name: String, cluster: ClusterID) -> KafkaGroup? {
    let bytes = Array(name.utf8)
    let text = Text(offset: 0, count: UInt32(bytes.count))
    return group(text, in: bytes.span.bytes, cluster: cluster)
  }

  /// The group of that name, made if need be; nil where there is no room.
  func group(_ name: Text, in frame: RawSpan, cluster: ClusterID) -> KafkaGroup? {
    let filed = topics.hash(name, in: frame, cluster)
    if let known = groups[filed] { return known }
    if groups.count >= ledger.settings.limits.groups { dropIdleGroups() }
    guard groups.count < ledger.settings.limits.groups else {
      ledger.drop(\.groups)
      return nil
    }
    let made = KafkaGroup(name: name.string(in: frame), cluster: cluster, salt: filed)
    groups[filed] = made
    return made
  }

  /// Those that were only asked about, and those whose members have all lost their partitions. Who looks after lags asks
  /// about every group there is.
  private func dropIdleGroups() {
    // In vain a moment ago: not for every group that is asked about.
    guard ledger.now - idleGroupsMissedAt >= .seconds(1) else { return }
    let idle = groups.filter { $0.value.members.values.allSatisfy { $0.assigned.isEmpty && $0.connections == 0 } }
    if idle.isEmpty { idleGroupsMissedAt = ledger.now }
    for (filed, group) in idle where !group.isShare {
      groups[filed] = nil
      forget(group)
    }
  }

  private func forget(_ group: KafkaGroup) {
    for partition in group.list { retire(partition) }
    ledger.drop(\.pairs, UInt64(group.copies.count))
    group.dissolve()
    for process in processes.values { process.groups.removeAll { $0 === group } }
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
      ledger.drop(\.consumers)
      return nil
    }
    let made = KafkaMember(group, id: id, process: process.id, client: client, rules: inferences)
    group.members[id] = made
    process.has(group)
    return made
  }

  func partition(_ place: KafkaPlace, of group: KafkaGroup) -> KafkaPartition? {
    if let known = group.partitions[place] { return known }
    guard group.partitions.count < KafkaGroup.partitionBound else {
      ledger.drop(\.consumers)
      return nil
    }
    let made = KafkaPartition(group, place)
    group.add(made)
    return made
  }

  /// The group in the ledger, made if need be: it consumes something.
  @discardableResult
  func ledgerGroup(_ group: KafkaGroup) -> GroupID {
    if let id = group.id, ledger.isCurrent(id) { return id }
    let id = ledger.group(
      KafkaProtocol.self, key: GroupKey.kafka(group: group.name), name: group.name, destination: nil,
      cluster: group.cluster)
    group.id = id
    for error in group.earlyErrors { ledger.countBrokerError(error, of: id) }
    group.earlyErrors.removeAll()
    return id
  }

  /// Sees to it that the partition has a consumer in the ledger whose process is its owner's.
  func enrol(_ partition: KafkaPartition) -> GroupID {
    let id = ledgerGroup(partition.group)
    if partition.groupSerial != id.serial || partition.consumer == 0 {
      // Of a group that a bound took away nothing is in flight; under another name something may be.
      if partition.groupSerial != 0 { retire(partition) }
      partition.recent.removeAll()
      partition.lapsed.removeAll()
      var consumer = Consumer(process: partition.member?.process ?? 0, noAck: false)
      consumer.lastSettled = ledger.now
      partition.books = ledger.addPartition(
        KafkaTopics.partition(of: partition.place), of: topics[partition.place].name, to: id)
      consumer.partition = partition.books
      partition.consumer = ledger.addConsumer(consumer, of: id)
      partition.groupSerial = id.serial
    }
    return id
  }

  /// Nothing of it is in flight any more, and nothing will be under this consumer.
  private func retire(_ partition: KafkaPartition) {
    guard partition.consumer != 0, ledger.consumer(partition.consumer).inFlight == 0 else { return }
    ledger.remove(consumer: partition.consumer)
    partition.consumer = 0
    partition.groupSerial = 0
  }

  /// Of an acknowledged delivery: its consumer published an equal record to where it came from.
  func countReturned(_ partition: KafkaPartition) {
    if let id = partition.group.id { ledger.countReturned(of: id, partition.books) }
  }

  /// Whether its books are still those that its deliveries were entered in.
  func isFiled(_ partition: KafkaPartition) -> Bool {
    guard let id = partition.group.id else { return false }
    return ledger.isCurrent(id) && id.serial == partition.groupSerial
  }

  // MARK: Clusters

  /// Clusters that turned out to be others: what was filed under them goes there.
  func followClusters() {
    while clustersFollowed < ledger.clusters.unions.count {
      let (from, to) = ledger.clusters.unions[clustersFollowed]
      clustersFollowed += 1
      for (topic, successor) in topics.unite(from, with: to) {
        merged(topic, successor)
      }
      for (filed, group) in groups where group.cluster == from {
        groups[filed] = nil
        group.cluster = to
        let name = Array(group.name.utf8)
        let hash = topics.hash(Text(offset: 0, count: UInt32(name.count)), in: name.span.bytes, to)
        let other = groups[hash]
        // The one that has consumed goes on; members of the other will show there, by what they commit at the latest.
        let goesOn = other == nil || other?.id == nil && group.id != nil
        if goesOn { groups[hash] = group }
        guard let ended = goesOn ? other : group else { continue }
        for partition in ended.list { revoke(partition, at: ledger.now) }
        gone.removeAll { $0.group === ended }
        forget(ended)
      }
      for process in processes.values { process.version += 1 }
    }
  }

  // MARK: Topics

  func learn(_ topic: KafkaTopic, in frame: RawSpan, cluster: ClusterID) {
    switch topics.learn(topic, in: frame, cluster: cluster) {
    case .nothing: break
    case .named(let was, let now):
      for group in groups.values {
        if let id = group.id { ledger.rename(was, to: now, of: id) }
      }
    case .merged(let from, let to, let isRemade):
      if isRemade { remade(to) }
      merged(from, to)
    case .remade(let topic): remade(topic)
    }
  }

  private func remade(_ topic: Int32) {
    for group in groups.values {
      for partition in group.list where partition.place >> 32 == KafkaPlace(topic) {
        beginAnew(partition, from: -1, at: ledger.now)
        partition.cursor.assign()
      }
    }
  }

  private func merged(_ from: Int32, _ to: Int32) {
    topicsVersion += 1
    for group in groups.values { move(from, to, in: group) }
    for process in processes.values { process.version += 1 }
  }

  /// What was filed under a topic's id goes to its name.
  private func move(_ topic: Int32, _ successor: Int32, in group: KafkaGroup) {
    // Its books are those of the name, unless that has some already.
    let (was, now) = (topics.entries[Int(topic)].name, topics.entries[Int(successor)].name)
    var hasBooks = false
    if let id = group.id {
      hasBooks = ledger.consumes(now, id)
      if !hasBooks { ledger.rename(was, to: now, of: id) }
    }
    group.moveOffsets(topic, by: topics)
    for partition in group.list where partition.place >> 32 == KafkaPlace(topic) {
      let other = topics.current(partition.place)
      if let known = group.partitions[other] {
        // Assigned by name, fetched by id: the owner goes on with what is known there.
        known.owner.adopt(partition.owner)
        abandon(partition, at: ledger.now)
        retire(partition)
        group.drop(partition)
      } else {
        group.move(partition, to: other)
        if hasBooks { partition.groupSerial = 0 }
      }
    }
    for member in group.members.values {
      for place in member.assigned.places where place >> 32 == KafkaPlace(topic) {
        member.assigned.rename(place, to: topics.current(place))
        member.seeks.rename(place, to: topics.current(place))
      }
    }
  }

  // MARK: Ends

  /// What of a partition is in flight ends untried; it may come again.
  func abandon(_ partition: KafkaPartition, at: Timestamp) {
    while let (_, id) = partition.deliveries.removeFirst() {
      guard ledger.isLive(id) else { continue }
      ledger.abandon(id, at: at)
    }
    partition.awaited.removeAll()
    partition.returned.removeAll()
    partition.locks.removeAll()
  }

  /// The partition's log is another one, or its end was lost: what comes from that offset on (−1: from wherever its consumer
  /// goes on) was never handed over, and what is in flight is nothing that anybody will commit.
  func beginAnew(_ partition: KafkaPartition, from offset: Int64, at: Timestamp) {
    abandon(partition, at: at)
    partition.seekBacks.removeAll()
    partition.tries.removeAll()
    partition.member?.seeks.cancel(partition.place)
    partition.recent.removeAll()
    partition.lapsed.removeAll()
    partition.end = offset
    partition.seenThrough = max(0, offset)
    partition.ackedThrough = 0
    partition.refusedThrough = 0
    partition.committed = -1
  }

  /// A member no longer has the partition.
  func revoke(_ partition: KafkaPartition, at: Timestamp) {
    abandon(partition, at: at)
    partition.member?.assigned.lose(partition.place)
    partition.member?.seeks.cancel(partition.place)
    partition.owner.release()
    partition.end = -1
    partition.committed = -1
    partition.cursor.assign()
    setLag(of: partition, nil)
    ledger.isPlanDue = true
  }

  /// The member left, or was put out.
  func dismiss(_ member: KafkaMember, at: Timestamp) {
    member.goneAt = nil
    gone.removeAll { $0 === member }
    for place in member.assigned.places.sorted() {
      if let partition = member.group.partitions[place], partition.member === member { revoke(partition, at: at) }
    }
    member.assigned.leave()
    member.seeks.cancel()
    processes[member.process]?.version += 1
  }

  /// The last of its connections was ended, by its side or the broker's.
  func vanished(_ member: KafkaMember, byItself: Bool, at: Timestamp) {
    guard member.goneAt == nil, !member.assigned.isEmpty else { return }
    member.goneAt = at
    member.wentByItself = byItself
    gone.append(member)
  }

  func isBack(_ member: KafkaMember) {
    guard member.goneAt != nil else { return }
    member.goneAt = nil
    gone.removeAll { $0 === member }
  }

  /// It is not coming back: what it was working on, its oldest delivery, has crashed with it; the rest was prefetched.
  /// A static member or one of Streams', which stop without leaving, and one without a session, which can't leave, have just
  /// stopped, and whose broker went never crashed.
  func crash(_ member: KafkaMember, at: Timestamp) {
    if member.wentByItself, !member.isStatic, !member.isStandalone, !member.group.staysOnClose {
      var oldest: (partition: KafkaPartition, offset: Int64, id: DeliveryID)?
      var inFlight: [DeliveryID] = []
      for place in member.assigned.places.sorted() {
        guard let partition = member.group.partitions[place], partition.member === member,
          let (offset, id) = firstInFlight(of: partition)
        else { continue }
        if oldest.map({ ledger.delivery(id).at < ledger.delivery($0.id).at }) ?? true {
          oldest = (partition, offset, id)
        }
        inFlight += partition.deliveries.within(offset...(offset + Self.suspectedOffsets)).map(\.id)
      }
      if let oldest {
        ledger.crashes(inFlight, at: at)
        ledger.settle(oldest.id, as: .crashed, at: at)
        oldest.partition.deliveries.remove(oldest.offset)
      }
    }
    dismiss(member, at: at)
  }

  /// How far behind the oldest delivery the one may be that a crash was about.
  private static var suspectedOffsets: Int64 { 255 }

  func firstInFlight(of partition: KafkaPartition) -> (offset: Int64, id: DeliveryID)? {
    while let first = partition.deliveries.first {
      if ledger.isLive(first.id), !ledger.isPaired(first.id) { return first }
      _ = partition.deliveries.removeFirst()
      if ledger.isLive(first.id) { ledger.dropPaired(first.id) }
    }
    return nil
  }

  /// Time alone ends something.
  var isWaiting: Bool {
    !gone.isEmpty || shares.contains { $0.list.contains { !$0.locks.isEmpty } }
  }

  func expire(at: Timestamp) {
    for member in gone {
      if let since = member.goneAt, at - since > member.sessionTimeout_ns { crash(member, at: at) }
    }
    for group in shares { expireLocks(of: group, at: at) }
  }

  /// The capture is over: who is gone does not come back.
  func finish(at: Timestamp) {
    for group in groups.values { ledger.drop(\.pairs, UInt64(group.copies.count)) }
    for member in gone { crash(member, at: at) }
  }

  func noteShare(_ group: KafkaGroup) {
    guard !group.isShare else { return }
    group.isShare = true
    shares.append(group)
  }

  private static let processBound = 16_384
}
