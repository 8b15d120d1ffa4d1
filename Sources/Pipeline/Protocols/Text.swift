/// A slice of the span that a fact travels with: a string, a table or bytes that stay where they are. Nothing is copied;
/// it means something only together with that span, during the call that handed both over.
package struct Text: Hashable, Sendable, BitwiseCopyable {
  package var offset: UInt32
  package var count: UInt32

  @inlinable package init(offset: UInt32, count: UInt32) {
    self.offset = offset
    self.count = count
  }

  package static let empty = Text(offset: 0, count: 0)
  @inlinable package var isEmpty: Bool { count == 0 }
}

extension Text {
  /// Where the bytes lie, for `span.extracting(text.range(in: span))`; empty if the slice does not lie within `span`.
  @inline(__always) package func range(in span: RawSpan) -> Range<Int> {
    let start = Int(offset)
    let end = start &+ Int(count)
    return end <= span.byteCount ? start..<end : 0..<0
  }

  /// Whether the bytes are exactly the UTF-8 of `text`.
  @inline(__always) package func equals(_ text: StaticString, in span: RawSpan) -> Bool {
    Int(count) == text.utf8CodeUnitCount && span.extracting(range(in: span)).equals(text)
  }

  /// Whether both slices hold the same bytes.
  package func equals(_ other: Text, in span: RawSpan, of otherSpan: RawSpan) -> Bool {
    span.extracting(range(in: span)).equals(otherSpan.extracting(other.range(in: otherSpan)))
  }

  /// The bytes as a string, ill-formed UTF-8 repaired. Allocates: for names that are kept, never per message.
  package func string(in span: RawSpan) -> String {
    span.extracting(range(in: span)).withUnsafeBytes { String(decoding: $0, as: UTF8.self) }
  }
}

extension RawSpan {
  /// Whether the bytes are exactly the UTF-8 of `text`.
  package func equals(_ text: StaticString) -> Bool {
    guard byteCount == text.utf8CodeUnitCount else { return false }
    return text.withUTF8Buffer { wanted in
      for i in 0..<byteCount where unsafeLoad(fromUncheckedByteOffset: i, as: UInt8.self) != wanted[i] { return false }
      return true
    }
  }

  package func equals(_ other: RawSpan) -> Bool {
    guard byteCount == other.byteCount else { return false }
    var i = 0
    while byteCount &- i >= 8 {
      let word = unsafeLoadUnaligned(fromUncheckedByteOffset: i, as: UInt64.self)
      guard word == other.unsafeLoadUnaligned(fromUncheckedByteOffset: i, as: UInt64.self) else { return false }
      i &+= 8
    }
    if byteCount &- i >= 4 {
      let word = unsafeLoadUnaligned(fromUncheckedByteOffset: i, as: UInt32.self)
      guard word == other.unsafeLoadUnaligned(fromUncheckedByteOffset: i, as: UInt32.self) else { return false }
      i &+= 4
    }
    for i in i..<byteCount
    where unsafeLoad(fromUncheckedByteOffset: i, as: UInt8.self)
      != other.unsafeLoad(fromUncheckedByteOffset: i, as: UInt8.self)
    { return false }
    return true
  }
}
