// Copies of records that the process publishes itself, to dead-letter and retry topics or back to a topic that it consumes: which
// delivery each ends. The evidence has three tiers: `NamedCopy`, `EqualCopy`, `CountedCopy`. Back to a topic that the source's
// group consumes equal contents are not enough: `RepublishedRecord`, `ReturnedRecord`.

extension KafkaSession {
  /// A record was published to such a topic. Answers whether it is taken for a copy that ends a delivery.
  func copied(_ record: KafkaRecord, _ producer: Int32, in frame: RawSpan, at: Timestamp) -> Bool {
    let rules = state.inferences
    var copy = KafkaTransactions.Copy(
      producer: producer, rule: .namedCopy, settlement: .deadLettered, contents: EqualCopy.contents(record),
      place: producing.place)
    let namesOrigin = record.marks.sourceOffset >= 0 && !record.marks.sourceTopic.isEmpty
    if rules.has(.namedCopy),
      case .found(let source) = NamedCopy.origin(
        of: record.marks, for: process, state.topics, in: frame, cluster: cluster),
      isOpen(source) || source.partition.recent.hasForgotten(source.offset)
    {
      guard let settlement = settlement(of: source, by: producer) else { return false }
      copy.source = source
      copy.settlement = settlement
      return published(copy, at: at)
    }
    if rules.has(.equalCopy), let source = equal(copy.contents, to: ledger.name(ofProducer: producer)) {
      copy.source = source
      guard needsSign(source) else {
        copy.rule = .equalCopy
        copy.settlement = settlement(by: producer)
        return published(copy, at: at)
      }
      return equal(record, of: copy, source, namesOrigin: namesOrigin, in: frame, at: at)
    }
    // What it names has ended already, or never came here; or nothing says that it is a copy.
    if namesOrigin || producing.isNormal { return false }
    copy.rule = .countedCopy
    copy.settlement = settlement(by: producer)
    if copy.settlement == .requeued, process.isOwnKey(record.keyHash) { return false }
    return published(copy, at: at)
  }

  /// A record with equal contents, where these alone do not make it a copy.
  private func equal(
    _ record: KafkaRecord, of copy: KafkaTransactions.Copy, _ source: KafkaSource, namesOrigin: Bool, in frame: RawSpan,
    at: Timestamp
  ) -> Bool {
    guard let settlement = settlement(of: source, by: copy.producer) else { return false }
    var copy = copy
    let rules = state.inferences
    let marks = KafkaTryMarks(record.marks, in: frame, names: &state.headerNames, key: state.key)
    if rules.has(.republishedRecord),
      RepublishedRecord.tells(marks, before: source.numbers, namesOrigin: namesOrigin)
    {
      copy.rule = .republishedRecord
      copy.settlement = settlement
      return published(copy, at: at)
    }
    guard rules.has(.returnedRecord), ReturnedRecord.tells(source, publishedTo: copy.place) else { return false }
    copy.rule = .returnedRecord
    copy.settlement = .acked
    _ = published(copy, at: at)
    return false
  }

  /// To a topic that the source's group consumes, under a name that says nothing else; to its own topic, whatever that is called.
  private func goesBack(_ source: KafkaSource) -> Bool {
    if source.partition.place >> 32 == producing.place >> 32 { return true }
    return producing.isNormal && source.partition.group.consumes(Int32(truncatingIfNeeded: producing.place >> 32))
  }

  /// A topic whose name alone says what it is for needs no second sign. One called after retries may be its own retry topic.
  private func needsSign(_ source: KafkaSource) -> Bool {
    producing.isNormal || goesBack(source) && producing.producer.map { ledger.kind(ofProducer: $0) != .retry } ?? true
  }

  /// How a copy ends that source; nil: not at all, the record was passed on.
  private func settlement(of source: KafkaSource, by producer: Int32) -> Settlement? {
    if goesBack(source) { return .requeued }
    return ledger.kind(ofProducer: producer) == .normal ? nil : settlement(by: producer)
  }

  /// By the topic's name.
  func settlement(by producer: Int32) -> Settlement {
    ledger.kind(ofProducer: producer) == .retry ? .requeued : .deadLettered
  }

  private func equal(_ contents: UInt64, to destination: String) -> KafkaSource? {
    EqualCopy.source(
      among: EqualCopy.sources(of: contents, for: process),
      topicNameExtends: { source in
        let name = state.topics[source.partition.place].name
        return destination.utf8.count > name.utf8.count && destination.hasPrefix(name)
      }, isInFlight: isInFlight, isAcknowledgedLately: isAcknowledgedLately)
  }

  /// A copy was written: within a transaction it is one only once that has committed.
  @discardableResult
  func published(_ copy: KafkaTransactions.Copy, at: Timestamp) -> Bool {
    if let transaction = producing.transaction {
      if !state.transactions.add(transaction, copy) { ledger.drop(\.pairs) }
    } else {
      copied(copy, at: at)
    }
    return true
  }

  /// A copy was published. If it says of what, that delivery ends with it, even if it was acknowledged a moment ago.
  func copied(_ copy: KafkaTransactions.Copy, at: Timestamp) {
    guard let source = copy.source else { return count(copy.producer, copy.settlement, at: at) }
    let partition = source.partition
    guard copy.settlement != .acked else { return returned(source) }
    let returns = copy.settlement == .deadLettered ? returnsEnded(source, at: at) : 0
    if let id = partition.deliveries.find(source.offset), ledger.isLive(id) {
      guard !ledger.isPaired(id) else { return }
      ledger.raiseAttempt(of: id, to: 1 + returns)
      let delivery = ledger.delivery(id)
      label(partition, source.offset, delivery.message)
      ledger.settleCopied(id, to: copy.producer, as: copy.settlement, at: at)
      follow(copy, delivery, of: partition.group)
      state.count(copy.rule, in: partition.group, message: delivery.message)
    } else if state.isFiled(partition), let ack = acknowledgement(of: source, by: copy.rule) {
      label(partition, source.offset, ack.delivery.message)
      ledger.settleCopiedLate(ack, to: copy.producer, as: copy.settlement, attempt: 1 + returns, at: at)
      follow(copy, ack.delivery, of: partition.group)
      state.count(copy.rule, in: partition.group, message: ack.delivery.message)
    }
  }

  private func acknowledgement(of source: KafkaSource, by rule: KafkaInference) -> SettledAck? {
    let partition = source.partition
    if let ack = partition.recent.remove(source.offset) { return ack }
    guard rule == .namedCopy else { return nil }
    return partition.recent.takeForgotten(source.offset, message: message(partition.place, source.offset))
  }

  /// `FollowedCopy`: where the copy comes in again, it is another try.
  private func follow(_ copy: KafkaTransactions.Copy, _ delivery: Delivery, of group: KafkaGroup) {
    guard copy.settlement == .requeued, state.inferences.has(.followedCopy) else { return }
    let topic = Int32(truncatingIfNeeded: copy.place >> 32)
    let goesBack = group.consumes(topic)
    guard goesBack || process.groups.contains(where: { $0.consumes(topic) }) else { return }
    if goesBack { ledger.learn(producer: copy.producer, returnsTo: GroupKey.kafka(group: group.name), .consumed) }
    let next = FollowedCopy.Try(message: delivery.message, attempt: delivery.attempt &+ 1)
    let forgotten = state.republished.publish(copy.contents, for: goesBack ? group.salt : 0, next)
    if forgotten > 0 { ledger.drop(\.pairs, UInt64(forgotten)) }
  }

  /// An equal record went back, and nothing says that this one failed.
  private func returned(_ source: KafkaSource) {
    let partition = source.partition
    if isInFlight(source) {
      guard partition.returned.count < KafkaPartition.awaitedBound else { return }
      guard partition.returned.insert(source.offset).inserted else { return }
    } else {
      guard state.isFiled(partition), partition.recent.remove(source.offset) != nil else { return }
      state.countReturned(partition)
    }
    state.count(.returnedRecord, in: partition.group)
  }

  /// Nothing tells what it is a copy of.
  private func count(_ producer: Int32, _ settlement: Settlement, at: Timestamp) {
    guard state.inferences.has(.countedCopy),
      let group = CountedCopy.group(of: process, publishingTo: ledger.name(ofProducer: producer), state.topics),
      group.copies.count < KafkaGroup.copyBound
    else {
      ledger.drop(\.pairs)
      return
    }
    group.copies.append(.init(producer: producer, settlement: settlement))
    state.countCopies(of: group, at: at)
  }

  func isInFlight(_ source: KafkaSource) -> Bool {
    guard let id = source.partition.deliveries.find(source.offset), ledger.isLive(id) else { return false }
    return !ledger.isPaired(id)
  }

  private func isAcknowledgedLately(_ source: KafkaSource) -> Bool {
    source.partition.recent[source.offset] != nil
  }

  private func isOpen(_ source: KafkaSource) -> Bool { isInFlight(source) || isAcknowledgedLately(source) }

  /// A dead letter is made of that record: its returns were retries. Answers with how many.
  private func returnsEnded(_ source: KafkaSource, at: Timestamp) -> Int32 {
    guard let member = source.partition.member else { return 0 }
    let partitions = source.partition.group.partitions
    let (confirmed, all) = member.seeks.deadLettered(
      source.partition.place, source.offset, end: source.partition.end
    ) { place, offset in partitions[place].map { $0.committed > offset } ?? true }
    for one in confirmed { confirm(one, of: source.partition.group, at: at) }
    // Rounds of several partitions have a name now.
    if all > 0, source.partition.seekBacks.count < KafkaPartition.awaitedBound {
      source.partition.seekBacks[source.offset] = max(source.partition.seekBacks[source.offset] ?? 0, Int32(all))
    }
    return Int32(all)
  }

  /// Keeps what was acknowledged: a copy may come later, since producers send later than they are told to (librdkafka's and
  /// sarama's queues; kafka-go waits a second). Then the acknowledgement is revised.
  func keepRecent(_ partition: KafkaPartition, _ offset: Int64, _ ack: SettledAck) {
    let fair = KafkaPartition.recentTotal / partition.group.list.count
    let most = process.publishesCopies ? KafkaPartition.recentCopiedBound : KafkaPartition.recentBound
    partition.recent.insert(offset, ack, bound: max(8, min(fair, most)))
    partition.group.latestAcknowledged = partition
  }
}
