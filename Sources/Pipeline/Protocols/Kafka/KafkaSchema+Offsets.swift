/// Messages that move offsets: commits, and the transactions that some of them belong to (KIP-98, 447, 890).
extension KafkaSchema {
  /// OffsetCommitRequest, OffsetCommitResponse. Topic ids: KIP-848 (10).
  static var offsetCommit: KafkaMessage {
    KafkaMessage(
      .offsetCommit, 0...10, flexible: 8,
      request: [
        .string("GroupId", .group),
        .int32("GenerationIdOrMemberEpoch", from: 1, .generation),
        .string("MemberId", from: 1, .member),
        .string("GroupInstanceId", from: 7, .instance),
        .int64("RetentionTimeMs", from: 2, to: 4),
        .emit(.offsetCommitRequested),
        .array(
          "Topics",
          [
            .string("Name", to: 9, .topic),
            .topicID(from: 10),
            .array(
              "Partitions",
              [
                .int32("PartitionIndex", .partition),
                .int64("CommittedOffset", .committedOffset),
                .int32("CommittedLeaderEpoch", from: 6, .committedLeaderEpoch),
                .int64("CommitTimestamp", from: 1, to: 1),
                .string("CommittedMetadata", .metadata),
                .emit(.offsetCommitRow),
              ]),
          ]),
      ],
      response: [
        .int32("ThrottleTimeMs", from: 3),
        .array(
          "Topics",
          [
            .string("Name", to: 9, .topic),
            .topicID(from: 10),
            .array(
              "Partitions",
              [
                .int32("PartitionIndex", .partition),
                .int16("ErrorCode", .partitionError),
                .emit(.offsetCommitRowAnswered),
              ]),
          ]),
        .emit(.offsetCommitAnswered),
      ])
  }

  /// TxnOffsetCommitRequest, TxnOffsetCommitResponse. Generation and member: KIP-447 (3). Topic ids: KIP-1319 (6).
  static var txnOffsetCommit: KafkaMessage {
    KafkaMessage(
      .txnOffsetCommit, 0...6, flexible: 3,
      request: [
        .string("TransactionalId", .transactionalID),
        .string("GroupId", .group),
        .int64("ProducerId", .producerID),
        .int16("ProducerEpoch", .producerEpoch),
        .int32("GenerationId", from: 3, .generation),
        .string("MemberId", from: 3, .member),
        .string("GroupInstanceId", from: 3, .instance),
        .emit(.offsetCommitRequested),
        .array(
          "Topics",
          [
            .string("Name", to: 5, .topic),
            .topicID(from: 6),
            .array(
              "Partitions",
              [
                .int32("PartitionIndex", .partition),
                .int64("CommittedOffset", .committedOffset),
                .int32("CommittedLeaderEpoch", from: 2, .committedLeaderEpoch),
                .string("CommittedMetadata", .metadata),
                .emit(.offsetCommitRow),
              ]),
          ]),
      ],
      response: [
        .int32("ThrottleTimeMs"),
        .array(
          "Topics",
          [
            .string("Name", to: 5, .topic),
            .topicID(from: 6),
            .array(
              "Partitions",
              [
                .int32("PartitionIndex", .partition),
                .int16("ErrorCode", .partitionError),
                .emit(.offsetCommitRowAnswered),
              ]),
          ]),
        .emit(.offsetCommitAnswered),
      ])
  }

  /// OffsetFetchRequest, OffsetFetchResponse. Many groups at once: KIP-709 (8). Topic ids: KIP-848 (10).
  static var offsetFetch: KafkaMessage {
    KafkaMessage(
      .offsetFetch, 0...10, flexible: 6,
      request: [
        .string("GroupId", to: 7, .group),
        .rest,
        // Topics, Groups, RequireStable follow: the answer repeats what is needed of them.
      ],
      response: [
        .int32("ThrottleTimeMs", from: 3),
        .array(
          "Topics", to: 7,
          [
            .string("Name", .topic),
            .array(
              "Partitions",
              [
                .int32("PartitionIndex", .partition),
                .int64("CommittedOffset", .committedOffset),
                .int32("CommittedLeaderEpoch", from: 5, .committedLeaderEpoch),
                .string("Metadata"),
                .int16("ErrorCode", .partitionError),
                .emit(.offsetFetchRow),
              ]),
          ]),
        .int16("ErrorCode", from: 2, to: 7, .error),
        .emit(.offsetFetchAnswered, to: 7),
        .array(
          "Groups", from: 8,
          [
            .string("GroupId", .group),
            .array(
              "Topics",
              [
                .string("Name", to: 9, .topic),
                .topicID(from: 10),
                .array(
                  "Partitions",
                  [
                    .int32("PartitionIndex", .partition),
                    .int64("CommittedOffset", .committedOffset),
                    .int32("CommittedLeaderEpoch", .committedLeaderEpoch),
                    .string("Metadata"),
                    .int16("ErrorCode", .partitionError),
                    .emit(.offsetFetchRow),
                  ]),
              ]),
            .int16("ErrorCode", .error),
            .emit(.offsetFetchAnswered),
          ]),
      ])
  }

  /// InitProducerIdRequest, InitProducerIdResponse. Two-phase commit: KIP-939 (6).
  static var initProducerID: KafkaMessage {
    KafkaMessage(
      .initProducerID, 0...6, flexible: 2,
      request: [.string("TransactionalId", .transactionalID), .int32("TransactionTimeoutMs", .timeout_ms), .rest],
      response: [
        .int32("ThrottleTimeMs"),
        .int16("ErrorCode", .error),
        .int64("ProducerId", .producerID),
        .int16("ProducerEpoch", .producerEpoch),
        .emit(.producerIDAnswered),
        .rest,
      ])
  }

  /// AddOffsetsToTxnRequest, AddOffsetsToTxnResponse.
  static var addOffsetsToTxn: KafkaMessage {
    KafkaMessage(
      .addOffsetsToTxn, 0...4, flexible: 3,
      request: [
        .string("TransactionalId", .transactionalID),
        .int64("ProducerId", .producerID),
        .int16("ProducerEpoch", .producerEpoch),
        .string("GroupId", .group),
      ],
      response: [.int32("ThrottleTimeMs"), .int16("ErrorCode", .error), .emit(.offsetsAddedToTxn)])
  }

  /// EndTxnRequest, EndTxnResponse. From version 5 the answer names the next epoch (KIP-890): not needed.
  static var endTxn: KafkaMessage {
    KafkaMessage(
      .endTxn, 0...5, flexible: 3,
      request: [
        .string("TransactionalId", .transactionalID),
        .int64("ProducerId", .producerID),
        .int16("ProducerEpoch", .producerEpoch),
        .bool("Committed", .committed),
        .emit(.txnEndRequested),
      ],
      response: [.int32("ThrottleTimeMs"), .int16("ErrorCode", .error), .emit(.txnEnded), .rest])
  }
}
