/// One queue of a virtual host, and what is known of it.
final class AMQPQueue {
  let name: String
  let nameBytes: [UInt8]
  /// Its consumer group, once somebody of the target consumes it. The ledger may have dropped it since.
  var group: GroupID?
  /// Consumers that read it, or still hold deliveries of it.
  var readers = 0
  /// Somebody spoke of it lately.
  var wasNamed = true
  /// Nil until a declaration passed.
  private(set) var declaration: Declaration?
  /// A message came back with an expired x-death entry: its dead letters wait and return.
  var returnsAfterWaiting = false
  /// Consumed queues that messages came back to after they had waited here.
  var returnedTo: [String] = []
  /// Names of queues that are known to return messages to this one.
  var knownWaiting: [[UInt8]] = []
  /// Where its messages were published to: exchange and routing key, the latest kinds.
  private var sources: [(hash: UInt64, exchange: String, key: String)] = []
  private var lastSource: UInt64 = 0
  var rejection = Rejection.final
  /// Version of the topology that `rejection` was worked out from.
  var rejectionVersion = UInt64.max

  /// Where rejected messages end up, as far as can be known.
  enum Rejection {
    /// They are gone, or in a queue that keeps them.
    case final
    /// They wait and come back: a retry.
    case delayed
    /// They come back at once.
    case itself
    /// There is a dead-letter exchange, but what it leads to was not seen.
    case unknown
  }

  init(name: String) {
    self.name = name
    nameBytes = Array(name.utf8)
  }

  var isStream: Bool { declaration?.isStream ?? false }

  /// The dead-letter destination's name, for people.
  var deadLetterTarget: String? {
    guard let exchange = declaration?.deadLetterExchange else { return nil }
    let key = declaration?.deadLetterRoutingKey ?? ""
    if exchange.isEmpty { return key.isEmpty ? nil : key }
    return key.isEmpty ? exchange : exchange + ":" + key
  }

  /// A message came by this exchange and key; `hash` is of both. Answers whether that is new.
  func noteSource(_ hash: UInt64, _ exchange: Text, _ key: Text, in frame: RawSpan) -> Bool {
    guard hash != lastSource, !exchange.isEmpty else { return false }
    lastSource = hash
    guard sources.count < Self.sourceBound, !sources.contains(where: { $0.hash == hash }) else { return false }
    sources.append((hash, exchange.string(in: frame), key.string(in: frame)))
    return true
  }

  /// Messages were seen to come through that exchange.
  func gets(from exchange: String) -> Bool { sources.contains { $0.exchange == exchange } }

  func gets(_ exchange: String, _ key: String) -> Bool {
    sources.contains { $0.exchange == exchange && $0.key == key }
  }

  private static let sourceBound = 64

  func declare(_ declaration: Declaration) { self.declaration = declaration }

  /// It was deleted: one of that name that is declared anew may be another one.
  func forgetDeclaration() {
    declaration = nil
    returnsAfterWaiting = false
    returnedTo = []
    knownWaiting = []
    sources = []
    lastSource = 0
  }

  /// A binding to that exchange is gone. What still comes by it is noted anew.
  func forgetSources(by exchange: String) {
    sources.removeAll { $0.exchange == exchange }
    lastSource = 0
  }
}

extension AMQPQueue {
  /// Arguments of a queue.declare that was not passive (RabbitMQ documentation, "Optional Arguments").
  struct Declaration {
    var isStream = false
    var isQuorum = false
    var deadLetterExchange: String?
    var deadLetterRoutingKey: String?
    var messageTTL_ms: Int64?
    /// Returns that a message survives (`x-delivery-limit`, quorum queues).
    var deliveryLimit: Int64?

    init(_ arguments: Text, in frame: RawSpan, brokerMajor: Int) {
      var table = AMQPTable(entries: arguments)
      while let (key, value) = table.next(in: frame) {
        switch value {
        case .string(let text):
          if key.equals("x-dead-letter-exchange", in: frame) { deadLetterExchange = text.string(in: frame) }
          if key.equals("x-dead-letter-routing-key", in: frame) { deadLetterRoutingKey = text.string(in: frame) }
          if key.equals("x-queue-type", in: frame) {
            isStream = text.equals("stream", in: frame)
            isQuorum = text.equals("quorum", in: frame)
          }
        case .int(let number):
          if key.equals("x-message-ttl", in: frame) { messageTTL_ms = number }
          if key.equals("x-delivery-limit", in: frame) { deliveryLimit = number }
        default: break
        }
      }
      // From 4.0 on a quorum queue has a limit of 20 unless it says otherwise; -1 lifts it.
      if isQuorum, deliveryLimit == nil, brokerMajor >= 4 { deliveryLimit = 20 }
      if let limit = deliveryLimit, limit < 0 { deliveryLimit = nil }
    }
  }
}
