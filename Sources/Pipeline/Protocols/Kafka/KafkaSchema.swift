/// Every message that is understood, as Kafka's own definitions have it (apache/kafka,
/// clients/src/main/resources/common/message; the names are theirs), and what of it becomes a fact. Versions that
/// brokers have dropped since (KIP-896) are here as well: old brokers and clients live on.
enum KafkaSchema {
  /// Made anew each time: `KafkaProgram` needs them once.
  static var messages: [KafkaMessage] {
    [fetch, produce, listOffsets, offsetForLeaderEpoch, metadata, apiVersions, saslHandshake, saslAuthenticate]
      + [offsetCommit, offsetFetch, findCoordinator, joinGroup, heartbeat, leaveGroup, syncGroup]
      + [consumerGroupHeartbeat, shareGroupHeartbeat, streamsGroupHeartbeat, shareFetch, shareAcknowledge]
      + [initProducerID, addOffsetsToTxn, endTxn, txnOffsetCommit]
  }
}
