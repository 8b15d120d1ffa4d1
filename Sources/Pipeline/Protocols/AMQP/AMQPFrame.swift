/// The general frame (specification section 4.2.3): type, channel, payload size, payload, end octet.
enum AMQPFrame {
  static let method: UInt8 = 1
  static let header: UInt8 = 2
  static let body: UInt8 = 3
  static let heartbeat: UInt8 = 8

  static let headerSize = 7
  /// Frame header and end octet.
  static let overhead = 8
  static let endOctet: UInt8 = 0xce
  /// Class basic: the only one whose methods carry content.
  static let basicClass: UInt16 = 60

  /// RabbitMQ's default for `frame_max`, assumed while the agreed one is not known.
  static let defaultMax = 131_072
  /// Method and header frames above this are not kept, whatever was agreed.
  static let hardMax = 1 << 20
  /// No body frame is larger: a size above it is no size.
  static let bodyMax = 1 << 31

  /// What stands at one place of a span, if it is a frame that this side may send.
  enum Check: Equatable {
    /// No frame.
    case no
    /// So far nothing speaks against it, but its end is not there yet.
    case partial
    /// A frame of this length in all. `strict`: a method, header or heartbeat whose every byte was checked.
    case frame(length: Int, strict: Bool)
  }

  /// Checks what begins at `offset` as strictly as one frame can be checked: type, size, end octet; known method that
  /// `senders` may send with fields that fill the payload exactly; content header of class basic likewise.
  static func check(
    _ span: RawSpan, at offset: Int, senders: AMQPMethod.Senders, maxSize: Int, maxBodySize: Int
  ) -> Check {
    guard let type = span.u8(offset) else { return .partial }
    guard type == method || type == header || type == body || type == heartbeat else { return .no }
    guard let channel = span.be16(offset &+ 1), let size32 = span.be32(offset &+ 3) else { return .partial }
    let size = Int(size32)
    guard size <= (type == body ? maxBodySize : maxSize) else { return .no }
    switch type {
    case heartbeat: guard size == 0, channel == 0 else { return .no }
    case method:
      guard size >= 4 else { return .no }
      guard let number = span.be32(offset &+ 7) else { return .partial }
      guard !AMQPMethod.senders(of: number).isDisjoint(with: senders) else { return .no }
      // Methods of class connection travel on channel 0, all others do not.
      guard (number &>> 16 == 10) == (channel == 0) else { return .no }
    case header:
      guard size >= 14, channel != 0 else { return .no }
      guard let word = span.be32(offset &+ 7) else { return .partial }
      guard word == UInt32(basicClass) &<< 16 else { return .no }
    default: guard channel != 0 else { return .no }
    }
    guard let end = span.u8(offset &+ headerSize &+ size) else { return .partial }
    guard end == endOctet else { return .no }
    let payload = span.extracting(unchecked: offset &+ headerSize..<offset &+ headerSize &+ size)
    var exact = true
    switch type {
    case method: guard AMQPMethod.decode(payload, exact: &exact) != nil, exact else { return .no }
    case header: guard AMQPContentHeader.decode(payload, exact: &exact) != nil, exact else { return .no }
    default: break
    }
    return .frame(length: size &+ overhead, strict: type != body)
  }
}
