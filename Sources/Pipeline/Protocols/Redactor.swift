/// One connection's bytes as a recording may keep them, by its protocol: contents of messages and credentials are zeroed,
/// lengths stay.
package struct Redactor {
  private let client: Side
  // One of these; optionals and no enum, so that they change in place.
  private var amqp: (client: AMQPRedactor, server: AMQPRedactor)?
  private var kafka: KafkaRedactor?

  /// For what a detector found; nil if nothing knows which of its bytes are contents and credentials. `hashKey`: random,
  /// one for all connections of a recording, and for nothing else.
  package init?(_ answer: Detector.Answer, hashKey: KeyedHash.Key) {
    switch answer {
    case .amqp(let clientSide):
      client = clientSide
      amqp = (AMQPRedactor(role: .client), AMQPRedactor(role: .server))
    case .kafka(let clientSide):
      client = clientSide
      kafka = KafkaRedactor(hashKey: hashKey)
    case .undecided, .other: return nil
    }
  }

  /// The next bytes of a side. `out` gets as many; some of them perhaps only with the next ones.
  package mutating func receive(_ bytes: RawSpan, from side: Side, into out: inout [UInt8]) {
    let isClient = side == client
    kafka?.receive(bytes, from: isClient ? .client : .broker, into: &out)
    guard amqp != nil else { return }
    let start = out.count
    bytes.withUnsafeBytes { out.append(contentsOf: $0) }
    if isClient { amqp?.client.receive(bytes) } else { amqp?.server.receive(bytes) }
    for range in (isClient ? amqp?.client.secrets : amqp?.server.secrets) ?? [] {
      for i in range { out[start &+ i] = 0 }
    }
  }

  /// The next `count` bytes of a side will never come (0: nobody knows how many). `out` gets what is known of those
  /// before; answers with how many of them are not, and belong to the gap.
  package mutating func lost(_ count: Int, from side: Side, into out: inout [UInt8]) -> Int {
    let isClient = side == client
    if isClient { amqp?.client.lost(count) } else { amqp?.server.lost(count) }
    return kafka?.lost(count, from: isClient ? .client : .broker, into: &out) ?? 0
  }

  /// A side's stream is over. The same.
  package mutating func finish(_ side: Side, into out: inout [UInt8]) -> Int {
    kafka?.finish(side == client ? .client : .broker, into: &out) ?? 0
  }
}
