/// One thing that a Kafka connection says. Facts of one message come in the order of the cases that belong to it; a
/// `…Requested` is stated by the request, an `…Answered` by the answer, which repeats from the request what it needs.
/// Errors are Kafka's codes (`KafkaError`), 0: none. Numbers that a version does not carry are −1.
package enum KafkaFact: Sendable {
  /// The head of every request, known or not; comes first.
  case request(clientID: Text)

  // MARK: Connection and cluster

  case apiVersionsRequested(softwareName: Text, softwareVersion: Text)
  case apiVersion(key: KafkaKey, versions: ClosedRange<Int16>)
  case apiVersionsAnswered(error: Int16)
  case saslHandshakeRequested(mechanism: Text)
  case saslHandshakeAnswered(mechanism: Text, error: Int16)
  /// A token without Kafka's headers, after version 0 of the handshake. Its bytes are never kept.
  case saslToken(from: KafkaRole)
  case saslAuthenticateAnswered(error: Int16, sessionLifetime_ms: Int64)
  case broker(node: Int32, host: Text, port: Int32, rack: Text)
  case cluster(id: Text, controller: Int32)
  /// A topic's name and id side by side (either may be missing in old versions or errors).
  case topic(KafkaTopic, partitions: Int32, isInternal: Bool, error: Int16)
  case metadataAnswered(error: Int16)

  // MARK: Fetching

  case fetchRequested(KafkaFetchRequest)
  case fetchPartitionRequested(KafkaFetchPosition)
  /// The fetch session no longer has this partition (KIP-227).
  case partitionForgotten(KafkaTopic, partition: Int32)
  case fetchRequestEnded(replica: Int32, rack: Text)
  case fetchAnswered(KafkaFetchAnswer)
  /// Then its aborted transactions, then batches with their records.
  case fetchPartition(KafkaFetchedPartition)
  case abortedTransaction(producerID: Int64, firstOffset: Int64)
  case fetchPartitionEnded(KafkaFetchedEnd)
  case fetchEnded

  // MARK: Records

  case batch(KafkaBatch)
  case record(KafkaRecord)

  // MARK: Producing

  case produceRequested(transactionalID: Text, acks: Int16, timeout_ms: Int32)
  /// Then batches with their records.
  case producePartition(KafkaTopic, partition: Int32)
  case producePartitionEnded(KafkaRecordsEnd)
  case produceRequestEnded
  case producePartitionAnswered(KafkaTopic, partition: Int32, error: Int16, baseOffset: Int64, appendTime_ms: Int64)
  case produceAnswered

  // MARK: Offsets

  case offsetCommitRequested(KafkaMembership, transactionalID: Text)
  case offsetCommitPositionRequested(KafkaMembership, transactionalID: Text, KafkaPosition)
  /// One partition's answer with what was committed; also for a transaction (`transactionalID` is not empty), where it
  /// counts only after `txnEnded`. `position.offset` is −1 if the request does not have the partition.
  case offsetCommitAnswered(KafkaMembership, transactionalID: Text, producerID: Int64, KafkaPosition, error: Int16)
  case offsetCommitEnded(KafkaMembership)
  case offsetFetched(group: Text, KafkaPosition, error: Int16)
  case offsetFetchAnswered(group: Text, error: Int16)
  case offsetListed(KafkaTopic, partition: Int32, timestamp_ms: Int64, offset: Int64, error: Int16)
  case leaderEpochEnd(KafkaTopic, partition: Int32, epoch: Int32, endOffset: Int64, error: Int16)

  // MARK: Groups

  /// `kind` 0: group, 1: transaction, 2: share group; −1 in version 0 (group).
  case coordinator(key: Text, kind: Int8, node: Int32, host: Text, port: Int32, error: Int16)
  case joinGroupRequested(KafkaJoin)
  /// What the member can do; of a consumer's, `subscription` lists topics.
  case joinProtocol(KafkaJoin, name: Text, subscription: KafkaSubscription)
  /// `membership` has the assigned member id and generation.
  case joinGroupAnswered(KafkaMembership, join: KafkaJoin, isLeader: Bool, members: Int32, error: Int16)
  case syncGroupRequested(KafkaMembership, protocolType: Text)
  case syncGroupAnswered(KafkaMembership, protocolType: Text, assignment: KafkaAssignment, error: Int16)
  case heartbeatAnswered(KafkaMembership, error: Int16)
  /// Once for every member.
  case leaveGroupRequested(KafkaMembership, reason: Text)
  case leaveGroupAnswered(KafkaMembership, error: Int16, memberError: Int16)
  /// ConsumerGroupHeartbeat, ShareGroupHeartbeat, StreamsGroupHeartbeat: `exchange.key` tells. The generation is the
  /// member's epoch; 0 joins, −1 leaves, −2 leaves for a while (static member).
  case memberHeartbeatRequested(KafkaMembership, rebalanceTimeout_ms: Int32)
  case ownedPartition(KafkaMembership, KafkaTopic, partition: Int32)
  /// A source topic of a subtopology of a Streams member that joins.
  case subscribedTopic(KafkaMembership, subtopology: Text, topic: Text)
  /// `membership` as requested. Then its assignment, if the answer has one.
  case memberHeartbeatAnswered(KafkaMembership, assigned: KafkaMembership, interval_ms: Int32, error: Int16)
  case assignedPartition(KafkaMembership, KafkaTopic, partition: Int32)
  /// A Streams member's active task.
  case assignedTask(KafkaMembership, subtopology: Text, partition: Int32)
  /// `hasAssignment`: the assigned partitions or tasks since `memberHeartbeatAnswered` replace those of before.
  case memberHeartbeatEnded(KafkaMembership, hasAssignment: Bool)

  // MARK: Transactions

  case producerIDAnswered(transactionalID: Text, producerID: Int64, epoch: Int16, error: Int16)
  case offsetsAddedToTxn(transactionalID: Text, producerID: Int64, group: Text, error: Int16)
  case txnEndRequested(transactionalID: Text, producerID: Int64, commits: Bool)
  case txnEnded(transactionalID: Text, producerID: Int64, commits: Bool, error: Int16)

  // MARK: Share groups

  case shareFetchRequested(KafkaMembership, sessionEpoch: Int32)
  case sharePartitionRequested(KafkaTopic, partition: Int32)
  case acknowledgementRequested(KafkaMembership, KafkaAcknowledgement)
  case shareRequestEnded
  case shareFetchAnswered(KafkaMembership, lockTimeout_ms: Int32, error: Int16)
  /// Then batches with their records, then what of them is acquired.
  case sharePartition(KafkaTopic, partition: Int32, error: Int16)
  case acquired(KafkaTopic, partition: Int32, offsets: ClosedRange<Int64>, deliveryCount: Int16)
  case sharePartitionEnded(KafkaRecordsEnd)
  /// The answer to `acknowledgementRequested`, with its contents; from ShareFetch or ShareAcknowledge.
  case acknowledged(KafkaMembership, KafkaAcknowledgement, error: Int16)
  case shareAnswered(KafkaMembership, error: Int16)
}
