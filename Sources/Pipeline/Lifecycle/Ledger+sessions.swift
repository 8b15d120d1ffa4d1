// What sessions may ask of the ledger, and tell it beside `deliver`, `settle` and copies. Only Lifecycle changes deliveries,
// consumers, groups and messages, so that the equation holds whatever a protocol says. Sessions use `clusters` directly.

extension Ledger {
  /// How a delivery stands that has not ended for good.
  enum Standing {
    /// In flight.
    case open
    /// In flight, on a stream: an acknowledgement is only credit, and it can't fail.
    case credit
    /// A copy has settled it; its acknowledgement may still come.
    case paired
  }

  // MARK: Deliveries

  /// Nil: it ended, a bound took it away, or it never was.
  @inline(__always) func standing(of id: DeliveryID) -> Standing? {
    guard deliveries.isLive(id) else { return nil }
    let flags = deliveries[id].flags
    return flags.contains(.paired) ? .paired : flags.contains(.credit) ? .credit : .open
  }

  @inline(__always) func isLive(_ id: DeliveryID) -> Bool { deliveries.isLive(id) }

  /// A copy has settled it; its acknowledgement may still come. It must be live.
  @inline(__always) func isPaired(_ id: DeliveryID) -> Bool { deliveries[id].flags.contains(.paired) }

  /// The delivery as it is now. It must be live.
  @inline(__always) func delivery(_ id: DeliveryID) -> Delivery { deliveries[id] }

  /// The client dropped what it had prefetched and fetched it again: its latency counts from now.
  func came(again id: DeliveryID, at: Timestamp) {
    guard deliveries.isLive(id) else { return }
    deliveries[id].at = at
    deliveries[id].first = at
  }

  /// It turned out to have been tried at least so often. It must be live.
  func raiseAttempt(of id: DeliveryID, to attempt: Int32) {
    deliveries[id].attempt = max(deliveries[id].attempt, attempt)
  }

  /// Its consumer says that it still works on it. It must be live.
  func progress(_ id: DeliveryID, at: Timestamp) { groups[Int(deliveries[id].group)].monitor.progress(at: at) }

  /// Its consumers make progress that no settlement shows.
  func progress(of id: GroupID, at: Timestamp) {
    if isCurrent(id) { groups[Int(id.index)].monitor.progress(at: advance(to: at)) }
  }

  /// The protocol's own number for where the delivery was consumed. It must be live.
  func place(of id: DeliveryID) -> Int32 { consumers[deliveries[id].consumer].place }

  /// Ends a delivery whose channel, connection or membership is gone. `crashed`: it ended without a close. To be called in
  /// the order of delivery: the first of each consumer is settled as crashed (`blamed` collects those consumers), the others
  /// had only been prefetched and are abandoned.
  func lose(_ id: DeliveryID, crashed: Bool, blamed: inout Set<Int32>, at: Timestamp) {
    guard let standing = standing(of: id) else { return }
    let consumer = deliveries[id].consumer
    switch standing {
    case .paired: dropPaired(id)
    case .open where crashed && !consumers[consumer].isCancelled && blamed.insert(consumer).inserted:
      settle(id, as: .crashed, at: at)
    default: settle(id, as: .abandoned, at: at)
    }
  }

  /// A client broke off with these in its hands: tells the groups, before each of them is lost. Oldest first.
  func crashes(_ ids: [DeliveryID], at: Timestamp) {
    let at = advance(to: at)
    var inFlight: [Int32: [CrashLoop.InFlight]] = [:]
    for id in ids where standing(of: id) == .open {
      let delivery = deliveries[id]
      guard !consumers[delivery.consumer].isCancelled else { continue }
      let left = groups[Int(delivery.group)].deliveryLimit.map { $0 - Int64(delivery.attempt) }
      inFlight[delivery.group, default: []].append(
        .init(message: delivery.message, deliveredAt: delivery.at, returnsLeft: left))
    }
    for (group, deliveries) in inFlight { groups[Int(group)].monitor.crashed(deliveries, at: at) }
  }

  // MARK: Consumers

  func consumer(_ index: Int32) -> Consumer { consumers[index] }

  func setProcess(_ process: UInt64, ofConsumer index: Int32) { consumers[index].process = process }

  /// It gets nothing more: cancelled or closed in good order. `since`: when it began to leave.
  func cancel(consumer index: Int32, since: Timestamp) {
    consumers[index].isCancelled = true
    consumers[index].leftAt = min(consumers[index].leftAt, since)
    enter(index, nil)
  }

  /// Nothing of it is in flight or awaits an acknowledgement any more.
  func remove(consumer index: Int32) {
    enter(index, nil)
    consumers.remove(index)
  }

  // MARK: Groups

  /// Where the broker sends what the group rejects.
  func setDeadLetterTarget(_ target: String?, of id: GroupID) {
    if isCurrent(id) { groups[Int(id.index)].deadLetterTarget = target }
  }

  /// How often the broker lets a message of the group's be returned before it gives it up; nil: without end, or unknown.
  func setDeliveryLimit(_ limit: Int64?, of id: GroupID) {
    if isCurrent(id) { groups[Int(id.index)].deliveryLimit = limit }
  }

  /// What people call a message of that group that fails or comes again.
  func label(_ message: UInt64, of id: GroupID, _ text: @autoclosure () -> String) {
    if isCurrent(id) { groups[Int(id.index)].label(message, text()) }
    journal?.name(message, text())
  }

  /// Messages are told one by one, so that each needs its label.
  var tellsMessages: Bool { journal != nil }

  /// Whether a message of that group needs its label at its first delivery: one that fails is to be named, and while the
  /// breaker is not closed the failures of first tries are named as well.
  func tellsMessages(of id: GroupID) -> Bool {
    tellsMessages || isCurrent(id) && !groups[Int(id.index)].monitor.breaker.isClosed
  }

  /// Whether the group consumes that destination.
  func consumes(_ destination: String, _ id: GroupID) -> Bool {
    isCurrent(id) && groups[Int(id.index)].destinations.contains(destination)
  }

  /// What was known by another name (a topic by its id) has one.
  func rename(_ destination: String, to name: String, of id: GroupID) {
    if isCurrent(id) { groups[Int(id.index)].rename(destination, to: name) }
  }

  /// Index of a destination's partition in the group's books, made if need be. The group must be current.
  func addPartition(_ number: Int32, of destination: String, to id: GroupID) -> Int32 {
    groups[Int(id.index)].addPartition(number, of: destination, at: now)
  }

  /// How many messages of a partition the group has yet to consume; nil: not known.
  func setLag(_ lag: Int64?, of id: GroupID, _ partition: Int32) {
    if isCurrent(id) { groups[Int(id.index)].partitions[Int(partition)].lag = lag }
  }

  func delaySource(of id: GroupID) -> DelaySource? { groups[Int(id.index)].delaySource }

  /// A message came once more although its consumer had not failed with it: neither delivered again nor settled.
  func countRefetched(of id: GroupID, _ partition: Int32, isDuplicate: Bool) {
    groups[Int(id.index)].count(partition) {
      $0.refetched += 1
      if isDuplicate { $0.duplicates += 1 }
    }
  }

  /// Of an acknowledged delivery: its consumer published an equal message to where it came from, and nothing says that it failed.
  func countReturned(of id: GroupID, _ partition: Int32) {
    if isCurrent(id) { groups[Int(id.index)].count(partition) { $0.returned += 1 } }
  }

  /// One of those was a delivery after all.
  func takeBackRefetched(of id: GroupID, _ partition: Int32) {
    groups[Int(id.index)].count(partition) { if $0.refetched > 0 { $0.refetched -= 1 } }
  }

  /// The group was assigned anew while the target was a member.
  func countRebalance(of id: GroupID) { if isCurrent(id) { groups[Int(id.index)].totals.rebalances += 1 } }

  /// The broker refused an offset commit for good.
  func countCommitFailure(of id: GroupID) { if isCurrent(id) { groups[Int(id.index)].totals.commitFailures += 1 } }

  /// A rule has decided something about the group beyond what the wire says; `message`: about which one, if that is known.
  func countInference(_ rule: String, of id: GroupID, message: UInt64? = nil) {
    guard isCurrent(id) else { return }
    let group = groups[Int(id.index)]
    group.inferences[rule, default: 0] += 1
    if let journal, let message { journal.inferred(rule, message, of: group) }
  }

  // MARK: Producers

  /// The entry filed under `hash` (of system, process and destination); nil if there is none, or what it is for has to
  /// be worked out from a later version of what is known of the broker.
  func producer(filedUnder hash: UInt64, version: UInt64) -> Int32? { producers.find(hash, version: version) }

  /// Files a destination that the target publishes to, or what it is for by now.
  func file(_ producer: ProducerTable.Entry, under hash: UInt64) -> Int32 { producers.file(hash, producer) }

  /// A message that goes there may be a copy of one that was received.
  func mayHoldCopies(_ producer: Int32) -> Bool { producers[producer].mayHoldCopies }

  /// What goes there is for nothing else than copies.
  func keepsCopies(_ producer: Int32) -> Bool { producers[producer].keepsCopies }

  /// Messages were published to its destination.
  func countPublished(_ count: UInt64, by producer: Int32) { producers[producer].published += count }

  func name(ofProducer producer: Int32) -> String { producers[producer].name }
  func kind(ofProducer producer: Int32) -> DestinationKind { producers[producer].kind }
  /// Its kind needs no evidence beside it.
  func isStrong(ofProducer producer: Int32) -> Bool { producers[producer].use.isStrong }

  /// Its broker told one of its consumers of an error.
  func countBrokerError(_ error: BrokerError, of id: GroupID) {
    if isCurrent(id) { groups[Int(id.index)].brokerErrors.count(error, at: now) }
  }

  /// The delivery, which must be live, goes back to its group for that reason.
  func requeue(_ id: DeliveryID, _ cause: RequeueCause, at: Timestamp) {
    let group = groups[Int(deliveries[id].group)]
    group.requeueCauses[cause, default: 0] += 1
    journal?.noted(.because(cause), deliveries[id], of: group)
    settle(id, as: .requeued, at: at)
  }

  // MARK: What was left out

  /// Deliveries outside of every group.
  func countUngrouped(_ system: MessagingSystem, _ destination: String, _ count: UInt64) {
    ungrouped.add(count, system, destination)
  }

  /// Deliveries of which the group can't be told.
  func countUnattributed(_ system: MessagingSystem, _ destination: String, _ count: UInt64 = 1) {
    unattributed.add(count, system, destination)
  }

  /// A bound has dropped something of that kind.
  func drop(_ kind: WritableKeyPath<Dropped, UInt64>, _ count: UInt64 = 1) { dropped[keyPath: kind] += count }
}
