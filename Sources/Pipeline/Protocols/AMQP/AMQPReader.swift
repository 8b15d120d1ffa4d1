/// Reads fields one after another and remembers whether any was cut short: the fields are then worthless, and the caller
/// checks `failed` once at the end. Never reads outside `end` or the span.
struct AMQPReader {
  private(set) var offset: Int
  /// Where the fields end; never beyond the span.
  let end: Int
  private(set) var failed = false

  @inline(__always) init(offset: Int, end: Int) {
    self.offset = offset
    self.end = end
  }

  /// Everything was read, and nothing is left.
  var isComplete: Bool { !failed && offset == end }

  @inline(__always) mutating func u8(_ span: RawSpan) -> UInt8 {
    guard let at = take(1), let value = span.u8(at) else { return fail(0) }
    return value
  }

  @inline(__always) mutating func u16(_ span: RawSpan) -> UInt16 {
    guard let at = take(2), let value = span.be16(at) else { return fail(0) }
    return value
  }

  @inline(__always) mutating func u32(_ span: RawSpan) -> UInt32 {
    guard let at = take(4), let value = span.be32(at) else { return fail(0) }
    return value
  }

  @inline(__always) mutating func u64(_ span: RawSpan) -> UInt64 {
    guard let at = take(8), let value = span.be64(at) else { return fail(0) }
    return value
  }

  /// Up to eight bits share an octet, the first in the lowest place (specification section 4.2.5.2).
  @inline(__always) mutating func bits(_ span: RawSpan) -> UInt8 { u8(span) }

  /// A length octet, then that many bytes.
  @inline(__always) mutating func shortString(_ span: RawSpan) -> Text {
    let count = Int(u8(span))
    return slice(count)
  }

  /// Four length octets, then that many bytes: long strings, tables, arrays.
  @inline(__always) mutating func longString(_ span: RawSpan) -> Text {
    let count = Int(u32(span))
    return slice(count)
  }

  /// A table's value by its type tag; nil for a tag that is not known (its length is not known either).
  mutating func value(_ tag: UInt8, _ span: RawSpan) -> AMQPValue? {
    switch tag {
    case UInt8(ascii: "t"): return .bool(u8(span) != 0)
    case UInt8(ascii: "b"): return .int(Int64(Int8(bitPattern: u8(span))))
    case UInt8(ascii: "B"): return .int(Int64(u8(span)))
    case UInt8(ascii: "s"): return .int(Int64(Int16(bitPattern: u16(span))))
    case UInt8(ascii: "u"): return .int(Int64(u16(span)))
    case UInt8(ascii: "I"): return .int(Int64(Int32(bitPattern: u32(span))))
    case UInt8(ascii: "i"): return .int(Int64(u32(span)))
    case UInt8(ascii: "l"): return .int(Int64(bitPattern: u64(span)))
    case UInt8(ascii: "L"):
      let number = u64(span)
      return Int64(exactly: number).map(AMQPValue.int) ?? .uint(number)
    case UInt8(ascii: "f"): return .float(Float(bitPattern: u32(span)))
    case UInt8(ascii: "d"): return .double(Double(bitPattern: u64(span)))
    case UInt8(ascii: "D"):
      let scale = u8(span)
      return .decimal(scale: scale, value: u32(span))
    case UInt8(ascii: "S"): return .string(longString(span))
    case UInt8(ascii: "x"): return .bytes(longString(span))
    case UInt8(ascii: "T"): return .timestamp(u64(span))
    case UInt8(ascii: "A"): return .array(longString(span))
    case UInt8(ascii: "F"): return .table(longString(span))
    case UInt8(ascii: "V"): return .void
    default: return nil
    }
  }

  @inline(__always) private mutating func slice(_ count: Int) -> Text {
    guard let at = take(count) else { return fail(.empty) }
    return Text(offset: UInt32(truncatingIfNeeded: at), count: UInt32(truncatingIfNeeded: count))
  }

  @inline(__always) private mutating func take(_ count: Int) -> Int? {
    guard count <= end &- offset else { return nil }
    defer { offset &+= count }
    return offset
  }

  @inline(__always) private mutating func fail<T>(_ value: T) -> T {
    failed = true
    return value
  }
}
