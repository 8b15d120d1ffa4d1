/// What a row of the schema has together becomes a fact.
extension KafkaMessageReader {
  var topic: KafkaTopic { KafkaTopic(name: self[.topic], id: topicID) }
  var partition: Int32 { int32(.partition) }

  /// From the request, or of it. `mutating`, since a call of it would copy the whole reader first otherwise.
  var membership: KafkaMembership {
    mutating get {
      let epoch =
        exchange.key.rawValue >= KafkaKey.consumerGroupHeartbeat.rawValue ? int32(.memberEpoch) : int32(.generation)
      return KafkaMembership(group: self[.group], member: self[.member], instance: self[.instance], generation: epoch)
    }
  }

  func int32(_ number: KafkaNumber) -> Int32 { Int32(truncatingIfNeeded: self[number]) }
  func int16(_ number: KafkaNumber) -> Int16 { Int16(truncatingIfNeeded: self[number]) }

  // Inlined, as are `fact` and the most frequent of what it calls: a fact is large, and was copied at each return.
  @inline(__always) mutating func tell(_ fact: KafkaFact, _ sink: some KafkaFactSink) {
    sink.fact(fact, of: exchange, in: kept.storage.span.bytes.extracting(first: kept.count), at: at)
  }

  /// One step that states a fact.
  mutating func emit(_ event: KafkaEvent, into sink: some KafkaFactSink) {
    if isPrelude { return note(event) }
    switch event {
    case .offsetCommitRowAnswered, .offsetCommitAnswered, .acknowledgedPartition, .shareAnswerEnded,
      .sharePartitionAnswered:
      answerRow(event, into: sink)
    default: break
    }
    if let fact = fact(event) { tell(fact, sink) }
    switch event {
    case .fetchRequestEnded:
      terms = KafkaFetchTerms(
        readsCommitted: self[.isolation] == 1, sessionID: int32(.sessionID), sessionEpoch: int32(.sessionEpoch),
        replica: int32(.replicaID))
    case .fetchPartitionAnswered, .sharePartitionAnswered, .producePartition:
      if !records.aborted.isEmpty { records.aborted.removeAll(keepingCapacity: true) }
      records.abortedLost = false
      records.detail = sink.detail(
        topic, partition: partition, of: exchange, in: kept.storage.span.bytes.extracting(first: kept.count))
    case .abortedTransaction:
      if records.aborted.count < KafkaRecordsState.abortedLimit {
        records.aborted.append(.init(producerID: self[.producerID], firstOffset: self[.firstOffset]))
      } else if !records.abortedLost {
        records.abortedLost = true
        sink.lost(.abortedTransactions, bytes: 0, at: at)
      }
    default: break
    }
  }

  @inline(__always) private mutating func fact(_ event: KafkaEvent) -> KafkaFact? {
    switch event {
    case .apiVersionsRequested, .apiVersion, .apiVersionsAnswered, .saslHandshakeRequested, .saslHandshakeAnswered,
      .saslAuthenticateAnswered, .metadataBroker, .clusterSeen, .metadataTopic, .metadataAnswered, .coordinatorFound:
      connectionFact(event)
    case .fetchRequested, .fetchPartitionRequested, .partitionForgotten, .fetchRequestEnded, .fetchAnswered,
      .fetchPartitionAnswered, .abortedTransaction, .fetchPartitionEnded, .fetchEnded:
      fetchFact(event)
    case .produceRequested, .producePartition, .producePartitionEnded, .produceRequestEnded, .producePartitionAnswered,
      .produceAnswered:
      produceFact(event)
    case .listOffsetsPartition, .leaderEpochEnd, .offsetCommitRequested, .offsetCommitRow, .offsetCommitAnswered,
      .offsetFetchRow, .offsetFetchAnswered:
      offsetFact(event)
    case .joinGroupRequested, .joinProtocol, .joinGroupAnswered, .syncGroupRequested, .syncGroupAnswered,
      .heartbeatAnswered, .leaveGroupRequested, .leaveGroupAnswered:
      groupFact(event)
    case .memberHeartbeatRequested, .ownedPartition, .subscribedTopic, .memberHeartbeatAnswered, .assignedPartition,
      .assignedTask, .memberHeartbeatEnded:
      heartbeatFact(event)
    case .producerIDAnswered, .offsetsAddedToTxn, .txnEndRequested, .txnEnded: txnFact(event)
    case .shareFetchRequested, .sharePartitionRequested, .acknowledgement, .shareRequestEnded, .shareFetchAnswered,
      .sharePartitionAnswered, .acquired, .sharePartitionEnded, .shareAcknowledgeAnswered, .shareAnswerEnded:
      shareFact(event)
    case .offsetCommitRowAnswered, .acknowledgedPartition: nil
    }
  }

  private mutating func connectionFact(_ event: KafkaEvent) -> KafkaFact? {
    switch event {
    case .apiVersionsRequested:
      .apiVersionsRequested(softwareName: self[.softwareName], softwareVersion: self[.softwareVersion])
    case .apiVersion:
      .apiVersion(
        key: KafkaKey(rawValue: int16(.apiKey)),
        versions: int16(.minVersion)...max(int16(.minVersion), int16(.maxVersion)))
    case .apiVersionsAnswered: .apiVersionsAnswered(error: int16(.error))
    case .saslHandshakeRequested: .saslHandshakeRequested(mechanism: self[.mechanism])
    case .saslHandshakeAnswered: .saslHandshakeAnswered(mechanism: self[.mechanism], error: int16(.error))
    case .saslAuthenticateAnswered:
      .saslAuthenticateAnswered(error: int16(.error), sessionLifetime_ms: self[.sessionLifetime_ms])
    case .metadataBroker:
      .broker(node: int32(.nodeID), host: self[.host], port: int32(.port), rack: self[.rack])
    case .clusterSeen: .cluster(id: self[.clusterID], controller: int32(.controllerID))
    case .metadataTopic:
      .topic(topic, partitions: int32(.topicCount), isInternal: self[.isInternal] != 0, error: int16(.partitionError))
    case .metadataAnswered: .metadataAnswered(error: int16(.error))
    case .coordinatorFound:
      .coordinator(
        key: self[.coordinatorKey], kind: Int8(truncatingIfNeeded: self[.keyType]), node: int32(.nodeID),
        host: self[.host], port: int32(.port), error: int16(.error))
    default: nil
    }
  }

  @inline(__always) private mutating func fetchFact(_ event: KafkaEvent) -> KafkaFact? {
    switch event {
    case .fetchRequested:
      .fetchRequested(
        KafkaFetchRequest(
          replica: int32(.replicaID), maxWait_ms: int32(.maxWait_ms), minBytes: int32(.minBytes),
          maxBytes: int32(.maxBytes), readsCommitted: self[.isolation] == 1, sessionID: int32(.sessionID),
          sessionEpoch: int32(.sessionEpoch)))
    case .fetchPartitionRequested:
      .fetchPartitionRequested(
        KafkaFetchPosition(
          topic: topic, partition: partition, offset: self[.fetchOffset],
          currentLeaderEpoch: int32(.currentLeaderEpoch), lastFetchedEpoch: int32(.lastFetchedEpoch),
          maxBytes: int32(.partitionMaxBytes)))
    case .partitionForgotten: .partitionForgotten(topic, partition: partition)
    case .fetchRequestEnded: .fetchRequestEnded(replica: int32(.replicaID), rack: self[.rack])
    case .fetchAnswered:
      .fetchAnswered(
        KafkaFetchAnswer(
          error: int16(.error), sessionID: int32(.sessionID), throttle_ms: int32(.throttle_ms), request: terms))
    case .fetchPartitionAnswered:
      .fetchPartition(
        KafkaFetchedPartition(
          topic: topic, partition: partition, error: int16(.partitionError), highWatermark: self[.highWatermark],
          lastStableOffset: self[.lastStableOffset], logStartOffset: self[.logStartOffset]))
    case .abortedTransaction:
      .abortedTransaction(producerID: self[.producerID], firstOffset: self[.firstOffset])
    case .fetchPartitionEnded:
      .fetchPartitionEnded(
        KafkaFetchedEnd(
          records: records.end, preferredReadReplica: int32(.preferredReadReplica),
          divergingEpoch: int32(.divergingEpoch), divergingEndOffset: self[.divergingEndOffset],
          leader: int32(.leaderID)))
    case .fetchEnded: .fetchEnded
    default: nil
    }
  }

  private mutating func produceFact(_ event: KafkaEvent) -> KafkaFact? {
    switch event {
    case .produceRequested:
      .produceRequested(
        transactionalID: self[.transactionalID], acks: int16(.acks), timeout_ms: int32(.timeout_ms))
    case .producePartition: .producePartition(topic, partition: partition)
    case .producePartitionEnded: .producePartitionEnded(records.end)
    case .produceRequestEnded: .produceRequestEnded
    case .producePartitionAnswered:
      .producePartitionAnswered(
        topic, partition: partition, error: int16(.partitionError), baseOffset: self[.baseOffset],
        appendTime_ms: self[.logAppendTime_ms])
    case .produceAnswered: .produceAnswered
    default: nil
    }
  }
}
