/// Gaps, loss of sync, and its recovery.
extension AMQPDecoder {
  /// A gap of `count` bytes (0: unknown) begins here.
  mutating func cross(_ count: Int, at: Timestamp, into sink: some AMQPFactSink) {
    switch state {
    case .body(let channel, let left) where count > 0 && count <= left &+ 1:
      if left > 0 { sink.lost(.body(channel: channel), bytes: min(count, left), at: at) }
      if count == left &+ 1 {
        sink.bodyFrameEnded(channel: channel, at: at)
        state = .frame
      } else {
        state = .body(channel: channel, left: left &- count)
      }
    case .body(let channel, let left):
      // Longer than the frame: the frame at least is known to its end.
      if count > 0 {
        if left > 0 { sink.lost(.body(channel: channel), bytes: left, at: at) }
        sink.bodyFrameEnded(channel: channel, at: at)
      }
      loseSync(.gap, gap: count, at: at, into: sink)
    case .skip(let left) where count > 0 && count <= left:
      state = count == left ? .frame : .skip(left: left &- count)
    case .frame where count > 0 && buffer.count >= AMQPFrame.headerSize:
      let size = Int(buffer.span.bytes.be32(3) ?? 0)
      let left = size &+ AMQPFrame.overhead &- buffer.count
      guard count <= left else { fallthrough }
      let type = buffer[0]
      let channel = buffer.span.bytes.be16(1) ?? 0
      giveUp(buffer.count)
      buffer.removeAll(keepingCapacity: true)
      if type != AMQPFrame.heartbeat { breakFrame(channel, length: size &+ AMQPFrame.overhead, at: at, into: sink) }
      state = count == left ? .frame : .skip(left: left &- count)
    default:
      loseSync(.gap, gap: count, at: at, into: sink)
    }
  }

  /// Starts the search for the next frame. What is buffered or waits in the scanner is given up.
  mutating func loseSync(_ cause: AMQPDesync, gap: Int, at: Timestamp, into sink: some AMQPFactSink) {
    giveUp(buffer.count &+ scanner.pendingCount)
    buffer.removeAll(keepingCapacity: true)
    scanner.reset()
    guard state != .scan else { return }
    state = .scan
    skippedSinceDesync = 0
    counters.desyncs &+= 1
    sink.lost(.outOfSync(cause), bytes: gap, at: at)
  }

  /// The buffered frame is none: sync is lost, and its bytes but the first are searched again. Those that came with the
  /// current chunk are placed already.
  mutating func loseSyncInBuffer(_ cause: AMQPDesync, at: Timestamp, into sink: some AMQPFactSink) {
    var bytes: [UInt8] = []
    swap(&bytes, &buffer)
    loseSync(cause, gap: 0, at: at, into: sink)
    let first = cause == .joinedMidway ? 0 : 1
    giveUp(first)
    scan(bytes.span.bytes.extracting(droppingFirst: first), at: at, opens: false, closes: false)
    bytes.removeAll(keepingCapacity: true)
    swap(&bytes, &buffer)
  }

  mutating func scan(_ bytes: RawSpan, at: Timestamp, opens: Bool, closes: Bool) {
    giveUp(
      scanner.feed(
        bytes, at: at, opens: opens, closes: closes, limits: limits, senders: AMQPMethod.Senders(role)))
  }

  /// Sync is found: reads what the scanner kept from the boundary on, each chunk with its own time.
  mutating func replay(at: Timestamp, into sink: some AMQPFactSink) {
    let pending = scanner.pendingCount
    let garbage = unplaced &- pending
    if garbage > 0 { sink.placed(.unknown, count: garbage, frame: RawSpan()) }
    silent = max(0, pending &- unplaced)
    unplaced = 0

    let chunks = scanner.chunks
    var i = scanner.head
    let window = scanner.takeWindow()
    counters.resyncs &+= 1
    sink.lost(.resynchronised, bytes: skippedSinceDesync, at: at)
    state = .frame
    for chunk in chunks {
      while i < chunk.end, state != .scan {
        i = read(window.span.bytes.extracting(first: chunk.end), from: i, at: chunk.at, into: sink)
      }
    }
    if state == .scan {
      // Only a limit that the replayed frames themselves set can break them again.
      giveUp(window.count &- i &+ scanner.pendingCount)
      scanner.reset()
      let loud = window.count &- i &- silent
      if loud > 0 { sink.placed(.unknown, count: loud, frame: RawSpan()) }
    } else {
      skippedSinceDesync = 0
      scanner.reuse(window)
    }
    silent = 0
  }

  /// One method or header frame is missing; what of it was seen has been counted.
  mutating func breakFrame(_ channel: UInt16, length: Int, at: Timestamp, into sink: some AMQPFactSink) {
    counters.brokenFrames &+= 1
    sink.lost(.frame(channel: channel), bytes: length, at: at)
  }

  mutating func giveUp(_ count: Int) {
    counters.skippedBytes &+= UInt64(count)
    skippedSinceDesync &+= count
  }
}
