/// Telling where bytes lie. Free of cost for a sink that does not care: its `placed` is empty and inlined.
extension AMQPDecoder {
  @inline(__always)
  mutating func tell(_ place: AMQPPlace, _ count: Int, _ frame: RawSpan, into sink: some AMQPFactSink) {
    guard count > 0 else { return }
    guard silent > 0 else { return sink.placed(place, count: count, frame: frame) }
    let hushed = min(silent, count)
    silent &-= hushed
    if count > hushed { sink.placed(place, count: count &- hushed, frame: frame) }
  }

  /// The next bytes of a frame: some of its header, of its payload (`payload` is all of it so far, the last `new` bytes
  /// are the new ones), and its end octet.
  @inline(__always)
  mutating func place(
    _ type: UInt8, header: Int, _ payload: RawSpan, new: Int, end: Int, into sink: some AMQPFactSink
  ) {
    let kind: AMQPPlace = type == AMQPFrame.method ? .method : type == AMQPFrame.body ? .body : .envelope
    tell(.envelope, header, RawSpan(), into: sink)
    tell(kind, new, payload, into: sink)
    tell(.envelope, end, RawSpan(), into: sink)
  }

  /// The last `new` bytes of the buffer, which holds a frame's beginning.
  mutating func placeHeld(new: Int, into sink: some AMQPFactSink) {
    var held: [UInt8] = []
    swap(&held, &buffer)
    do {
      let bytes = held.span.bytes
      let old = held.count &- new
      let payloadEnd = bytes.be32(3).map { AMQPFrame.headerSize &+ Int($0) } ?? Int.max
      let shown = min(held.count, payloadEnd)
      let header = max(0, min(held.count, AMQPFrame.headerSize) &- old)
      let payloadNew = max(0, shown &- max(old, AMQPFrame.headerSize))
      let payload = bytes.extracting(unchecked: min(AMQPFrame.headerSize, shown)..<shown)
      place(bytes.u8(0) ?? 0, header: header, payload, new: payloadNew, end: new &- header &- payloadNew, into: sink)
    }
    swap(&held, &buffer)
  }
}
