// Copies of failing messages that the consumer publishes itself. Most frameworks do not nack: they publish the message again,
// to be tried later or to be kept as a dead letter, and acknowledge the first one. So each publish of a target that consumes
// is compared with what it was given (`CopyEvidence`), and where it goes says how the delivery ends.

extension Ledger {
  /// A message was published completely. Answers whether it is a copy that ended a delivery.
  /// `near`: groups that are consumed within that scope of where it was published.
  @discardableResult
  func published(_ publication: Publication, at: Timestamp, near: (Scope) -> [GroupID] = { _ in [] }) -> Bool {
    let at = advance(to: at)
    producers[publication.producer].published += 1
    keepMarking()
    let producer = producers[publication.producer]
    guard !producer.use.isConfiguredNormal else { return false }
    if isAnswer(publication, to: producer) {
      producers[publication.producer].answers += 1
      return false
    }
    var isKnown = false
    if let evidence = evidence(of: publication.marks, to: producer, at: at, isKnown: &isKnown) {
      return copied(evidence, publication, at: at)
    }
    return isKnown ? copiedLate(publication, at: at) : publishedByTurn(publication, near: near, at: at)
  }

  /// Where a copy goes decides.
  private func copied(_ evidence: CopyEvidence, _ publication: Publication, at: Timestamp) -> Bool {
    if evidence.isHandedBack {
      handBack(evidence, publication, at: at)
      return true
    }
    let producer = producers[publication.producer]
    let key = present(sources[evidence.source].delivery).map { groups[Int($0.group)].key } ?? ""
    let returns =
      producer.use.groups.contains(key) || producer.use.returns.contains(key) || producer.learned.contains(key)
      || (publication.marks.expires && producer.use.returnsExpired.contains(key))
    let isStrongRetry = producer.kind == .retry && producer.use.isStrong
    if returns || isStrongRetry || (producer.kind == .retry && evidence.tier <= .content) {
      guard evidence.tier <= .content || (isStrongRetry && evidence.isForStrongName) else {
        if evidence.tier == .bare, returns { countReturned(evidence.source) }
        if returns { keepPassage(evidence, publication, isCounted: false, isReturned: true) }
        return false
      }
      guard
        endByCopy(evidence.source, as: .requeued, to: publication.producer, rule: evidence.tier.rule, at: at)
      else { return false }
      keepPassage(evidence, publication, isCounted: true)
      return true
    }
    if producer.kind == .deadLetter {
      guard producer.use.isStrong || evidence.isStrong else { return false }
      return endByCopy(evidence.source, as: .deadLettered, to: publication.producer, rule: evidence.tier.rule, at: at)
    }
    // Passed on, unless it comes back.
    guard evidence.tier <= .content else { return false }
    producers[publication.producer].passedOn += 1
    keepPassage(evidence, publication, isCounted: false)
    return false
  }

  private func handBack(_ evidence: CopyEvidence, _ publication: Publication, at: Timestamp) {
    let number = sources[evidence.source].passage
    let passage = passages[number]
    if !passage.isCounted {
      let isEnded = endByCopy(passage.source, as: .requeued, to: passage.producer, rule: "copy_handed_back", at: at)
      if isEnded { passages[number].isCounted = true }
    }
    if let home = present(passage.group) {
      learn(producer: passage.producer, returnsTo: groups[Int(home.index)].key, .handedBack)
    }
    move(evidence.source, at: at)
    var next = passage
    next.whole = publication.marks.whole
    next.isCounted = true
    next.hasArrived = false
    _ = passages.insert(next)
  }

  func keepPassage(
    _ evidence: CopyEvidence, _ publication: Publication, isCounted: Bool, isReturned: Bool = false
  ) {
    let source = sources[evidence.source]
    var passage = Passage()
    passage.whole = publication.marks.whole
    passage.message = source.delivery.message
    passage.attempt = source.delivery.attempt &+ 1
    passage.group = source.delivery.groupID
    passage.source = evidence.source
    passage.producer = publication.producer
    passage.isCounted = isCounted
    passage.isReturned = isReturned
    _ = passages.insert(passage)
  }

  // MARK: How deliveries end

  /// The delivery ends by a copy of it: now if it is in flight, else what was counted is revised. False if it has ended by a
  /// copy before, or too long ago.
  func endByCopy(
    _ number: UInt32, as settlement: Settlement, to producer: Int32, rule: String, at: Timestamp
  ) -> Bool {
    guard sources.isKept(number), let delivery = present(sources[number].delivery) else { return false }
    let source = sources[number]
    switch source.state {
    case .copied, .moved: return false
    case .inFlight:
      guard deliveries.isLive(source.id), !deliveries[source.id].flags.contains(.paired) else { return false }
      settleCopied(source.id, to: producer, as: settlement, at: at)
    case .settled:
      takeBackReturned(number, delivery)
      sources[number].state = .copied
      let ack = SettledAck(delivery: delivery, at: source.settledAt, inBatch: source.inBatch)
      settleCopiedLate(
        ack, from: source.settlement, causeUnknown: source.causeUnknown, to: producer, as: settlement,
        attempt: delivery.attempt, at: at)
    }
    conclude(rule, of: delivery)
    return true
  }

  /// A rule has decided something about a delivery beyond what the wire says. Its group must be current.
  func conclude(_ rule: String, of delivery: Delivery) {
    let group = groups[Int(delivery.group)]
    group.inferences[rule, default: 0] += 1
    journal?.inferred(rule, delivery.message, of: group)
  }

  private func countCopy(of group: Group, to producer: Int32) {
    group.copies[producer, default: 0] += 1
    producers[producer].copies += 1
  }

  /// A copy of the delivery was published to that producer's destination.
  func settleCopied(_ id: DeliveryID, to producer: Int32, as settlement: Settlement, at: Timestamp) {
    let group = groups[Int(deliveries[id].group)]
    let source = deliveries[id].source
    if sources.isKept(source) { sources[source].state = .copied }
    countCopy(of: group, to: producer)
    group.attempts.raise(to: Int(deliveries[id].attempt))
    journal?.copied(deliveries[id], of: group, to: producers[producer], at: advance(to: at))
    settle(id, as: settlement, at: at, keep: true)
  }

  /// The same of a delivery that had ended before its copy showed: client libraries publish later than they are told to, and
  /// some consumers acknowledge before they begin. Its end was no success; what it was counted as is revised.
  func settleCopiedLate(
    _ ack: SettledAck, from: Settlement = .acked, causeUnknown: Bool = false, to producer: Int32,
    as settlement: Settlement, attempt: Int32, at: Timestamp
  ) {
    guard let delivery = present(ack.delivery) else { return }
    let ack = SettledAck(delivery: delivery, at: ack.at, inBatch: ack.inBatch)
    let group = groups[Int(delivery.group)]
    guard group.totals[from] > 0 else { return }
    countCopy(of: group, to: producer)
    group.attempts.raise(to: Int(attempt))
    journal?.copied(delivery, of: group, to: producers[producer], at: advance(to: at))
    group.count(delivery.partition) { $0.ackedPaired += 1 }
    revise(
      ack, of: group, from: from, causeUnknown: causeUnknown, to: settlement,
      attempt: max(attempt, ack.delivery.attempt),
      at: at)
  }

  /// What was counted has ended otherwise: totals and windows take it back and count what it was, at this time.
  private func revise(
    _ ack: SettledAck, of group: Group, from: Settlement, causeUnknown: Bool, to settlement: Settlement, attempt: Int32,
    at: Timestamp
  ) {
    let delivery = ack.delivery
    let at = advance(to: at)
    group.lastActive = at
    let partition = delivery.partition
    journal?.revised(delivery, of: group, from: from, to: settlement, at: at)
    group.count(partition) {
      $0.revoke(from)
      $0.count(settlement)
    }
    let window = group.window(of: partition)
    group.monitor.revoke(from, causeUnknown: causeUnknown, recordedAt: ack.at, partition: ack.inBatch ? nil : window)
    if from == .acked { group.monitor.revoked(ackAfter: at - ack.at) }
    var outcome = Outcome(
      settlement: settlement, attempt: attempt, delay_ns: nil, settleLatency_ns: 0, message: delivery.message,
      deliveredAt: delivery.at)
    outcome.isUntimed = true
    let index = messages.find(delivery.message &+ group.salt)
    if index != 0 {
      if from == .acked, messages[index].acked > 0 { messages[index].acked -= 1 }
      if from.isFailure, messages[index].failed > 0 { messages[index].failed -= 1 }
      if settlement.isFailure { messages[index].failed &+= 1 }
      // A dead letter is its last failure: the time since its first was recorded with its acknowledgement.
      if settlement == .requeued { messages[index].firstFailed = min(messages[index].firstFailed, ack.at) }
    }
    record(outcome, group, delivery.group, partition: window, at: at)
  }

  /// The delivery only waited here: its acknowledgement is neither success nor failure.
  private func move(_ number: UInt32, at: Timestamp) {
    let source = sources[number]
    guard let delivery = present(source.delivery) else { return }
    let group = groups[Int(delivery.group)]
    switch source.state {
    case .inFlight where deliveries.isLive(source.id): deliveries[source.id].flags.insert(.moved)
    case .settled where source.settlement == .acked:
      group.count(delivery.partition) { $0.moved += 1 }
      group.monitor.revoke(.acked, recordedAt: source.settledAt, partition: nil)
    default: return
    }
    journal?.noted(.moved, delivery, of: group)
    sources[number].state = .moved
  }

  /// An equal message was published to where the delivery came from, and nothing says that it failed.
  private func countReturned(_ number: UInt32) {
    let source = sources[number]
    guard !source.isReturned, let delivery = present(source.delivery) else { return }
    let group = groups[Int(delivery.group)]
    switch source.state {
    case .inFlight where deliveries.isLive(source.id): deliveries[source.id].flags.insert(.returned)
    case .settled where source.settlement == .acked: group.count(delivery.partition) { $0.returned += 1 }
    default: return
    }
    journal?.noted(.returned, delivery, of: group)
    conclude(CopyEvidence.Tier.bare.rule, of: delivery)
    sources[number].isReturned = true
  }

  /// Of a delivery that was acknowledged, the acknowledgement is taken back: then it is not among the returned ones either.
  func takeBackReturned(_ number: UInt32, _ delivery: Delivery) {
    guard sources[number].isReturned, sources[number].settlement == .acked else { return }
    sources[number].isReturned = false
    groups[Int(delivery.group)].count(delivery.partition) { if $0.returned > 0 { $0.returned -= 1 } }
  }
}

/// How a delivery was acknowledged: the ledger's time then, and whether others were with it, so that its partition's
/// window did not hear of it.
struct SettledAck: BitwiseCopyable {
  var delivery: Delivery
  var at: Timestamp
  var inBatch: Bool
}
