// Commits: what they acknowledge, once they are answered; transactions, once they have ended.

extension KafkaSession {
  /// `CommittingMember`
  func commitRequested(_ membership: KafkaMembership, _ position: KafkaPosition, in frame: RawSpan) {
    guard let group = group(membership.group, in: frame), !group.isForeign,
      let place = place(position.topic, position.partition, in: frame)
    else { return }
    if group.partition(place)?.member != nil { return }
    guard state.inferences.has(.committingMember), !membership.member.isEmpty else { return }
    // A member whose assignment is known commits, on its way out, what it has just lost; a later generation's was missed.
    guard let member = member(membership, in: frame), CommittingMember.tells(membership, of: member),
      let partition = state.partition(place, of: group)
    else { return }
    take(partition, for: member)
    // Where it stands now is where it goes on.
    partition.cursor.assign()
    state.count(.committingMember, in: group)
  }

  func offsetFetched(_ name: Text, _ position: KafkaPosition, in frame: RawSpan) {
    guard let group = group(name, in: frame), let place = place(position.topic, position.partition, in: frame)
    else { return }
    group.noteFetched(place, position.offset, by: client)
    guard position.offset >= 0, let partition = group.partitions[place] else { return }
    partition.committed = position.offset
    state.updateLag(of: partition)
  }

  func commitAnswered(
    _ membership: KafkaMembership, transaction producer: Int64?, _ position: KafkaPosition, error: Int16,
    in frame: RawSpan, at: Timestamp
  ) {
    guard position.offset >= 0, let group = group(membership.group, in: frame),
      let place = place(position.topic, position.partition, in: frame)
    else { return }
    guard error == KafkaError.none else {
      countError(error, to: producer == nil ? "OffsetCommit" : "TxnOffsetCommit", of: group)
      if commitError == KafkaError.none || KafkaError.isTransient(commitError) { commitError = error }
      if let partition = group.partitions[place] {
        partition.refusedThrough = max(partition.refusedThrough, position.offset)
      }
      if !group.isShare, state.inferences.has(.exceededPoll) {
        noteRefused(membership, group, place, position.offset, error, in: frame)
      }
      return
    }
    if let producer {
      if !state.transactions.add(producer, group, place, position.offset) { ledger.drop(\.transactions) }
    } else {
      committed(group, place, position.offset, at: at)
      noteMetadata(position.metadata, group, place, position.offset, in: frame, at: at)
    }
  }

  /// `ExceededPoll`: of all that the commit names the oldest took too long.
  private func noteRefused(
    _ membership: KafkaMembership, _ group: KafkaGroup, _ place: KafkaPlace, _ offset: Int64, _ error: Int16,
    in frame: RawSpan
  ) {
    let id = hash(membership.member, in: frame)
    let left = group.exceeded.members.first { $0.id == id }
    guard
      let lost = left.map({ $0.refused(place, offset, error: error, requestedAt: exchangeRequestedAt) })
        ?? fellSilent(id, group, place, offset, error)
    else { return }
    if lateCommit.map({ lost.delivery.at < $0.lost.delivery.at }) ?? true { lateCommit = (id, lost) }
  }

  /// A member whose heartbeats have stopped for longer than its session timeout, and which the coordinator does not know any more.
  private func fellSilent(
    _ id: UInt64, _ group: KafkaGroup, _ place: KafkaPlace, _ offset: Int64, _ error: Int16
  ) -> ExceededPoll.Lost? {
    guard error == KafkaError.unknownMemberID, let member = group.members[id], member.heardAt != .zero,
      exchangeRequestedAt - member.heardAt > member.sessionTimeout_ns
    else { return nil }
    return state.oldestDeliveries(of: member).first { $0.partition.place == place && $0.offset < offset }
  }

  func commitEnded(_ membership: KafkaMembership, in frame: RawSpan) {
    defer { commitError = KafkaError.none }
    if let late = lateCommit {
      lateCommit = nil
      let group = late.lost.partition.group
      group.exceeded.remove(late.member)
      // Counted as abandoned first, as all of its deliveries.
      if let member = group.members[late.member] { state.dismiss(member, at: ledger.now) }
      state.exceeded(late.lost, at: ledger.now)
    }
    guard commitError != KafkaError.none, !KafkaError.isTransient(commitError),
      let group = group(membership.group, in: frame), let id = group.id
    else { return }
    ledger.countCommitFailure(of: id)
  }

  /// Every delivery below the offset is acknowledged.
  private func committed(_ group: KafkaGroup, _ place: KafkaPlace, _ offset: Int64, at: Timestamp) {
    group.noteCommitted(place, offset)
    guard let partition = group.partition(place) else { return }
    let inBatch = partition.deliveries.count(below: offset) > 1
    while let first = partition.deliveries.first, first.offset < offset {
      _ = partition.deliveries.removeFirst()
      acknowledge(first.offset, first.id, of: partition, inBatch: inBatch, at: at)
    }
    state.countCopies(of: group, at: at)
    partition.ackedThrough = max(partition.ackedThrough, min(offset, partition.seenThrough))
    partition.committed = offset
    partition.cursor.committed()
    if !partition.seekBacks.isEmpty { partition.seekBacks = partition.seekBacks.filter { $0.key >= offset } }
    if !partition.awaited.isEmpty { partition.awaited = partition.awaited.filter { $0 >= offset } }
    if !partition.returned.isEmpty { partition.returned = partition.returned.filter { $0 >= offset } }
    if !partition.tries.isEmpty { partition.tries = partition.tries.filter { $0.key >= offset } }
    state.updateLag(of: partition)
  }

  private func acknowledge(
    _ offset: Int64, _ id: DeliveryID, of partition: KafkaPartition, inBatch: Bool, at: Timestamp
  ) {
    guard ledger.isLive(id) else { return }
    if ledger.isPaired(id) { return ledger.acknowledgePaired(id, at: at) }
    let delivery = ledger.delivery(id)
    let ack = SettledAck(delivery: delivery, at: ledger.advance(to: at), inBatch: inBatch)
    ledger.settle(id, as: .acked, at: at, inBatch: inBatch)
    if !partition.returned.isEmpty, partition.returned.remove(offset) != nil {
      state.countReturned(partition)
    } else {
      keepRecent(partition, offset, ack)
    }
  }

  /// What a commit says beside its offset: which records above it are done (`CompletedOffsets`), or that some are
  /// (`ChangedMetadata`).
  private func noteMetadata(
    _ metadata: Text, _ group: KafkaGroup, _ place: KafkaPlace, _ offset: Int64, in frame: RawSpan, at: Timestamp
  ) {
    guard let partition = group.partition(place) else { return }
    let hasChanged = partition.metadata.commit(offset, metadata.isEmpty ? 0 : hash(metadata, in: frame))
    guard !metadata.isEmpty else { return }
    let bytes = frame.extracting(metadata.range(in: frame))
    if state.inferences.has(.completedOffsets),
      let completed = CompletedOffsets(bytes, base: offset, end: partition.seenThrough)
    {
      let done = completed.runs.flatMap { partition.deliveries.take($0) }
      for (offset, id) in done { acknowledge(offset, id, of: partition, inBatch: done.count > 1, at: at) }
      if !done.isEmpty { state.count(.completedOffsets, in: group) }
    } else if hasChanged, state.inferences.has(.changedMetadata), let id = group.id {
      ledger.progress(of: id, at: at)
      state.count(.changedMetadata, in: group)
    }
  }

  /// What the transaction would have published and committed counts if it did; if it was aborted, that is one failed attempt in each
  /// partition, of the record that waits there longest.
  func endTransaction(_ producer: Int64, commits: Bool, isAborted: Bool = false, error: Int16, at: Timestamp) {
    guard !KafkaError.isTransient(error) else { return }
    let offsets = state.transactions.take(producer)
    let copies = state.transactions.takeCopies(producer)
    let worked = state.transactions.takeWorked(producer)
    guard error == KafkaError.none else { return }
    // Its consumer goes back now, whether it had sent offsets or not.
    if isAborted, state.inferences.has(.abortedTransaction) {
      process.aborted = AbortedTransaction(at: at, workedOn: worked)
    }
    if commits {
      for copy in copies { copied(copy, at: at) }
    }
    for (group, place, offset) in offsets {
      let current = state.topics.current(place)
      if commits {
        committed(group, current, offset, at: at)
      } else if let partition = group.partitions[current], let first = partition.deliveries.first, first.offset < offset
      {
        fail(partition, first.offset, at: at)
        partition.countReturn(to: first.offset)
        if partition.awaited.count < KafkaPartition.awaitedBound { partition.awaited.insert(first.offset) }
        // Its consumer goes back to what is committed, which is the same failure.
        partition.cursor.excuseReturn(to: first.offset)
      }
    }
  }
}
