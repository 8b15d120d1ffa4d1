/// Messages about the connection and the cluster.
extension KafkaSchema {
  /// ApiVersionsRequest, ApiVersionsResponse. Software name: KIP-511 (3). Cluster and node: KIP-1242 (5).
  /// The answer's header is always of version 0, and a broker that does not know the version answers as in version 0.
  static var apiVersions: KafkaMessage {
    KafkaMessage(
      .apiVersions, 0...5, flexible: 3, keepsRequest: false,
      request: [
        .string("ClientSoftwareName", from: 3, .softwareName),
        .string("ClientSoftwareVersion", from: 3, .softwareVersion),
        .emit(.apiVersionsRequested),
        // Whom it means to speak with, from 5 on.
        .rest,
      ],
      response: [
        .int16("ErrorCode", .error),
        .downgrade,
        .array(
          "ApiKeys",
          [
            .int16("ApiKey", .apiKey),
            .int16("MinVersion", .minVersion),
            .int16("MaxVersion", .maxVersion),
            .emit(.apiVersion),
          ]),
        .int32("ThrottleTimeMs", from: 1),
        // SupportedFeatures, FinalizedFeaturesEpoch, FinalizedFeatures, ZkMigrationReady: tagged, not needed.
        .emit(.apiVersionsAnswered),
      ])
  }

  /// MetadataRequest, MetadataResponse. Topic ids: KIP-516 (10, requests by id: 12). ErrorCode: KIP-1102 (13).
  static var metadata: KafkaMessage {
    KafkaMessage(
      .metadata, 0...13, flexible: 9, keepsRequest: false,
      request: [.rest],
      response: [
        .int32("ThrottleTimeMs", from: 3),
        .array(
          "Brokers",
          [
            .int32("NodeId", .nodeID),
            .string("Host", .host),
            .int32("Port", .port),
            .string("Rack", from: 1, .rack),
            .emit(.metadataBroker),
          ]),
        .string("ClusterId", from: 2, .clusterID),
        .int32("ControllerId", from: 1, .controllerID),
        .emit(.clusterSeen),
        .array(
          "Topics",
          [
            .int16("ErrorCode", .partitionError),
            .string("Name", .topic),
            .topicID(from: 10),
            .bool("IsInternal", from: 1, .isInternal),
            .array(
              "Partitions", count: .topicCount,
              [
                .int16("ErrorCode"),
                .int32("PartitionIndex"),
                .int32("LeaderId"),
                .int32("LeaderEpoch", from: 7),
                .list("ReplicaNodes", [.int32("")]),
                .list("IsrNodes", [.int32("")]),
                .list("OfflineReplicas", from: 5, [.int32("")]),
              ]),
            .int32("TopicAuthorizedOperations", from: 8),
            .emit(.metadataTopic),
          ]),
        .int32("ClusterAuthorizedOperations", from: 8, to: 10),
        .int16("ErrorCode", from: 13, .error),
        .emit(.metadataAnswered),
      ])
  }

  /// SaslHandshakeRequest, SaslHandshakeResponse (KIP-43). After version 0 tokens follow without Kafka's headers; after
  /// version 1 they travel in SaslAuthenticate (KIP-152).
  static var saslHandshake: KafkaMessage {
    KafkaMessage(
      .saslHandshake, 0...1,
      request: [.string("Mechanism", .mechanism), .emit(.saslHandshakeRequested)],
      response: [
        .int16("ErrorCode", .error), .emit(.saslHandshakeAnswered), .list("Mechanisms", [.string("")]),
      ])
  }

  /// SaslAuthenticateRequest, SaslAuthenticateResponse. The tokens are skipped and withheld: they are credentials.
  static var saslAuthenticate: KafkaMessage {
    KafkaMessage(
      .saslAuthenticate, 0...2, flexible: 2, keepsRequest: false,
      request: [.bytes("AuthBytes")],
      response: [
        .int16("ErrorCode", .error),
        .string("ErrorMessage"),
        .bytes("AuthBytes"),
        .int64("SessionLifetimeMs", from: 1, .sessionLifetime_ms),
        .emit(.saslAuthenticateAnswered),
      ])
  }
}
