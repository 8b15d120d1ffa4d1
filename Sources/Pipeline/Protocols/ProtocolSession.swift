/// What decodes a connection, once its protocol is known: one case for each.
enum ProtocolSession {
  case amqp(AMQPSession)
  case kafka(KafkaSession)

  func receive(_ bytes: RawSpan, fromClient: Bool, at: Timestamp) {
    switch self {
    case .amqp(let session): session.receive(bytes, fromClient: fromClient, at: at)
    case .kafka(let session): session.receive(bytes, fromClient: fromClient, at: at)
    }
  }

  func lost(_ count: Int, fromClient: Bool, at: Timestamp) {
    switch self {
    case .amqp(let session): session.lost(count, fromClient: fromClient, at: at)
    case .kafka(let session): session.lost(count, fromClient: fromClient, at: at)
    }
  }

  func ended(client: Bool, _ end: StreamEnd, at: Timestamp) {
    switch self {
    case .amqp(let session): session.ended(client: client, end, at: at)
    case .kafka(let session): session.ended(client: client, end, at: at)
    }
  }

  /// What the connection is used for.
  var use: ConnectionUse {
    switch self {
    case .amqp(let session): session.use
    case .kafka(let session): session.use
    }
  }

  /// Bytes of the client's that the kernel held, at that place in its stream, which has passed up to `passed`. Kafka's are
  /// ignored: a connection that is held only fetches, and a member leaves on another connection.
  func peek(_ bytes: RawSpan, at place: Sequence, passed: Sequence, at: Timestamp) {
    if case .amqp(let session) = self { session.peek(bytes, at: place, passed: passed, at: at) }
  }
}

/// What the connections of one target share, by protocol.
struct ProtocolStates {
  let amqp: AMQPState
  let kafka: KafkaState

  init(key: KeyedHash.Key, ledger: Ledger) {
    amqp = AMQPState(key: key, ledger: ledger)
    kafka = KafkaState(key: key, ledger: ledger)
  }
}
