/// Headers of copies on dead-letter and retry topics, as frameworks write them.
enum KafkaCopies {
  /// Spring's DeadLetterPublishingRecoverer.
  static func spring(_ topic: String, _ partition: Int, _ offset: Int) -> [(String, [UInt8])] {
    [
      ("kafka_dlt-original-topic", Array(topic.utf8)), ("kafka_dlt-original-partition", KafkaBytes.i32(partition)),
      ("kafka_dlt-original-offset", KafkaBytes.i64(offset)),
    ]
  }

  /// Connect's dead-letter queue (KIP-298).
  static func connect(_ topic: String, _ partition: Int, _ offset: Int) -> [(String, [UInt8])] {
    [
      ("__connect.errors.topic", Array(topic.utf8)), ("__connect.errors.partition", Array("\(partition)".utf8)),
      ("__connect.errors.offset", Array("\(offset)".utf8)),
    ]
  }

  /// Spring's retry topics.
  static func retry(_ topic: String, _ partition: Int, _ offset: Int, attempts: Int) -> [(String, [UInt8])] {
    [
      ("kafka_original-topic", Array(topic.utf8)), ("kafka_original-partition", KafkaBytes.i32(partition)),
      ("kafka_original-offset", KafkaBytes.i64(offset)), ("retry_topic-attempts", KafkaBytes.i32(attempts)),
    ]
  }
}
