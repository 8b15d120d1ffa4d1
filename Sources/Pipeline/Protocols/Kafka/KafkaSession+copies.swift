// Copies of failed records on dead-letter and retry topics: which delivery each ends.

extension KafkaSession {
  /// Where a record was handed over.
  struct Source {
    var partition: KafkaPartition
    var offset: Int64
  }

  /// What a copy says of its source.
  enum Origin {
    case found(Source)
    /// Something that is not consumed here.
    case elsewhere
    /// Nothing, or nothing that only one record fits.
    case unknown
  }

  /// By its source's headers, else by a header whose value is the offset of just one record that is in flight, or was
  /// until lately, unless another one contains the same; of several, of the one that contains the same, or whose partition
  /// is the value of another header, or whose topic's name the copy's extends.
  private func origin(of record: KafkaRecord, _ producer: Int32, in frame: RawSpan) -> Origin {
    let marks = record.marks
    if marks.sourceOffset >= 0, marks.sourcePartition >= 0, !marks.sourceTopic.isEmpty {
      guard let topic = state.topics.number(named: marks.sourceTopic, in: frame, cluster: cluster) else {
        return .elsewhere
      }
      let place = state.topics.current(KafkaTopics.place(topic, marks.sourcePartition))
      let named = marks.sourceGroup.isEmpty ? nil : marks.sourceGroup.string(in: frame)
      let fitting = process.groups.compactMap { named == nil || $0.name == named ? $0.partitions[place] : nil }
      guard let partition = fitting.first else { return .elsewhere }
      return fitting.count == 1 ? .found(Source(partition: partition, offset: marks.sourceOffset)) : .unknown
    }
    let destination = ledger.producers[producer].name
    guard let source = byNumbers(record, destination) else { return .unknown }
    if isNamed(source) || isAlike(source, record) { return .found(source) }
    if !isAttributed(at: ledger.now) { return .unknown }
    return .found(byContents(record, .calledAfter(destination)) ?? source)
  }

  /// The record that this one is a copy of. What went through retry topics names the topic that it came from first, whose
  /// record has ended long ago: then it is of one that a retry topic delivered.
  func copied(_ record: KafkaRecord, _ producer: Int32, in frame: RawSpan, at: Timestamp) {
    if isSentAgain(contents(record), producer, at: at) { return }
    switch origin(of: record, producer, in: frame) {
    case .found(let source) where isOpen(source.partition, source.offset): published(source, producer, at: at)
    case .unknown:
      let name = ledger.producers[producer].name
      let source = byContents(record, .calledAfter(name)) ?? byContents(record, .retry) ?? byContents(record, .any)
      published(source, producer, at: at)
    case .found(let source):
      if !isRetried(record, producer, at: at) { published(source, producer, at: at) }
    case .elsewhere: _ = isRetried(record, producer, at: at)
    }
  }

  private func isRetried(_ record: KafkaRecord, _ producer: Int32, at: Timestamp) -> Bool {
    let delivers = process.groups.contains {
      $0.list.prefix(Self.searchBound).contains { !$0.deliveries.isEmpty && state.topics[$0.place].kind == .retry }
    }
    if delivers { published(byContents(record, .retry), producer, at: at) }
    return delivers
  }

  /// A copy was written: within a transaction it is one only once that has committed.
  func published(_ source: Source?, _ producer: Int32, at: Timestamp) {
    guard let transaction = producing.transaction else { return copied(source, producer, at: at) }
    if !state.transactions.add(transaction, .init(source: source, producer: producer)) { ledger.dropped.pairs += 1 }
  }

  private func byNumbers(_ record: KafkaRecord, _ destination: String) -> Source? {
    var found: [Source] = []
    var left = Self.numberSearchBound
    for (i, number) in producing.numbers.enumerated() where !producing.numbers[..<i].contains(number) {
      for group in process.groups {
        // Beyond the bound nobody can tell that there is just one.
        left -= group.list.count
        guard left >= 0 else { return nil }
        for partition in group.list where isOpen(partition, number) {
          let source = Source(partition: partition, offset: number)
          // A small number may be anything: of what was acknowledged long ago only the same contents tell.
          guard isInFlight(partition, number) || partition.recent.isLatest(number) || isAlike(source, record) else {
            continue
          }
          guard found.count < Self.candidateBound else { return nil }
          found.append(source)
        }
      }
    }
    guard found.count > 1 else { return found.first }
    // Partitions stand at like offsets.
    let alike = found.filter { isAlike($0, record) }
    let told = alike.isEmpty ? found.filter(isNamed) : alike
    if told.count == 1 { return told[0] }
    // So do two topics; the copy's may be called after one of them.
    let meant = (told.isEmpty ? found : told).filter {
      isAmong(.calledAfter(destination), state.topics[$0.partition.place])
    }
    return meant.count == 1 ? meant[0] : nil
  }

  private func isAlike(_ source: Source, _ record: KafkaRecord) -> Bool {
    let body = contents(record)
    guard body != 0 else { return false }
    if let id = source.partition.deliveries.find(source.offset), ledger.deliveries.isLive(id) {
      return ledger.deliveries[id].body == body
    }
    return source.partition.recent[source.offset]?.delivery.body == body
  }

  /// Whether the process was given, until lately, only what is known to be one group's. Else a copy may be of something that
  /// no group here has.
  private func isAttributed(at: Timestamp) -> Bool { at - process.unattributedAt > Self.unattributed_ns }

  /// A header's value is its partition: another header than the one whose value is its offset.
  private func isNamed(_ source: Source) -> Bool {
    let partition = Int64(KafkaTopics.partition(of: source.partition.place))
    return producing.numbers.count { $0 == partition } > (partition == source.offset ? 1 : 0)
  }

  /// Where a copy may come from: topics whose name that of its own extends, retry topics, or all.
  private enum Origins { case calledAfter(String), retry, any }

  /// By key and value: the last that was delivered, else the first such in flight, or the last that was acknowledged.
  private func byContents(_ record: KafkaRecord, _ origins: Origins) -> Source? {
    let body = contents(record)
    let last = process.bodies[body].flatMap { last in
      isAmong(origins, state.topics[last.partition.place])
        ? Source(partition: last.partition, offset: last.offset) : nil
    }
    if let last, isInFlight(last.partition, last.offset) { return last }
    return find(origins) { partition, searched in
      partition.deliveries.first(
        of: searched,
        where: { id in
          ledger.deliveries.isLive(id) && ledger.deliveries[id].body == body
            && !ledger.deliveries[id].flags.contains(.paired)
        })
    } ?? last.flatMap { isOpen($0.partition, $0.offset) ? $0 : nil }
      ?? find(origins) { $0.recent.last(of: body, among: $1) }
  }

  /// The first of those partitions in which `offset` finds one; it is told how many records to look at.
  private func find(_ origins: Origins, offset: (KafkaPartition, _ searched: Int) -> Int64?) -> Source? {
    for group in process.groups where !group.list.isEmpty {
      let searched = max(Self.leastSearched, Self.searchBound / group.list.count)
      // Partitions of a topic mostly stand together.
      var topic: (number: KafkaPlace, isAmong: Bool)?
      for partition in group.list.prefix(Self.searchBound) {
        if topic?.number != partition.place >> 32 {
          topic = (partition.place >> 32, isAmong(origins, state.topics[partition.place]))
        }
        guard topic?.isAmong == true, let found = offset(partition, searched) else { continue }
        return Source(partition: partition, offset: found)
      }
    }
    return nil
  }

  private func isAmong(_ origins: Origins, _ source: KafkaTopics.Entry) -> Bool {
    switch origins {
    case .calledAfter(let name): name.utf8.count > source.name.utf8.count && name.hasPrefix(source.name)
    case .retry: source.kind == .retry
    case .any: true
    }
  }

  /// Key and value; 0: not known.
  func contents(_ record: KafkaRecord) -> UInt64 { record.keyHash ^ record.valueHash &* 0x9e37_79b9_7f4a_7c15 }

  func isInFlight(_ partition: KafkaPartition, _ offset: Int64) -> Bool {
    guard let id = partition.deliveries.find(offset), ledger.deliveries.isLive(id) else { return false }
    return !ledger.deliveries[id].flags.contains(.paired)
  }

  private func isOpen(_ partition: KafkaPartition, _ offset: Int64) -> Bool {
    guard offset < partition.seenThrough else { return false }
    if isInFlight(partition, offset) { return true }
    return (offset < partition.ackedThrough || partition.group.isShare)
      && partition.recent[offset] != nil
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
    } else if state.isFiled(source.partition), let ack = source.partition.recent.remove(source.offset) {
      source.partition.isNoAck(source.offset)
      label(source.partition, source.offset, ack.delivery.message)
      ledger.settleCopiedLate(ack, to: producer, as: settlement, attempt: 1 + returns, at: at)
    } else if source.offset >= source.partition.seenThrough {
      // Not seen here: it may come from before.
    } else if source.partition.ackedThrough > source.offset,
      source.offset <= source.partition.recent.forgottenThrough
    {
      // Acknowledged too long ago.
      wait(producer, settlement, at: at)
    }
  }

  private func wait(_ producer: Int32, _ settlement: Settlement, at: Timestamp) {
    // Not of a group that has nothing to do with it.
    guard process.copies.count < KafkaProcess.copyBound, isAttributed(at: at) else {
      ledger.dropped.pairs += 1
      return
    }
    if process.copies.isEmpty, !state.copying.contains(where: { $0 === process }) { state.copying.append(process) }
    process.copies.append(.init(producer: producer, settlement: settlement, at: at))
  }

  /// A dead letter is made of that record: its returns were retries. Answers with how many.
  private func returnsEnded(_ source: Source, at: Timestamp) -> Int32 {
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

  /// Before a commit acknowledges them: of the records below the offset, those that copies were made of, if copies wait
  /// for their sources; the most often tried first.
  func endCopied(_ partition: KafkaPartition, below offset: Int64, at: Timestamp) {
    guard let member = partition.member else { return }
    let process = member.process == self.process.id ? self.process : state.process(member.process)
    guard !process.copies.isEmpty else { return }
    endCopied(partition, partition.deliveries.within(0...max(0, offset - 1)), of: process, at: at)
  }

  /// The same of those that are about to be acknowledged.
  func endCopied(
    _ partition: KafkaPartition, _ deliveries: [(offset: Int64, id: DeliveryID)], of process: KafkaProcess,
    at: Timestamp
  ) {
    let committed = deliveries.filter {
      ledger.deliveries.isLive($0.id) && !ledger.deliveries[$0.id].flags.contains(.paired)
    }.sorted { (ledger.deliveries[$0.id].attempt, $1.offset) > (ledger.deliveries[$1.id].attempt, $0.offset) }
    let copies = process.copies.prefix(committed.count)
    process.copies.removeFirst(copies.count)
    for (source, copy) in zip(committed, copies) {
      copied(Source(partition: partition, offset: source.offset), copy.producer, at: at)
    }
  }

  /// Keeps what is being acknowledged for a copy that comes late.
  func keepRecent(_ partition: KafkaPartition, _ offset: Int64, _ ack: SettledAck) {
    let fair = KafkaPartition.recentTotal / partition.group.list.count
    let most = process.publishesCopies ? KafkaPartition.recentCopiedBound : KafkaPartition.recentBound
    partition.recent.insert(offset, ack, bound: max(8, min(fair, most)))
  }

  private static var unattributed_ns: Int64 { .seconds(60) }
  /// Partitions that are looked at for one copy, and deliveries in all of them.
  private static var searchBound: Int { 4_096 }
  /// Partitions that are looked at for all numbers in the headers of one copy; the most fail the first comparison.
  private static var numberSearchBound: Int { 16_384 }
  /// Records that the numbers of one copy may mean.
  private static var candidateBound: Int { 1_024 }
  /// The first of each partition, however many there are.
  private static var leastSearched: Int { 8 }
}

extension KafkaState {
  /// Copies whose sources were not acknowledged: of the oldest in flight; where nothing is, of what was acknowledged last.
  func expireCopies(of process: KafkaProcess, since: Timestamp, at: Timestamp) {
    let expired = Array(process.copies.prefix { $0.at <= since })
    process.copies.removeFirst(expired.count)
    var acknowledged: [(at: Timestamp, partition: KafkaPartition)]?
    for copy in expired {
      let publication = Publication(producer: copy.producer, process: process.id)
      if acknowledged == nil, let id = ledger.source(of: publication, destination: "") {
        ledger.settleCopied(id, to: copy.producer, as: copy.settlement, at: at)
        continue
      }
      if acknowledged == nil {
        acknowledged = process.groups.flatMap(\.list).filter(isFiled).flatMap { partition in
          partition.recent.acks.map { ($0.delivery.at, partition) }
        }.sorted { $0.at < $1.at }
      }
      guard let partition = acknowledged?.popLast()?.partition, let last = partition.recent.removeLast() else {
        ledger.dropped.pairs += 1
        continue
      }
      partition.isNoAck(last.offset)
      ledger.settleCopiedLate(last.ack, to: copy.producer, as: copy.settlement, attempt: 1, at: at)
    }
  }
}
