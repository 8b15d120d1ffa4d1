// Share groups (KIP-932): records are acquired one by one under a lock, and each is acknowledged by itself.

extension KafkaSession {
  /// The answer that is being read.
  struct Sharing {
    var member: KafkaMember?
    var group: KafkaGroup?
    var lock_ns: Int64 = 30_000_000_000
    var partition: KafkaPartition?
    /// Offsets that the answer has records of, ascending: what is acquired may have holes.
    var offsets: [ClosedRange<Int64>] = []
    /// What those contain, where it is looked at.
    var bodies: [Int64: UInt64] = [:]
    var timestamps: [(through: Int64, ms: Int64, isLogAppendTime: Bool)] = []
  }

  func shareFact(_ fact: KafkaFact, of exchange: KafkaExchange, in frame: RawSpan, at: Timestamp) {
    switch fact {
    case .shareFetchRequested(let membership, let epoch):
      guard let member = shareMember(membership, in: frame) else { return }
      boundGroup = member.group
      // The end of its session gives back what it has, once what it acknowledges with it is answered.
      if epoch < 0 { sharesClosing = exchange.correlation }
    case .sharePartitionRequested(let topic, let number):
      guard let group = boundGroup, group.isShare, let place = place(topic, number, in: frame),
        let partition = state.partition(place, of: group)
      else { return }
      _ = state.enrol(partition)
      if positions[place] == nil {
        positions[place] = Position(partition: partition, serial: partition.serial, version: process.version)
        moved(from: nil, to: partition)
      }
    case .shareFetchAnswered(let membership, let lock_ms, let error):
      sharing = Sharing()
      guard error == KafkaError.none, let member = shareMember(membership, in: frame) else { return }
      sharing.member = member
      sharing.group = member.group
      if lock_ms > 0 {
        sharing.lock_ns = .milliseconds(Int64(lock_ms))
        if lock_ns != sharing.lock_ns { ledger.isPlanDue = true }
        lock_ns = sharing.lock_ns
      }
    case .sharePartition(let topic, let number, let error):
      sharing.partition = nil
      sharing.offsets.removeAll(keepingCapacity: true)
      sharing.bodies.removeAll(keepingCapacity: true)
      sharing.timestamps.removeAll(keepingCapacity: true)
      guard error == KafkaError.none, let group = sharing.group, let place = place(topic, number, in: frame) else {
        return
      }
      sharing.partition = state.partition(place, of: group)
    case .acquired(_, _, let offsets, let count): acquired(offsets, count: count, at: at)
    case .sharePartitionEnded: sharing.partition = nil
    case .acknowledged(let membership, let acknowledgement, let error):
      guard error == KafkaError.none else { return }
      acknowledged(membership, acknowledgement, in: frame, at: at)
    case .shareAnswered(let membership, _):
      guard sharesClosing == exchange.correlation else { return }
      sharesClosing = nil
      if let member = shareMember(membership, in: frame) { state.releaseShares(of: member, at: at) }
    default: break
    }
  }

  private func shareMember(_ membership: KafkaMembership, in frame: RawSpan) -> KafkaMember? {
    guard let member = member(membership, in: frame) else { return nil }
    state.noteShare(member.group)
    return member
  }

  var shareDetail: KafkaDetail {
    if sharing.partition == nil { return [] }
    return process.readsContents ? [.records, .hashes] : [.records]
  }

  func sharedRecord(_ record: KafkaRecord) {
    sharing.offsets.append(record.offset...record.offset)
    process.noteKey(record.keyHash)
    let body = EqualCopy.contents(record)
    if body != 0 { sharing.bodies[record.offset] = body }
  }

  func sharedBatch(_ batch: KafkaBatch) {
    guard sharing.partition != nil, !batch.isControl, batch.baseOffset >= 0, batch.lastOffset >= batch.baseOffset,
      batch.lastOffset < .max
    else { return }
    sharing.timestamps.append((batch.lastOffset, batch.maxTimestamp_ms, batch.isLogAppendTime))
    // Uncompressed ones tell each record.
    if batch.codec != .none {
      sharing.offsets.append(max(batch.baseOffset, batch.lastOffset - Self.batchBound + 1)...batch.lastOffset)
    }
  }

  /// Deliveries, each under a lock. One that is in flight still was lost to its lock before, and comes again.
  private func acquired(_ range: ClosedRange<Int64>, count: Int16, at: Timestamp) {
    guard let partition = sharing.partition, let member = sharing.member else { return }
    let group = state.enrol(partition)
    ledger.setProcess(member.process, ofConsumer: partition.consumer)
    for known in sharing.offsets where known.overlaps(range) {
      for offset in known.clamped(to: range) {
        let isKnown = endLock(partition, offset, count: count, at: at)
        let stamp = sharing.timestamps.first { $0.through >= offset }
        var arrival = Arrival(
          group: group.index, consumer: partition.consumer, at: at, message: message(partition.place, offset))
        arrival.isSelfTracked = true
        arrival.attempt = Int32(max(1, count))
        arrival.attemptSource = .shareCount
        arrival.redelivered = count > 1 || isKnown
        arrival.isDuplicate = false
        if let stamp, stamp.ms > 0, stamp.ms < Int64.max / 1_000_000 {
          arrival.enqueued = Timestamp(ns: stamp.ms * 1_000_000)
          arrival.enqueuedResolution_ns = .milliseconds(1)
          arrival.delaySource = stamp.isLogAppendTime ? .logAppendTime : .createTime
        }
        let id = ledger.deliver(arrival, noAck: false, isStream: false)
        partition.deliveries.insert(offset, id)
        process.recordsRead &+= 1
        if let body = sharing.bodies[offset] {
          process.noteBody(body, KafkaSource(partition: partition, offset: offset))
        }
        partition.locks.append(.init(offset: offset, id: id, until: at + sharing.lock_ns, member: member.id)) {
          ledger.isLive($0)
        }
        if offset >= partition.seenThrough { partition.seenThrough = offset + 1 }
      }
    }
  }

  /// It is acquired anew: whoever had it before has failed, even if its lock had run out already. Not so if this counts for
  /// no further try: brokers take back the tries of a share session that is over, and a new leader knows nothing of those
  /// under way. Whether anybody had it.
  private func endLock(_ partition: KafkaPartition, _ offset: Int64, count: Int16, at: Timestamp) -> Bool {
    if let id = partition.deliveries.find(offset) {
      partition.deliveries.remove(offset)
      guard ledger.isLive(id) else { return false }
      partition.locks.settled(id)
      if ledger.isPaired(id) || Int32(count) <= ledger.delivery(id).attempt {
        ledger.abandon(id, at: at)
      } else {
        label(partition, offset, ledger.delivery(id).message)
        ledger.settle(id, as: .requeued, at: at)
      }
      return true
    }
    guard let lapsed = partition.lapsed.removeValue(forKey: offset), state.isFiled(partition) else { return false }
    if Int32(count) > lapsed.attempt {
      label(partition, offset, lapsed.message)
      ledger.requeueExpired(lapsed, at: at)
    }
    return true
  }

  private func acknowledged(
    _ membership: KafkaMembership, _ acknowledgement: KafkaAcknowledgement, in frame: RawSpan, at: Timestamp
  ) {
    guard let member = shareMember(membership, in: frame),
      let place = place(KafkaTopic(name: .empty, id: acknowledgement.topic), acknowledgement.partition, in: frame),
      let partition = member.group.partitions[place], acknowledgement.lastOffset >= acknowledgement.firstOffset
    else { return }
    // Only what is in flight can be acknowledged, however long the range is.
    let deliveries = partition.deliveries.within(acknowledgement.firstOffset...acknowledgement.lastOffset)
    for (offset, id) in deliveries {
      guard let type = acknowledgement.type(of: offset, in: frame) else { continue }
      settle(partition, offset, id, type, lock_ns: sharing.lock_ns, at: at)
    }
  }

  private func settle(
    _ partition: KafkaPartition, _ offset: Int64, _ id: DeliveryID, _ type: KafkaAcknowledgeType, lock_ns: Int64,
    at: Timestamp
  ) {
    guard ledger.isLive(id) else {
      partition.deliveries.remove(offset)
      return
    }
    if type == .renew {
      // It still works on it: the lock begins anew.
      ledger.progress(id, at: at)
      partition.locks.renew(id, until: at + lock_ns)
      return
    }
    partition.deliveries.remove(offset)
    partition.locks.settled(id)
    if type == .release || type == .reject { label(partition, offset, ledger.delivery(id).message) }
    let isPaired = ledger.isPaired(id)
    switch type {
    case .accept where isPaired: ledger.acknowledgePaired(id, at: at)
    case _ where isPaired: ledger.dropPaired(id)
    case .accept:
      let delivery = ledger.delivery(id)
      let ack = SettledAck(delivery: delivery, at: ledger.advance(to: at), inBatch: false)
      ledger.settle(id, as: .acked, at: at)
      keepRecent(partition, offset, ack)
      state.countCopies(of: partition.group, at: at)
    case .release: ledger.settle(id, as: .requeued, at: at)
    case .reject: ledger.settle(id, as: .rejected, at: at)
    // No record was there after all: compacted batches tell only where they end.
    case .gap, .renew: ledger.withdraw(id)
    }
  }

  /// More than any producer puts into one batch.
  private static var batchBound: Int64 { 1 << 20 }
}

extension KafkaState {
  /// Locks that ran out: those deliveries end elsewhere.
  func expireLocks(of group: KafkaGroup, at: Timestamp) {
    for partition in group.list where !partition.locks.isEmpty {
      while let lock = partition.locks.nextExpired(at: at, isLive: isLocked) {
        if partition.lapsed.count >= KafkaPartition.awaitedBound { partition.lapsed.removeAll(keepingCapacity: true) }
        partition.lapsed[lock.offset] = ledger.delivery(lock.id)
        partition.deliveries.remove(lock.offset)
        ledger.settle(lock.id, as: .expired, at: lock.until)
      }
    }
  }

  private func isLocked(_ id: DeliveryID) -> Bool {
    ledger.isLive(id) && !ledger.isPaired(id)
  }

  /// What the member had acquired goes back untried.
  func releaseShares(of member: KafkaMember, at: Timestamp) {
    for partition in member.group.list where !partition.locks.isEmpty {
      for lock in partition.locks.take(of: member.id) where ledger.isLive(lock.id) {
        partition.deliveries.remove(lock.offset)
        ledger.abandon(lock.id, at: at)
      }
    }
  }

  /// Its side ended the last of its connections: its oldest delivery has crashed with it, the rest was prefetched.
  func crashShares(of member: KafkaMember, at: Timestamp) {
    var oldest: (partition: KafkaPartition, lock: KafkaLocks.Lock)?
    for partition in member.group.list {
      guard let lock = partition.locks.first(of: member.id, where: isLocked) else { continue }
      if oldest.map({ ledger.delivery(lock.id).at < ledger.delivery($0.lock.id).at }) ?? true {
        oldest = (partition, lock)
      }
    }
    if let oldest {
      oldest.partition.deliveries.remove(oldest.lock.offset)
      ledger.crashes([oldest.lock.id], at: at)
      ledger.settle(oldest.lock.id, as: .crashed, at: at)
    }
    releaseShares(of: member, at: at)
  }
}
