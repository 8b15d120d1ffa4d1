/// Messages that carry records, or speak of positions in a log.
extension KafkaSchema {
  /// FetchRequest, FetchResponse. Sessions: KIP-227 (7). Leader epochs: KIP-320 (9). Follower fetching: KIP-392 (11).
  /// Topic ids: KIP-516 (13). ReplicaState: KIP-903 (15). ReplicaDirectoryId: KIP-853 (17). HighWatermark: KIP-1166 (18).
  static var fetch: KafkaMessage {
    KafkaMessage(
      .fetch, 0...18, flexible: 12, keepsRequest: false,
      request: [
        .string("ClusterId", from: 12).tagged(0),
        .int32("ReplicaId", to: 14, .replicaID),
        .structure("ReplicaState", from: 15, [.int32("ReplicaId", .replicaID), .int64("ReplicaEpoch")]).tagged(1),
        .int32("MaxWaitMs", .maxWait_ms),
        .int32("MinBytes", .minBytes),
        .int32("MaxBytes", from: 3, .maxBytes),
        .int8("IsolationLevel", from: 4, .isolation),
        .int32("SessionId", from: 7, .sessionID),
        .int32("SessionEpoch", from: 7, .sessionEpoch),
        .emit(.fetchRequested),
        .array(
          "Topics",
          [
            .string("Topic", to: 12, .topic),
            .topicID(from: 13),
            .array(
              "Partitions",
              [
                .int32("Partition", .partition),
                .int32("CurrentLeaderEpoch", from: 9, .currentLeaderEpoch),
                .int64("FetchOffset", .fetchOffset),
                .int32("LastFetchedEpoch", from: 12, .lastFetchedEpoch),
                .int64("LogStartOffset", from: 5),
                .int32("PartitionMaxBytes", .partitionMaxBytes),
                .uuid("ReplicaDirectoryId", from: 17).tagged(0),
                .int64("HighWatermark", from: 18).tagged(1),
                .emit(.fetchPartitionRequested),
              ]),
          ]),
        .array(
          "ForgottenTopicsData", from: 7,
          [
            .string("Topic", to: 12, .topic),
            .topicID(from: 13),
            .list("Partitions", [.int32("", .partition), .emit(.partitionForgotten)]),
          ]),
        .string("RackId", from: 11, .rack),
        .emit(.fetchRequestEnded),
      ],
      response: [
        .int32("ThrottleTimeMs", from: 1, .throttle_ms),
        .int16("ErrorCode", from: 7, .error),
        .int32("SessionId", from: 7, .sessionID),
        .emit(.fetchAnswered),
        .array(
          "Responses",
          [
            .string("Topic", to: 12, .topic),
            .topicID(from: 13),
            .array(
              "Partitions",
              [
                .int32("PartitionIndex", .partition),
                .int16("ErrorCode", .partitionError),
                .int64("HighWatermark", .highWatermark),
                .int64("LastStableOffset", from: 4, .lastStableOffset),
                .int64("LogStartOffset", from: 5, .logStartOffset),
                .emit(.fetchPartitionAnswered),
                .structure(
                  "DivergingEpoch", from: 12,
                  [.int32("Epoch", .divergingEpoch), .int64("EndOffset", .divergingEndOffset)]
                ).tagged(0),
                .structure(
                  "CurrentLeader", from: 12, [.int32("LeaderId", .leaderID), .int32("LeaderEpoch", .leaderEpoch)]
                )
                .tagged(1),
                .structure("SnapshotId", from: 12, [.int64("EndOffset"), .int32("Epoch")]).tagged(2),
                .array(
                  "AbortedTransactions", from: 4, count: .abortedCount,
                  [.int64("ProducerId", .producerID), .int64("FirstOffset", .firstOffset), .emit(.abortedTransaction)]),
                .int32("PreferredReadReplica", from: 11, .preferredReadReplica),
                .records("Records"),
                .emit(.fetchPartitionEnded),
              ]),
          ]),
        .array("NodeEndpoints", from: 16, nodeEndpoint).tagged(0),
        .emit(.fetchEnded),
      ])
  }

  /// ProduceRequest, ProduceResponse. Error rows: KIP-467 (8). Topic ids: KIP-516 (13).
  static var produce: KafkaMessage {
    KafkaMessage(
      .produce, 0...13, flexible: 9, keepsRequest: false,
      request: [
        .string("TransactionalId", from: 3, .transactionalID),
        .int16("Acks", .acks),
        .int32("TimeoutMs", .timeout_ms),
        .emit(.produceRequested),
        .array(
          "TopicData",
          [
            .string("Name", to: 12, .topic),
            .topicID(from: 13),
            .array(
              "PartitionData",
              [
                .int32("Index", .partition),
                .emit(.producePartition),
                .records("Records"),
                .emit(.producePartitionEnded),
              ]),
          ]),
        .emit(.produceRequestEnded),
      ],
      response: [
        .array(
          "Responses",
          [
            .string("Name", to: 12, .topic),
            .topicID(from: 13),
            .array(
              "PartitionResponses",
              [
                .int32("Index", .partition),
                .int16("ErrorCode", .partitionError),
                .int64("BaseOffset", .baseOffset),
                .int64("LogAppendTimeMs", from: 2, .logAppendTime_ms),
                .int64("LogStartOffset", from: 5),
                .array(
                  "RecordErrors", from: 8, [.int32("BatchIndex"), .string("BatchIndexErrorMessage")]),
                .string("ErrorMessage", from: 8),
                .structure("CurrentLeader", from: 10, [.int32("LeaderId"), .int32("LeaderEpoch")]).tagged(0),
                .emit(.producePartitionAnswered),
              ]),
          ]),
        .int32("ThrottleTimeMs", from: 1, .throttle_ms),
        .array("NodeEndpoints", from: 10, nodeEndpoint).tagged(0),
        .emit(.produceAnswered),
      ])
  }

  /// ListOffsetsRequest, ListOffsetsResponse. TimeoutMs: KIP-1075 (10). Version 11 allows timestamp −6 (KIP-1023).
  static var listOffsets: KafkaMessage {
    KafkaMessage(
      .listOffsets, 0...11, flexible: 6, keepsRequest: false,
      request: [.rest],
      response: [
        .int32("ThrottleTimeMs", from: 2),
        .array(
          "Topics",
          [
            .string("Name", .topic),
            .array(
              "Partitions",
              [
                .int32("PartitionIndex", .partition),
                .int16("ErrorCode", .partitionError),
                .list("OldStyleOffsets", to: 0, [.int64("", .offset)]),
                .int64("Timestamp", from: 1, .timestamp_ms),
                .int64("Offset", from: 1, .offset),
                .int32("LeaderEpoch", from: 4, .leaderEpoch),
                .emit(.listOffsetsPartition),
              ]),
          ]),
      ])
  }

  /// OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse (KIP-101, KIP-320).
  static var offsetForLeaderEpoch: KafkaMessage {
    KafkaMessage(
      .offsetForLeaderEpoch, 0...4, flexible: 4, keepsRequest: false,
      request: [.rest],
      response: [
        .int32("ThrottleTimeMs", from: 2),
        .array(
          "Topics",
          [
            .string("Topic", .topic),
            .array(
              "Partitions",
              [
                .int16("ErrorCode", .partitionError),
                .int32("Partition", .partition),
                .int32("LeaderEpoch", from: 1, .leaderEpoch),
                .int64("EndOffset", .endOffset),
                .emit(.leaderEpochEnd),
              ]),
          ]),
      ])
  }

  /// KIP-951.
  static var nodeEndpoint: [KafkaField] {
    [.int32("NodeId"), .string("Host"), .int32("Port"), .string("Rack")]
  }
}
