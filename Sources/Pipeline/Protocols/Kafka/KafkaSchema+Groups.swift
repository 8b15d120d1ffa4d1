/// Messages of consumer groups, classic (KIP-134, 345, 394, 559, 800, 814) and new (KIP-848, 1071).
extension KafkaSchema {
  /// FindCoordinatorRequest, FindCoordinatorResponse. Many keys at once: KIP-699 (4). Share groups: KIP-932 (6).
  static var findCoordinator: KafkaMessage {
    KafkaMessage(
      .findCoordinator, 0...6, flexible: 3,
      request: [
        .string("Key", to: 3, .coordinatorKey),
        .int8("KeyType", from: 1, .keyType),
        .list("CoordinatorKeys", from: 4, [.string("")]),
      ],
      response: [
        .int32("ThrottleTimeMs", from: 1),
        .int16("ErrorCode", to: 3, .error),
        .string("ErrorMessage", from: 1, to: 3),
        .int32("NodeId", to: 3, .nodeID),
        .string("Host", to: 3, .host),
        .int32("Port", to: 3, .port),
        .emit(.coordinatorFound, to: 3),
        .array(
          "Coordinators", from: 4,
          [
            .string("Key", .coordinatorKey),
            .int32("NodeId", .nodeID),
            .string("Host", .host),
            .int32("Port", .port),
            .int16("ErrorCode", .error),
            .string("ErrorMessage"),
            .emit(.coordinatorFound),
          ]),
      ])
  }

  /// JoinGroupRequest, JoinGroupResponse. Static members: KIP-345 (5). Reason: KIP-800 (8). SkipAssignment: KIP-814 (9).
  static var joinGroup: KafkaMessage {
    KafkaMessage(
      .joinGroup, 0...9, flexible: 6,
      request: [
        .string("GroupId", .group),
        .int32("SessionTimeoutMs", .sessionTimeout_ms),
        .int32("RebalanceTimeoutMs", from: 1, .rebalanceTimeout_ms),
        .string("MemberId", .member),
        .string("GroupInstanceId", from: 5, .instance),
        .string("ProtocolType", .protocolType),
        .emit(.joinGroupRequested),
        .array(
          "Protocols",
          [.string("Name", .protocolName), .bytes("Metadata", .metadata), .emit(.joinProtocol)]),
        .string("Reason", from: 8),
      ],
      response: [
        .int32("ThrottleTimeMs", from: 2),
        .int16("ErrorCode", .error),
        .int32("GenerationId", .generation),
        .string("ProtocolType", from: 7),
        .string("ProtocolName", .protocolName),
        .string("Leader", .leader),
        .bool("SkipAssignment", from: 9, .skipAssignment),
        .string("MemberId", .assignedMember),
        .array(
          "Members", count: .memberCount,
          [.string("MemberId"), .string("GroupInstanceId", from: 5), .bytes("Metadata")]),
        .emit(.joinGroupAnswered),
      ])
  }

  /// SyncGroupRequest, SyncGroupResponse. The leader's request carries everybody's assignment: not needed, each member's
  /// own comes in its answer.
  static var syncGroup: KafkaMessage {
    KafkaMessage(
      .syncGroup, 0...5, flexible: 4,
      request: [
        .string("GroupId", .group),
        .int32("GenerationId", .generation),
        .string("MemberId", .member),
        .string("GroupInstanceId", from: 3, .instance),
        .string("ProtocolType", from: 5, .protocolType),
        .string("ProtocolName", from: 5, .protocolName),
        .emit(.syncGroupRequested),
        // Everybody's assignments, from the leader, and what members told each other.
        .sealed,
      ],
      response: [
        .int32("ThrottleTimeMs", from: 1),
        .int16("ErrorCode", .error),
        .string("ProtocolType", from: 5),
        .string("ProtocolName", from: 5),
        .bytes("Assignment", .assignment),
        .emit(.syncGroupAnswered),
      ])
  }

  /// HeartbeatRequest, HeartbeatResponse.
  static var heartbeat: KafkaMessage {
    KafkaMessage(
      .heartbeat, 0...4, flexible: 4,
      request: [
        .string("GroupId", .group),
        .int32("GenerationId", .generation),
        .string("MemberId", .member),
        .string("GroupInstanceId", from: 3, .instance),
      ],
      response: [.int32("ThrottleTimeMs", from: 1), .int16("ErrorCode", .error), .emit(.heartbeatAnswered)])
  }

  /// LeaveGroupRequest, LeaveGroupResponse. Many members at once: KIP-345 (3). Reason: KIP-800 (5).
  static var leaveGroup: KafkaMessage {
    KafkaMessage(
      .leaveGroup, 0...5, flexible: 4,
      request: [
        .string("GroupId", .group),
        .string("MemberId", to: 2, .member),
        .emit(.leaveGroupRequested, to: 2),
        .array(
          "Members", from: 3,
          [
            .string("MemberId", .member),
            .string("GroupInstanceId", .instance),
            .string("Reason", from: 5, .reason),
            .emit(.leaveGroupRequested),
          ]),
      ],
      response: [
        .int32("ThrottleTimeMs", from: 1),
        .int16("ErrorCode", .error),
        .emit(.leaveGroupAnswered, to: 2),
        .array(
          "Members", from: 3,
          [
            .string("MemberId", .member),
            .string("GroupInstanceId", .instance),
            .int16("ErrorCode", .partitionError),
            .emit(.leaveGroupAnswered),
          ]),
      ])
  }

  /// ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse (KIP-848). SubscribedTopicRegex: 1.
  static var consumerGroupHeartbeat: KafkaMessage {
    KafkaMessage(
      .consumerGroupHeartbeat, 0...1, flexible: 0,
      request: [
        .string("GroupId", .group),
        .string("MemberId", .member),
        .int32("MemberEpoch", .memberEpoch),
        .string("InstanceId", .instance),
        .string("RackId", .rack),
        .int32("RebalanceTimeoutMs", .rebalanceTimeout_ms),
        .list("SubscribedTopicNames", [.string("")]),
        .string("SubscribedTopicRegex", from: 1),
        .string("ServerAssignor", .protocolName),
        .emit(.memberHeartbeatRequested),
        .array(
          "TopicPartitions", [.topicID(), .list("Partitions", [.int32("", .partition), .emit(.ownedPartition)])]),
      ],
      response: memberHeartbeatResponse)
  }

  /// ShareGroupHeartbeatRequest, ShareGroupHeartbeatResponse (KIP-932).
  static var shareGroupHeartbeat: KafkaMessage {
    KafkaMessage(
      .shareGroupHeartbeat, 0...1, flexible: 0,
      request: [
        .string("GroupId", .group),
        .string("MemberId", .member),
        .int32("MemberEpoch", .memberEpoch),
        .string("RackId", .rack),
        .list("SubscribedTopicNames", [.string("")]),
        .emit(.memberHeartbeatRequested),
      ],
      response: memberHeartbeatResponse)
  }

  private static var memberHeartbeatResponse: [KafkaField] {
    [
      .int32("ThrottleTimeMs"),
      .int16("ErrorCode", .error),
      .string("ErrorMessage"),
      .string("MemberId", .assignedMember),
      .int32("MemberEpoch", .assignedEpoch),
      .int32("HeartbeatIntervalMs", .heartbeatInterval_ms),
      .emit(.memberHeartbeatAnswered),
      .optional(
        "Assignment", present: .hasAssignment,
        [
          .array(
            "TopicPartitions", [.topicID(), .list("Partitions", [.int32("", .partition), .emit(.assignedPartition)])])
        ]),
      .emit(.memberHeartbeatEnded),
    ]
  }

  /// StreamsGroupHeartbeatRequest, StreamsGroupHeartbeatResponse (KIP-1071). Tasks name a subtopology and partitions; the
  /// topics of a subtopology are in the request that joins.
  static var streamsGroupHeartbeat: KafkaMessage {
    KafkaMessage(
      .streamsGroupHeartbeat, 0...0, flexible: 0,
      request: [
        .string("GroupId", .group),
        .string("MemberId", .member),
        .int32("MemberEpoch", .memberEpoch),
        .int32("EndpointInformationEpoch"),
        .string("InstanceId", .instance),
        .string("RackId", .rack),
        .int32("RebalanceTimeoutMs", .rebalanceTimeout_ms),
        .emit(.memberHeartbeatRequested),
        .optional(
          "Topology",
          [
            .int32("Epoch"),
            .array(
              "Subtopologies",
              [
                .string("SubtopologyId", .subtopology),
                .list("SourceTopics", [.string("", .topic), .emit(.subscribedTopic)]),
                .list("SourceTopicRegex", [.string("")]),
                .array("StateChangelogTopics", topicInfo),
                .list("RepartitionSinkTopics", [.string("")]),
                .array("RepartitionSourceTopics", topicInfo + [.emit(.subscribedTopic)]),
                .array(
                  "CopartitionGroups",
                  [
                    .list("SourceTopics", [.int16("")]), .list("SourceTopicRegex", [.int16("")]),
                    .list("RepartitionSourceTopics", [.int16("")]),
                  ]),
              ]),
          ]),
        .rest,
        // ActiveTasks, StandbyTasks, WarmupTasks, ProcessId, UserEndpoint, ClientTags, TaskOffsets, TaskEndOffsets,
        // ShutdownApplication follow: nothing of them is needed.
      ],
      response: [
        .int32("ThrottleTimeMs"),
        .int16("ErrorCode", .error),
        .string("ErrorMessage"),
        .string("MemberId", .assignedMember),
        .int32("MemberEpoch", .assignedEpoch),
        .int32("HeartbeatIntervalMs", .heartbeatInterval_ms),
        .emit(.memberHeartbeatAnswered),
        .int32("AcceptableRecoveryLag"),
        .int32("TaskOffsetIntervalMs"),
        .array("Status", [.int8("StatusCode"), .string("StatusDetail")]),
        .array(
          "ActiveTasks", count: .hasAssignment,
          [
            .string("SubtopologyId", .subtopology),
            .list("Partitions", [.int32("", .partition), .emit(.assignedTask)]),
          ]),
        .emit(.memberHeartbeatEnded),
        .rest,
        // StandbyTasks, WarmupTasks, PartitionsByUserEndpoint follow: nothing of them is needed.
      ])
  }

  private static var topicInfo: [KafkaField] {
    [
      .string("Name", .topic), .int32("Partitions"), .int16("ReplicationFactor"),
      .array("TopicConfigs", [.string("Key"), .string("Value")]),
    ]
  }
}
