/// One Kafka connection: turns what its decoder says into members, deliveries and settlements.
///
/// In: each side's bytes, in causal order (`receive`, `lost`, `ended`). Out: calls on the `Ledger`. A client speaks of its
/// group on one connection and fetches on others, so most of what is known is kept in `KafkaState`, by process and group;
/// here is only what belongs to the connection: the fetch session's positions, answers that are being read.
final class KafkaSession: ProtocolSession {
  let state: KafkaState
  let ledger: Ledger
  let server: Endpoint
  let process: KafkaProcess
  /// As it was when it was told; `cluster` is what it is by now.
  private var toldCluster: ClusterID
  private let decoder: KafkaDecoder
  /// Hash of the client id that requests carry.
  private(set) var client: UInt64 = 0
  private var lastTopic = KafkaLastName<Int32>()
  private var lastGroup = KafkaLastName<KafkaGroup>()
  private var lastClient = KafkaLastName<UInt64>()
  /// The share group that this connection fetches for.
  var boundGroup: KafkaGroup?
  /// Positions of the fetch session (KIP-227), or of the latest full request.
  var positions: [KafkaPlace: Position] = [:]
  /// How many of them belong to each group: clients drop and list partitions all the time, and only a group that comes or
  /// goes changes what is held.
  private var fetched: [ObjectIdentifier: Int] = [:]
  var fetching = Fetching()
  var producing = Producing()
  var sharing = Sharing()
  /// The request that ends the share session, until it is answered.
  var sharesClosing: Int32?
  /// When it last published elsewhere than to dead-letter and retry topics; nil if it never did.
  var publishedAt: Timestamp?
  /// Members that were seen on it.
  private var members: [KafkaMember] = []
  /// Assigned partitions that an answer lists, while it is read, whose they are, and the member's epoch that it tells.
  var assigned: Set<KafkaPlace> = []
  var assignee: KafkaMember?
  var assignedEpoch: Int32 = -1
  /// The error of the commit that is being answered; when it was asked for; what of a member it shows to have taken too long.
  var commitError: Int16 = 0
  var exchangeRequestedAt = Timestamp.zero
  var lateCommit: (member: UInt64, lost: ExceededPoll.Lost)?
  /// It carries a member's session: its heartbeats.
  private(set) var session_ns: Int64?
  /// What is acquired on it for a share group must be acknowledged within this time.
  var lock_ns: Int64?
  private var isClosed = false
  private var covered = (understood: UInt64(0), lost: UInt64(0))
  private var served: (groups: [GroupID], version: UInt64) = ([], 0)
  var positionsVersion: UInt64 = 1
  private var topicsVersion: UInt64 = 0

  init(ledger: Ledger, state: KafkaState, server: Endpoint, process: UInt64) {
    self.ledger = ledger
    self.state = state
    self.server = server
    self.process = state.process(process)
    decoder = KafkaDecoder(hashKey: state.key)
    toldCluster = ledger.clusters.cluster(at: server, like: self.process.cluster)
    if self.process.cluster == nil { self.process.cluster = toldCluster }
    state.followClusters()
  }

  var cluster: ClusterID { ledger.clusters.root(toldCluster) }

  /// The broker told its cluster's name.
  func learnCluster(_ name: String) {
    let known = cluster
    toldCluster = ledger.clusters.learn(name, at: server)
    if process.cluster.map(ledger.clusters.root) == ledger.clusters.root(known) { process.cluster = toldCluster }
    state.followClusters()
  }

  func receive(_ bytes: RawSpan, fromClient speaks: Bool, at: Timestamp) {
    decoder.receive(bytes, from: speaks ? .client : .broker, at: at, into: self)
    cover(at: at)
  }

  func lost(_ count: Int, fromClient speaks: Bool, at: Timestamp) {
    decoder.lost(count, from: speaks ? .client : .broker, at: at, into: self)
    cover(at: at)
  }

  private func cover(at: Timestamp) {
    let counters = decoder.counters
    let lost = counters.skippedBytes &+ counters.lostBytes
    noteServed()
    // By index: a list that is held on to is counted up and down for every chunk.
    for i in served.groups.indices {
      // A frame that broke is given up as a whole, bytes of it that were reported as understood before among them.
      let understood = max(0, Int64(bitPattern: counters.understoodBytes &- covered.understood))
      ledger.cover(served.groups[i], understood: UInt64(understood), lost: lost &- covered.lost, at: at)
    }
    covered = (counters.understoodBytes, lost)
  }

  /// One side's stream is over; only the first end counts. Partitions stay assigned: a client may connect again.
  func ended(client: Bool, _ end: StreamEnd, at: Timestamp) {
    decoder.finish(client ? .client : .broker, at: at, into: self)
    cover(at: at)
    guard !isClosed else { return }
    isClosed = true
    ledger.isPlanDue = true
    for member in members {
      member.connections -= 1
      guard member.connections == 0, end == .finished || end == .reset else { continue }
      guard member.group.isShare else {
        state.vanished(member, byItself: client, at: at)
        continue
      }
      // The broker gives back at once what its share session had.
      if client { state.crashShares(of: member, at: at) } else { state.releaseShares(of: member, at: at) }
    }
    for group in process.groups where !group.exceeded.isEmpty { group.exceeded.ended(ObjectIdentifier(self)) }
    members.removeAll()
    positions.removeAll()
    positionsVersion += 1
  }

  // MARK: Who

  func hash(_ text: Text, in frame: RawSpan) -> UInt64 { KeyedHash.hash(text, in: frame, state.key) }

  private func clientHash(_ id: Text, in frame: RawSpan) -> UInt64 {
    if let known = lastClient.find(id, in: frame) { return known }
    let hash = hash(id, in: frame)
    lastClient.remember(hash, id, in: frame)
    return hash
  }

  func group(_ name: Text, in frame: RawSpan) -> KafkaGroup? {
    guard !name.isEmpty else { return nil }
    let cluster = cluster
    if let known = lastGroup.find(name, in: frame, cluster: cluster, version: state.groupsVersion) {
      process.has(known)
      return known
    }
    guard let group = state.group(name, in: frame, cluster: cluster) else { return nil }
    lastGroup.remember(group, name, in: frame, cluster: cluster, version: state.groupsVersion)
    process.has(group)
    return group
  }

  /// The member that speaks; nil where there is no room, or its group is none of consumers.
  func member(_ membership: KafkaMembership, in frame: RawSpan) -> KafkaMember? {
    guard let group = group(membership.group, in: frame), !group.isForeign, !membership.member.isEmpty,
      let member = state.member(hash(membership.member, in: frame), of: group, process: process, client: client)
    else { return nil }
    member.client = client
    if !membership.instance.isEmpty { member.isStatic = true }
    attach(member)
    return member
  }

  /// The member was seen on this connection.
  func attach(_ member: KafkaMember) {
    state.isBack(member)
    guard !members.contains(where: { $0 === member }), !isClosed else { return }
    members.append(member)
    member.connections += 1
    positionsVersion += 1
  }

  func carriesSession(_ member: KafkaMember) {
    session_ns = min(session_ns ?? .max, member.sessionTimeout_ns)
  }

  func place(_ topic: KafkaTopic, _ partition: Int32, in frame: RawSpan) -> KafkaPlace? {
    guard partition >= 0, let number = number(of: topic, in: frame) else {
      ledger.drop(\.topics)
      return nil
    }
    return KafkaTopics.place(number, partition)
  }

  /// The number that the topic has by now, made if need be; nil where there is no room.
  private func number(of topic: KafkaTopic, in frame: RawSpan) -> Int32? {
    let cluster = cluster
    // Where both are said, the name decides.
    let id = topic.name.isEmpty ? topic.id : .none
    if let known = lastTopic.find(topic.name, id, in: frame, cluster: cluster, version: state.topics.version) {
      return known
    }
    guard let filed = state.topics.number(of: topic, in: frame, cluster: cluster) else { return nil }
    let number = state.topics.current(filed)
    lastTopic.remember(number, topic.name, id, in: frame, cluster: cluster, version: state.topics.version)
    return number
  }

  // MARK: Use

  /// Groups whose partitions are fetched here, and those whose members speak here.
  private var groupsServed: [GroupID] {
    noteServed()
    return served.groups
  }

  private func noteServed() {
    let version = process.version &+ positionsVersion
    if served.version != version { served = (servedNow(), version) }
  }

  private func servedNow() -> [GroupID] {
    var groups = groupsFetched
    for member in members where !member.assigned.isEmpty {
      if let id = member.group.id, !groups.contains(id) { groups.append(id) }
    }
    return groups
  }

  /// A position came to belong to another partition, or is gone.
  func moved(from: KafkaPartition?, to: KafkaPartition?) {
    let (before, after) = (from.map { ObjectIdentifier($0.group) }, to.map { ObjectIdentifier($0.group) })
    guard before != after else { return }
    var isNews = false
    if let before, let count = fetched[before] {
      fetched[before] = count > 1 ? count - 1 : nil
      isNews = count <= 1
    }
    if let after {
      fetched[after, default: 0] += 1
      isNews = isNews || fetched[after] == 1
    }
    guard isNews else { return }
    positionsVersion += 1
    ledger.isPlanDue = true
  }

  /// Groups whose partitions are fetched here.
  private var groupsFetched: [GroupID] {
    var groups: [GroupID] = []
    for position in positions.values {
      guard let partition = position.partition, partition.serial == position.serial, let id = partition.group.id,
        !groups.contains(id), ledger.isCurrent(id)
      else { continue }
      groups.append(id)
    }
    return groups
  }

  /// What is held only fetches; a member that leaves says so on another connection.
  func peek(_ bytes: RawSpan, at place: Sequence, passed: Sequence, at: Timestamp) {}

  /// Only what fetches is ever held: a coordinator's connection carries no messages, and whoever holds it alone puts the
  /// member out of its group. Where messages are fetched, other groups whose members speak there count as served.
  var use: ConnectionUse {
    guard !isClosed else { return ConnectionUse() }
    let fetches = !groupsFetched.isEmpty
    let lock_ns = fetches ? lock_ns : nil
    return ConnectionUse(
      groups: fetches ? groupsServed : [], publishedAt: publishedAt,
      silence_ns: min(Self.requestTimeout_ns * 4 / 5, ([session_ns, lock_ns].compactMap { $0 }.min() ?? .max) / 3),
      isHeardByRequests: session_ns != nil || lock_ns != nil)
  }
}

extension KafkaSession {
  /// A client that waits longer than this for the answer to a request gives its connection up: the shortest default of common
  /// clients (`request.timeout.ms` 30 s in Apache Kafka's; librdkafka's `socket.timeout.ms` is 60 s). It is not on the wire.
  private static var requestTimeout_ns: Int64 { .seconds(30) }
}

// MARK: - Facts

extension KafkaSession: KafkaFactSink {
  func fact(_ fact: KafkaFact, of exchange: KafkaExchange, in frame: RawSpan, at: Timestamp) {
    switch fact {
    // The most frequent first.
    case .record(let record): self.record(record, of: exchange, in: frame, at: at)
    case .batch(let batch): self.batch(batch, of: exchange, at: at)
    case .request(let clientID):
      client = clientID.isEmpty ? 0 : clientHash(clientID, in: frame)
      state.followClusters()
      followTopics()

    case .fetchRequested(let request): fetchRequested(request, at: exchange.requestedAt)
    case .fetchPartitionRequested(let position): fetchPartitionRequested(position, of: exchange, in: frame)
    case .partitionForgotten(let topic, let partition): forget(topic, partition, in: frame)
    case .fetchRequestEnded(let replica, _): fetchRequestEnded(replica: replica)
    case .fetchAnswered(let answer): fetchAnswered(answer, of: exchange, at: at)
    case .fetchPartition(let partition): fetchPartition(partition, in: frame, at: at)
    case .fetchPartitionEnded: fetchPartitionEnded()
    case .fetchEnded: fetching.partition = nil

    case .produceRequested, .producePartition, .producePartitionEnded:
      produceFact(fact, of: exchange, in: frame, at: at)

    case .offsetCommitPositionRequested(let membership, _, let position):
      commitRequested(membership, position, in: frame)
    case .offsetCommitAnswered(let membership, let transaction, let producer, let position, let error):
      exchangeRequestedAt = exchange.requestedAt
      commitAnswered(
        membership, transaction: transaction.isEmpty ? nil : producer, position, error: error, in: frame, at: at)
    case .offsetCommitEnded(let membership): commitEnded(membership, in: frame)
    case .offsetFetched(let group, let position, let error):
      if error == KafkaError.none { offsetFetched(group, position, in: frame) }
    case .leaderEpochEnd(let topic, let partition, _, _, _): excuse(topic, partition, in: frame)
    case .txnEnded(_, let producer, let commits, let error):
      endTransaction(producer, commits: commits, isAborted: !commits, error: error, at: at)
    case .producerIDAnswered(_, let producer, _, let error):
      // Aborts what an earlier producer of the same transactional id has left.
      if error == KafkaError.none { endTransaction(producer, commits: false, error: error, at: at) }

    case .shareFetchRequested, .sharePartitionRequested, .acknowledgementRequested, .shareRequestEnded,
      .shareFetchAnswered, .sharePartition, .acquired, .sharePartitionEnded, .acknowledged, .shareAnswered:
      shareFact(fact, of: exchange, in: frame, at: at)

    default: membershipFact(fact, of: exchange, in: frame, at: at)
    }
  }

  func detail(_ topic: KafkaTopic, partition: Int32, of exchange: KafkaExchange, in frame: RawSpan) -> KafkaDetail {
    switch exchange.key {
    case .produce: produceDetail
    case .fetch: fetchDetail
    case .shareFetch: shareDetail
    default: []
    }
  }

  func lost(_ loss: KafkaLoss, bytes: Int, at: Timestamp) {
    switch loss {
    case .frame(.fetch, .broker), .version(.fetch, _, .broker): fetching.partition = nil
    case .frame(.produce, .client), .version(.produce, _, .client): producing.producer = nil
    case .frame(.shareFetch, .broker): sharing.partition = nil
    case .outOfSync(let role, _):
      if role == .broker { fetching.partition = nil } else { producing.producer = nil }
    default: break
    }
  }

  private func record(_ record: KafkaRecord, of exchange: KafkaExchange, in frame: RawSpan, at: Timestamp) {
    switch exchange.key {
    case .fetch: fetchedRecord(record, in: frame, at: at)
    case .produce: producedRecord(record, in: frame, at: at)
    case .shareFetch: sharedRecord(record)
    default: break
    }
  }

  private func batch(_ batch: KafkaBatch, of exchange: KafkaExchange, at: Timestamp) {
    switch exchange.key {
    case .fetch: fetchedBatch(batch, at: at)
    case .produce: producedBatch(batch, at: at)
    case .shareFetch: sharedBatch(batch)
    default: break
    }
  }

  /// A topic known by its id turned out to be one known by its name.
  func followTopics() {
    guard state.topicsVersion != topicsVersion else { return }
    topicsVersion = state.topicsVersion
    for (place, position) in positions {
      let current = state.topics.current(place)
      guard current != place else { continue }
      positions[place] = nil
      // What was delivered goes on under the other name, unless both names were known.
      let goesOn = position.partition?.place == current
      moved(from: positions[current]?.partition, to: nil)
      positions[current] = goesOn ? position : Position(offset: position.offset, fullRequest: position.fullRequest)
      if !goesOn { moved(from: position.partition, to: nil) }
    }
    positionsVersion += 1
    // What is being read goes on under the other name.
    guard let partition = fetching.partition, state.topics.current(fetching.place) != fetching.place else { return }
    fetching.place = state.topics.current(fetching.place)
    fetching.partition = partition.group.partitions[fetching.place]
    if let partition = fetching.partition { fetching.group = state.enrol(partition) }
  }
}
