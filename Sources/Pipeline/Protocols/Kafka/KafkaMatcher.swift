/// Knows Kafka by its client's requests: by the first bytes, or, joined midway, by a chunk that is a request.
struct KafkaMatcher: ProtocolMatcher {
  private var first = Search()
  private var second = Search()
  private var isOut = false

  private struct Search {
    /// The first bytes may still turn out to be a request.
    var firstIsOpen = true
    var looked_bytes = 0
    /// Client id of a chunk that may have begun with a part of a request.
    var clientID: [UInt8]?
  }

  mutating func look(_ seen: RawSpan, _ chunk: SeenChunk) -> Match {
    if isOut { return .no }
    let match = chunk.side == .first ? Self.look(&first, seen, chunk) : Self.look(&second, seen, chunk)
    if match == .no { isOut = true }
    return match
  }

  private static func look(_ search: inout Search, _ seen: RawSpan, _ chunk: SeenChunk) -> Match {
    search.looked_bytes &+= seen.byteCount &- chunk.start
    if !chunk.hasFirst { search.firstIsOpen = false }
    if search.firstIsOpen {
      switch begins(seen) {
      case .mine: return .mine(client: chunk.side)
      case .no where chunk.fromStart: return .no
      case .no: search.firstIsOpen = false
      default: break
      }
    }
    if isRequest(&search, seen, at: chunk.start) { return .mine(client: chunk.side) }
    return search.looked_bytes >= limit_bytes ? .no : .more
  }

  /// The first bytes of a side. Without a client id it is a request that clients begin with.
  private static func begins(_ seen: RawSpan) -> Match {
    // Below 16 MiB: above it the first byte could be the type of an AMQP frame.
    guard seen.u8(0) == 0 else { return .no }
    guard let size = seen.be32(0), seen.byteCount >= 8 else { return .more }
    guard size >= 8, size < 16_777_216 else { return .no }
    return switch KafkaTrial(seen, at: 0) {
    case .no: .no
    case .unfinished: .more
    case .request(let request): request.hasClientID || request.opens ? .mine(client: .first) : .no
    }
  }

  /// In the middle of a connection: a chunk that is a request and nothing else, or the second one that begins with a longer
  /// one of the same client's. Without a client id (kafka-go's producers have none) it is one that clients begin with, or
  /// one of records.
  private static func isRequest(_ search: inout Search, _ seen: RawSpan, at start: Int) -> Bool {
    guard seen.u8(start) == 0, case .request(let request) = KafkaTrial(seen, at: start) else { return false }
    let count = seen.byteCount &- start
    if request.size == count { return request.hasClientID || request.opens || request.isNamelessProduce }
    guard request.size > count, request.hasClientID || request.isNamelessProduce else { return false }
    defer { search.clientID = request.clientID }
    return search.clientID == request.clientID
  }

  mutating func meetGap(_ side: Side) {
    if side == .first { first.firstIsOpen = false } else { second.firstIsOpen = false }
  }

  func finish() -> Match { .no }

  /// So much of a large message's records can pass before the first request.
  private static let limit_bytes = 4 << 20
}
