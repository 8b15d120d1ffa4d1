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
  /// that it was known by another address. It takes over the other's counters, consumers and deliveries in flight; its
  /// windows stay its own. Answers which goes on. The place of the one that does not is left vacant.
  private func join(_ one: Int32, _ other: Int32) -> Int32 {
    let oneGoesOn = !groups[Int(one)].monitor.breaker.isClosed && groups[Int(other)].monitor.breaker.isClosed
    let (kept, ended) = oneGoesOn ? (one, other) : (other, one)
    let (group, gone) = (groups[Int(kept)], groups[Int(ended)])
    let partitions = group.absorb(gone, at: now)
    let (id, goneID) = (GroupID(index: kept, serial: group.serial), GroupID(index: ended, serial: gone.serial))
    while gone.oldestPaired != 0 { dropPaired(gone.oldestPaired) }
    let moved = gone.takeDeliveries(in: &deliveries)
    // Also of consumers that get nothing more.
    let itsConsumers = consumers.indices(of: goneID)
    for consumer in itsConsumers { enter(consumer, id) }
    for consumer in Set(itsConsumers).union(moved.map { deliveries[$0].consumer }) {
      let partition = consumers[consumer].partition
      if partition >= 0 { consumers[consumer].partition = partitions[Int(partition)] }
    }
    // In the order of delivery.
    var ids = group.takeDeliveries(in: &deliveries) + moved
    ids.sort { deliveries[$0].at < deliveries[$1].at }
    for id in ids {
      deliveries[id].group = kept
      group.link(id, in: &deliveries)
      let source = deliveries[id].source
      guard sources.isKept(source) else { continue }
      sources[source].groupSerial = group.serial
      sources[source].delivery.group = kept
    }
    groupsMade &+= 1
    groups[Int(ended)] = Group(vacant: gone, serial: groupsMade)
    vacant.append(ended)
    if successors.count < Self.successorBound { successors[goneID] = id }
    return kept
  }

  /// The group that goes on for it; nil if a bound has taken it away.
  func present(_ id: GroupID) -> GroupID? {
    if isCurrent(id) { return id }
    return successors[id].flatMap { isCurrent($0) ? $0 : nil }
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
}
