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
  /// Number of this try, counted from 1, from a header that counts tries by its name; 0 without one.
  var toldAttempt: Int32 = 0
  /// The broker marked it as delivered before.
  var redelivered = false
  /// The how-manieth try it is by the wire's own count; nil if the wire has none.
  var attempt: Int32?
  var attemptSource = AttemptSource.ownTable
  /// The wire's count misses some returns (a classic queue's requeue leaves no header): the own table may know better.
  var attemptIsMinimum = false
  /// Upper bound of the attempt and its source, where the wire's count includes deliveries that were not tried.
  var attemptBound: Int32?
  var attemptBoundSource: AttemptSource = []
  /// When it was enqueued by the wire, and how far that moment may lie in the consumer's future without being skewed.
  var enqueued: Timestamp?
  var enqueuedResolution_ns: Int64 = 0
  var delaySource = DelaySource.firstSeen
  /// Time that it spent waiting on purpose.
  var deliberate_ns: Int64 = 0
  /// One more return exceeds the queue's delivery limit.
  var isLastAttempt = false
  /// The protocol knows by itself which messages came before (offsets): the own table is spared.
  var isSelfTracked = false
  /// Of a self-tracked one: it was acknowledged before.
  var isDuplicate = false
}

/// Where attempts come from. Each protocol has up to seven sources of its own, which `BrokerProtocol.attemptSources` names by
/// bit.
struct AttemptSource: OptionSet {
  let rawValue: UInt16
  /// The own table of messages: the wire marks a repeat, and counts nothing.
  static let ownTable = AttemptSource(rawValue: 128)
  /// Copies of it that this target has published.
  static let copies = AttemptSource(rawValue: 256)
  /// A header whose name says that it counts tries.
  static let counter = AttemptSource(rawValue: 512)

  /// As the report writes it.
  func name(_ names: [String]) -> String {
    var found = names.indices.filter { rawValue & 1 << UInt16($0) != 0 }.map { names[$0] }
    if contains(.copies) { found.append("copies") }
    if contains(.counter) { found.append("counter") }
    if contains(.ownTable) || isEmpty { found.append("redelivered") }
    return found.joined(separator: "+")
  }
}

/// Where the moment of enqueueing comes from, best first: a place in `BrokerProtocol.delaySources`.
struct DelaySource: Comparable {
  let rank: UInt8
  /// Nothing on the wire tells: since the message was first seen here.
  static let firstSeen = DelaySource(rank: .max)

  static func < (a: Self, b: Self) -> Bool { a.rank < b.rank }

  func name(_ names: [String]) -> String { self == .firstSeen ? "first_seen" : names[Int(rank)] }
}
