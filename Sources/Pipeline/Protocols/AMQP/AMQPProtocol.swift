/// AMQP 0-9-1, as RabbitMQ speaks it.
enum AMQPProtocol: BrokerProtocol {
  static var system: MessagingSystem { .rabbitmq }
  static let attemptSources = ["x-delivery-count", "x-death", "x-acquired-count"]
  static let delaySources = ["timestamp_in_ms", "timestamp"]
  static func matcher() -> any ProtocolMatcher { AMQPMatcher() }
  static func state(key: KeyedHash.Key, ledger: Ledger) -> any ProtocolState { AMQPState(key: key, ledger: ledger) }
  static func redactor(hashKey: KeyedHash.Key) -> any ProtocolRedactor { AMQPConnectionRedactor() }
}

extension MessagingSystem {
  package static let rabbitmq = MessagingSystem(rawValue: "rabbitmq")
}

extension AttemptSource {
  static let deliveryCount = AttemptSource(rawValue: 1)
  static let death = AttemptSource(rawValue: 2)
  /// RabbitMQ 4's `x-acquired-count`: at most so many.
  static let acquiredCount = AttemptSource(rawValue: 4)
}

extension DelaySource {
  /// The header `timestamp_in_ms`.
  static let timestampInMs = DelaySource(rank: 0)
  /// The property `timestamp`, in seconds.
  static let timestamp = DelaySource(rank: 1)
}

extension GroupKey {
  /// `rabbitmq:<vhost>:<queue>`
  package static func rabbitmq(vhost: String, queue: String) -> String { key(.rabbitmq, vhost, queue) }
}

/// Both sides of a connection.
private struct AMQPConnectionRedactor: ProtocolRedactor {
  private var client = AMQPRedactor(role: .client)
  private var server = AMQPRedactor(role: .server)

  mutating func receive(_ bytes: RawSpan, fromClient: Bool, into out: inout [UInt8]) {
    let start = out.count
    bytes.withUnsafeBytes { out.append(contentsOf: $0) }
    if fromClient { client.receive(bytes) } else { server.receive(bytes) }
    for range in fromClient ? client.secrets : server.secrets {
      for i in range { out[start &+ i] = 0 }
    }
  }

  mutating func lost(_ count: Int, fromClient: Bool, into out: inout [UInt8]) -> Int {
    if fromClient { client.lost(count) } else { server.lost(count) }
    return 0
  }

  mutating func finish(client: Bool, into out: inout [UInt8]) -> Int { 0 }
}
