/// Names one group for good: its index in `Ledger.groups`, and its serial number, because a bound may give the index to
/// another group.
struct GroupID: Hashable {
  var index: Int32
  var serial: UInt32
}

/// The books of one target: which groups there are, what each consumer holds, how every delivery ended.
///
/// Sessions of the protocols tell it of consumers, deliveries and settlements; it keeps
/// `delivered = acked + requeued + rejected + dead_lettered + crashed + abandoned + expired + in_flight` for each group
/// at every instant, works out attempts, delay and latency, and hands each outcome to the group's monitor.
///
/// Memory: bounded by `LimitSettings`; what a bound drops is counted in `dropped`. Cost: O(1) per delivery and settlement.
final class Ledger {
  /// Replaced only by `replace(settings:)`.
  var settings: Settings
  let target: String
  var clusters: ClusterTable
  var groups: ContiguousArray<Group> = []
  var consumers = ConsumerTable()
  var deliveries: DeliveryTable
  var messages: MessageTable
  var producers: ProducerTable
  /// Deliveries that copies may be made of, and copies that may come back.
  var sources = SourceTable()
  var passages = PassageTable()
  var markReader: MarkReader
  /// What the arrival that `deliver` is told of next looks like.
  var described = MessageMarks()
  var isArrivalDescribed = false
  /// Deliveries that are still to be kept in `sources`; see `wantsMarks`.
  var markedDeliveriesLeft = Ledger.markedAtFirst
  /// What is booked of each message, for `stormfuse explain`; nil in a live run and a replay.
  var journal: Journal?
  /// Transitions since they were last taken, oldest first.
  var transitions: [(group: Group, transition: Transition)] = []
  /// Alerts since they were last taken.
  var alerts: [(group: Group, alert: Alert)] = []
  /// Deliveries that fit no group, or several, by destination.
  var unattributed = DestinationCounts()
  /// Deliveries outside of every group, by destination.
  var ungrouped = DestinationCounts()
  var dropped = Dropped()
  /// The latest moment that anything happened at; never goes back.
  private(set) var now = Timestamp.zero
  /// How far the wall clock is ahead of `now`; see `Engine.wallAhead_ns`.
  var wallAhead_ns: Int64 = 0
  /// Who consumes where has changed, or something else that decides what is held.
  var isPlanDue = false
  /// Why nothing can be held here; nil if it can.
  var whyCannotHold: String?
  /// Nothing follows, and nothing is held any more.
  var isOver = false
  var isTargetGone = false
  var groupIndex: [GroupName: Int32] = [:]
  var groupsMade: UInt32 = 0
  /// Places in `groups` that groups of united clusters have left.
  var vacant: [Int32] = []
  /// Groups that others have absorbed, each with that one.
  var successors: [GroupID: Successor] = [:]
  /// How many of the clusters' unions `groups` follow.
  var clustersFollowed = 0

  struct GroupName: Hashable {
    var key: String
    var cluster: ClusterID
  }

  /// `hashKey`: of the hashes that sessions give it.
  init(settings: Settings, target: String, hashKey: KeyedHash.Key = .init(0, 0)) {
    markReader = MarkReader(key: hashKey)
    self.settings = settings
    self.target = target
    clusters = ClusterTable(configured: settings.cluster)
    deliveries = DeliveryTable(bound: settings.limits.inFlight)
    messages = MessageTable(bound: settings.limits.messages)
    producers = ProducerTable(settings: settings.destinations)
  }

  /// Moves time on; a moment in the past (captures jump) counts as now.
  func advance(to at: Timestamp) -> Timestamp {
    if at > now { now = at }
    return now
  }

  /// A moment as the wall clock has it.
  func wall(_ at: Timestamp) -> Timestamp { at + wallAhead_ns }

  // MARK: Groups and consumers

  /// The group of that key, made if need be. Past the bound the least recently active group goes, counted; what it had in
  /// flight is abandoned.
  /// `destination`: the first that it is known to consume; nil if that is not known yet.
  func group(
    _ type: any BrokerProtocol.Type, key: String, name: String, destination: String?, cluster: ClusterID
  ) -> GroupID {
    followClusters()
    let cluster = clusters.root(cluster)
    let groupName = GroupName(key: key, cluster: cluster)
    if let known = groupIndex[groupName] { return GroupID(index: known, serial: groups[Int(known)].serial) }
    groupsMade &+= 1
    let group = Group(
      of: type, key: key, cluster: cluster, name: name, destination: destination, serial: groupsMade,
      monitor: GroupMonitor(settings: settings.resolved(for: key), key: key, at: now))
    group.lastActive = now
    let index: Int32
    if let place = vacant.popLast() {
      index = place
      groups[Int(index)] = group
    } else if groups.count < max(1, settings.limits.groups) {
      groups.append(group)
      index = Int32(groups.count - 1)
    } else {
      index = leastRecentlyActiveGroup()
      groupIndex[GroupName(key: groups[Int(index)].key, cluster: groups[Int(index)].cluster)] = nil
      forgetDeliveries(of: index)
      let forgotten = groups[Int(index)]
      for alert in forgotten.alerts.end(at: now) { alerts.append((forgotten, alert)) }
      groups[Int(index)] = group
      dropped.groups += 1
    }
    groupIndex[groupName] = index
    return GroupID(index: index, serial: group.serial)
  }

  /// Whether the group is still there: a bound may have given its place to another one.
  @inline(__always) func isCurrent(_ id: GroupID) -> Bool { groups[Int(id.index)].serial == id.serial }

  /// A consumer of that group; 0 if there is no room for it, counted.
  func addConsumer(_ consumer: Consumer, of id: GroupID) -> Int32 {
    isPlanDue = true
    let index = consumers.insert(consumer)
    if index == 0 { dropped.consumers += 1 } else { enter(index, id) }
    return index
  }

  /// The consumer is one of that group's from now on; nil: it gets nothing more. What it has in flight stays its own.
  func enter(_ index: Int32, _ id: GroupID?) {
    if let old = consumers[index].group, isCurrent(old) {
      groups[Int(old.index)].consumers.leave(consumers[index])
      tellHoldable(groups[Int(old.index)])
    }
    consumers[index].group = id
    guard let id else { return }
    let group = groups[Int(id.index)]
    group.consumers.enter(consumers[index])
    tellHoldable(group)
  }

  private func leastRecentlyActiveGroup() -> Int32 {
    var oldest = 0
    for i in groups.indices where groups[i].lastActive < groups[oldest].lastActive { oldest = i }
    return Int32(oldest)
  }

  private func forgetDeliveries(of group: Int32) {
    let group = groups[Int(group)]
    while group.oldest != 0 { settle(group.oldest, as: .abandoned, at: now) }
    while group.oldestPaired != 0 { dropPaired(group.oldestPaired) }
  }

  // MARK: Deliveries

  /// A message has reached its consumer. Returns the delivery, or 0 if it is settled already (`noAck`).
  /// What copies of it can be known by is `described` before.
  func deliver(_ arrival: Arrival, noAck: Bool, isStream: Bool) -> DeliveryID {
    let at = advance(to: arrival.at)
    let own = arrival.message
    var message = arrival.message
    let isDescribed = isArrivalDescribed
    let returned = isDescribed ? arrived(arrival, &message, at: at) : Returned()
    if deliveries.isFull { makeRoom() }
    let group = groups[Int(arrival.group)]
    group.lastActive = at
    group.quietUntil = .zero
    if group.monitor.nextDeadline <= at { tick(arrival.group, at: at) }
    if group.monitor.delivered(at: at) { isPlanDue = true }
    let partition = consumers[arrival.consumer].partition
    // The broker's mark, or a count on the wire that proves it.
    let isRepeat = arrival.redelivered || (arrival.attempt ?? 1) > 1
    let index = arrival.isSelfTracked ? 0 : messages.touch(message &+ group.salt, at: at)
    let isDuplicate =
      arrival.isSelfTracked
      ? arrival.isDuplicate
      : arrival.redelivered && messages[index].acked > 0 && messages[index].acked >= messages[index].first
    let expired =
      group.expired.isEmpty || !(isRepeat || arrival.isSelfTracked)
      ? ExpiredTry() : endExpired(message, record: index, to: group, at: at)
    group.count(partition) { totals in
      totals.delivered += 1
      if isRepeat { totals.redelivered += 1 }
      if isDuplicate { totals.duplicates += 1 }
    }
    var (attempt, source) = attempt(arrival, messages[index])
    if attempt <= expired.attempt { (attempt, source) = (expired.attempt + 1, .ownTable) }
    if isDescribed || arrival.toldAttempt > attempt { raise(&attempt, &source, arrival, returned) }
    // Even a repeat is of a message, whose first delivery was not seen. A copy that comes back is no other message.
    if index != 0, !(arrival.redelivered || returned.attempt > 0) || messages[index].first == 0 {
      messages[index].first &+= 1
    }
    group.attemptSources.insert(source)
    group.attempts.record(Int(attempt))

    var delivery = Delivery()
    delivery.group = arrival.group
    delivery.groupSerial = group.serial
    delivery.consumer = arrival.consumer
    delivery.partition = partition
    delivery.at = at
    delivery.message = message
    delivery.process = consumers[arrival.consumer].process
    delivery.attempt = attempt
    delivery.record = index
    delivery.first = firstDelivery(of: delivery, isRepeat: isRepeat || attempt > 1, expired)
    if arrival.isLastAttempt { delivery.flags.insert(.lastAttempt) }
    if isStream { delivery.flags.insert(.credit) }
    if arrival.isSelfTracked { delivery.flags.insert(.selfTracked) }
    dateEnqueueing(of: &delivery, arrival, firstSeen: index == 0 ? at : messages[index].firstSeen, group)

    let id = deliveries.insert(delivery)
    if isDescribed { keepSource(id, delivery, returned, of: group) }
    group.link(id, in: &deliveries)
    consumers[arrival.consumer].inFlight += 1
    if let journal {
      if returned.passage != 0 { journal.join(own, to: passages[returned.passage].message) }
      if isDescribed { journal.name(delivery.message, String(decoding: described.label, as: UTF8.self)) }
      journal.delivered(
        delivery, source, isRepeat: isRepeat, isDuplicate: isDuplicate, isCopy: returned.passage != 0,
        hasID: arrival.hasOwnID || arrival.isSelfTracked, to: group)
    }
    if noAck {
      settle(id, as: .acked, at: at)
      return 0
    }
    return id
  }

  /// Room for one more: a pair that has lapsed goes, else the delivery that has been in flight longest, of whichever
  /// group, else the oldest pair of some group.
  private func makeRoom() {
    var oldest: DeliveryID = 0
    var oldestPaired: DeliveryID = 0
    for group in groups {
      lapsePairs(of: group, at: now)
      if group.oldest != 0, oldest == 0 || deliveries[group.oldest].at < deliveries[oldest].at { oldest = group.oldest }
      if group.oldestPaired != 0 { oldestPaired = group.oldestPaired }
    }
    guard deliveries.isFull else { return }
    if oldest != 0 {
      dropped.inFlight += 1
      settle(oldest, as: .abandoned, at: now)
    } else if oldestPaired != 0 {
      dropped.pairs += 1
      dropPaired(oldestPaired)
    }
  }

  /// Ends a delivery. `keep` keeps the record until its acknowledgement comes (`acknowledgePaired`). `inBatch`: one commit
  /// settled several, so its latency is not recorded for its partition.
  func settle(
    _ id: DeliveryID, as settlement: Settlement, at: Timestamp, causeUnknown: Bool = false, keep: Bool = false,
    inBatch: Bool = false
  ) {
    let at = advance(to: at)
    let delivery = deliveries[id]
    let group = groups[Int(delivery.group)]
    group.lastActive = at
    group.unlink(id, in: &deliveries)
    if group.inFlight == 0 { group.emptySince = at }
    let partition = delivery.partition
    group.count(partition) { $0.count(settlement) }
    let isMoved =
      !delivery.flags.isDisjoint(with: [.moved, .returned]) && countAside(delivery, settlement, group, partition)
    if delivery.source != 0, !keep {
      sourceEnded(delivery, as: settlement, causeUnknown: causeUnknown, inBatch: inBatch, at: at)
    }
    let latencyFrom = max(delivery.at, consumers[delivery.consumer].lastSettled)
    let latency_ns = max(0, at - latencyFrom)
    consumers[delivery.consumer].lastSettled = at
    if settlement == .acked { consumers[delivery.consumer].lastAcked = at }
    consumers[delivery.consumer].inFlight -= 1

    journal?.settled(delivery, of: group, as: settlement, at: at)

    let tried = settlement == .acked || settlement.isFailure
    let delay_ns = tried ? max(0, at.ns &- delivery.enqueued_ns &- delivery.deliberate_ns) : nil
    remember(delivery, settlement, at, group)
    if delivery.flags.contains(.lastAttempt),
      settlement == .requeued || settlement == .crashed || settlement == .abandoned
    {
      group.count(partition) { $0.exhausted += 1 }
    }
    if tried {
      if let delay_ns { group.delay.record(delay_ns) }
      group.settleLatency.record(latency_ns)
    }
    if keep {
      deliveries[id].flags.insert(.paired)
      deliveries[id].pairedAt = at
      group.linkPaired(id, in: &deliveries)
    } else {
      deliveries.remove(id)
    }
    assert(group.totals.delivered == group.totals.settled + UInt64(group.inFlight), "the equation of \(group.key)")
    var outcome = Outcome(
      settlement: settlement, paired: isMoved, causeUnknown: causeUnknown, attempt: delivery.attempt,
      delay_ns: delay_ns,
      delayIsLowerBound: delivery.flags.contains(.lowerBound), settleLatency_ns: latency_ns, message: delivery.message,
      deliveredAt: delivery.at)
    // An answer that was seen but never passed is none: a crash counts, whatever was foretold.
    outcome.isForetold = delivery.flags.contains(.foretold) && settlement != .crashed
    outcome.wasHeld = delivery.flags.contains(.answeredHeld) && settlement != .crashed
    record(outcome, group, delivery.group, partition: inBatch ? nil : group.window(of: partition), at: at)
  }

  private func remember(
    _ delivery: Delivery, _ settlement: Settlement, _ at: Timestamp, _ group: Group
  ) {
    var index = messages.find(delivery.message &+ group.salt, lastAt: delivery.record)
    if index == 0, delivery.flags.contains(.selfTracked), settlement.isFailure || delivery.attempt > 1 {
      index = messages.touch(delivery.message &+ group.salt, at: at)
      messages[index].firstSeen = min(messages[index].firstSeen, delivery.first)
    }
    guard index != 0 else { return }
    switch settlement {
    case .acked: messages[index].acked &+= 1
    case .abandoned, .expired: messages[index].abandoned &+= 1
    case .requeued, .rejected, .deadLettered, .crashed:
      messages[index].failed &+= 1
      messages[index].firstFailed = min(messages[index].firstFailed, at)
    }
    if settlement == .acked || settlement == .rejected || settlement == .deadLettered,
      messages[index].firstFailed < at
    {
      group.retryLatency.record(at - messages[index].firstFailed)
      messages[index].firstFailed = .distantFuture
    }
  }

  func record(_ outcome: Outcome, _ group: Group, _ index: Int32, partition: Int?, at: Timestamp) {
    group.quietUntil = .zero
    if group.monitor.nextDeadline <= at { tick(index, at: at) }
    if group.monitor.record(outcome, partition: partition, at: at), let transition = group.monitor.lastTransition {
      transitions.append((group, transition))
    }
    // Only a failure is judged at once, so only then the ages in flight are worth working out.
    if group.monitor.needsJudging, let transition = group.monitor.judge(at: at, context: context(of: group, at: at)) {
      transitions.append((group, transition))
    }
  }

  /// Judges every group as of `at`: timers and conditions that time alone can meet. Returns before which moment nothing
  /// can change in any of them unless something happens.
  @discardableResult
  func tick(at: Timestamp) -> Timestamp {
    let at = advance(to: at)
    var quietUntil = Timestamp.distantFuture
    for index in groups.indices {
      if groups[index].quietUntil <= at { tick(Int32(index), at: at) }
      quietUntil = min(quietUntil, groups[index].quietUntil)
    }
    return quietUntil
  }

  private func tick(_ index: Int32, at: Timestamp) {
    let group = groups[Int(index)]
    lapsePairs(of: group, at: at)
    let context = context(of: group, at: at)
    while let transition = group.monitor.tick(at: at, context: context) { transitions.append((group, transition)) }
    for alert in group.alerts.update(
      verdict: group.monitor.judgement.kind, unholdable: group.unholdable, at: at)
    { alerts.append((group, alert)) }
    group.quietUntil =
      group.isEarliestKnown
      ? min(group.monitor.unchangedUntil(context: context, at: at), group.alerts.nextDeadline) : .zero
  }

  private func context(of group: Group, at: Timestamp) -> JudgeContext {
    group.context(deliveries: deliveries, consumers: consumers, at: at)
  }

  /// Breakers' timers that are due by then.
  func runTimers(by at: Timestamp) {
    let at = advance(to: at)
    for index in groups.indices where groups[index].monitor.nextDeadline <= at { tick(Int32(index), at: at) }
  }

  /// Bytes of a connection that serves this group, understood or lost.
  func cover(_ id: GroupID, understood: UInt64, lost: UInt64, at: Timestamp) {
    guard isCurrent(id) else { return }
    let group = groups[Int(id.index)]
    group.quietUntil = .zero
    group.monitor.record(understood_bytes: understood, lost_bytes: lost, at: at)
  }
}
