/// Reading frames while in sync.
extension AMQPDecoder {
  /// Reads from `start` until the bytes end or sync is lost; returns where it stopped.
  mutating func read(_ bytes: RawSpan, from start: Int, at: Timestamp, into sink: some AMQPFactSink) -> Int {
    var i = start
    while i < bytes.byteCount {
      switch state {
      case .frame where buffer.isEmpty:
        i = readFrames(bytes, from: i, at: at, into: sink)
      case .frame:
        i = completeFrame(bytes, from: i, at: at, into: sink)
      case .body(let channel, let left):
        i = readBody(bytes, from: i, channel: channel, left: left, at: at, into: sink)
      case .skip(let left):
        i = skipFrame(bytes, from: i, left: left, at: at, into: sink)
      case .start:
        i = readStart(bytes, from: i, at: at, into: sink)
      case .scan:
        return i
      }
    }
    return i
  }

  /// Frames that lie whole in `bytes`, in place, until one does not.
  private mutating func readFrames(
    _ bytes: RawSpan, from start: Int, at: Timestamp, into sink: some AMQPFactSink
  ) -> Int {
    var i = start
    let maxSize = limits.maxSize
    while true {
      guard bytes.byteCount &- i >= AMQPFrame.headerSize, let type = bytes.u8(i), let channel = bytes.be16(i &+ 1),
        let size32 = bytes.be32(i &+ 3)
      else { return i == bytes.byteCount ? i : hold(bytes, from: i, into: sink) }
      let size = Int(size32)
      guard accepts(type, size: size, maxSize: maxSize) else {
        loseSync(.malformed, gap: 0, at: at, into: sink)
        return i
      }
      let payload = i &+ AMQPFrame.headerSize
      guard let end = bytes.u8(payload &+ size) else {
        return begin(type, channel, size: size, in: bytes, from: i, at: at, into: sink)
      }
      guard end == AMQPFrame.endOctet else {
        loseSync(.malformed, gap: 0, at: at, into: sink)
        return i
      }
      let content = bytes.extracting(unchecked: payload..<payload &+ size)
      place(type, header: AMQPFrame.headerSize, content, new: size, end: 1, into: sink)
      frame(type, channel, content, at: at, into: sink)
      i = payload &+ size &+ 1
      if limits.maxSize != maxSize { return i }
    }
  }

  /// A frame's header is known, its end is not in `bytes`: decides how to go on with it.
  private mutating func begin(
    _ type: UInt8, _ channel: UInt16, size: Int, in bytes: RawSpan, from i: Int, at: Timestamp,
    into sink: some AMQPFactSink
  ) -> Int {
    let payload = i &+ AMQPFrame.headerSize
    if type == AMQPFrame.body {
      place(type, header: AMQPFrame.headerSize, RawSpan(), new: 0, end: 0, into: sink)
      counters.frames &+= 1
      counters.understoodBytes &+= UInt64(AMQPFrame.headerSize)
      state = .body(channel: channel, left: size)
      return payload
    }
    if type != AMQPFrame.heartbeat, size > limits.keptSize {
      tell(.unknown, AMQPFrame.headerSize, RawSpan(), into: sink)
      giveUp(AMQPFrame.headerSize)
      breakFrame(channel, length: size &+ AMQPFrame.overhead, at: at, into: sink)
      state = .skip(left: size &+ 1)
      return payload
    }
    return hold(bytes, from: i, into: sink)
  }

  /// Keeps the rest of the chunk: a frame's beginning.
  private mutating func hold(_ bytes: RawSpan, from i: Int, into sink: some AMQPFactSink) -> Int {
    let rest = bytes.extracting(unchecked: i..<bytes.byteCount)
    rest.withUnsafeBytes { buffer.append(contentsOf: $0) }
    placeHeld(new: rest.byteCount, into: sink)
    return bytes.byteCount
  }

  /// Goes on with the frame whose beginning is in the buffer.
  private mutating func completeFrame(
    _ bytes: RawSpan, from i: Int, at: Timestamp, into sink: some AMQPFactSink
  ) -> Int {
    if buffer.count < AMQPFrame.headerSize {
      let next = append(bytes, from: i, upTo: AMQPFrame.headerSize)
      placeHeld(new: next &- i, into: sink)
      guard buffer.count == AMQPFrame.headerSize else { return next }
      let (type, channel, size) = Self.header(of: buffer)
      guard accepts(type, size: size, maxSize: limits.maxSize) else {
        loseSyncInBuffer(.malformed, at: at, into: sink)
        return next
      }
      if type == AMQPFrame.body {
        buffer.removeAll(keepingCapacity: true)
        counters.frames &+= 1
        counters.understoodBytes &+= UInt64(AMQPFrame.headerSize)
        state = .body(channel: channel, left: size)
      } else if size > limits.keptSize {
        buffer.removeAll(keepingCapacity: true)
        giveUp(AMQPFrame.headerSize)
        breakFrame(channel, length: size &+ AMQPFrame.overhead, at: at, into: sink)
        state = .skip(left: size &+ 1)
      }
      return next
    }
    let (type, channel, size) = Self.header(of: buffer)
    let total = size &+ AMQPFrame.overhead
    let next = append(bytes, from: i, upTo: total)
    guard buffer.count == total else {
      placeHeld(new: next &- i, into: sink)
      return next
    }
    guard buffer[total &- 1] == AMQPFrame.endOctet else {
      tell(.unknown, next &- i, RawSpan(), into: sink)
      loseSyncInBuffer(.malformed, at: at, into: sink)
      return next
    }
    placeHeld(new: next &- i, into: sink)
    // Out of self, so that it can be read while self changes.
    var held: [UInt8] = []
    swap(&held, &buffer)
    do {
      let payload = held.span.bytes.extracting(unchecked: AMQPFrame.headerSize..<total &- 1)
      frame(type, channel, payload, at: at, into: sink)
    }
    held.removeAll(keepingCapacity: held.capacity <= Self.keptCapacity)
    swap(&held, &buffer)
    return next
  }

  /// A complete frame.
  @inline(__always)
  private mutating func frame(
    _ type: UInt8, _ channel: UInt16, _ payload: RawSpan, at: Timestamp, into sink: some AMQPFactSink
  ) {
    counters.frames &+= 1
    let length = payload.byteCount &+ AMQPFrame.overhead
    var exact = true
    switch type {
    case AMQPFrame.body:
      if payload.byteCount > 0 { sink.body(payload, channel: channel, at: at) }
      sink.bodyFrameEnded(channel: channel, at: at)
    case AMQPFrame.method:
      guard let method = AMQPMethod.decode(payload, exact: &exact) else {
        giveUp(length)
        return breakFrame(channel, length: length, at: at, into: sink)
      }
      switch method {
      case .connectionTune(let tune), .connectionTuneOk(let tune): limitFrames(to: tune.frameMax_bytes)
      default: break
      }
      sink.method(method, channel: channel, in: payload, at: at)
    case AMQPFrame.header:
      guard let header = AMQPContentHeader.decode(payload, exact: &exact) else {
        giveUp(length)
        return breakFrame(channel, length: length, at: at, into: sink)
      }
      sink.contentHeader(header, channel: channel, in: payload, at: at)
    default:
      sink.heartbeat(at: at)
    }
    counters.understoodBytes &+= UInt64(length)
  }

  private mutating func readBody(
    _ bytes: RawSpan, from i: Int, channel: UInt16, left: Int, at: Timestamp, into sink: some AMQPFactSink
  ) -> Int {
    let count = min(left, bytes.byteCount &- i)
    if count > 0 {
      tell(.body, count, RawSpan(), into: sink)
      sink.body(bytes.extracting(unchecked: i..<i &+ count), channel: channel, at: at)
      counters.understoodBytes &+= UInt64(count)
      state = .body(channel: channel, left: left &- count)
    }
    guard count == left, let end = bytes.u8(i &+ count) else { return i &+ count }
    guard end == AMQPFrame.endOctet else {
      loseSync(.malformed, gap: 0, at: at, into: sink)
      return i &+ count
    }
    tell(.envelope, 1, RawSpan(), into: sink)
    counters.understoodBytes &+= 1
    state = .frame
    sink.bodyFrameEnded(channel: channel, at: at)
    return i &+ count &+ 1
  }

  private mutating func skipFrame(
    _ bytes: RawSpan, from i: Int, left: Int, at: Timestamp, into sink: some AMQPFactSink
  ) -> Int {
    let count = min(left, bytes.byteCount &- i)
    guard count == left else {
      tell(.unknown, count, RawSpan(), into: sink)
      giveUp(count)
      state = .skip(left: left &- count)
      return i &+ count
    }
    guard bytes.u8(i &+ count &- 1) == AMQPFrame.endOctet else {
      // The skipped length was no length: everything in this chunk may be frames.
      loseSync(.malformed, gap: 0, at: at, into: sink)
      return i
    }
    tell(.unknown, count, RawSpan(), into: sink)
    giveUp(count)
    state = .frame
    return i &+ count
  }

  /// Whether a frame header can be one: anything else means that sync is lost.
  @inline(__always) private func accepts(_ type: UInt8, size: Int, maxSize: Int) -> Bool {
    switch type {
    case AMQPFrame.method, AMQPFrame.header, AMQPFrame.body: size <= maxSize
    case AMQPFrame.heartbeat: size == 0
    default: false
    }
  }

  private static func header(of buffer: [UInt8]) -> (type: UInt8, channel: UInt16, size: Int) {
    let bytes = buffer.span.bytes
    return (bytes.u8(0) ?? 0, bytes.be16(1) ?? 0, Int(bytes.be32(3) ?? 0))
  }

  /// Appends to the buffer until it holds `count`; returns the next byte's place.
  mutating func append(_ bytes: RawSpan, from i: Int, upTo count: Int) -> Int {
    let next = i &+ min(max(count &- buffer.count, 0), bytes.byteCount &- i)
    bytes.extracting(unchecked: i..<next).withUnsafeBytes { buffer.append(contentsOf: $0) }
    return next
  }

  /// A buffer above this is given back after its frame.
  private static let keptCapacity = 65_536
}
