/// What a request asks for: its `api_key` (Kafka's protocol guide, "Api Keys"). Only those that are understood have a
/// name; others are skipped by their length.
package struct KafkaKey: RawRepresentable, Hashable, Sendable {
  package var rawValue: Int16

  package init(rawValue: Int16) { self.rawValue = rawValue }

  package static let produce = KafkaKey(rawValue: 0)
  package static let fetch = KafkaKey(rawValue: 1)
  package static let listOffsets = KafkaKey(rawValue: 2)
  package static let metadata = KafkaKey(rawValue: 3)
  package static let offsetCommit = KafkaKey(rawValue: 8)
  package static let offsetFetch = KafkaKey(rawValue: 9)
  package static let findCoordinator = KafkaKey(rawValue: 10)
  package static let joinGroup = KafkaKey(rawValue: 11)
  package static let heartbeat = KafkaKey(rawValue: 12)
  package static let leaveGroup = KafkaKey(rawValue: 13)
  package static let syncGroup = KafkaKey(rawValue: 14)
  package static let saslHandshake = KafkaKey(rawValue: 17)
  package static let apiVersions = KafkaKey(rawValue: 18)
  package static let initProducerID = KafkaKey(rawValue: 22)
  package static let offsetForLeaderEpoch = KafkaKey(rawValue: 23)
  package static let addOffsetsToTxn = KafkaKey(rawValue: 25)
  package static let endTxn = KafkaKey(rawValue: 26)
  package static let txnOffsetCommit = KafkaKey(rawValue: 28)
  package static let saslAuthenticate = KafkaKey(rawValue: 36)
  package static let consumerGroupHeartbeat = KafkaKey(rawValue: 68)
  package static let shareGroupHeartbeat = KafkaKey(rawValue: 76)
  package static let shareFetch = KafkaKey(rawValue: 78)
  package static let shareAcknowledge = KafkaKey(rawValue: 79)
  package static let streamsGroupHeartbeat = KafkaKey(rawValue: 88)

  /// Above every key that exists (92 in Kafka 4.2), with room for new ones.
  static let limit: Int16 = 160
  /// Above every version that exists (18 in Kafka 4.2), with room for new ones.
  static let versionLimit: Int16 = 40
}

/// A topic's UUID (KIP-516); all zero where the version speaks of names.
package struct KafkaTopicID: Hashable, Sendable {
  package var high: UInt64
  package var low: UInt64

  package init(_ high: UInt64, _ low: UInt64) {
    self.high = high
    self.low = low
  }

  package static let none = KafkaTopicID(0, 0)
}
