/// Tells a recorder which bytes of one side of an AMQP connection are secret: message bodies, the responses of start-ok
/// and secure-ok, update-secret's secret, and every byte that can't be placed (out of sync). Lengths stay: zeroing the
/// ranges leaves a stream that decodes to the same facts.
///
/// Streaming: each chunk is judged at once, alone by what came before. Built on the decoder, so both agree on what a byte
/// is. One difference is left: frames whose place is proven only by a later chunk are secret, though the live decoder
/// reads them then. Memory: the decoder's.
package struct AMQPRedactor {
  private var decoder: AMQPDecoder
  private let finder = SecretFinder()

  package init(role: AMQPRole) {
    decoder = AMQPDecoder(role: role)
  }

  /// The next chunk, as the decoder gets it; `secrets` tells about it afterwards.
  package mutating func receive(_ bytes: RawSpan) {
    finder.begin()
    decoder.receive(bytes, at: .zero, into: finder)
  }

  /// The next `count` bytes will never come (0: nobody knows how many).
  package mutating func lost(_ count: Int) {
    finder.begin()
    decoder.lost(count, at: .zero, into: finder)
  }

  /// As told to the side's decoder by `limitFrames`.
  package mutating func limitFrames(to frameMax_bytes: UInt32) {
    decoder.limitFrames(to: frameMax_bytes)
  }

  /// The secret ranges of the last chunk: byte offsets in it, ascending, apart from each other.
  package var secrets: [Range<Int>] { finder.secrets }
}

/// Learns from the decoder where bytes lie.
private final class SecretFinder: AMQPFactSink {
  private(set) var secrets: [Range<Int>] = []
  private var position = 0

  func begin() {
    secrets.removeAll(keepingCapacity: true)
    position = 0
  }

  func placed(_ place: AMQPPlace, count: Int, frame: RawSpan) {
    let chunk = position..<position &+ count
    position = chunk.upperBound
    switch place {
    case .envelope: break
    case .body, .unknown: add(chunk)
    case .method:
      let secret = Self.secret(of: frame)
      let lower = max(secret.lowerBound, frame.byteCount &- count)
      let upper = min(secret.upperBound, frame.byteCount)
      guard lower < upper else { return }
      // From the payload's offsets to the chunk's.
      let shift = chunk.upperBound &- frame.byteCount
      add(lower &+ shift..<upper &+ shift)
    }
  }

  /// Where the secret of a method lies, in its payload; may reach beyond what is there. A length always precedes what it
  /// measures, so the beginning of a payload tells enough about that beginning.
  private static func secret(of payload: RawSpan) -> Range<Int> {
    guard let number = payload.be32(0) else { return 0..<0 }
    var offset = 4
    switch number {
    case 10 << 16 | 11:
      guard let properties = payload.be32(offset) else { return 0..<0 }
      offset &+= 4 &+ Int(properties)
      guard let mechanism = payload.u8(offset) else { return 0..<0 }
      offset &+= 1 &+ Int(mechanism)
    case 10 << 16 | 21, 10 << 16 | 70: break
    default: return 0..<0
    }
    guard let length = payload.be32(offset) else { return 0..<0 }
    return offset &+ 4..<offset &+ 4 &+ Int(length)
  }

  private func add(_ range: Range<Int>) {
    guard !range.isEmpty else { return }
    if let last = secrets.last, last.upperBound == range.lowerBound {
      secrets[secrets.count - 1] = last.lowerBound..<range.upperBound
    } else {
      secrets.append(range)
    }
  }

  func protocolHeader(major: UInt8, minor: UInt8, revision: UInt8, at: Timestamp) {}
  func method(_ method: AMQPMethod, channel: UInt16, in frame: RawSpan, at: Timestamp) {}
  func contentHeader(_ header: AMQPContentHeader, channel: UInt16, in frame: RawSpan, at: Timestamp) {}
  func body(_ bytes: RawSpan, channel: UInt16, at: Timestamp) {}
  func bodyFrameEnded(channel: UInt16, at: Timestamp) {}
  func heartbeat(at: Timestamp) {}
  func lost(_ loss: AMQPLoss, bytes: Int, at: Timestamp) {}
}
