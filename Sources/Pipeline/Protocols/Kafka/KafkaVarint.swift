/// Variable-length numbers: seven bits a byte, the lowest first (KIP-482 unsigned; record batches signed, zigzag).
enum KafkaVarint {
  enum Result {
    case value(UInt64, size: Int)
    /// The bytes end within it.
    case unfinished
    /// Longer than its type allows.
    case malformed
  }

  /// At most `limit` bytes: 5 for 32 bits, 10 for 64.
  @inline(__always) static func read(_ span: RawSpan, at offset: Int, limit: Int = 5) -> Result {
    guard let first = span.u8(offset) else { return .unfinished }
    if first < 0x80 { return .value(UInt64(first), size: 1) }
    var value = UInt64(first & 0x7f)
    var i = 1
    while i < limit {
      guard let byte = span.u8(offset &+ i) else { return .unfinished }
      value |= UInt64(byte & 0x7f) &<< (7 &* UInt64(i))
      i &+= 1
      if byte < 0x80 { return limit == 5 && value > UInt64(UInt32.max) ? .malformed : .value(value, size: i) }
    }
    return .malformed
  }

  /// A signed number of at most `limit` bytes; moves `at` behind it.
  @inline(__always) static func signed(_ span: RawSpan, _ at: inout Int, _ limit: Int) -> Int64? {
    guard case .value(let value, let size) = read(span, at: at, limit: limit) else { return nil }
    at &+= size
    return zigzag(value)
  }

  /// Bytes behind their length, as a record's headers have them (a length of −1: null); moves `at` behind them.
  static func bytes(_ span: RawSpan, _ at: inout Int) -> Text? {
    guard let length = signed(span, &at, 5), length >= -1, Int(max(0, length)) <= span.byteCount &- at else {
      return nil
    }
    defer { at &+= Int(max(0, length)) }
    return Text(offset: UInt32(truncatingIfNeeded: at), count: UInt32(max(0, length)))
  }

  @inline(__always) static func zigzag(_ value: UInt64) -> Int64 {
    Int64(bitPattern: value &>> 1) ^ -Int64(bitPattern: value & 1)
  }
}
