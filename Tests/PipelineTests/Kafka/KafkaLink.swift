import Testing

@testable import Pipeline

/// What an answer to Fetch has of one partition.
struct KafkaGot: ExpressibleByStringLiteral {
  var spot: KafkaSpot
  var error: Int16 = 0
  var highWatermark: Int64
  var lastStableOffset: Int64 = -1
  var codec = KafkaBatch.Codec.none
  var magic: Int8 = 2
  var isControl = false
  var isAborted = false
  /// Offsets that the batch really has, where compaction left holes.
  var offsets: [Int64]?
  /// When the records were made; nil: just now.
  var made: Timestamp?
  var marks: [(String, [UInt8])] = []
  /// Of every record; nil: each its own.
  var value: String?
  /// Of every record; nil: they have none.
  var key: String?

  init(_ text: String) {
    spot = KafkaSpot(text)
    highWatermark = spot.last + 1
  }

  init(stringLiteral text: String) { self.init(text) }

  init(_ text: String, _ change: (inout KafkaGot) -> Void) {
    self.init(text)
    change(&self)
  }

  /// Records whose value is nobody else's.
  static func value(_ spot: KafkaSpot, _ offset: Int64) -> String { "\(spot.topic)-\(spot.partition)@\(offset)" }
}

/// One connection to a broker: requests and answers as facts.
final class KafkaLink {
  let bench: KafkaBench
  let session: KafkaSession
  let client: String
  private var correlation: Int32 = 0
  private var exchange = KafkaExchange(key: .fetch, version: 11, correlation: 0, requestedAt: .zero)
  private var terms = KafkaFetchTerms(readsCommitted: false, sessionID: 0, sessionEpoch: -1, replica: -1)

  init(_ bench: KafkaBench, _ session: KafkaSession, client: String) {
    self.bench = bench
    self.session = session
    self.client = client
  }

  func text(_ string: String) -> Text { bench.text(string) }

  func topic(_ spot: KafkaSpot) -> KafkaTopic {
    KafkaTopic(name: spot.id == 0 ? text(spot.topic) : .empty, id: KafkaTopicID(0, spot.id))
  }

  func request(_ key: KafkaKey) {
    correlation += 1
    bench.step()
    exchange = KafkaExchange(key: key, version: 1, correlation: correlation, requestedAt: bench.now)
    say(.request(clientID: text(client)))
  }

  func say(_ fact: KafkaFact) {
    let frame = bench.frame
    session.fact(fact, of: exchange, in: frame.span.bytes, at: bench.now)
    bench.told += 1
    bench.check()
  }

  private func detail(_ topic: KafkaTopic, _ partition: Int32) -> KafkaDetail {
    let frame = bench.frame
    return session.detail(topic, partition: partition, of: exchange, in: frame.span.bytes)
  }

  /// Another exchange, and back: requests in flight.
  func during(_ body: () -> Void) {
    let kept = (exchange, terms)
    body()
    (exchange, terms) = kept
  }

  func end(client: Bool = true, _ end: StreamEnd = .finished) {
    bench.step()
    session.ended(client: client, end, at: bench.now)
    bench.check()
  }

  // MARK: Fetching

  /// `epoch` −1: without a session; 0: opens one; else only what changed. `renews`: it had another session before.
  func fetch(
    _ positions: [String], epoch: Int32 = -1, forgotten: [String] = [], readsCommitted: Bool = false,
    replica: Int32 = -1, renews: Bool = false
  ) {
    request(.fetch)
    terms = KafkaFetchTerms(readsCommitted: readsCommitted, sessionID: 1, sessionEpoch: epoch, replica: replica)
    say(
      .fetchRequested(
        KafkaFetchRequest(
          replica: replica, maxWait_ms: 500, minBytes: 1, maxBytes: 1 << 20, readsCommitted: readsCommitted,
          sessionID: epoch > 0 || renews ? 1 : 0, sessionEpoch: epoch)))
    for position in positions {
      let spot = KafkaSpot(position)
      say(
        .fetchPartitionRequested(
          KafkaFetchPosition(
            topic: topic(spot), partition: spot.partition, offset: spot.first, currentLeaderEpoch: -1,
            lastFetchedEpoch: -1, maxBytes: 1 << 20)))
    }
    for partition in forgotten {
      let spot = KafkaSpot(partition)
      say(.partitionForgotten(topic(spot), partition: spot.partition))
    }
    say(.fetchRequestEnded(replica: replica, rack: .empty))
  }

  func fetch(_ positions: String...) { fetch(positions) }

  func answer(_ got: KafkaGot...) { answer(got) }

  /// Several of the same partition in a row are several batches.
  func answer(_ got: [KafkaGot]) {
    bench.step()
    say(.fetchAnswered(KafkaFetchAnswer(error: 0, sessionID: 1, throttle_ms: 0, request: terms)))
    for (i, one) in got.enumerated() {
      let isSame = i > 0 && topic(got[i - 1].spot) == topic(one.spot) && got[i - 1].spot.partition == one.spot.partition
      if !isSame {
        if i > 0 { endPartition(got[i - 1]) }
        say(
          .fetchPartition(
            KafkaFetchedPartition(
              topic: topic(one.spot), partition: one.spot.partition, error: one.error,
              highWatermark: one.highWatermark, lastStableOffset: one.lastStableOffset, logStartOffset: 0)))
      }
      let detail = detail(topic(one.spot), one.spot.partition)
      if one.spot.first >= 0 { batch(one, detail) }
    }
    if let last = got.last { endPartition(last) }
    say(.fetchEnded)
  }

  private func endPartition(_ got: KafkaGot) {
    say(
      .fetchPartitionEnded(
        KafkaFetchedEnd(
          records: KafkaRecordsEnd(
            topic: topic(got.spot), partition: got.spot.partition, bytes: 0, batches: 1, endsInPart: false,
            isIncomplete: false), preferredReadReplica: -1, divergingEpoch: -1, divergingEndOffset: -1, leader: -1)))
  }

  private func batch(_ got: KafkaGot, _ detail: KafkaDetail) {
    let offsets = got.offsets ?? Array(got.spot.first...got.spot.last)
    let made_ms = (got.made ?? bench.now).ns / 1_000_000
    var batch = KafkaBatch.none
    batch.magic = got.magic
    batch.codec = got.codec
    let isWrapper = got.magic < 2 && got.codec != .none
    batch.baseOffset = isWrapper ? -1 : got.spot.first
    batch.lastOffset = got.spot.last
    batch.count = isWrapper ? -1 : Int32(offsets.count)
    batch.baseTimestamp_ms = isWrapper ? -1 : made_ms
    batch.maxTimestamp_ms = made_ms
    batch.isControl = got.isControl
    batch.isAborted = got.isAborted
    say(.batch(batch))
    guard got.codec == .none, !got.isControl, !detail.isEmpty else { return }
    for offset in offsets {
      var record = KafkaRecord.none
      record.offset = offset
      record.timestamp_ms = made_ms
      if detail.contains(.hashes) {
        record.keyHash = got.key.map(KafkaBench.hash) ?? 0
        record.valueHash = KafkaBench.hash(got.value ?? KafkaGot.value(got.spot, offset))
      }
      note(got.marks, in: &record.marks)
      say(.record(record))
    }
  }

  private func note(_ headers: [(String, [UInt8])], in marks: inout KafkaRecordMarks) {
    for (name, value) in headers {
      let (key, content) = (text(name), bench.text(value))
      let frame = bench.frame
      _ = marks.note(key, content, in: frame.span.bytes)
    }
    marks.headers = bench.text(headers.flatMap(KafkaBytes.header))
    marks.headerCount = Int32(headers.count)
  }

  // MARK: Groups

  /// Joins and is assigned these partitions.
  func join(
    _ group: String, _ member: String, _ partitions: [String], generation: Int32, type: String = "consumer",
    instance: String = "", sessionTimeout_ms: Int32 = 10_000, version: Int = 1
  ) {
    let membership = membership(group, member, generation, instance)
    let join = KafkaJoin(
      group: text(group), member: text(member), instance: text(instance), protocolType: text(type),
      sessionTimeout_ms: sessionTimeout_ms, rebalanceTimeout_ms: 300_000)
    request(.joinGroup)
    say(.joinGroupRequested(join))
    say(.joinGroupAnswered(membership, join: join, isLeader: true, members: 1, error: 0))
    request(.syncGroup)
    say(.syncGroupRequested(membership, protocolType: text(type)))
    let assignment = KafkaAssignment(bytes: bench.text(Self.assignment(partitions, version: version)))
    say(.syncGroupAnswered(membership, protocolType: text(type), assignment: assignment, error: 0))
  }

  /// What a member can do.
  func protocols(_ group: String, _ member: String, _ names: [String]) {
    request(.joinGroup)
    let join = KafkaJoin(
      group: text(group), member: text(member), instance: .empty, protocolType: text("consumer"),
      sessionTimeout_ms: 10_000, rebalanceTimeout_ms: 300_000)
    for name in names {
      say(.joinProtocol(join, name: text(name), subscription: KafkaSubscription(bytes: .empty)))
    }
    say(.joinGroupRequested(join))
  }

  func membership(_ group: String, _ member: String, _ generation: Int32, _ instance: String = "") -> KafkaMembership {
    KafkaMembership(group: text(group), member: text(member), instance: text(instance), generation: generation)
  }

  /// ConsumerProtocolAssignment.
  private static func assignment(_ partitions: [String], version: Int) -> [UInt8] {
    let spots = partitions.map(KafkaSpot.init)
    return KafkaBytes.i16(version) + KafkaBytes.i32(spots.count)
      + spots.flatMap { KafkaBytes.string($0.topic) + KafkaBytes.i32(1) + KafkaBytes.i32(Int($0.partition)) }
      + KafkaBytes.i32(-1)
  }

  func heartbeat(_ group: String, _ member: String, generation: Int32, error: Int16 = 0) {
    request(.heartbeat)
    say(.heartbeatAnswered(membership(group, member, generation), error: error))
  }

  func leave(_ group: String, _ member: String, reason: String = "") {
    request(.leaveGroup)
    say(.leaveGroupRequested(membership(group, member, -1), reason: text(reason)))
    say(.leaveGroupAnswered(membership(group, member, -1), error: 0, memberError: 0))
  }

  /// A heartbeat of a new group (KIP-848, KIP-932, KIP-1071). `assigned` nil: that of before stands.
  func heartbeat(
    _ group: String, _ member: String, epoch: Int32, answered: Int32, assigned: [String]? = nil, error: Int16 = 0,
    key: KafkaKey = .consumerGroupHeartbeat, tasks: [(String, Int32)] = [], topics: [(String, String)] = [],
    hasID: Bool = true
  ) {
    request(key)
    let asked = membership(group, hasID ? member : "", epoch)
    say(.memberHeartbeatRequested(asked, rebalanceTimeout_ms: 300_000))
    for (subtopology, name) in topics {
      say(.subscribedTopic(asked, subtopology: text(subtopology), topic: text(name)))
    }
    say(
      .memberHeartbeatAnswered(asked, assigned: membership(group, member, answered), interval_ms: 5_000, error: error))
    for partition in assigned ?? [] {
      let spot = KafkaSpot(partition)
      say(.assignedPartition(asked, topic(spot), partition: spot.partition))
    }
    for (subtopology, number) in tasks {
      say(.assignedTask(asked, subtopology: text(subtopology), partition: number))
    }
    say(.memberHeartbeatEnded(asked, hasAssignment: assigned != nil || !tasks.isEmpty))
  }

  // MARK: Offsets

  /// With a producer: within its transaction.
  func commit(
    _ group: String, _ member: String, generation: Int32, _ positions: [String], error: Int16 = 0,
    errors: [Int16] = [], producer: Int64? = nil, metadata: String = "", meanwhile: () -> Void = {}
  ) {
    request(producer == nil ? .offsetCommit : .txnOffsetCommit)
    let membership = membership(group, member, generation)
    let transaction = producer.map { text("transaction-\($0)") } ?? .empty
    let all = positions.map { position in
      let spot = KafkaSpot(position)
      return KafkaPosition(
        topic: topic(spot), partition: spot.partition, offset: spot.first, leaderEpoch: -1, metadata: text(metadata))
    }
    say(.offsetCommitRequested(membership, transactionalID: transaction))
    for one in all { say(.offsetCommitPositionRequested(membership, transactionalID: transaction, one)) }
    during(meanwhile)
    bench.step()
    for (i, one) in all.enumerated() {
      say(
        .offsetCommitAnswered(
          membership, transactionalID: transaction, producerID: producer ?? -1, one,
          error: errors.isEmpty ? error : errors[i]))
    }
    say(.offsetCommitEnded(membership))
  }

  func producerID(_ producer: Int64) {
    request(.initProducerID)
    say(.producerIDAnswered(transactionalID: text("transaction-\(producer)"), producerID: producer, epoch: 1, error: 0))
  }

  func cluster(_ name: String) {
    request(.metadata)
    say(.cluster(id: text(name), controller: 1))
    say(.metadataAnswered(error: 0))
  }

  func endTransaction(_ producer: Int64, commits: Bool, error: Int16 = 0) {
    request(.endTxn)
    let id = text("transaction-\(producer)")
    say(.txnEndRequested(transactionalID: id, producerID: producer, commits: commits))
    say(.txnEnded(transactionalID: id, producerID: producer, commits: commits, error: error))
  }

  func offsetFetched(_ group: String, _ positions: String...) {
    request(.offsetFetch)
    for position in positions {
      let spot = KafkaSpot(position)
      say(
        .offsetFetched(
          group: text(group),
          KafkaPosition(topic: topic(spot), partition: spot.partition, offset: spot.first, leaderEpoch: -1), error: 0))
    }
    say(.offsetFetchAnswered(group: text(group), error: 0))
  }

  func metadata(_ name: String, id: UInt64) {
    request(.metadata)
    say(
      .topic(
        KafkaTopic(name: text(name), id: KafkaTopicID(0, id)), partitions: 3, isInternal: false, error: 0))
    say(.metadataAnswered(error: 0))
  }

  func leaderEpoch(_ place: String) {
    request(.offsetForLeaderEpoch)
    let spot = KafkaSpot(place)
    say(.leaderEpochEnd(topic(spot), partition: spot.partition, epoch: 3, endOffset: 1_000, error: 0))
  }

  func listOffsets(_ place: String) {
    request(.listOffsets)
    let spot = KafkaSpot(place)
    say(.offsetListed(topic(spot), partition: spot.partition, timestamp_ms: -1, offset: spot.first, error: 0))
  }

  // MARK: Producing

  /// One record; `value` is what `KafkaGot.value` gives of its source, if it is a copy.
  func produce(
    _ topic: String, key: String? = nil, value: String = "", headers: [(String, [UInt8])] = [],
    codec: KafkaBatch.Codec = .none, count: Int32 = 1, stamp: Int64 = 0, producer: Int64 = -1, sequence: Int32 = -1,
    isTransactional: Bool = false, error: Int16? = nil
  ) {
    request(.produce)
    let destination = KafkaTopic(name: text(topic), id: .none)
    let transaction = isTransactional ? text("transaction-\(producer)") : .empty
    say(.produceRequested(transactionalID: transaction, acks: -1, timeout_ms: 30_000))
    say(.producePartition(destination, partition: 0))
    let detail = detail(destination, 0)
    var batch = KafkaBatch.none
    batch.codec = codec
    batch.baseOffset = 0
    batch.lastOffset = Int64(count) - 1
    batch.count = count
    batch.maxTimestamp_ms = stamp
    batch.producerID = producer
    batch.producerEpoch = 0
    batch.baseSequence = sequence
    batch.isTransactional = isTransactional
    say(.batch(batch))
    if codec == .none, !detail.isEmpty {
      for i in 0..<Int64(count) {
        var record = KafkaRecord.none
        record.offset = i
        record.keyHash = key.map(KafkaBench.hash) ?? 0
        record.valueHash = KafkaBench.hash(value)
        note(headers, in: &record.marks)
        say(.record(record))
      }
    }
    say(
      .producePartitionEnded(
        KafkaRecordsEnd(
          topic: destination, partition: 0, bytes: 0, batches: 1, endsInPart: false, isIncomplete: false)))
    say(.produceRequestEnded)
    guard let error else { return }
    say(.producePartitionAnswered(destination, partition: 0, error: error, baseOffset: 0, appendTime_ms: -1))
    say(.produceAnswered)
  }
}
