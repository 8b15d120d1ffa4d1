/// Messages of share groups (KIP-932). Version 0 was early access, other than what followed, and is gone since 4.1.
/// Version 2: acquire modes (KIP-1206), Renew (KIP-1222).
extension KafkaSchema {
  /// ShareFetchRequest, ShareFetchResponse.
  static var shareFetch: KafkaMessage {
    KafkaMessage(
      .shareFetch, 1...2, flexible: 0,
      request: [
        .string("GroupId", .group),
        .string("MemberId", .member),
        .int32("ShareSessionEpoch", .sessionEpoch),
        .int32("MaxWaitMs", .maxWait_ms),
        .int32("MinBytes"),
        .int32("MaxBytes"),
        .int32("MaxRecords"),
        .int32("BatchSize"),
        .int8("ShareAcquireMode", from: 2),
        .bool("IsRenewAck", from: 2),
        .emit(.shareFetchRequested),
        .array(
          "Topics",
          [
            .topicID(),
            .array(
              "Partitions",
              [
                .int32("PartitionIndex", .partition),
                .emit(.sharePartitionRequested),
                .array("AcknowledgementBatches", acknowledgementBatch),
              ]),
          ]),
        .array(
          "ForgottenTopicsData",
          [.topicID(), .list("Partitions", [.int32("", .partition), .emit(.partitionForgotten)])]),
        .emit(.shareRequestEnded),
      ],
      response: [
        .int32("ThrottleTimeMs"),
        .int16("ErrorCode", .error),
        .string("ErrorMessage"),
        .int32("AcquisitionLockTimeoutMs", .lockTimeout_ms),
        .emit(.shareFetchAnswered),
        .array(
          "Responses",
          [
            .topicID(),
            .array(
              "Partitions",
              [
                .int32("PartitionIndex", .partition),
                .int16("ErrorCode", .partitionError),
                .string("ErrorMessage"),
                .int16("AcknowledgeErrorCode", .acknowledgeError),
                .string("AcknowledgeErrorMessage"),
                .structure("CurrentLeader", [.int32("LeaderId"), .int32("LeaderEpoch")]),
                .emit(.sharePartitionAnswered),
                .records("Records"),
                .array(
                  "AcquiredRecords",
                  [
                    .int64("FirstOffset", .firstOffset),
                    .int64("LastOffset", .lastOffset),
                    .int16("DeliveryCount", .deliveryCount),
                    .emit(.acquired),
                  ]),
                .emit(.sharePartitionEnded),
              ]),
          ]),
        .emit(.shareAnswerEnded),
        .rest,
        // NodeEndpoints follow.
      ])
  }

  /// ShareAcknowledgeRequest, ShareAcknowledgeResponse.
  static var shareAcknowledge: KafkaMessage {
    KafkaMessage(
      .shareAcknowledge, 1...2, flexible: 0,
      request: [
        .string("GroupId", .group),
        .string("MemberId", .member),
        .int32("ShareSessionEpoch", .sessionEpoch),
        .bool("IsRenewAck", from: 2, .renew),
        .emit(.shareFetchRequested),
        .array(
          "Topics",
          [
            .topicID(),
            .array(
              "Partitions",
              [.int32("PartitionIndex", .partition), .array("AcknowledgementBatches", acknowledgementBatch)]),
          ]),
        .emit(.shareRequestEnded),
      ],
      response: [
        .int32("ThrottleTimeMs"),
        .int16("ErrorCode", .error),
        .string("ErrorMessage"),
        .int32("AcquisitionLockTimeoutMs", from: 2, .lockTimeout_ms),
        .emit(.shareAcknowledgeAnswered),
        .array(
          "Responses",
          [
            .topicID(),
            .array(
              "Partitions",
              [
                .int32("PartitionIndex", .partition),
                .int16("ErrorCode", .acknowledgeError),
                .string("ErrorMessage"),
                .structure("CurrentLeader", [.int32("LeaderId"), .int32("LeaderEpoch")]),
                .emit(.acknowledgedPartition),
              ]),
          ]),
        .emit(.shareAnswerEnded),
        .rest,
        // NodeEndpoints follow.
      ])
  }

  /// One type for all offsets, or one for each.
  private static var acknowledgementBatch: [KafkaField] {
    [
      .int64("FirstOffset", .firstOffset),
      .int64("LastOffset", .lastOffset),
      .octets("AcknowledgeTypes", .acknowledgeTypes),
      .emit(.acknowledgement),
    ]
  }
}
