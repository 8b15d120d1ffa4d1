// Copies of failed records on dead-letter and retry topics: which delivery each ends.

extension KafkaSession {
  /// Where a record was handed over.
  struct Source {
    var partition: KafkaPartition
    var offset: Int64
  }

  /// By its source's headers, else by a header whose value is the offset of just one record that is in flight, or was
  /// until lately.
  func source(of record: KafkaRecord, in frame: RawSpan) -> Source? {
    let marks = record.marks
    if marks.sourceOffset >= 0, marks.sourcePartition >= 0, !marks.sourceTopic.isEmpty,
      let topic = state.topics.number(named: marks.sourceTopic, in: frame, cluster: cluster)
    {
      let place = KafkaTopics.place(topic, marks.sourcePartition)
      let named = marks.sourceGroup.isEmpty ? nil : marks.sourceGroup.string(in: frame)
      let fitting = process.groups.filter { (named == nil || $0.name == named) && $0.partitions[place] != nil }
      return fitting.count == 1
        ? fitting[0].partitions[place].map { Source(partition: $0, offset: marks.sourceOffset) } : nil
    }
    var found: Source?
    for number in producing.numbers {
      for group in process.groups.prefix(Self.searchBound) {
        for partition in group.partitions.values.prefix(Self.searchBound) where isOpen(partition, number) {
          if let found, found.partition !== partition || found.offset != number { return nil }
          found = Source(partition: partition, offset: number)
        }
      }
    }
    return found
  }

  /// By key and value, where the name of where it goes extends that of where it came from: the first such in flight, or
  /// the last that was acknowledged.
  func byContents(_ record: KafkaRecord, _ destination: String) -> Source? {
    let body = contents(record)
    for group in process.groups.prefix(Self.searchBound) {
      for partition in group.partitions.values.prefix(Self.searchBound) {
        let name = state.topics[partition.place].name
        guard destination.utf8.count > name.utf8.count, destination.hasPrefix(name) else { continue }
        if let offset = partition.deliveries.first(
          of: Self.deliveriesSearched,
          where: { id in
            ledger.deliveries.isLive(id) && ledger.deliveries[id].body == body
              && !ledger.deliveries[id].flags.contains(.paired)
          })
        {
          return Source(partition: partition, offset: offset)
        }
        if let last = partition.recent.last(where: { $0.delivery.body == body }) {
          return Source(partition: partition, offset: last.offset)
        }
      }
    }
    return nil
  }

  /// Key and value; 0: not known.
  func contents(_ record: KafkaRecord) -> UInt64 { record.keyHash ^ record.valueHash &* 0x9e37_79b9_7f4a_7c15 }

  private func isOpen(_ partition: KafkaPartition, _ offset: Int64) -> Bool {
    if let id = partition.deliveries.find(offset), ledger.deliveries.isLive(id),
      !ledger.deliveries[id].flags.contains(.paired)
    {
      return true
    }
    return partition.recent.contains { $0.offset == offset }
  }

  /// A copy was published. If it says of what, that delivery ends with it, even if it was acknowledged a moment ago: client
  /// libraries publish later than they are told to. If it does not, the next record that its process acknowledges was its
  /// source (a consumer acknowledges what it has put aside), and after 10 s without one the oldest in flight.
  func copied(_ source: Source?, _ producer: Int32, at: Timestamp) {
    let settlement = ledger.producers[producer].kind == .retry ? Settlement.requeued : .deadLettered
    guard let source else { return wait(producer, settlement, at: at) }
    let returns = settlement == .deadLettered ? returnsEnded(source, at: at) : 0
    if let id = source.partition.deliveries.find(source.offset), ledger.deliveries.isLive(id) {
      guard !ledger.deliveries[id].flags.contains(.paired) else { return }
      ledger.deliveries[id].attempt = max(ledger.deliveries[id].attempt, 1 + returns)
      label(source.partition, source.offset, ledger.deliveries[id].message)
      ledger.settleCopied(id, to: producer, as: settlement, at: at)
    } else if let i = source.partition.recent.lastIndex(where: { $0.offset == source.offset }) {
      let delivery = source.partition.recent.remove(at: i).delivery
      label(source.partition, source.offset, delivery.message)
      ledger.settleCopiedLate(delivery, to: producer, as: settlement, attempt: 1 + returns, at: at)
    } else if source.offset >= source.partition.seenThrough {
      // Not seen here: it may come from before.
    } else if source.partition.ackedThrough > source.offset, source.partition.recent.isEmpty {
      // Acknowledged before anything told that its process publishes.
      wait(producer, settlement, at: at)
    }
  }

  private func wait(_ producer: Int32, _ settlement: Settlement, at: Timestamp) {
    guard process.copies.count < KafkaProcess.copyBound else {
      ledger.dropped.pairs += 1
      return
    }
    if process.copies.isEmpty, !state.copying.contains(where: { $0 === process }) { state.copying.append(process) }
    process.copies.append(.init(producer: producer, settlement: settlement, at: at))
  }

  /// A dead letter is made of that record: its returns were retries. Answers with how many.
  private func returnsEnded(_ source: Source, at: Timestamp) -> Int32 {
    guard let member = source.partition.member else { return 0 }
    let (confirmed, all) = member.returns.deadLettered(source.partition.place, source.offset)
    for one in confirmed { confirm(one, of: source.partition.group, at: at) }
    // Rounds of several partitions have a name now.
    if all > 0, source.partition.seekBacks.count < KafkaPartition.awaitedBound {
      source.partition.seekBacks[source.offset] = max(source.partition.seekBacks[source.offset] ?? 0, Int32(all))
    }
    return Int32(all)
  }

  /// Before a commit acknowledges them: of the records below the offset, those that copies were made of, if copies wait
  /// for their sources; the most often tried first.
  func endCopied(_ partition: KafkaPartition, below offset: Int64, at: Timestamp) {
    guard let member = partition.member else { return }
    let process = member.process == self.process.id ? self.process : state.process(member.process)
    guard !process.copies.isEmpty else { return }
    let committed = partition.deliveries.within(0...max(0, offset - 1)).filter {
      ledger.deliveries.isLive($0.id) && !ledger.deliveries[$0.id].flags.contains(.paired)
    }.sorted { (ledger.deliveries[$0.id].attempt, $1.offset) > (ledger.deliveries[$1.id].attempt, $0.offset) }
    let copies = process.copies.prefix(committed.count)
    process.copies.removeFirst(copies.count)
    for (source, copy) in zip(committed, copies) {
      copied(Source(partition: partition, offset: source.offset), copy.producer, at: at)
    }
  }

  /// Keeps what is being acknowledged for a copy that comes late.
  func keepRecent(_ partition: KafkaPartition, _ offset: Int64, _ delivery: Delivery) {
    guard process.hasPublished else { return }
    if partition.recent.count == KafkaPartition.recentBound {
      partition.recent.removeFirst(KafkaPartition.recentBound / 2)
    }
    partition.recent.append((offset, delivery))
  }

  private static var searchBound: Int { 256 }
  private static var deliveriesSearched: Int { 4_096 }
}

extension KafkaState {
  /// Copies whose sources were not acknowledged: of the oldest in flight; where nothing is, of what was acknowledged last.
  func expireCopies(of process: KafkaProcess, since: Timestamp, at: Timestamp) {
    while let copy = process.copies.first, copy.at <= since {
      process.copies.removeFirst()
      let publication = Publication(producer: copy.producer, process: process.id)
      if let id = ledger.source(of: publication, destination: "") {
        ledger.settleCopied(id, to: copy.producer, as: copy.settlement, at: at)
        continue
      }
      let last = process.groups.flatMap(\.partitions.values).max {
        ($0.recent.last?.delivery.at ?? .zero) < ($1.recent.last?.delivery.at ?? .zero)
      }
      if let last, let delivery = last.recent.popLast()?.delivery {
        ledger.settleCopiedLate(delivery, to: copy.producer, as: copy.settlement, attempt: 1, at: at)
      }
    }
  }
}
