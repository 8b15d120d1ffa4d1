/// What a protocol's session knows of a message when it has reached its consumer.
struct Arrival {
  /// Index in `Ledger.groups`.
  var group: Int32
  var consumer: Int32
  var at: Timestamp
  /// Keyed hash that is the same for every delivery of this message.
  var message: UInt64
  /// The hash is of an id that the publisher gave, not of what the message looks like.
  var hasOwnID = false
  /// Keyed hash of the body's first bytes and its length.
  var body: UInt64 = 0
  /// The broker marked it as delivered before.
  var redelivered = false
  /// The how-manieth try it is by the wire's own count; nil if the wire has none.
  var attempt: Int32?
  var attemptSource = AttemptSource.ownTable
  /// The wire's count misses some returns (a classic queue's requeue leaves no header): the own table may know better.
  var attemptIsMinimum = false
  /// The wire tells at most how often it was tried (`x-acquired-count` counts deliveries that nobody tried, too).
  var attemptBound: Int32?
  /// When it was enqueued by the wire, and how far that moment may lie in the consumer's future without being skewed.
  var enqueued: Timestamp?
  var enqueuedResolution_ns: Int64 = 0
  var delaySource = DelaySource.firstSeen
  /// Time that it spent waiting on purpose.
  var deliberate_ns: Int64 = 0
  /// One more return exceeds the queue's delivery limit.
  var isLastAttempt = false
  /// The protocol knows by itself which messages came before (Kafka's offsets): the own table is spared.
  var isSelfTracked = false
  /// Of a self-tracked one: it was acknowledged before.
  var isDuplicate = false
}

/// Where attempts come from.
struct AttemptSource: OptionSet {
  let rawValue: UInt8
  static let deliveryCount = AttemptSource(rawValue: 1)
  static let death = AttemptSource(rawValue: 2)
  static let ownTable = AttemptSource(rawValue: 4)
  static let acquiredCount = AttemptSource(rawValue: 8)
  /// Kafka: returns to exactly that offset.
  static let seekBack = AttemptSource(rawValue: 16)
  /// Kafka's share groups: what the broker counts.
  static let shareCount = AttemptSource(rawValue: 32)
  /// Kafka: what a retry topic's headers count.
  static let retryHeader = AttemptSource(rawValue: 64)

  /// As the report writes it.
  var name: String {
    var names: [String] = []
    if contains(.deliveryCount) { names.append("x-delivery-count") }
    if contains(.death) { names.append("x-death") }
    if contains(.acquiredCount) { names.append("x-acquired-count") }
    if contains(.seekBack) { names.append("seek_back") }
    if contains(.shareCount) { names.append("delivery_count") }
    if contains(.retryHeader) { names.append("retry_headers") }
    if contains(.ownTable) || isEmpty { names.append("redelivered") }
    return names.joined(separator: "+")
  }
}

/// Where the moment of enqueueing comes from, best first.
enum DelaySource: UInt8, Comparable {
  case timestampInMs, logAppendTime, createTime, timestamp, firstSeen

  static func < (a: Self, b: Self) -> Bool { a.rawValue < b.rawValue }

  var name: String {
    switch self {
    case .timestampInMs: "timestamp_in_ms"
    case .logAppendTime: "LogAppendTime"
    case .createTime: "CreateTime"
    case .timestamp: "timestamp"
    case .firstSeen: "first_seen"
    }
  }
}
