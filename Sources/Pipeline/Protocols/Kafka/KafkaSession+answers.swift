// Answers to Fetch: what they deliver.

extension KafkaSession {
  var fetchDetail: KafkaDetail {
    guard let partition = fetching.partition else { return [] }
    var detail: KafkaDetail = []
    // Headers of these topics say how often a record was tried.
    if state.topics[partition.place].kind != .normal { detail.insert(.records) }
    if process.readsContents { detail.formUnion([.records, .hashes]) }
    fetching.detail = detail
    return detail
  }

  func fetchAnswered(_ answer: KafkaFetchAnswer, of exchange: KafkaExchange, at: Timestamp) {
    if exchange.requestedAt == fetching.latest.sentAt { fetching.latest.answeredAt = at }
    fetching.answeredThrough = max(fetching.answeredThrough, exchange.requestedAt)
    fetching.readsCommitted = answer.request?.readsCommitted ?? false
    fetching.isIncremental = answer.request.map { $0.sessionEpoch > 0 } ?? false
    fetching.requestedAt = exchange.requestedAt
  }

  func fetchPartition(_ answer: KafkaFetchedPartition, in frame: RawSpan, at: Timestamp) {
    fetching.partition = nil
    fetching.stray = nil
    fetching.batch = nil
    fetching.detail = []
    fetching.handedOver = 0
    followTopics()
    guard !fetching.isReplica, let place = place(answer.topic, answer.partition, in: frame),
      let position = positions[place]
    else { return }
    fetching.place = place
    if position.askedAt <= fetching.requestedAt { position.isAwaited = false }
    fetching.offset = position.offset
    fetching.next = max(0, position.offset)
    // What was learned since it was asked for: an assignment whose answer came later; or, in a session, one whose request
    // did not list the partition, since its position was still the same.
    let isRetaken = { (partition: KafkaPartition) in
      self.fetching.isIncremental && partition.serial != position.serial
        && self.fetching.requestedAt > partition.owner.since
    }
    if position.version != process.version, position.partition.map(isRetaken) ?? true {
      attribute(position, place, offset: position.offset)
      if let partition = position.partition { requested(partition, position.offset, at: at) }
    }
    guard let partition = position.partition else {
      fetching.stray = position.isAmbiguous ? .unattributed : .ungrouped
      return
    }
    // Of an assignment that is over: the client throws it away.
    guard partition.serial == position.serial else { return }
    if answer.error == KafkaError.offsetOutOfRange {
      partition.cursor.missed()
      partition.member?.seeks.cancel(place)
    }
    guard answer.error == KafkaError.none else { return countError(answer.error, to: "Fetch", of: partition.group) }
    // Where the log has less than was handed over, the topic was made anew, or lost its end.
    if answer.highWatermark >= 0, partition.cursor.answered(), answer.highWatermark < partition.end {
      state.beginAnew(partition, from: position.offset, at: at)
    }
    fetching.partition = partition
    fetching.group = state.enrol(partition)
    let end = fetching.readsCommitted && answer.lastStableOffset >= 0 ? answer.lastStableOffset : answer.highWatermark
    if end >= 0, end != partition.logEnd {
      partition.logEnd = end
      state.updateLag(of: partition)
    }
  }

  func fetchPartitionEnded() {
    if fetching.partition != nil { process.recordsRead &+= fetching.handedOver }
    fetching.partition = nil
    fetching.stray = nil
  }

  func fetchedBatch(_ batch: KafkaBatch, at: Timestamp) {
    fetching.batch = nil
    followTopics()
    defer { if batch.lastOffset < .max { fetching.next = max(fetching.next, batch.lastOffset + 1) } }
    let delivers = !batch.isControl && !(batch.isAborted && fetching.readsCommitted)
    if let stray = fetching.stray, delivers { return count(batch, as: stray) }
    guard let partition = fetching.partition else { return }
    if delivers {
      // A session's request lists only positions that changed: one that was answered and is answered again was asked for
      // again where it stood before.
      if fetching.isIncremental, fetching.handedOver == 0, case .read(_, let next) = partition.cursor.state,
        batch.lastOffset < next
      {
        requested(partition, fetching.offset, at: fetching.requestedAt)
      }
      if batch.codec == .none, fetching.detail.contains(.records) {
        fetching.batch = batch
      } else {
        handOver(batch, to: partition, at: at)
      }
    }
    if fetching.batch == nil { pass(batch.lastOffset, partition) }
  }

  /// The position moves past records, and past batches that deliver nothing.
  private func pass(_ offset: Int64, _ partition: KafkaPartition) {
    guard offset >= fetching.offset, offset < .max else { return }
    partition.cursor.read(through: offset)
    partition.end = max(partition.end, offset + 1)
  }

  private func count(_ batch: KafkaBatch, as stray: Stray) {
    let records = records(of: batch)
    let first = max(records.first, fetching.offset)
    guard records.last >= first else { return }
    let count = UInt64(min(Int64(records.count), records.last - first + 1))
    let name = state.topics[fetching.place].name
    switch stray {
    case .ungrouped: ledger.countUngrouped(.kafka, name, count)
    case .unattributed: ledger.countUnattributed(.kafka, name, count)
    }
  }

  /// A wrapper message of old tells only its last offset: it begins behind the batch before, of the first in an answer
  /// all is meant that was asked for.
  private func records(of batch: KafkaBatch) -> (first: Int64, last: Int64, count: Int32) {
    if batch.baseOffset >= 0 { return (batch.baseOffset, batch.lastOffset, batch.count) }
    let first = min(fetching.next, batch.lastOffset)
    guard first >= 0, batch.lastOffset < .max else { return (0, -1, 0) }
    return (first, batch.lastOffset, Int32(clamping: batch.lastOffset - first + 1))
  }

  /// A batch as its header tells it. Compaction leaves holes that nobody sees: then its records are taken to lie at the
  /// batch's end, so that no commit within it settles too many.
  private func handOver(_ batch: KafkaBatch, to partition: KafkaPartition, at: Timestamp) {
    let records = records(of: batch)
    guard records.count > 0, records.last >= records.first, records.last < .max else { return }
    // No codec makes more of a byte than that.
    let room = max(1, Int64(batch.size_bytes)) * 1_024
    let count = min(Int64(records.count), records.last - records.first + 1, Self.batchBound, room)
    let span_ms = batch.baseTimestamp_ms < 0 ? 0 : max(0, batch.maxTimestamp_ms) - batch.baseTimestamp_ms
    for i in 0..<count {
      let offset = records.last - count + 1 + i
      // Between its first and its last time stamp, evenly: the deltas are in the compressed part.
      let enqueued_ms =
        batch.isLogAppendTime || batch.baseTimestamp_ms < 0 || span_ms <= 0 || count < 2
        ? batch.maxTimestamp_ms : batch.baseTimestamp_ms + span_ms / (count - 1) * i
      handOver(offset, to: partition, enqueued_ms, isLogAppendTime: batch.isLogAppendTime, at: at)
    }
  }

  func fetchedRecord(_ record: KafkaRecord, in frame: RawSpan, at: Timestamp) {
    followTopics()
    guard let batch = fetching.batch, let partition = fetching.partition else { return }
    fetching.body = EqualCopy.contents(record)
    process.noteKey(record.keyHash)
    fetching.marks = record.marks
    if record.marks.headerCount > 0 {
      fetching.tries = KafkaTryMarks(record.marks, in: frame, names: &state.headerNames, key: state.key)
    }
    handOver(
      record.offset, to: partition, batch.isLogAppendTime ? batch.maxTimestamp_ms : record.timestamp_ms,
      isLogAppendTime: batch.isLogAppendTime, at: at)
    fetching.marks = nil
    if record.marks.headerCount > 0 { fetching.tries = KafkaTryMarks() }
    fetching.body = 0
    pass(record.offset, partition)
    // The batch's end may lie behind its last record.
    if record.offset >= batch.lastOffset { fetching.batch = nil }
  }

  /// One record has come: a delivery, one more of a failed record, or a copy of what the client already had.
  private func handOver(
    _ offset: Int64, to partition: KafkaPartition, _ enqueued_ms: Int64, isLogAppendTime: Bool, at: Timestamp
  ) {
    guard offset >= fetching.offset, offset >= 0, offset < .max else { return }
    if fetching.handedOver == 0 { closeRound(of: partition, at: at) }
    fetching.handedOver += 1
    fetching.isLogAppendTime = isLogAppendTime
    if offset >= partition.end {
      deliver(offset, of: partition, in: fetching.group, enqueued_ms: enqueued_ms, at: at)
    } else if !partition.awaited.isEmpty, partition.awaited.remove(offset) != nil {
      deliver(offset, of: partition, in: fetching.group, enqueued_ms: enqueued_ms, at: at)
    } else {
      refetched(offset, of: partition, at: at)
    }
  }

  /// Before records are handed over: were the positions that returned retries?
  private func closeRound(of partition: KafkaPartition, at: Timestamp) {
    if let aborted = process.aborted, fetching.requestedAt > aborted.at { process.aborted = nil }
    guard let member = partition.member, member.seeks.isOpen else { return }
    let partitions = partition.group.partitions
    // In the order in which they were seen: a replay must look at the same ones.
    let others = partition.group.list.lazy.filter { $0.member === member }
      .prefix(KafkaSeeks.othersBound).map { ($0.place, $0.cursor.asked, !$0.deliveries.isEmpty) }
    let conclusion = member.seeks.close(others: Array(others)) { place, offset in
      partitions[place].map { $0.committed > offset } ?? true
    }
    if let rule = conclusion.setAside { state.count(rule, in: partition.group) }
    for one in conclusion.confirmed { confirm(one, of: partition.group, at: at) }
  }

  private func refetched(_ offset: Int64, of partition: KafkaPartition, at: Timestamp) {
    let isDuplicate = offset < partition.ackedThrough
    ledger.countRefetched(of: fetching.group, partition.books, isDuplicate: isDuplicate)
    // The client has it only now: what it had before was thrown away.
    if let id = partition.deliveries.find(offset) { ledger.came(again: id, at: at) }
  }

  private func deliver(
    _ offset: Int64, of partition: KafkaPartition, in group: GroupID, enqueued_ms: Int64, at: Timestamp
  ) {
    var arrival = arrival(offset, of: partition, in: group, at: at)
    if let marks = fetching.marks {
      let told = max(marks.attempts, fetching.tries.attempt)
      if told > 1 { arrival.isTried(told, by: .retryHeader) }
      if fetching.body != 0, let another = anotherTry(offset, of: partition) {
        arrival.message = another.message
        if another.attempt > max(1, told) { arrival.isTried(another.attempt - max(1, told) + 1, by: .ownCopies) }
      }
      // A retry topic's consumer waits on purpose until the message is due.
      if marks.dueAt_ms > 0, enqueued_ms > 0, marks.dueAt_ms > enqueued_ms {
        arrival.deliberate_ns = min(marks.dueAt_ms - enqueued_ms, Self.longestWait_ms) * 1_000_000
      }
    }
    if enqueued_ms > 0, enqueued_ms < Int64.max / 1_000_000 {
      arrival.enqueued = Timestamp(ns: enqueued_ms * 1_000_000)
      arrival.enqueuedResolution_ns = .milliseconds(1)
      arrival.delaySource = fetching.isLogAppendTime ? .logAppendTime : .createTime
    }
    if ledger.tellsMessages { label(partition, offset, arrival.message) }
    let id = ledger.deliver(arrival, noAck: false, isStream: false)
    // Bounds take the oldest away, which nobody may ever commit.
    while let first = partition.deliveries.first, !ledger.isLive(first.id) {
      _ = partition.deliveries.removeFirst()
    }
    partition.deliveries.insert(offset, id)
    if fetching.body != 0 {
      process.noteBody(
        fetching.body, KafkaSource(partition: partition, offset: offset, numbers: fetching.tries.numbers))
    }
    if offset >= partition.seenThrough { partition.seenThrough = offset + 1 }
  }

  /// `FollowedCopy`: what the record is another try of; nil if of none that is known.
  private func anotherTry(_ offset: Int64, of partition: KafkaPartition) -> FollowedCopy.Try? {
    if let known = partition.tries[offset] { return known }
    guard !state.republished.isEmpty, offset >= partition.seenThrough else { return nil }
    var found = state.republished.take(fetching.body, by: partition.group.salt)
    if found == nil { found = state.republished.take(fetching.body, by: 0) }
    if let found, partition.tries.count < KafkaPartition.awaitedBound { partition.tries[offset] = found }
    return found
  }

  func arrival(
    _ offset: Int64, of partition: KafkaPartition, in group: GroupID, at: Timestamp
  ) -> Arrival {
    var arrival = Arrival(
      group: group.index, consumer: partition.consumer, at: at, message: message(partition.place, offset))
    arrival.isSelfTracked = true
    arrival.attempt = 1 + (partition.seekBacks.isEmpty ? 0 : partition.seekBacks[offset] ?? 0)
    arrival.attemptSource = .seekBack
    arrival.redelivered = offset < partition.seenThrough
    arrival.isDuplicate =
      arrival.redelivered && (offset < partition.ackedThrough || offset < partition.refusedThrough)
    return arrival
  }

  func message(_ place: KafkaPlace, _ offset: Int64) -> UInt64 {
    var hash = KeyedHash(state.key)
    hash.combine(place)
    hash.combine(UInt64(bitPattern: offset))
    return hash.finish()
  }

  /// What people call a failing record.
  func label(_ partition: KafkaPartition, _ offset: Int64, _ message: UInt64) {
    guard let id = partition.group.id else { return }
    ledger.label(
      message, of: id,
      "\(state.topics[partition.place].name)-\(KafkaTopics.partition(of: partition.place))@\(offset)")
  }

  /// A retry topic's wait above this is taken for a wrong clock.
  private static var longestWait_ms: Int64 { 30 * 86_400_000 }
  /// More than any producer puts into one batch.
  private static var batchBound: Int64 { 1 << 20 }
}
