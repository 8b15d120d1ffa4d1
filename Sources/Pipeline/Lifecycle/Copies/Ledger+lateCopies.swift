// Copies of messages that were settled longer ago than the window: tasks that take minutes, acknowledged before they begin.

extension Ledger {
  /// A message that has the own id of a delivery which can't be revised within the window any more. Where it goes to dead
  /// letters, or goes back with a counter or an error, that delivery has failed: the settlement is taken back in the totals, and
  /// the failure counts now. Answers whether it did.
  func copiedLate(_ publication: Publication, at: Timestamp) -> Bool {
    let producer = producers[publication.producer]
    for mark in publication.marks.list where mark.kind == .identity {
      guard let number = settledEarlier(with: mark.value), let key = key(ofGroupOf: number) else { continue }
      let rule = CopyEvidence.Tier.identity.rule
      if producer.use.groups.contains(key) || producer.use.returns.contains(key) || producer.learned.contains(key)
        || (producer.kind == .retry && producer.use.isStrong)
      {
        let evidence = CopyEvidence(source: number, shared: .identity)
        let signs = signs(evidence, publication.marks, producer.use)
        guard !signs.isDisjoint(with: [.counter, .error]),
          endByCopy(number, as: .requeued, to: publication.producer, rule: rule, at: at)
        else { continue }
        keepPassage(evidence, publication, isCounted: true)
        return true
      }
      guard producer.kind == .deadLetter else { continue }
      if endByCopy(number, as: .deadLettered, to: publication.producer, rule: rule, at: at) { return true }
    }
    return false
  }

  /// The latest delivery of that id, if no copy has ended it.
  private func settledEarlier(with id: UInt64) -> UInt32? {
    var found: UInt32?
    sources.forEach(id) { number, mark in
      guard mark.kind == .identity else { return true }
      let source = sources[number]
      if source.state == .settled, source.settlement == .acked || source.settlement == .rejected { found = number }
      return false
    }
    return found
  }

  private func key(ofGroupOf number: UInt32) -> String? {
    present(sources[number].delivery).map { groups[Int($0.group)].key }
  }
}
