/// Kafka's protocol, as its brokers and those that are compatible speak it.
enum KafkaProtocol: BrokerProtocol {
  static var system: MessagingSystem { .kafka }
  static let attemptSources = ["seek_back", "delivery_count", "retry_headers", "copies"]
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
  /// Copies that the target published.
  static let ownCopies = AttemptSource(rawValue: 8)
}

extension Arrival {
  /// The record had come to this try before it was published to where it is consumed now; retries there count on.
  mutating func isTried(_ attempt: Int32, by source: AttemptSource) {
    self.attempt = Int32(clamping: Int64(self.attempt ?? 1) + Int64(attempt) - 1)
    attemptSource = source
  }
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
