/// Requests of one connection that wait for their answers, oldest first. Brokers answer in order, so the oldest is nearly
/// always the one; but nothing here depends on it.
///
/// Bounded: `limit` requests, `bodiesLimit` bytes of those whose answer needs them. Past that the newest is refused, since
/// the oldest are answered next.
struct KafkaInFlight: Sendable {
  struct Entry: Sendable {
    var exchange: KafkaExchange
    /// A SASL token without Kafka's headers; answered by another one.
    var isToken = false
    /// Its bytes were followed to the end; if not, its answer can't be read where it needs them.
    var isWhole = false
    var terms: KafkaFetchTerms?
    /// Behind the client id: kept where the answer needs it.
    var body = KafkaKeptBytes()
    /// Answered, and to be removed.
    fileprivate var isDone = false
    /// How many answers went past it.
    fileprivate var passed: UInt8 = 0
  }

  private var entries: [Entry] = []
  private var head = 0
  private var bodyBytes = 0
  private var spareBodies: [KafkaKeptBytes] = []

  var count: Int { entries.count &- head }
  var isEmpty: Bool { count == 0 }
  var heldBytes: Int { bodyBytes }

  /// The next answer is a token's.
  var expectsToken: Bool { head < entries.count && entries[head].isToken }

  /// False: there are too many.
  mutating func append(_ exchange: KafkaExchange, isToken: Bool = false) -> Bool {
    guard count < Self.limit else { return false }
    if head > 64, head >= entries.count / 2 {
      entries.removeFirst(head)
      head = 0
    }
    let body = spareBodies.popLast() ?? KafkaKeptBytes()
    entries.append(Entry(exchange: exchange, isToken: isToken, isWhole: isToken, body: body))
    return true
  }

  /// Adds to the newest request's body. False: it is too long, or all together are.
  mutating func keep(_ bytes: RawSpan) -> Bool {
    guard let last = entries.indices.last, last >= head,
      entries[last].body.count &+ bytes.byteCount <= Self.bodyLimit,
      bodyBytes &+ bytes.byteCount <= Self.bodiesLimit
    else { return false }
    entries[last].body.append(bytes)
    bodyBytes &+= bytes.byteCount
    return true
  }

  /// The newest request was followed to its end.
  mutating func complete(_ terms: KafkaFetchTerms?) {
    guard let last = entries.indices.last, last >= head else { return }
    entries[last].isWhole = true
    entries[last].terms = terms
  }

  /// The newest request will not be answered.
  mutating func dropNewest() {
    guard let last = entries.indices.last, last >= head else { return }
    bodyBytes &-= entries[last].body.count
    var body = KafkaKeptBytes()
    swap(&body, &entries[last].body)
    reuse(&body)
    entries.removeLast()
  }

  /// The request that waits for an answer with this correlation id.
  func find(_ correlation: Int32) -> KafkaExchange? { index(of: correlation).map { entries[$0].exchange } }

  /// The same; it is in flight no longer.
  mutating func take(_ correlation: Int32) -> Entry? {
    guard let index = index(of: correlation) else { return nil }
    return take(at: index)
  }

  private func index(of correlation: Int32) -> Int? {
    for i in head..<entries.count
    where entries[i].exchange.correlation == correlation && !entries[i].isDone && !entries[i].isToken {
      return i
    }
    return nil
  }

  mutating func takeToken() { if expectsToken { _ = take(at: head) } }

  /// Takes a body, whose memory may be used again.
  mutating func reuse(_ body: inout KafkaKeptBytes) {
    guard spareBodies.count < 8, !body.storage.isEmpty, body.storage.count <= Self.spareCapacity else { return }
    body.clear(keeping: Self.spareCapacity)
    spareBodies.append(body)
    body = KafkaKeptBytes()
  }

  private mutating func take(at index: Int) -> Entry {
    // Part by part: a copy of the entry would share its body for a moment.
    var entry = Entry(
      exchange: entries[index].exchange, isToken: entries[index].isToken, isWhole: entries[index].isWhole,
      terms: entries[index].terms)
    swap(&entry.body, &entries[index].body)
    bodyBytes &-= entry.body.count
    entries[index].isDone = true
    for i in head..<index where entries[i].passed < .max { entries[i].passed &+= 1 }
    // Behind those that answers have long gone past lies what is still answered.
    while head < entries.count, entries[head].isDone || entries[head].passed >= Self.passedLimit {
      if entries[head].body.count > 0 {
        bodyBytes &-= entries[head].body.count
        entries[head].body = KafkaKeptBytes()
      }
      head &+= 1
    }
    return entry
  }

  static let limit = 1_024
  static let bodyLimit = 524_288
  static let bodiesLimit = 1 << 20
  private static let spareCapacity = 4_096
  private static let passedLimit: UInt8 = 64
}
