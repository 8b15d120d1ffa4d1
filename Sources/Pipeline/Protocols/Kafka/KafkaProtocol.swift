/// Kafka's protocol, as its brokers and those that are compatible speak it.
enum KafkaProtocol: BrokerProtocol {
  static var system: MessagingSystem { .kafka }
  static let attemptSources = ["seek_back", "delivery_count", "retry_headers"]
  static let delaySources = ["LogAppendTime", "CreateTime"]
  static func matcher() -> any ProtocolMatcher { KafkaMatcher() }
  static func state(key: KeyedHash.Key, ledger: Ledger) -> any ProtocolState { KafkaState(key: key, ledger: ledger) }
  static func redactor(hashKey: KeyedHash.Key) -> any ProtocolRedactor {
    KafkaConnectionRedactor(redactor: KafkaRedactor(hashKey: hashKey))
  }
}

extension MessagingSystem {
  package static let kafka = MessagingSystem(rawValue: "kafka")
}

extension AttemptSource {
  /// Returns to exactly that offset.
  static let seekBack = AttemptSource(rawValue: 1)
  /// Share groups: what the broker counts.
  static let shareCount = AttemptSource(rawValue: 2)
  /// What a retry topic's headers count.
  static let retryHeader = AttemptSource(rawValue: 4)
}

extension DelaySource {
  static let logAppendTime = DelaySource(rank: 0)
  static let createTime = DelaySource(rank: 1)
}

extension GroupKey {
  /// `kafka:<group.id>`
  package static func kafka(group: String) -> String { key(.kafka, group) }
}

private struct KafkaConnectionRedactor: ProtocolRedactor {
  let redactor: KafkaRedactor

  func receive(_ bytes: RawSpan, fromClient: Bool, into out: inout [UInt8]) {
    redactor.receive(bytes, from: fromClient ? .client : .broker, into: &out)
  }

  func lost(_ count: Int, fromClient: Bool, into out: inout [UInt8]) -> Int {
    redactor.lost(count, from: fromClient ? .client : .broker, into: &out)
  }

  func finish(client: Bool, into out: inout [UInt8]) -> Int { redactor.finish(client ? .client : .broker, into: &out) }
}
