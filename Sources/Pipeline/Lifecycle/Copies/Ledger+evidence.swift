// Finding the delivery that a published message is a copy of.

extension Ledger {
  /// The best candidate among the deliveries that are kept, or nil.
  /// `isKnown`: the message has the id of a delivery that has ended by a copy before, or otherwise for good: to pair it with
  /// another one would be a guess.
  func evidence(
    of marks: MessageMarks, to producer: ProducerTable.Entry, at: Timestamp, isKnown: inout Bool
  ) -> CopyEvidence? {
    guard !sources.isEmpty, !marks.list.isEmpty else { return nil }
    var candidates: ContiguousArray<CopyEvidence> = []
    // One for all marks, so that it is allocated at most once for a publish.
    var found: ContiguousArray<(UInt32, CopyEvidence.Shared)> = []
    let isDead = producer.kind == .deadLetter
    for mark in marks.list where mark.kind != .number && !(mark.kind == .tail && marks.bodyIsJSON) {
      look(mark, &candidates, &found, &isKnown, isDead, at: at)
    }
    var best: CopyEvidence?
    for i in candidates.indices {
      compare(&candidates[i], marks)
      if candidates[i].shared.isEmpty { continue }
      candidates[i].signs = signs(candidates[i], marks, producer.use)
      candidates[i].isHandedBack = isHandedBack(candidates[i], producer)
      if best.map({ isBetter(candidates[i], than: $0) }) ?? true { best = candidates[i] }
    }
    if let best, best.tier == .none, !best.isForStrongName { return nil }
    return best
  }

  /// Adds what deliveries have in common with the message by one of its marks.
  private func look(
    _ mark: Mark, _ candidates: inout ContiguousArray<CopyEvidence>,
    _ found: inout ContiguousArray<(UInt32, CopyEvidence.Shared)>, _ isKnown: inout Bool, _ isDeadLetter: Bool,
    at: Timestamp
  ) {
    var isCommon = false
    var lastMessage: UInt64?
    found.removeAll(keepingCapacity: true)
    if mark.kind.isPruned { sources.prune(mark.value) }
    sources.forEach(mark.value) { number, theirs in
      guard let shared = Self.shared(theirs, mark) else { return true }
      // A token that several messages in flight have tells nothing, nor last bytes that any other message had.
      if shared == .tail || (shared == .token && sources[number].state == .inFlight) {
        let message = sources[number].delivery.message
        if let lastMessage, lastMessage != message { isCommon = true }
        lastMessage = message
      }
      guard isOpen(number, toDeadLetters: isDeadLetter, at: at) else {
        if shared.contains(.identity) { isKnown = true }
        return true
      }
      if found.count < Self.mostCandidates { found.append((number, shared)) }
      return shared == .tail || found.count < Self.mostCandidates
    }
    for (number, shared) in found where !(isCommon && (shared == .token || shared == .tail)) {
      if let i = candidates.firstIndex(where: { $0.source == number }) {
        candidates[i].shared.formUnion(shared)
      } else if candidates.count < Self.mostCandidates {
        candidates.append(CopyEvidence(source: number, shared: shared))
      }
    }
  }

  private static func shared(_ theirs: Mark, _ mark: Mark) -> CopyEvidence.Shared? {
    switch (theirs.kind, mark.kind) {
    case (.content, .content): .content
    case (.tail, .tail): .tail
    case (.identity, .correlation): .mention
    case (.identity, .content), (.identity, .tail), (.identity, .number): nil
    // Its parent, its cause, its trace: another message that has to do with this one.
    case (.identity, _): mark.name.contains(.relation) || mark.name.contains(.inBody) ? nil : .identity
    case (.correlation, .correlation): .correlation
    case (.token, .token): theirs.place == mark.place && !mark.name.contains(.relation) ? .token : nil
    default: nil
    }
  }

  /// In flight and not ended by a copy, or ended within the window in a way that a copy may revise.
  private func isOpen(_ number: UInt32, toDeadLetters: Bool, at: Timestamp) -> Bool {
    let source = sources[number]
    guard !source.isReturned || toDeadLetters, let delivery = present(source.delivery) else { return false }
    switch source.state {
    case .copied, .moved: return false
    case .inFlight: return deliveries.isLive(source.id) && !deliveries[source.id].flags.contains(.paired)
    case .settled:
      return (source.settlement == .acked || source.settlement == .rejected)
        && at - source.settledAt <= groups[Int(delivery.group)].monitor.windows.main.span_ns
    }
  }

  /// Takes back what a closer look at the source shows: bodies that only begin alike, and an id that only names the source.
  private func compare(_ candidate: inout CopyEvidence, _ marks: MessageMarks) {
    let isAlike = candidate.shared.contains(.content) && !candidate.shared.contains(.tail)
    let tail = isAlike ? marks.list.last { $0.kind == .tail }?.value : nil
    var sharesID = false
    sources.forEachMark(of: candidate.source) { theirs in
      switch theirs.kind {
      case .tail: if let tail, tail != theirs.value { candidate.shared.remove(.content) }
      case .identity:
        for mark in marks.list where mark.kind == .identity && mark.place == theirs.place {
          if mark.value == theirs.value { sharesID = true } else { candidate.hasOtherID = true }
        }
      default: break
      }
      return true
    }
    if sharesID { candidate.hasOtherID = false }
    guard candidate.hasOtherID, candidate.shared.contains(.identity) else { return }
    let isOriginal = marks.list.contains { mark in
      guard mark.name.contains(.original), mark.kind == .token || mark.kind == .text else { return false }
      var isIts = false
      sources.forEachMark(of: candidate.source) { theirs in
        isIts = theirs.kind == .identity && theirs.value == mark.value
        return !isIts
      }
      return isIts
    }
    guard !isOriginal else { return }
    candidate.shared.remove(.identity)
    candidate.shared.insert(.mention)
  }

  /// The message came from another group of this target as a copy, and goes back to that group.
  private func isHandedBack(_ candidate: CopyEvidence, _ producer: ProducerTable.Entry) -> Bool {
    let number = sources[candidate.source].passage
    guard candidate.isSameMessage, passages.isKept(number), let home = present(passages[number].group),
      let delivery = present(sources[candidate.source].delivery), home != delivery.groupID
    else { return false }
    let key = groups[Int(home.index)].key
    return producer.use.groups.contains(key) || producer.use.returns.contains(key) || producer.learned.contains(key)
  }

  func signs(
    _ candidate: CopyEvidence, _ marks: MessageMarks, _ use: ProducerTable.Use
  ) -> CopyEvidence.Signs {
    var signs: CopyEvidence.Signs = []
    if use.waits || marks.isDelayed || (marks.expires && use.waitsIfExpiring) { signs.insert(.delay) }
    if marks.history != 0, marks.history == sources[candidate.source].history { signs.insert(.history) }
    for mark in marks.list {
      if mark.kind == .number {
        if !signs.contains(.counter), isNext(mark, candidate.source) { signs.insert(.counter) }
        if mark.name.contains(.counter), has(candidate.source, mark) { signs.insert(.sameCounter) }
      } else if marks.namesError, mark.name.contains(.error), !signs.contains(.error), !has(candidate.source, mark) {
        signs.insert(.error)
      }
    }
    if signs.isDisjoint(with: [.error, .counter]), candidate.shared == .tail {
      if marks.bodyNamesError { signs.insert(.error) }
      if marks.bodyIsRedelivered { signs.insert(.counter) }
    }
    return signs
  }

  /// Whether the number is one more than the source's at the same place. A number of no name that speaks of tries counts in a
  /// header only, and one that the source does not have counts with such a name only.
  private func isNext(_ mark: Mark, _ number: UInt32) -> Bool {
    let isNamed = mark.name.contains(.counter)
    guard isNamed || mark.name.isDisjoint(with: [.inBody, .otherNumber]) else { return false }
    var before: UInt64?
    sources.forEachMark(of: number) { theirs in
      guard theirs.kind == .number, theirs.place == mark.place else { return true }
      before = theirs.value
      return false
    }
    guard let before else { return isNamed && mark.value == 1 }
    return mark.value == before + 1
  }

  private func has(_ number: UInt32, _ mark: Mark) -> Bool {
    var isThere = false
    sources.forEachMark(of: number) { theirs in
      isThere = theirs.place == mark.place && theirs.value == mark.value
      return !isThere
    }
    return isThere
  }

  /// What is handed back, then by tier, then what is in flight before what has ended, then the oldest in flight, or what ended last.
  private func isBetter(_ a: CopyEvidence, than b: CopyEvidence) -> Bool {
    if a.isHandedBack != b.isHandedBack { return a.isHandedBack }
    if a.tier != b.tier { return a.tier < b.tier }
    let (one, other) = (sources[a.source], sources[b.source])
    if (one.state == .inFlight) != (other.state == .inFlight) { return one.state == .inFlight }
    if a.shared != b.shared { return a.shared.rawValue.nonzeroBitCount > b.shared.rawValue.nonzeroBitCount }
    if one.state == .inFlight { return deliveries[one.id].at < deliveries[other.id].at }
    return one.settledAt > other.settledAt
  }

  private static var mostCandidates: Int { 16 }
}
