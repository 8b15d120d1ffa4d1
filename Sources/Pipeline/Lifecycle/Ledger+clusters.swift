// Clusters that turned out to be one: groups of the same key become one as well.

extension Ledger {
  /// Files groups under the cluster that theirs was united with, as far as that has not been done. To be called whenever
  /// clusters may have been united, and before a group is looked up.
  @inline(__always) func followClusters() {
    if clustersFollowed < clusters.unions.count { followUnions() }
  }

  @inline(never) private func followUnions() {
    clustersFollowed = clusters.unions.count
    for index in groups.indices where !groups[index].isVacant {
      let filed = groupIndex.removeValue(forKey: GroupName(key: groups[index].key, cluster: groups[index].cluster))
      guard filed == Int32(index) else { continue }
      groups[index].cluster = clusters.root(groups[index].cluster)
      let name = GroupName(key: groups[index].key, cluster: groups[index].cluster)
      if let other = groupIndex[name] {
        groupIndex[name] = join(Int32(index), other)
      } else {
        groupIndex[name] = Int32(index)
      }
    }
    isPlanDue = true
  }

  /// Makes one group of two. The one whose breaker is not closed goes on, else `other`: a breaker outlives the discovery
  /// that it was known by another address. It takes over the other's counters, consumers and deliveries, those too that have
  /// ended and may yet be revised. Its windows, its transitions and the own table's records of its messages stay its own:
  /// attempts at messages of the other begin anew where only that table counts them. Answers which goes on. The index of
  /// the one that does not is left vacant.
  private func join(_ one: Int32, _ other: Int32) -> Int32 {
    let oneGoesOn = !groups[Int(one)].monitor.breaker.isClosed && groups[Int(other)].monitor.breaker.isClosed
    let (kept, ended) = oneGoesOn ? (one, other) : (other, one)
    let (group, gone) = (groups[Int(kept)], groups[Int(ended)])
    let partitions = group.absorb(gone, at: now)
    let (id, goneID) = (GroupID(index: kept, serial: group.serial), GroupID(index: ended, serial: gone.serial))
    let successor = Successor(group: id, partitions: partitions)
    let moved = gone.takeDeliveries(in: &deliveries)
    let movedPairs = gone.takePaired(in: &deliveries)
    // Also of consumers that get nothing more.
    let itsConsumers = consumers.indices(of: goneID)
    for consumer in itsConsumers { enter(consumer, id) }
    for consumer in Set(itsConsumers).union(moved.map { deliveries[$0].consumer }) {
      consumers[consumer].partition = successor.partition(consumers[consumer].partition)
    }
    for id in moved + movedPairs { deliveries[id] = successor.takes(deliveries[id]) }
    // In the order of delivery, and of their copies.
    let ids = group.takeDeliveries(in: &deliveries) + moved
    for id in ids.sorted(by: { deliveries[$0].at < deliveries[$1].at }) { group.link(id, in: &deliveries) }
    let pairs = group.takePaired(in: &deliveries) + movedPairs
    for id in pairs.sorted(by: { deliveries[$0].pairedAt < deliveries[$1].pairedAt }) {
      group.linkPaired(id, in: &deliveries)
    }
    dropped.expired += group.expired.absorb(gone.expired, as: successor.takes)
    groupsMade &+= 1
    groups[Int(ended)] = Group(vacant: gone, serial: groupsMade)
    vacant.append(ended)
    if successors.count < Self.successorBound { successors[goneID] = successor }
    return kept
  }

  /// The group that goes on for one that it has absorbed.
  struct Successor {
    var group: GroupID
    /// Where each of the other's partitions is now.
    var partitions: [Int32]

    func partition(_ index: Int32) -> Int32 { index < 0 ? index : partitions[Int(index)] }

    func takes(_ delivery: Delivery) -> Delivery {
      var delivery = delivery
      delivery.group = group.index
      delivery.groupSerial = group.serial
      delivery.partition = partition(delivery.partition)
      return delivery
    }
  }

  /// The group that goes on for it; nil if a bound has taken it away.
  func present(_ id: GroupID) -> GroupID? {
    if isCurrent(id) { return id }
    return successors[id].flatMap { present($0.group) }
  }

  /// A delivery that was kept since it ended, as the group that goes on for its own has it; nil if a bound has taken that away.
  func present(_ delivery: Delivery) -> Delivery? {
    let id = GroupID(index: delivery.group, serial: delivery.groupSerial)
    if isCurrent(id) { return delivery }
    return successors[id].flatMap { present($0.takes(delivery)) }
  }

  /// Past it a connection serves its group again with the next delivery.
  private static var successorBound: Int { 4096 }
}

extension Group {
  /// Takes the place of a group that another one has absorbed, until a new one needs it.
  convenience init(vacant group: Group, serial: UInt32) {
    self.init(
      of: group.type, key: "", cluster: group.cluster, name: "", destination: nil, serial: serial,
      monitor: GroupMonitor(settings: group.monitor.settings, key: "", at: .zero))
  }

  /// No broker's group: the place is free.
  var isVacant: Bool { key.isEmpty }

  /// Takes over what another group of the same key has counted. Deliveries in flight are the ledger's to move. Answers
  /// where each of the other's partitions is now.
  fileprivate func absorb(_ other: Group, at now: Timestamp) -> [Int32] {
    totals += other.totals
    for (rule, count) in other.inferences { inferences[rule, default: 0] += count }
    for (cause, count) in other.requeueCauses { requeueCauses[cause, default: 0] += count }
    attempts.merge(other.attempts)
    attemptSources.formUnion(other.attemptSources)
    delay.merge(other.delay)
    settleLatency.merge(other.settleLatency)
    retryLatency.merge(other.retryLatency)
    delaySource = delaySource ?? other.delaySource
    deadLetterTarget = deadLetterTarget ?? other.deadLetterTarget
    deliveryLimit = deliveryLimit ?? other.deliveryLimit
    brokerErrors.merge(other.brokerErrors)
    alerts.absorb(other.alerts)
    for (producer, count) in other.copies { copies[producer, default: 0] += count }
    for (message, id) in other.labels { label(message, id) }
    for destination in other.destinations { _ = addDestination(destination) }
    lastActive = max(lastActive, other.lastActive)
    quietUntil = .zero
    return other.partitions.map { partition in
      let place = addPartition(partition.number, of: other.destinations[Int(partition.destination)], at: now)
      if place >= 0 { partitions[Int(place)].totals += partition.totals }
      return place
    }
  }

  /// Unlinks all deliveries in flight. Answers them, oldest first.
  fileprivate func takeDeliveries(in deliveries: inout DeliveryTable) -> [DeliveryID] {
    var ids: [DeliveryID] = []
    while oldest != 0 {
      ids.append(oldest)
      unlink(oldest, in: &deliveries)
    }
    return ids
  }

  /// The same of those that a copy has ended.
  fileprivate func takePaired(in deliveries: inout DeliveryTable) -> [DeliveryID] {
    var ids: [DeliveryID] = []
    while oldestPaired != 0 {
      ids.append(oldestPaired)
      unlinkPaired(oldestPaired, in: &deliveries)
    }
    return ids
  }
}
