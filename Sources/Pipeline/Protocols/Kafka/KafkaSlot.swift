/// Where the interpreter puts a number that a fact needs. Each message's numbers begin as −1 (`unset`), or as 0 where
/// that is what a missing field means.
enum KafkaNumber: UInt8, CaseIterable, Sendable {
  // 0 unless the message says otherwise.
  case error, partitionError, acknowledgeError, isolation, throttle_ms, committed, renew, skipAssignment, requireStable,
    isInternal
  // −1 unless the message says otherwise.
  case partition, fetchOffset, currentLeaderEpoch, lastFetchedEpoch, logStartOffset, partitionMaxBytes
  case replicaID, maxWait_ms, minBytes, maxBytes, sessionID, sessionEpoch, topicCount
  case highWatermark, lastStableOffset, preferredReadReplica, divergingEpoch, divergingEndOffset
  case leaderID, leaderEpoch, abortedCount, firstOffset, lastOffset, deliveryCount, lockTimeout_ms
  case acks, timeout_ms, baseOffset, logAppendTime_ms
  case generation, sessionTimeout_ms, rebalanceTimeout_ms, retention_ms, memberEpoch, assignedEpoch
  case heartbeatInterval_ms, hasAssignment, memberCount
  case committedOffset, committedLeaderEpoch, offset, endOffset, timestamp_ms
  case keyType, nodeID, port, controllerID, apiKey, minVersion, maxVersion
  case producerID, producerEpoch, sessionLifetime_ms

  private static let firstUnset = KafkaNumber.partition

  /// Before a message says otherwise.
  static var unset: FlatArray<Int64> {
    var numbers = FlatArray<Int64>(repeating: -1, count: allCases.count)
    numbers.fill(0..<Int(firstUnset.rawValue), with: 0)
    return numbers
  }
}

/// Where the interpreter puts a string that a fact needs.
enum KafkaText: UInt8, CaseIterable, Sendable {
  case clientID, softwareName, softwareVersion, topic, rack, clusterID, host, coordinatorKey
  case group, member, assignedMember, instance, protocolType, protocolName, leader, metadata, assignment, reason
  case transactionalID, mechanism, subtopology, regex, acknowledgeTypes

  /// Before a message says otherwise.
  static var unset: FlatArray<Text> { FlatArray(repeating: .empty, count: allCases.count) }
}

/// When the interpreter has a fact together: a row of the schema says so, `KafkaMessageReader+Facts` makes it.
enum KafkaEvent: UInt8, Sendable {
  case apiVersionsRequested, apiVersion, apiVersionsAnswered
  case metadataBroker, metadataTopic, metadataAnswered, clusterSeen
  case fetchRequested, fetchPartitionRequested, partitionForgotten, fetchRequestEnded
  case fetchAnswered, fetchPartitionAnswered, abortedTransaction, fetchPartitionEnded, fetchEnded
  case produceRequested, producePartition, producePartitionEnded, produceRequestEnded
  case producePartitionAnswered, produceAnswered
  case listOffsetsPartition
  case offsetCommitRequested, offsetCommitRow, offsetCommitRowAnswered, offsetCommitAnswered
  case offsetFetchRow, offsetFetchAnswered
  case coordinatorFound
  case joinGroupRequested, joinProtocol, joinGroupAnswered
  case syncGroupRequested, syncGroupAnswered
  case heartbeatAnswered
  case leaveGroupRequested, leaveGroupAnswered
  case saslHandshakeRequested, saslHandshakeAnswered, saslAuthenticateAnswered
  case producerIDAnswered
  case leaderEpochEnd
  case offsetsAddedToTxn
  case txnEndRequested, txnEnded
  case memberHeartbeatRequested, ownedPartition, subscribedTopic, memberHeartbeatAnswered, assignedPartition
  case memberHeartbeatEnded
  case assignedTask
  case shareFetchRequested, sharePartitionRequested, acknowledgement, shareRequestEnded
  case shareFetchAnswered, sharePartitionAnswered, acquired, sharePartitionEnded
  case shareAcknowledgeAnswered, acknowledgedPartition, shareAnswerEnded
}
