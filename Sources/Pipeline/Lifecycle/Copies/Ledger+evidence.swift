// Finding the delivery that a published message is a copy of.

extension Ledger {
  /// The best candidate among the deliveries that are kept, or nil.
  /// `isKnown`: the message has something of a delivery that has ended by a copy before, or otherwise for good: to pair it
  /// with another one would be a guess.
  func evidence(
    of marks: MessageMarks, to producer: ProducerTable.Entry, at: Timestamp, isKnown: inout Bool
  ) -> CopyEvidence? {
    guard !sources.isEmpty, !marks.list.isEmpty else { return nil }
    var candidates: ContiguousArray<CopyEvidence> = []
    // One for all marks, so that it is allocated at most once for a publish.
    var found: ContiguousArray<(UInt32, CopyEvidence.Shared)> = []
    for mark in marks.list where mark.kind != .number { look(mark, &candidates, &found, &isKnown, at: at) }
    var best: CopyEvidence?
    for i in candidates.indices where !candidates[i].shared.isEmpty {
      candidates[i].signs = signs(candidates[i], marks, waits: producer.use.waits)
      candidates[i].isHandedBack = isHandedBack(candidates[i], producer)
      if best.map({ isBetter(candidates[i], than: $0) }) ?? true { best = candidates[i] }
    }
    if let best, best.tier == .none, !best.isForStrongName { return nil }
    return best
  }

  /// Adds what deliveries have in common with the message by one of its marks.
  private func look(
    _ mark: Mark, _ candidates: inout ContiguousArray<CopyEvidence>,
    _ found: inout ContiguousArray<(UInt32, CopyEvidence.Shared)>, _ isKnown: inout Bool, at: Timestamp
  ) {
    var sharers = 0
    var lastMessage: UInt64?
    found.removeAll(keepingCapacity: true)
    sources.forEach(mark.value) { number, theirs in
      guard let shared = Self.shared(theirs, mark) else { return true }
      guard isOpen(number, at: at) else {
        if shared.contains(.identity) { isKnown = true }
        return true
      }
      if shared == .token, sources[number].state == .inFlight {
        let message = deliveries[sources[number].id].message
        if let lastMessage, lastMessage != message { sharers += 1 }
        lastMessage = message
      }
      found.append((number, shared))
      return found.count < Self.mostCandidates
    }
    // A token that several messages in flight have tells nothing.
    for (number, shared) in found where !(shared == .token && sharers > 0) {
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
    case (.identity, .correlation): .identityAsCorrelation
    case (.identity, .content), (.identity, .tail), (.identity, .number), (.identity, .address): nil
    // Its parent, its cause, its trace: another message that has to do with this one.
    case (.identity, _): mark.name.contains(.relation) || mark.name.contains(.inBody) ? nil : .identity
    case (.correlation, .correlation): .correlation
    case (.token, .token): theirs.place == mark.place && !mark.name.contains(.relation) ? .token : nil
    default: nil
    }
  }

  /// In flight and not ended by a copy, or ended within the window in a way that a copy may revise.
  private func isOpen(_ number: UInt32, at: Timestamp) -> Bool {
    let source = sources[number]
    let group = groups[Int(source.delivery.group)]
    guard group.serial == source.groupSerial else { return false }
    switch source.state {
    case .copied, .moved: return false
    case .inFlight: return deliveries.isLive(source.id) && !deliveries[source.id].flags.contains(.paired)
    case .settled:
      return (source.settlement == .acked || source.settlement == .rejected)
        && at - source.settledAt <= group.monitor.windows.main.span_ns
    }
  }

  /// The message came from another group of this target as a copy, and goes back to that group.
  private func isHandedBack(_ candidate: CopyEvidence, _ producer: ProducerTable.Entry) -> Bool {
    let number = sources[candidate.source].passage
    guard candidate.isSameMessage, passages.isKept(number) else { return false }
    let passage = passages[number]
    let group = groups[Int(passage.group)]
    guard group.serial == passage.groupSerial, passage.group != sources[candidate.source].delivery.group else {
      return false
    }
    return producer.use.groups.contains(group.key) || producer.use.returns.contains(group.key)
      || producer.learned.contains(group.key)
  }

  func signs(_ candidate: CopyEvidence, _ marks: MessageMarks, waits: Bool) -> CopyEvidence.Signs {
    var signs: CopyEvidence.Signs = []
    if waits || marks.isDelayed || marks.expires { signs.insert(.delay) }
    if marks.history != 0, marks.history == sources[candidate.source].history { signs.insert(.history) }
    for mark in marks.list {
      if mark.kind == .number {
        if !signs.contains(.counter), isNext(mark, candidate.source) { signs.insert(.counter) }
      } else if marks.namesError, mark.name.contains(.error), !signs.contains(.error), !has(candidate.source, mark) {
        signs.insert(.error)
      }
    }
    if signs.isDisjoint(with: [.error, .counter]), candidate.shared == .tail, MarkReader.namesError(marks.body) {
      signs.insert(.error)
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
