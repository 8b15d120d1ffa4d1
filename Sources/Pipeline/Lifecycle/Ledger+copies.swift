// Copies of failing messages that the consumer publishes itself: to a dead-letter destination (the delivery ends as
// `dead_lettered`) or to a retry destination (`requeued`). The acknowledgement that follows is that publish's end.

/// How a delivery was acknowledged: the ledger's time then, and whether others were with it, so that its partition's
/// window did not hear of it.
struct SettledAck: BitwiseCopyable {
  var delivery: Delivery
  var at: Timestamp
  var inBatch: Bool
}

extension Ledger {
  /// A message was published completely.
  func published(_ publication: Publication, at: Timestamp) {
    producers[publication.producer].published += 1
    let producer = producers[publication.producer]
    switch producer.kind {
    case .normal:
      // Back onto the queue it was taken from, with its own id: a retry by other means.
      guard let key = producer.use.consumedGroup, let source = sourceByID(publication),
        groups[Int(deliveries[source].group)].key == key
      else { return }
      settleCopied(source, as: .requeued, to: publication, at: at)
    case .retry, .deadLetter:
      guard let source = source(of: publication, destination: producer.name) else { return }
      settleCopied(source, as: producer.kind == .retry ? .requeued : .deadLettered, to: publication, at: at)
    }
  }

  private func settleCopied(_ id: DeliveryID, as settlement: Settlement, to publication: Publication, at: Timestamp) {
    settleCopied(id, to: publication.producer, as: settlement, at: at)
  }

  /// A copy of the delivery was published to that producer's destination.
  func settleCopied(_ id: DeliveryID, to producer: Int32, as settlement: Settlement, at: Timestamp) {
    let group = groups[Int(deliveries[id].group)]
    group.copies[producer, default: 0] += 1
    group.attempts.raise(to: Int(deliveries[id].attempt))
    settle(id, as: settlement, at: at, keep: true)
  }

  /// The same of a delivery that was acknowledged before its copy showed: client libraries publish later than they are
  /// told to. Its acknowledgement was no success.
  func settleCopiedLate(
    _ ack: SettledAck, to producer: Int32, as settlement: Settlement, attempt: Int32, at: Timestamp
  ) {
    let group = groups[Int(ack.delivery.group)]
    guard group.totals.acked > 0 else { return }
    group.copies[producer, default: 0] += 1
    group.attempts.raise(to: Int(attempt))
    group.count(consumers[ack.delivery.consumer].partition) { $0.ackedPaired += 1 }
    revoke(ack, of: group, as: settlement, attempt: max(attempt, ack.delivery.attempt), at: at)
  }

  /// What was counted as acknowledged has ended otherwise.
  private func revoke(
    _ ack: SettledAck, of group: Group, as settlement: Settlement, attempt: Int32, at: Timestamp
  ) {
    let delivery = ack.delivery
    let at = advance(to: at)
    group.lastActive = at
    let partition = consumers[delivery.consumer].partition
    group.count(partition) {
      $0.acked -= 1
      $0.count(settlement)
    }
    let window = group.window(of: partition)
    group.monitor.revokeAck(recordedAt: ack.at, partition: ack.inBatch ? nil : window)
    var outcome = Outcome(
      settlement: settlement, attempt: attempt, delay_ns: nil, settleLatency_ns: 0, message: delivery.message,
      deliveredAt: delivery.at)
    outcome.isUntimed = true
    record(outcome, group, delivery.group, partition: window, at: at)
  }

  /// The delivery that it is a copy of: by the source's own id, else by equal body where the destination's name extends
  /// the source's, else the oldest in flight of that process.
  func source(of publication: Publication, destination: String) -> DeliveryID? {
    switch identified(publication) {
    case .inFlight(let id): return id
    case .settled: return nil
    case .unknown: break
    }
    var oldest: DeliveryID = 0
    var byBody: DeliveryID = 0
    for group in groups.prefix(Self.groupsSearched) where group.inFlight > 0 {
      let extended = group.destinations.map { destination.utf8.count > $0.utf8.count && destination.hasPrefix($0) }
      var id = group.oldest
      var searched = 0
      while id != 0, searched < Self.deliveriesSearched {
        if deliveries[id].process == publication.process {
          if oldest == 0 || deliveries[id].at < deliveries[oldest].at { oldest = id }
          let partition = consumers[deliveries[id].consumer].partition
          let place = partition < 0 ? 0 : Int(group.partitions[Int(partition)].destination)
          if !extended.contains(true) { break }
          guard extended.indices.contains(place), extended[place] else {
            id = deliveries[id].next
            searched += 1
            continue
          }
          if deliveries[id].body == publication.body {
            if byBody == 0 || deliveries[id].at < deliveries[byBody].at { byBody = id }
            break
          }
        }
        id = deliveries[id].next
        searched += 1
      }
    }
    if byBody != 0 { return byBody }
    return oldest == 0 ? nil : oldest
  }

  private func sourceByID(_ publication: Publication) -> DeliveryID? {
    if case .inFlight(let id) = identified(publication) { id } else { nil }
  }

  private enum Identified {
    case inFlight(DeliveryID)
    /// A message with that id is known, but nobody holds it any more: pairing it with another would be a guess.
    case settled
    case unknown
  }

  private func identified(_ publication: Publication) -> Identified {
    var known = false
    for hash in publication.ids {
      for group in groups.prefix(Self.groupsSearched) {
        let index = messages.find(hash &+ group.salt)
        guard index != 0 else { continue }
        let id = messages[index].inFlight
        if id != 0, deliveries[id].process == publication.process { return .inFlight(id) }
        known = true
      }
    }
    return known ? .settled : .unknown
  }

  /// Bounds of the search for a copy's source; more groups than that in one process are not told apart by content.
  private static var groupsSearched: Int { 256 }
  private static var deliveriesSearched: Int { 4096 }
}
