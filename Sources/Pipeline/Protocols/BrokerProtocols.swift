/// The protocols that are decoded, in the order in which a new connection is shown to them.
///
/// Kafka comes before AMQP: a chunk that is one whole Kafka request decides, while AMQP is also searched for within a
/// chunk, where records may contain it.
enum BrokerProtocols {
  static let all: [any BrokerProtocol.Type] = [KafkaProtocol.self, AMQPProtocol.self]
}

extension MessagingSystem {
  /// Those whose traffic is decoded.
  package static var decoded: [MessagingSystem] { BrokerProtocols.all.map { $0.system } }
}
