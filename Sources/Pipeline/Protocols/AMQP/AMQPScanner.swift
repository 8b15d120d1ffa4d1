/// Finds the next frame boundary after sync was lost. In: bytes without a hole, and where chunks (TCP segments) begin and
/// end. Out: `isReady`, then the bytes from the boundary on, to be read by the decoder.
///
/// A candidate is a method frame that this side may send or a heartbeat, every byte checked (`AMQPFrame.check`). Body and
/// header frames never start one: without their method they are of no use. From there frames are chained end to start;
/// one that does not fit ends the candidate. The chain is believed when, and no sooner than,
///  1. it begins where a chunk begins and ends where one ends: a write of the sender's; or
///  2. it met the ends of two chunks, one after the other; or
///  3. it is longer than the largest frame.
/// For 1 and 2, chunks may end inside a body frame in between, as those of a large message do. A chunk that ends inside
/// another frame was not cut by the sender, and the count begins anew.
///
/// Why: message bodies can contain AMQP (recorded traffic, nested to any depth), and inside one nothing tells a false
/// frame from a true one. But the false chain breaks at the latest where the body's frame ends, so rule 3 can't be
/// deceived by one body frame, and rules 1 and 2 only where two limits of segments in a row meet those of false frames.
/// Chunks shorter than 8 bytes prove nothing.
///
/// Cost: the search never goes back, so linear in the bytes; a chain's frame is checked once. Memory: a chain that waits
/// is shorter than the largest frame (128 KiB while none was agreed), and ends in one incomplete frame (1 MiB at most);
/// dropped garbage may double it.
struct AMQPScanner: Sendable {
  /// The bytes kept: the candidate from `head` on, before it at most garbage that is dropped when it is the larger part.
  private(set) var window: [UInt8] = []
  /// Where the search or the candidate stands.
  private(set) var head = 0
  private(set) var isReady = false
  /// Where each chunk that is still in the window ends, and when it came.
  private(set) var chunks: [Chunk] = []

  struct Chunk: Sendable {
    var end: Int
    var at: Timestamp
  }

  /// End of the chain's last complete frame; nil while there is no candidate.
  private var chainEnd: Int?
  private var strictFrames = 0
  private var metEnds = 0
  private var startsChunk = false

  /// Bytes held that may yet turn out to be frames.
  var pendingCount: Int { window.count &- head }

  /// Looks at the next bytes. `opens`, `closes`: a chunk begins, ends with them. Returns how many bytes were given up.
  mutating func feed(
    _ bytes: RawSpan, at: Timestamp, opens: Bool, closes: Bool, limits: AMQPFrameLimits, senders: AMQPMethod.Senders
  ) -> Int {
    drop()
    let before = head
    let start = window.count
    bytes.withUnsafeBytes { window.append(contentsOf: $0) }
    note(at)
    let proves = bytes.byteCount >= Self.provingSize
    // Out of self, so that it can be read while the position moves.
    var held: [UInt8] = []
    swap(&held, &window)
    advance(held.span.bytes, chunkStart: opens && proves ? start : nil, limits, senders)
    swap(&held, &window)
    if closes, proves, !isReady { meetChunkEnd() }
    return head &- before
  }

  /// A gap follows. Believes a chain that begins with a chunk and holds two checked frames (a capture that cuts every
  /// packet short never shows a chunk's end).
  mutating func meetGap() {
    if chainEnd != nil, startsChunk, strictFrames >= 2 { isReady = true }
  }

  /// Nothing follows. Believes a chain of two checked frames that ends here.
  mutating func meetStreamEnd() {
    if chainEnd == window.count, metEnds >= 1, strictFrames >= 2 { isReady = true }
  }

  /// Hands out the window and forgets everything.
  mutating func takeWindow() -> [UInt8] {
    var taken: [UInt8] = []
    swap(&taken, &window)
    reset()
    return taken
  }

  /// Takes an array whose memory may be used again.
  mutating func reuse(_ array: consuming [UInt8]) {
    guard window.isEmpty, array.capacity <= Self.keptCapacity else { return }
    window = array
    window.removeAll(keepingCapacity: true)
  }

  /// Forgets everything.
  mutating func reset() {
    window.removeAll(keepingCapacity: window.capacity <= Self.keptCapacity)
    head = 0
    chunks.removeAll(keepingCapacity: true)
    isReady = false
    dropCandidate()
  }

  private mutating func advance(
    _ span: RawSpan, chunkStart: Int?, _ limits: AMQPFrameLimits, _ senders: AMQPMethod.Senders
  ) {
    while true {
      guard let end = chainEnd ?? findCandidate(span, chunkStart: chunkStart) else { return }
      switch AMQPFrame.check(
        span, at: end, senders: senders, maxSize: limits.scanSize, maxBodySize: limits.scanBodySize)
      {
      case .frame(let length, let strict):
        chainEnd = end &+ length
        if strict { strictFrames &+= 1 }
        if end &+ length &- head >= limits.proof_bytes {
          isReady = true
          return
        }
      case .partial:
        chainEnd = end
        return
      case .no:
        // Every later start on this chain would break at the same place, so go on behind it.
        head = min(end &+ 1, span.byteCount)
        dropCandidate()
      }
      if chainEnd == span.byteCount { return }
    }
  }

  /// Moves `head` to the next place where a candidate may begin; nil if there is none yet.
  private mutating func findCandidate(_ span: RawSpan, chunkStart: Int?) -> Int? {
    while let type = span.u8(head) {
      // What precedes a frame is another's end octet or, all there is, the end of the protocol header; only at the
      // window's beginning nobody knows.
      if type == AMQPFrame.method || type == AMQPFrame.heartbeat,
        head == 0 || span.u8(head &- 1) == AMQPFrame.endOctet || endsProtocolHeader(span)
      {
        startsChunk = head == chunkStart
        return head
      }
      head &+= 1
    }
    return nil
  }

  /// Whether the bytes before `head` are the protocol header's last ones.
  private func endsProtocolHeader(_ span: RawSpan) -> Bool {
    guard head < 8 else { return false }
    let header: StaticString = "AMQP\u{0}\u{0}\u{9}\u{1}"
    for i in 0..<head where span.u8(i) != header.utf8Start[8 &- head &+ i] { return false }
    return true
  }

  private mutating func meetChunkEnd() {
    guard let end = chainEnd else { return }
    if end == window.count {
      metEnds &+= 1
      if strictFrames >= 1, startsChunk || metEnds >= 2 { isReady = true }
    } else if window[end] != AMQPFrame.body {
      metEnds = 0
      startsChunk = false
    }
  }

  private mutating func dropCandidate() {
    chainEnd = nil
    strictFrames = 0
    metEnds = 0
    startsChunk = false
  }

  /// Frees what lies before `head` once it is the larger part, so that moving the rest stays cheap. One byte stays: the
  /// search looks back by one.
  private mutating func drop() {
    let garbage = head &- 1
    guard garbage > 0, garbage >= window.count / 2 else { return }
    window.removeFirst(garbage)
    head = 1
    if let end = chainEnd { chainEnd = end &- garbage }
    chunks.removeAll { $0.end <= garbage }
    for i in chunks.indices { chunks[i].end &-= garbage }
  }

  private mutating func note(_ at: Timestamp) {
    if chunks.count < Self.maxChunks {
      chunks.append(Chunk(end: window.count, at: at))
    } else {
      chunks[chunks.count - 1].end = window.count
    }
  }

  /// A shorter chunk's limits prove nothing: byte-wise writes would meet everything.
  private static let provingSize = 8
  /// More chunks than this share the last one's time.
  private static let maxChunks = 256
  /// Arrays above this are given back when sync is found.
  private static let keptCapacity = 65_536
}
