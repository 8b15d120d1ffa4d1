/// What a frame begins with: its size and, of a request, key, version, correlation id and client id (RequestHeader 0 to 2),
/// of an answer its correlation id (ResponseHeader 0, 1). Tagged fields of either are read with the message.
struct KafkaHead: Sendable {
  /// Of what follows the size's four bytes.
  var size: Int
  var key = KafkaKey(rawValue: -1)
  var version: Int16 = 0
  var correlation: Int32
  /// In the span that it was read from.
  var clientID = Text.empty
  /// With the size's four bytes.
  var length: Int

  enum Result: Sendable {
    case head(KafkaHead)
    /// It takes so many bytes at least to say.
    case needs(Int)
    /// No frame begins like this.
    case no
  }

  static func request(_ span: RawSpan, at i: Int) -> Result {
    guard let size32 = span.be32(i) else { return .needs(4) }
    let size = Int(Int32(bitPattern: size32))
    guard size >= 10, size <= sizeLimit else { return .no }
    guard let key = span.be16(i &+ 4), key < UInt16(KafkaKey.limit) else {
      return span.byteCount &- i >= 6 ? .no : .needs(6)
    }
    guard let version = span.be16(i &+ 6), version < UInt16(KafkaKey.versionLimit) else {
      return span.byteCount &- i >= 8 ? .no : .needs(8)
    }
    guard let correlation = span.be32(i &+ 8), let length16 = span.be16(i &+ 12) else { return .needs(14) }
    let length = Int(Int16(bitPattern: length16))
    guard length >= -1, length <= clientLimit, 10 &+ max(0, length) <= size else { return .no }
    let end = i &+ 14 &+ max(0, length)
    guard span.byteCount >= end else { return .needs(end &- i) }
    for j in i &+ 14..<end where span.u8(j) ?? 0 < 0x20 { return .no }
    return .head(
      KafkaHead(
        size: size, key: KafkaKey(rawValue: Int16(key)), version: Int16(version),
        correlation: Int32(bitPattern: correlation),
        clientID: Text(offset: UInt32(truncatingIfNeeded: i &+ 14), count: UInt32(max(0, length))), length: end &- i))
  }

  static func answer(_ span: RawSpan, at i: Int) -> Result {
    guard let size32 = span.be32(i) else { return .needs(4) }
    let size = Int(Int32(bitPattern: size32))
    guard size >= 4, size <= sizeLimit else { return .no }
    guard let correlation = span.be32(i &+ 4) else { return .needs(8) }
    return .head(KafkaHead(size: size, correlation: Int32(bitPattern: correlation), length: 8))
  }

  /// Ten times what brokers accept unless told otherwise (socket.request.max.bytes, fetch.max.bytes).
  static let sizeLimit = 1 << 30
  /// Brokers allow 32,767; nobody uses it.
  private static let clientLimit = 2_048
}
