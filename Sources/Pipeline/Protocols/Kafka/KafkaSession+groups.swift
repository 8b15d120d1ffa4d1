// Members and their assignments: classic groups (JoinGroup, SyncGroup, Heartbeat), new ones (KIP-848) and Streams' (KIP-1071).

extension KafkaSession {
  func membershipFact(_ fact: KafkaFact, of exchange: KafkaExchange, in frame: RawSpan, at: Timestamp) {
    switch fact {
    case .cluster(let id, _):
      if !id.isEmpty { learnCluster(id.string(in: frame)) }
    case .topic(let topic, _, _, _): state.learn(topic, in: frame, cluster: cluster)

    case .joinGroupRequested(let join): noteProtocol(join.group, join.protocolType, in: frame)
    case .joinProtocol(let join, let name, _):
      // Streams' members stop without leaving (`internal.leave.group.on.close`), to find their state when they are back.
      if name.equals("stream", in: frame), let group = group(join.group, in: frame) { group.staysOnClose = true }
    case .joinGroupAnswered(let membership, let join, _, _, let error):
      countError(error, to: "JoinGroup", join.group, in: frame)
      if error == KafkaError.none { joined(membership, join, in: frame, at: at) }
    case .syncGroupAnswered(let membership, let protocolType, let assignment, let error):
      noteProtocol(membership.group, protocolType, in: frame)
      countError(error, to: "SyncGroup", membership.group, in: frame)
      if error == KafkaError.none { synced(membership, assignment, in: frame, at: at) }
    case .heartbeatAnswered(let membership, let error): heard(membership, error: error, in: frame, at: at)
    case .leaveGroupRequested(let membership, let reason): left(membership, reason: reason, in: frame, at: at)

    case .memberHeartbeatRequested(let membership, let timeout_ms):
      if membership.generation < 0 { left(membership, reason: .empty, in: frame, at: at) }
      if timeout_ms > 0, let member = member(membership, in: frame) {
        member.rebalanceTimeout_ns = .milliseconds(Int64(timeout_ms))
      }
      // Who joins says anew what its topology is.
      if membership.generation == 0 { member(membership, in: frame)?.subtopologies.removeAll() }
    case .subscribedTopic(let membership, let subtopology, let topic):
      guard let member = member(membership, in: frame), member.subtopologies.count < Self.subtopologyBound,
        member.subtopologies[hash(subtopology, in: frame)]?.count ?? 0 < Self.subtopologyBound,
        let number = state.topics.number(of: KafkaTopic(name: topic, id: .none), in: frame, cluster: cluster)
      else { return }
      member.subtopologies[hash(subtopology, in: frame), default: []].append(number)
    case .memberHeartbeatAnswered(let membership, let assigned, _, let error):
      countError(error, to: Self.heartbeatName(exchange.key), membership.group, in: frame)
      self.assigned.removeAll(keepingCapacity: true)
      assignedEpoch = assigned.generation
      if membership.generation == 0, error == KafkaError.none, let group = group(membership.group, in: frame) {
        joinedAnew(group, at: at)
      }
      // Who joined without an id is told it here.
      assignee = heard(assigned.member.isEmpty ? membership : assigned, error: error, in: frame, at: at)
      if exchange.key == .shareGroupHeartbeat, let group = group(membership.group, in: frame) { state.noteShare(group) }
    case .assignedPartition(_, let topic, let partition):
      if assigned.count < KafkaGroup.partitionBound, let place = place(topic, partition, in: frame) {
        assigned.insert(place)
      }
    case .assignedTask(_, let subtopology, let partition):
      guard let member = assignee else { return }
      for topic in member.subtopologies[hash(subtopology, in: frame)] ?? [] {
        assigned.insert(state.topics.current(KafkaTopics.place(topic, partition)))
      }
    case .memberHeartbeatEnded(_, let hasAssignment):
      // A share group's members have partitions in common: what counts there is what each acquires.
      guard exchange.key != .shareGroupHeartbeat, let member = assignee else { return }
      guard hasAssignment else {
        // Where its assignment was missed, what it commits tells.
        member.assigned.confirm(generation: assignedEpoch)
        return
      }
      assign(assigned, to: member, generation: assignedEpoch, isClassic: false, at: at)
    default: break
    }
  }

  /// Connect's workers and Schema Registry's share a group, too, but consume nothing as one.
  private func noteProtocol(_ name: Text, _ type: Text, in frame: RawSpan) {
    guard !type.isEmpty, let group = group(name, in: frame) else { return }
    group.isForeign = !type.equals("consumer", in: frame)
  }

  private func joined(_ membership: KafkaMembership, _ join: KafkaJoin, in frame: RawSpan, at: Timestamp) {
    guard let member = member(membership, in: frame) else { return }
    joinedAnew(member.group, at: at)
    member.heardAt = at
    if join.rebalanceTimeout_ms > 0 { member.rebalanceTimeout_ns = .milliseconds(Int64(join.rebalanceTimeout_ms)) }
    if !join.instance.isEmpty { member.isStatic = true }
    if join.sessionTimeout_ms > 0 { member.sessionTimeout_ns = .milliseconds(Int64(join.sessionTimeout_ms)) }
    carriesSession(member)
  }

  private func synced(
    _ membership: KafkaMembership, _ assignment: KafkaAssignment, in frame: RawSpan, at: Timestamp
  ) {
    guard let member = member(membership, in: frame) else { return }
    carriesSession(member)
    assigned.removeAll(keepingCapacity: true)
    guard assignment.bytes.isEmpty || assignment.partitions(in: frame) != nil else { return }
    var partitions = assignment.partitions(in: frame)
    while let (topic, partition) = partitions?.next(in: frame) {
      guard assigned.count < KafkaGroup.partitionBound,
        let place = place(KafkaTopic(name: topic, id: .none), partition, in: frame)
      else { continue }
      assigned.insert(place)
    }
    assign(assigned, to: member, generation: membership.generation, isClassic: true, at: at)
  }

  /// The member's partitions by the coordinator's word. What it keeps goes on; what it loses ends untried.
  private func assign(
    _ places: Set<KafkaPlace>, to member: KafkaMember, generation: Int32, isClassic: Bool, at: Timestamp
  ) {
    let group = member.group
    if !member.assigned.isEmpty || !places.isEmpty { _ = state.ledgerGroup(group) }
    let change = member.assigned.assign(places, generation: generation, isWhole: !isClassic)
    if group.generations.note(generation, isClassic: isClassic, movesPartitions: change.movesPartitions),
      let id = group.id
    {
      ledger.countRebalance(of: id)
    }
    for place in change.lost {
      if let partition = group.partitions[place], partition.member === member { state.revoke(partition, at: at) }
    }
    for place in places.sorted() {
      guard let partition = state.partition(place, of: group) else { continue }
      if partition.member === member {
        if change.isNew { partition.cursor.assign() }
        continue
      }
      if let other = partition.member {
        // Whoever had it did not come back, or has just lost it without our seeing that.
        if other.goneAt != nil {
          state.crash(other, at: at)
        } else {
          state.revoke(partition, at: at)
        }
      }
      take(partition, for: member)
    }
    if change.isNew { member.seeks.cancel() }
    process.version += 1
    positionsVersion += 1
    ledger.isPlanDue = true
  }

  @discardableResult
  private func heard(
    _ membership: KafkaMembership, error: Int16, in frame: RawSpan, at: Timestamp
  ) -> KafkaMember? {
    guard let member = member(membership, in: frame) else { return nil }
    member.heardAt = at
    switch error {
    case KafkaError.unknownMemberID, KafkaError.illegalGeneration, KafkaError.fencedInstanceID,
      KafkaError.fencedMemberEpoch, KafkaError.staleMemberEpoch, KafkaError.unreleasedInstanceID:
      // Put out: its session ran out, or somebody else has its name.
      if error != KafkaError.staleMemberEpoch { state.dismiss(member, at: at) }
    default: carriesSession(member)
    }
    return member
  }

  private func left(_ membership: KafkaMembership, reason: Text, in frame: RawSpan, at: Timestamp) {
    guard let group = group(membership.group, in: frame) else { return }
    if let member = group.members[hash(membership.member, in: frame)] {
      lose(member, reason: reason, in: frame, at: at)
      state.dismiss(member, at: at)
      if group.isShare { state.releaseShares(of: member, at: at) }
    }
    ledger.isPlanDue = true
  }

  /// The member is about to lose what it works on: whether it took too long is told by its reason, or later (`ExceededPoll`).
  private func lose(_ member: KafkaMember, reason: Text, in frame: RawSpan, at: Timestamp) {
    guard state.inferences.has(.exceededPoll), !member.group.isShare else { return }
    let lost = state.oldestDeliveries(of: member)
    guard let oldest = lost.first else { return }
    if ExceededPoll.isReason(frame.extracting(reason.range(in: frame))) {
      // Counted as abandoned first, as all of its deliveries.
      state.dismiss(member, at: at)
      return state.exceeded(oldest, at: at)
    }
    // What was prefetched of other partitions meanwhile came later than what it works on.
    let since = lost.map { ledger.consumer($0.partition.consumer).lastSettled }.reduce(oldest.delivery.at, max)
    member.group.exceeded.insert(
      .init(
        id: member.id, at: at,
        tookTooLong: member.rebalanceTimeout_ns > 0 && at - since >= member.rebalanceTimeout_ns,
        session: ObjectIdentifier(self), lost: lost))
  }

  /// A member joins on this connection: the one that left on it before did not leave for good.
  private func joinedAnew(_ group: KafkaGroup, at: Timestamp) {
    guard !group.exceeded.isEmpty,
      let known = group.exceeded.members.last(where: { $0.session == ObjectIdentifier(self) && $0.tookTooLong }),
      let oldest = known.lost.first
    else { return }
    group.exceeded.remove(known.id)
    state.exceeded(oldest, at: at)
  }

  private static func heartbeatName(_ key: KafkaKey) -> String {
    switch key {
    case .shareGroupHeartbeat: "ShareGroupHeartbeat"
    case .streamsGroupHeartbeat: "StreamsGroupHeartbeat"
    default: "ConsumerGroupHeartbeat"
    }
  }

  /// Subtopologies, and topics of each.
  private static var subtopologyBound: Int { 1_024 }
}
