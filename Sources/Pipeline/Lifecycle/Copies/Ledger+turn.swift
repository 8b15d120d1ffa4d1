// Copies that have nothing in common with what was received, or nothing that can be read: the destination's name alone says what
// they are, and which delivery each was made of is a matter of turn.

extension Ledger {
  /// A message goes to a destination that has a name for dead letters or retries, and is like no delivery. It ends the oldest
  /// delivery in flight of the process that published it, or, where it acknowledges first, takes its last acknowledgement
  /// back. Answers whether it ended one.
  func copiedByTurn(_ publication: Publication, at: Timestamp) -> Bool {
    let producer = producers[publication.producer]
    guard producer.use.isStrong, producer.kind != .normal else { return false }
    let settlement: Settlement = producer.kind == .retry ? .requeued : .deadLettered
    var groups = groupsNamed(by: producer)
    if groups.isEmpty {
      // Metrics of retries are no retries: that needs a consumed queue's name, or the configuration.
      guard producer.kind == .deadLetter || producer.use.why == .configured else { return false }
      groups = self.groups.indices.prefix(Self.groupsSearched).filter { self.groups[$0].system == producer.system }
    }
    groups.removeAll { clusters.root(self.groups[$0].cluster) != clusters.root(publication.cluster) }
    let found = groups.compactMap { oldestInFlight(of: publication.process, in: self.groups[$0]) }
    guard found.count <= 1 else {
      // Of several groups' deliveries it may be any.
      dropped.pairs += 1
      return false
    }
    if let id = found.first {
      let delivery = deliveries[id]
      settleCopied(id, to: publication.producer, as: settlement, at: at)
      conclude(CopyEvidence.Tier.none.rule, of: delivery)
      return true
    }
    guard let number = lastAcknowledged(of: publication.process, in: groups, at: at) else { return false }
    return endByCopy(
      number, as: settlement, to: publication.producer, rule: CopyEvidence.Tier.none.rule, at: at)
  }

  /// The groups whose name the destination's has in it (`orders.dlq`), the longest such name, or that name the destination as
  /// where their dead letters go.
  private func groupsNamed(by producer: ProducerTable.Entry) -> [Int] {
    var found: [Int] = []
    var longest = 0
    for (i, group) in groups.enumerated() where group.system == producer.system && !group.isVacant {
      let isTarget = group.deadLetterTarget == producer.destination
      let length = isTarget ? Int.max : Self.length(of: group.name, in: producer.name)
      guard length > 0, length >= longest else { continue }
      if length > longest { found.removeAll() }
      longest = length
      found.append(i)
    }
    return found
  }

  /// Bytes of `name`, if it stands in `whole` between separators, at a change of case or at an end, and does not fill it;
  /// else 0.
  static func length(of name: String, in whole: String) -> Int {
    let (name, whole) = (Array(name.utf8), Array(whole.utf8))
    guard !name.isEmpty, name.count < whole.count else { return 0 }
    func goesOn(_ byte: UInt8) -> Bool { (byte >= 97 && byte <= 122) || (byte >= 48 && byte <= 57) }
    func isLetter(_ byte: UInt8) -> Bool { goesOn(byte) || (byte >= 65 && byte <= 90) }
    for start in 0...whole.count - name.count where whole[start..<start + name.count].elementsEqual(name) {
      let end = start + name.count
      if start > 0, isLetter(whole[start - 1]) { continue }
      if end < whole.count, goesOn(whole[end]) { continue }
      return name.count
    }
    return 0
  }

  private func oldestInFlight(of process: UInt64, in group: Group) -> DeliveryID? {
    var id = group.oldest
    for _ in 0..<Self.deliveriesSearched where id != 0 {
      // A stream's deliveries can't fail, and what only waited is handed back already.
      if deliveries[id].process == process, deliveries[id].flags.isDisjoint(with: [.credit, .moved]) { return id }
      id = deliveries[id].next
    }
    return nil
  }

  /// The latest delivery of that process that was acknowledged within the window, if it is of the only group that the latest
  /// ones of the process are of.
  private func lastAcknowledged(of process: UInt64, in groups: [Int], at: Timestamp) -> UInt32? {
    var found: (number: UInt32, group: Int32)?
    for back in 0..<Self.sourcesSearched {
      let number = sources.latest &- back
      guard sources.isKept(number) else { break }
      let source = sources[number]
      guard source.delivery.process == process, source.state == .settled, source.settlement == .acked,
        let delivery = present(source.delivery), groups.contains(Int(delivery.group)),
        at - source.settledAt <= self.groups[Int(delivery.group)].monitor.windows.main.span_ns
      else { continue }
      if let found, found.group != delivery.group { return nil }
      if found == nil { found = (number, delivery.group) }
    }
    return found?.number
  }

  /// Bounds of the search for a copy's source; more groups than that in one process are not told apart by turn.
  private static var groupsSearched: Int { 256 }
  private static var deliveriesSearched: Int { 4096 }
  private static var sourcesSearched: UInt32 { 64 }
}
