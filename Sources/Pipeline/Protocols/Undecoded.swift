/// Why a connection's bytes are not decoded; the raw values stand in the report (`capture.undecoded`).
package enum Undecoded: String, Sendable, CaseIterable {
  /// Encrypted.
  case tls
  /// AMQP 1.0: another protocol than 0-9-1 under the same name.
  case amqp10
  /// AMQP before 0-9-1.
  case amqp08 = "unsupported:amqp08"
  /// RabbitMQ's stream protocol.
  case rabbitmqStream = "rabbitmq_stream"
  case nats = "unsupported:nats"
  case redis = "unsupported:redis"
  case mqtt = "unsupported:mqtt"
  case stomp = "unsupported:stomp"
  /// Surely none of a broker's protocols.
  case notABroker = "not_a_broker"
  /// No protocol was recognised before the connection ended, or in as many bytes as are looked at.
  case unrecognised

  /// Of a broker's protocol: its name for people; nil for all else.
  package var name: String? {
    switch self {
    case .amqp10: "AMQP 1.0"
    case .amqp08: "AMQP before 0-9-1"
    case .rabbitmqStream: "RabbitMQ's stream protocol"
    case .nats: "NATS"
    case .redis: "Redis"
    case .mqtt: "MQTT"
    case .stomp: "STOMP"
    case .tls, .notABroker, .unrecognised: nil
    }
  }
}
