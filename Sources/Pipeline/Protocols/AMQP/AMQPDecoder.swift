/// One side of one AMQP 0-9-1 connection: bytes and gaps in, facts out (`AMQPFactSink`). A connection has two.
///
/// - In: this side's bytes once and in order, in chunks of any size; a chunk's limits (TCP segments) help to find sync
///   again. Gaps by their length.
/// - Out: every method, content header, body piece and heartbeat, as slices of the input or of one reused buffer.
///   Bodies are never copied.
/// - Loss: a gap inside a frame whose length is known is skipped by arithmetic and costs that frame only. Otherwise, and
///   where no frame stands that must stand, `AMQPScanner` looks for the next boundary; its rule is written there.
/// - Memory: one method or header frame that is cut by a chunk's end (the agreed frame_max, at most 1 MiB), and out of
///   sync the scanner's window (at most a few frames; see there). Cost: constant per frame and byte; nothing is allocated
///   per fact.
package struct AMQPDecoder: Sendable {
  /// Whose bytes these are.
  package let role: AMQPRole
  package internal(set) var counters = AMQPDecoderCounters()

  var state = State.start
  /// The beginning of a frame (state `.frame`) or of the stream (`.start`) that is cut by the chunk's end.
  var buffer: [UInt8] = []
  var limits = AMQPFrameLimits()
  var scanner = AMQPScanner()
  /// Bytes given up since sync was lost.
  var skippedSinceDesync = 0
  /// While the scanner has them: bytes of the current call that no `placed` has told yet. Always the last ones it got.
  var unplaced = 0
  /// The next bytes that are read were placed before, when they came: as many as these.
  var silent = 0

  enum State: Equatable, Sendable {
    /// Nothing was seen but a beginning too short to be told apart.
    case start
    /// At a frame's beginning, or in the frame whose beginning is in the buffer.
    case frame
    /// In a body frame; `left` payload bytes are to come, then the end octet. 0: the end octet is next.
    case body(channel: UInt16, left: Int)
    /// In a frame that is given up; `left` bytes are to come, the last of them the end octet. Never 0.
    case skip(left: Int)
    /// Out of sync.
    case scan
  }

  package init(role: AMQPRole) {
    self.role = role
  }

  /// The next bytes of this side. `bytes` is read only during the call.
  package mutating func receive(_ bytes: RawSpan, at: Timestamp, into sink: some AMQPFactSink) {
    counters.receivedBytes &+= UInt64(bytes.byteCount)
    var i = 0
    while i < bytes.byteCount || scanner.isReady {
      if scanner.isReady {
        replay(at: at, into: sink)
      } else if state == .scan {
        let end = min(i &+ Self.slice, bytes.byteCount)
        let slice = bytes.extracting(unchecked: i..<end)
        unplaced &+= slice.byteCount
        scan(slice, at: at, opens: i == 0, closes: end == bytes.byteCount)
        i = end
      } else {
        i = read(bytes, from: i, at: at, into: sink)
      }
    }
    if unplaced > 0 {
      sink.placed(.unknown, count: unplaced, frame: RawSpan())
      unplaced = 0
    }
  }

  /// The next `count` bytes of this side will never come; 0 if nobody knows how many.
  package mutating func lost(_ count: Int, at: Timestamp, into sink: some AMQPFactSink) {
    counters.gaps &+= 1
    counters.lostBytes &+= UInt64(max(count, 0))
    if state == .scan {
      scanner.meetGap()
      if scanner.isReady { replay(at: at, into: sink) }
    }
    cross(max(count, 0), at: at, into: sink)
  }

  /// This side's stream is over: facts that waited for more evidence come now or never.
  package mutating func finish(at: Timestamp, into sink: some AMQPFactSink) {
    if state == .scan {
      scanner.meetStreamEnd()
      if scanner.isReady { replay(at: at, into: sink) }
    }
    giveUp(buffer.count &+ scanner.pendingCount)
    buffer.removeAll()
    scanner.reset()
  }

  /// The largest frame that both sides agreed on (tune-ok's `frameMax_bytes`; 0: no limit). A decoder takes it from its
  /// own side's tune or tune-ok; by this the other side's can be told.
  package mutating func limitFrames(to frameMax_bytes: UInt32) {
    limits.agreed_bytes = Int(frameMax_bytes)
  }

  /// It knows where frames begin.
  var isInSync: Bool { state != .start && state != .scan }

  /// Bytes received that are neither understood nor given up yet.
  package var pendingBytes: Int { buffer.count &+ scanner.pendingCount }

  /// The scanner gets at most this many bytes at once, which bounds what it holds.
  private static let slice = 32_768
}
