// Copies of failed records on dead-letter and retry topics: which delivery each ends. The evidence has three tiers:
// `NamedCopy`, `EqualCopy`, `CountedCopy`.

extension KafkaSession {
  /// A record was published to a dead-letter or retry topic.
  func copied(_ record: KafkaRecord, _ producer: Int32, in frame: RawSpan, at: Timestamp) {
    let rules = state.inferences
    if rules.has(.namedCopy),
      case .found(let source) = NamedCopy.origin(
        of: record.marks, for: process, state.topics, in: frame, cluster: cluster),
      isOpen(source)
    {
      return published(.init(source: source, producer: producer, rule: .namedCopy), at: at)
    }
    if rules.has(.equalCopy), let source = equal(record, to: ledger.name(ofProducer: producer)) {
      return published(.init(source: source, producer: producer, rule: .equalCopy), at: at)
    }
    // What it names has ended already, or never came here.
    if record.marks.sourceOffset >= 0, !record.marks.sourceTopic.isEmpty { return }
    published(.init(source: nil, producer: producer, rule: .countedCopy), at: at)
  }

  private func equal(_ record: KafkaRecord, to destination: String) -> KafkaSource? {
    EqualCopy.source(
      among: EqualCopy.sources(of: EqualCopy.contents(record), for: process),
      topicNameExtends: { source in
        let name = state.topics[source.partition.place].name
        return destination.utf8.count > name.utf8.count && destination.hasPrefix(name)
      }, isInFlight: isInFlight, isAcknowledgedLately: isAcknowledgedLately)
  }

  /// A copy was written: within a transaction it is one only once that has committed.
  func published(_ copy: KafkaTransactions.Copy, at: Timestamp) {
    guard let transaction = producing.transaction else { return copied(copy, at: at) }
    if !state.transactions.add(transaction, copy) { ledger.drop(\.pairs) }
  }

  /// A copy was published. If it says of what, that delivery ends with it, even if it was acknowledged a moment ago.
  func copied(_ copy: KafkaTransactions.Copy, at: Timestamp) {
    let settlement = ledger.kind(ofProducer: copy.producer) == .retry ? Settlement.requeued : .deadLettered
    guard let source = copy.source else { return count(copy.producer, settlement, at: at) }
    let partition = source.partition
    let returns = settlement == .deadLettered ? returnsEnded(source, at: at) : 0
    if let id = partition.deliveries.find(source.offset), ledger.isLive(id) {
      guard !ledger.isPaired(id) else { return }
      ledger.raiseAttempt(of: id, to: 1 + returns)
      let message = ledger.delivery(id).message
      label(partition, source.offset, message)
      ledger.settleCopied(id, to: copy.producer, as: settlement, at: at)
      state.count(copy.rule, in: partition.group, message: message)
    } else if state.isFiled(partition), let ack = partition.recent.remove(source.offset) {
      label(partition, source.offset, ack.delivery.message)
      ledger.settleCopiedLate(ack, to: copy.producer, as: settlement, attempt: 1 + returns, at: at)
      state.count(copy.rule, in: partition.group, message: ack.delivery.message)
    }
  }

  /// Nothing tells what it is a copy of.
  private func count(_ producer: Int32, _ settlement: Settlement, at: Timestamp) {
    guard state.inferences.has(.countedCopy), CountedCopy.group(of: process) != nil,
      process.copies.count < KafkaProcess.copyBound
    else {
      ledger.drop(\.pairs)
      return
    }
    process.copies.append(.init(producer: producer, settlement: settlement))
    state.countCopies(of: process, at: at)
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
