/// Facts of groups, offsets, transactions and share groups.
extension KafkaMessageReader {
  private var join: KafkaJoin {
    KafkaJoin(
      group: self[.group], member: self[.member], instance: self[.instance], protocolType: self[.protocolType],
      sessionTimeout_ms: int32(.sessionTimeout_ms), rebalanceTimeout_ms: int32(.rebalanceTimeout_ms))
  }

  private mutating func position(_ offset: KafkaNumber) -> KafkaPosition {
    KafkaPosition(
      topic: topic, partition: partition, offset: self[offset], leaderEpoch: int32(.committedLeaderEpoch))
  }

  @inline(__always) mutating func offsetFact(_ event: KafkaEvent) -> KafkaFact? {
    switch event {
    case .listOffsetsPartition:
      .offsetListed(
        topic, partition: partition, timestamp_ms: self[.timestamp_ms], offset: self[.offset],
        error: int16(.partitionError))
    case .leaderEpochEnd:
      .leaderEpochEnd(
        topic, partition: partition, epoch: int32(.leaderEpoch), endOffset: self[.endOffset],
        error: int16(.partitionError))
    case .offsetCommitRequested: .offsetCommitRequested(membership, transactionalID: self[.transactionalID])
    case .offsetCommitRow:
      .offsetCommitPositionRequested(
        membership, transactionalID: self[.transactionalID], position(.committedOffset))
    case .offsetCommitAnswered: .offsetCommitEnded(membership)
    case .offsetFetchRow:
      .offsetFetched(group: self[.group], position(.committedOffset), error: int16(.partitionError))
    case .offsetFetchAnswered: .offsetFetchAnswered(group: self[.group], error: int16(.error))
    default: nil
    }
  }

  mutating func groupFact(_ event: KafkaEvent) -> KafkaFact? {
    switch event {
    case .joinGroupRequested: .joinGroupRequested(join)
    case .joinProtocol:
      .joinProtocol(join, name: self[.protocolName], subscription: KafkaSubscription(bytes: self[.metadata]))
    case .joinGroupAnswered:
      .joinGroupAnswered(
        KafkaMembership(
          group: self[.group], member: self[.assignedMember], instance: self[.instance],
          generation: int32(.generation)),
        join: join, isLeader: isLeader, members: int32(.memberCount), error: int16(.error))
    case .syncGroupRequested: .syncGroupRequested(membership, protocolType: self[.protocolType])
    case .syncGroupAnswered:
      .syncGroupAnswered(
        membership, protocolType: self[.protocolType], assignment: KafkaAssignment(bytes: self[.assignment]),
        error: int16(.error))
    case .heartbeatAnswered: .heartbeatAnswered(membership, error: int16(.error))
    case .leaveGroupRequested: .leaveGroupRequested(membership, reason: self[.reason])
    case .leaveGroupAnswered:
      .leaveGroupAnswered(membership, error: int16(.error), memberError: int16(.partitionError))
    default: nil
    }
  }

  private var isLeader: Bool {
    let span = kept.storage.span.bytes.extracting(first: kept.count)
    return !self[.leader].isEmpty && self[.leader].equals(self[.assignedMember], in: span, of: span)
  }

  mutating func heartbeatFact(_ event: KafkaEvent) -> KafkaFact? {
    switch event {
    case .memberHeartbeatRequested:
      .memberHeartbeatRequested(membership, rebalanceTimeout_ms: int32(.rebalanceTimeout_ms))
    case .ownedPartition: .ownedPartition(membership, topic, partition: partition)
    case .subscribedTopic:
      .subscribedTopic(membership, subtopology: self[.subtopology], topic: self[.topic])
    case .memberHeartbeatAnswered:
      .memberHeartbeatAnswered(
        membership,
        assigned: KafkaMembership(
          group: self[.group], member: self[.assignedMember].isEmpty ? self[.member] : self[.assignedMember],
          instance: self[.instance], generation: int32(.assignedEpoch)),
        interval_ms: int32(.heartbeatInterval_ms), error: int16(.error))
    case .assignedPartition: .assignedPartition(membership, topic, partition: partition)
    case .assignedTask: .assignedTask(membership, subtopology: self[.subtopology], partition: partition)
    // An array's count, or 1 for a structure; −1: the assignment of before stands.
    case .memberHeartbeatEnded: .memberHeartbeatEnded(membership, hasAssignment: self[.hasAssignment] >= 0)
    default: nil
    }
  }

  mutating func txnFact(_ event: KafkaEvent) -> KafkaFact? {
    switch event {
    case .producerIDAnswered:
      .producerIDAnswered(
        transactionalID: self[.transactionalID], producerID: self[.producerID], epoch: int16(.producerEpoch),
        error: int16(.error))
    case .offsetsAddedToTxn:
      .offsetsAddedToTxn(
        transactionalID: self[.transactionalID], producerID: self[.producerID], group: self[.group],
        error: int16(.error))
    case .txnEndRequested:
      .txnEndRequested(
        transactionalID: self[.transactionalID], producerID: self[.producerID], commits: self[.committed] != 0)
    case .txnEnded:
      .txnEnded(
        transactionalID: self[.transactionalID], producerID: self[.producerID], commits: self[.committed] != 0,
        error: int16(.error))
    default: nil
    }
  }

  mutating func shareFact(_ event: KafkaEvent) -> KafkaFact? {
    switch event {
    case .shareFetchRequested: .shareFetchRequested(membership, sessionEpoch: int32(.sessionEpoch))
    case .sharePartitionRequested: .sharePartitionRequested(topic, partition: partition)
    case .acknowledgement:
      .acknowledgementRequested(
        membership,
        KafkaAcknowledgement(
          topic: topicID, partition: partition, firstOffset: self[.firstOffset], lastOffset: self[.lastOffset],
          types: self[.acknowledgeTypes]))
    case .shareRequestEnded: .shareRequestEnded
    case .shareFetchAnswered, .shareAcknowledgeAnswered:
      .shareFetchAnswered(membership, lockTimeout_ms: int32(.lockTimeout_ms), error: int16(.error))
    case .sharePartitionAnswered: .sharePartition(topic, partition: partition, error: int16(.partitionError))
    case .acquired:
      .acquired(
        topic, partition: partition, offsets: self[.firstOffset]...max(self[.firstOffset], self[.lastOffset]),
        deliveryCount: int16(.deliveryCount))
    case .sharePartitionEnded: .sharePartitionEnded(records.end)
    case .shareAnswerEnded: .shareAnswered(membership, error: int16(.error))
    default: nil
    }
  }
}
