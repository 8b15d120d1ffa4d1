// By turn: a message to a destination with a name for dead letters or retries is a copy, though nothing in it identifies the
// delivery. It ends a delivery of the group that the copy most likely belongs to.

extension Ledger {
  /// Where a session may look for groups that a published message has to do with, nearest first.
  enum Scope: CaseIterable { case channel, connection, process }

  /// Ends a delivery by a message that has nothing in common with any. Answers whether it did.
  ///
  /// The group is the one with a name that the destination's contains (`orders` in `orders.dlq`). Else the only one that is consumed
  /// on the same channel, else on the same connection, else by the same process; where these are several nothing is
  /// concluded, counted in `dropped.pairs`. Within the group: the oldest delivery in flight of the process; for a dead letter
  /// else the one that the process acknowledged last, within the window. Other processes' only under the group's name.
  ///
  /// `near`: groups that are consumed within that scope of where it was published.
  func publishedByTurn(_ publication: Publication, near: (Scope) -> [GroupID], at: Timestamp) -> Bool {
    let producer = producers[publication.producer]
    guard producer.use.isStrong, producer.kind != .normal else { return false }
    // Metrics of retries go to `retry-metrics`: a message with an id of its own is another one. A dead letter may be an
    // envelope with an id of its own.
    if producer.kind == .retry, publication.marks.hasIdentity { return false }
    let named = producer.use.named.flatMap(present)
    guard let id = named ?? nearest(near) else { return false }
    let group = groups[Int(id.index)]
    // Back to where it came from: another message.
    if producer.use.groups.contains(group.key) { return false }
    let processes: [UInt64?] = named == nil ? [publication.process] : [publication.process, nil]
    for process in processes where end(oneOf: group, of: process, by: publication.producer, at: at) { return true }
    return false
  }

  private func nearest(_ near: (Scope) -> [GroupID]) -> GroupID? {
    for scope in Scope.allCases {
      let groups = near(scope)
      if groups.count == 1 { return groups[0] }
      if groups.count > 1 {
        dropped.pairs += 1
        return nil
      }
    }
    return nil
  }

  /// `process`: of which process's deliveries; nil: of any.
  private func end(oneOf group: Group, of process: UInt64?, by producer: Int32, at: Timestamp) -> Bool {
    let rule = CopyEvidence.Tier.none.rule
    let settlement: Settlement = producers[producer].kind == .retry ? .requeued : .deadLettered
    if let id = oldestInFlight(of: group, process) {
      let delivery = deliveries[id]
      settleCopied(id, to: producer, as: settlement, at: at)
      conclude(rule, of: delivery)
      return true
    }
    guard settlement == .deadLettered, let number = latestAcked(of: group, process, at: at) else { return false }
    return endByCopy(number, as: settlement, to: producer, rule: rule, at: at)
  }

  private func oldestInFlight(of group: Group, _ process: UInt64?) -> DeliveryID? {
    var id = group.oldest
    for _ in 0..<Self.deliveriesSearched where id != 0 {
      let delivery = deliveries[id]
      let isOwn = process == nil || delivery.process == process
      if isOwn, delivery.flags.isDisjoint(with: [.credit, .moved]) { return id }
      id = delivery.next
    }
    return nil
  }

  /// Each one that a copy has ended since is passed over once.
  private func latestAcked(of group: Group, _ process: UInt64?, at: Timestamp) -> UInt32? {
    var number = group.latestAcked
    for _ in 0..<Self.acksSearched {
      guard sources.isKept(number) else { return nil }
      let source = sources[number]
      guard let delivery = present(source.delivery), groups[Int(delivery.group)] === group,
        at - source.settledAt <= group.monitor.windows.main.span_ns
      else { return nil }
      let isOpen = source.state == .settled && source.settlement == .acked
      if isOpen, process == nil || source.delivery.process == process { return number }
      if !isOpen, number == group.latestAcked { group.latestAcked = source.ackedBefore }
      number = source.ackedBefore
    }
    return nil
  }

  // MARK: Answers

  /// A message to the address that a request of this target names is the answer to it, whatever that address is called.
  func isAnswer(_ publication: Publication, to producer: ProducerTable.Entry) -> Bool {
    guard producer.kind != .normal, producer.isKnownByName, publication.replyKey != 0 else { return false }
    var isAnswer = false
    sources.forEach(publication.replyKey) { _, mark in
      isAnswer = mark.kind == .reply
      return !isAnswer
    }
    return isAnswer
  }

  private static var deliveriesSearched: Int { 4096 }
  private static var acksSearched: Int { 4096 }
}
