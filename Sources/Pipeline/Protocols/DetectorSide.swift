/// One side of a connection whose protocol is not known yet: its last bytes, and what was found in them.
struct DetectorSide: Sendable {
  /// The last bytes of this side, without the gaps between them.
  private(set) var kept: [UInt8] = []
  /// Bytes of whole frames that either side could have sent.
  private(set) var ambiguous_bytes = 0
  /// Looked at without success, repeated looks included.
  private(set) var work_bytes = 0

  /// Whether the first bytes may still say more.
  private var firstIsOpen = true
  /// Of a chunk that may have begun with a part of a Kafka request.
  private var kafkaClientID: [UInt8]?
  /// Bytes from here on are without a gap.
  private var fence = 0
  /// Candidates begin here or later.
  private var from = 0

  enum Finding: Equatable {
    case nothing, client, server
    /// This side sends Kafka's requests.
    case kafkaClient
    case other(Undecoded)
  }

  /// Adds a chunk and looks for a protocol.
  mutating func receive(_ bytes: RawSpan, fromStart: Bool) -> Finding {
    let chunkStart = kept.count
    bytes.withUnsafeBytes { kept.append(contentsOf: $0) }
    if firstIsOpen {
      switch FirstBytes(kept.span.bytes) {
      case .amqpHeader: return .client
      case .amqpStart: return .server
      case .kafkaRequest: return .kafkaClient
      case .other(let reason): return .other(reason)
      case .unfinished: break
      case .proxyHeader: firstIsOpen = false
      case .nothing:
        firstIsOpen = false
        if fromStart { return .other(.notABroker) }
      }
    }
    if beginsKafkaRequest(chunkStart) { return .kafkaClient }
    return search(chunkStart: chunkStart)
  }

  /// In the middle of a connection: a chunk that is a Kafka request and nothing else, or the second one that begins with
  /// a longer one of the same client's. Without a client id (kafka-go's producers have none) it is one that clients begin
  /// with, or one of records.
  private mutating func beginsKafkaRequest(_ start: Int) -> Bool {
    guard kept[start] == 0, case .request(let request) = KafkaTrial(kept.span.bytes, at: start) else { return false }
    if request.size == kept.count &- start { return request.hasClientID || request.opens || request.isNamelessProduce }
    guard request.size > kept.count &- start, request.hasClientID || request.isNamelessProduce else { return false }
    defer { kafkaClientID = request.clientID }
    return kafkaClientID == request.clientID
  }

  /// What comes next does not follow what was kept.
  mutating func meetGap() {
    firstIsOpen = false
    fence = kept.count
    from = kept.count
  }

  /// Forgets the first `count` kept bytes.
  mutating func trim(_ count: Int) {
    guard count > 0 else { return }
    kept.removeFirst(min(count, kept.count))
    firstIsOpen = false
    fence = max(0, fence &- count)
    from = max(0, from &- count)
  }

  mutating func dropLast(_ count: Int) {
    kept.removeLast(min(count, kept.count))
  }

  private mutating func search(chunkStart: Int) -> Finding {
    let end = kept.count
    work_bytes &+= end &- from
    var pending: Int?
    var p = from
    while p < end {
      guard p == fence || p == chunkStart || kept[p &- 1] == AMQPFrame.endOctet else {
        p &+= 1
        continue
      }
      let chain = Chain(kept.span.bytes, at: p)
      guard chain.methods >= 1, chain.frames >= 2 || (p == chunkStart && chain.end == end) else {
        if chain.isCut, pending == nil { pending = p }
        // A start within the chain would do no better.
        p = max(p &+ 1, chain.end)
        continue
      }
      if chain.senders == .client { return .client }
      if chain.senders == .server { return .server }
      // All of it could come from either side, or nobody sends all of it.
      if chain.senders == .both { ambiguous_bytes &+= chain.end &- p }
      p = chain.end
    }
    from = pending ?? end
    return .nothing
  }

  /// Whole frames, end to start.
  private struct Chain {
    var end: Int
    var frames = 0
    var methods = 0
    var senders = AMQPMethod.Senders.both
    /// The bytes end within the next frame.
    var isCut = false

    init(_ span: RawSpan, at start: Int) {
      end = start
      while end < span.byteCount {
        switch AMQPFrame.check(
          span, at: end, senders: .both, maxSize: AMQPFrame.defaultMax, maxBodySize: AMQPFrame.hardMax)
        {
        case .no: return
        case .partial:
          isCut = true
          return
        case .frame(let length, _):
          frames &+= 1
          if span.u8(end) == AMQPFrame.method {
            methods &+= 1
            senders.formIntersection(AMQPMethod.senders(of: span.be32(end &+ AMQPFrame.headerSize) ?? 0))
          }
          end &+= length
        }
      }
    }
  }
}
