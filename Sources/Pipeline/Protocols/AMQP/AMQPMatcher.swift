/// Knows AMQP 0-9-1 by the protocol header or connection.start; joined midway, by two whole frames in a row, or one that is
/// a chunk by itself, one of them a method: the methods tell the client from the server.
///
/// Frames that both sides send are mostly acks, and mostly a consumer's: where nothing else comes, the side that sent the
/// more of them is taken for the client. That is wrong only where a publisher's confirms are all that was captured.
struct AMQPMatcher: ProtocolMatcher {
  private var first = Search()
  private var second = Search()
  private var isOut = false

  /// One side's. Positions are those in the side's stream.
  private struct Search {
    /// The first bytes may still turn out to be a beginning.
    var firstIsOpen = true
    /// Bytes of whole frames that either side could have sent.
    var ambiguous_bytes = 0
    /// Bytes looked at without success, repeated looks included.
    var work_bytes = 0
    /// Bytes from here on are without a gap.
    var fence = 0
    /// Candidates begin here or later.
    var from = 0
    var end = 0
  }

  mutating func look(_ seen: RawSpan, _ chunk: SeenChunk) -> Match {
    if isOut { return .no }
    let match = chunk.side == .first ? Self.look(&first, seen, chunk) : Self.look(&second, seen, chunk)
    switch match {
    case .more where search(chunk.side).ambiguous_bytes >= Self.ambiguousLimit_bytes: return finish()
    case .no: isOut = true
    default: break
    }
    return match
  }

  private func search(_ side: Side) -> Search { side == .first ? first : second }

  private static func look(_ search: inout Search, _ seen: RawSpan, _ chunk: SeenChunk) -> Match {
    search.end = chunk.base &+ seen.byteCount
    if !chunk.hasFirst { search.firstIsOpen = false }
    if search.firstIsOpen {
      switch begins(seen, chunk.side) {
      case .no where chunk.fromStart: return .no
      case .no: search.firstIsOpen = false
      case .more: break
      case let match: return match
      }
    }
    if let client = find(&search, seen, chunk) { return .mine(client: client) }
    return search.work_bytes >= workLimit_bytes ? .no : .more
  }

  mutating func meetGap(_ side: Side) {
    if side == .first { Self.meetGap(&first) } else { Self.meetGap(&second) }
  }

  private static func meetGap(_ search: inout Search) {
    search.firstIsOpen = false
    search.fence = search.end
    search.from = search.end
  }

  func finish() -> Match {
    if first.ambiguous_bytes == 0 && second.ambiguous_bytes == 0 { return .no }
    return .mine(client: first.ambiguous_bytes >= second.ambiguous_bytes ? .first : .second)
  }

  /// The first bytes: the protocol header ("AMQP", protocol id, major, minor, revision), or connection.start.
  private static func begins(_ seen: RawSpan, _ side: Side) -> Match {
    switch seen.begins(with: "AMQP") {
    case .unfinished: return .more
    case .match:
      guard let id = seen.be16(4), let version = seen.be16(6) else { return .more }
      // AMQP 1.0: protocol id 0 (AMQP), 2 (TLS) or 3 (SASL), then version 1.0.0 (OASIS AMQP 1.0, section 2.2 and 5).
      if version == 0, [0x0001, 0x0201, 0x0301].contains(id) { return .other(.amqp10) }
      if id == 0, version == 0x0901 { return .mine(client: side) }
      // Before it: 1 1 0 9 (0-9), 1 1 8 0 and 1 1 0 8 (0-8), 1 1 0 10 (0-10).
      return id == 0x0101 && [0x0009, 0x0800, 0x0008, 0x000a].contains(version) ? .other(.amqp08) : .no
    case .no: break
    }
    guard seen.u8(0) == AMQPFrame.method else { return .no }
    guard let channel = seen.be16(1), let size = seen.be32(3), let number = seen.be32(7) else { return .more }
    guard channel == 0, size >= 18, size <= AMQPFrame.defaultMax, number == 10 << 16 | 10 else { return .no }
    return .mine(client: side.other)
  }

  /// Which side the client is, if frames in these bytes tell.
  private static func find(_ search: inout Search, _ seen: RawSpan, _ chunk: SeenChunk) -> Side? {
    let end = seen.byteCount
    // What lies before was given up.
    let from = max(0, search.from &- chunk.base)
    search.work_bytes &+= end &- from
    var pending: Int?
    var p = from
    while p < end {
      guard chunk.base &+ p == search.fence || p == chunk.start || (p > 0 && seen.u8(p &- 1) == AMQPFrame.endOctet)
      else {
        p &+= 1
        continue
      }
      let chain = Chain(seen, at: p)
      guard chain.methods >= 1, chain.frames >= 2 || (p == chunk.start && chain.end == end) else {
        if chain.isCut, pending == nil { pending = p }
        // A start within the chain would do no better.
        p = max(p &+ 1, chain.end)
        continue
      }
      if chain.senders == .client { return chunk.side }
      if chain.senders == .server { return chunk.side.other }
      // All of it could come from either side, or no side sends all of it.
      if chain.senders == .both { search.ambiguous_bytes &+= chain.end &- p }
      p = chain.end
    }
    search.from = chunk.base &+ (pending ?? end)
    return nil
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

  /// So much of a large message can pass before the first frame.
  private static let workLimit_bytes = 4 << 20
  /// About 50 acks.
  private static let ambiguousLimit_bytes = 1_024
}
