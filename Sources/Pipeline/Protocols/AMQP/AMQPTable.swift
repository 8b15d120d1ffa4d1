/// A cursor over a field table or array (specification section 4.2.5.5), with the type tags that RabbitMQ really uses
/// (its errata: `s` is a signed 16-bit number, `l` a signed 64-bit one, `x` bytes). Nothing is copied; nested tables and
/// arrays come as slices for another cursor, so no input can make it recurse.
package struct AMQPTable: Sendable {
  /// The entries could not be read to their end: what came before is good, what follows is unknown.
  package private(set) var malformed = false
  private var offset: Int
  private let end: Int
  private let keyed: Bool

  /// Over the entries of a table: a `Text` that a method, a content header or `AMQPValue.table` gave.
  package init(entries: Text) {
    offset = Int(entries.offset)
    end = offset &+ Int(entries.count)
    keyed = true
  }

  /// Over the items of an array that `AMQPValue.array` gave; keys are empty.
  package init(items: Text) {
    offset = Int(items.offset)
    end = offset &+ Int(items.count)
    keyed = false
  }

  /// The next entry; nil at the end or where the rest is malformed. `span` is the one that the slice belongs to.
  package mutating func next(in span: RawSpan) -> (key: Text, value: AMQPValue)? {
    guard !malformed, offset < end else { return nil }
    guard end <= span.byteCount, let entry = read(in: span) else {
      malformed = true
      return nil
    }
    return entry
  }

  private mutating func read(in span: RawSpan) -> (key: Text, value: AMQPValue)? {
    var reader = AMQPReader(offset: offset, end: end)
    let key = keyed ? reader.shortString(span) : .empty
    let tag = reader.u8(span)
    guard let value = reader.value(tag, span), !reader.failed else { return nil }
    offset = reader.offset
    return (key, value)
  }
}

/// A field's value.
package enum AMQPValue: Hashable, Sendable {
  case bool(Bool)
  /// `b B s u I i l L`: every integer that fits.
  case int(Int64)
  /// An `L` above `Int64.max`.
  case uint(UInt64)
  case float(Float)
  case double(Double)
  case decimal(scale: UInt8, value: UInt32)
  case string(Text)
  case bytes(Text)
  /// As sent: seconds by the specification, milliseconds from some clients.
  case timestamp(UInt64)
  /// For `AMQPTable(items:)`.
  case array(Text)
  /// For `AMQPTable(entries:)`.
  case table(Text)
  case void

  /// The number, if it is one of the integer types.
  package var integer: Int64? {
    if case .int(let value) = self { value } else { nil }
  }

  /// The number of a timestamp, in the unit its sender chose.
  package var time: Int64? {
    if case .timestamp(let value) = self { Int64(exactly: value) } else { nil }
  }
}
