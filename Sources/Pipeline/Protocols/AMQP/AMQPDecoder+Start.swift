/// The first bytes of a stream: a connection's beginning, or a join in its middle.
extension AMQPDecoder {
  mutating func readStart(_ bytes: RawSpan, from i: Int, at: Timestamp, into sink: some AMQPFactSink) -> Int {
    if buffer.isEmpty, startVerdict(bytes) == .midway {
      loseSync(.joinedMidway, gap: 0, at: at, into: sink)
      return i
    }
    let next = append(bytes, from: i, upTo: buffer.count &+ 1)
    tell(.envelope, next &- i, RawSpan(), into: sink)
    switch startVerdict(buffer.span.bytes) {
    case .undecided: break
    case .protocolHeader:
      let (major, minor, revision) = (buffer[5], buffer[6], buffer[7])
      counters.understoodBytes &+= UInt64(buffer.count)
      buffer.removeAll(keepingCapacity: true)
      state = .frame
      sink.protocolHeader(major: major, minor: minor, revision: revision, at: at)
    case .frame: state = .frame
    case .midway: loseSyncInBuffer(.joinedMidway, at: at, into: sink)
    }
    return next
  }

  private enum StartVerdict { case undecided, protocolHeader, frame, midway }

  /// A side begins with the protocol header, a server usually with connection.start on channel 0. Nothing else is taken
  /// for a beginning without the scanner's proof.
  private func startVerdict(_ bytes: RawSpan) -> StartVerdict {
    let first = bytes.u8(0)
    if first == UInt8(ascii: "A") {
      for (i, wanted) in Self.magic.enumerated() {
        guard let byte = bytes.u8(i) else { return .undecided }
        guard byte == wanted else { return .midway }
      }
      return bytes.byteCount >= 8 ? .protocolHeader : .undecided
    }
    guard role == .server, first == AMQPFrame.method else { return .midway }
    guard let channel = bytes.be16(1) else { return .undecided }
    guard channel == 0 else { return .midway }
    guard let size = bytes.be32(3), let number = bytes.be32(7) else { return .undecided }
    // Too small for its fields, it would end within what was looked at.
    return size >= Self.startSize && size <= AMQPFrame.defaultMax && number == 10 << 16 | 10 ? .frame : .midway
  }

  /// connection.start with nothing in it: ids, version, three lengths.
  private static let startSize = 18

  /// "AMQP" (specification section 4.2.2).
  private static let magic: [UInt8] = [0x41, 0x4d, 0x51, 0x50]
}
