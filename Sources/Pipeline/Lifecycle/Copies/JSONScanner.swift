/// The leaves of a JSON text (RFC 8259), or of as much of it as is there: texts and integers, each with its path.
///
/// Nothing is copied or allocated: the text is passed with each call, and escapes stay as they are. The scanner ends at
/// anything that is not JSON, below `depthBound` levels, and after `leafBound` leaves.
struct JSONScanner {
  private var at = 0
  private var leaves = 0
  private var depth = 0
  /// Hash of the path above the current level.
  private var paths = SIMD16<UInt32>(repeating: 11)
  /// A bit for each level that is an object.
  private var objects: UInt32 = 0
  /// The member's name, which may be empty; in an array that of the member that holds it.
  private var key = 0..<0
  private var keyHash: UInt32 = 0
  /// A member's name was read, and its value comes next.
  private var hasKey = false

  struct Leaf {
    enum Value {
      case text(Range<Int>)
      case number(Int64)
    }
    /// Hash of the path.
    var place: UInt32
    /// Of the member's name; of the one above for an element of an array.
    var name: Range<Int>
    var nameHash: UInt32
    var value: Value
  }

  mutating func next(in bytes: RawSpan) -> Leaf? {
    guard leaves < Self.leafBound else { return nil }
    while at < bytes.byteCount {
      let byte = load(at, bytes)
      switch byte {
      case UInt8(ascii: "{"), UInt8(ascii: "["):
        guard depth &+ 1 < Self.depthBound else { return nil }
        let above = path(bytes)
        depth &+= 1
        paths[depth] = above
        at &+= 1
        if byte == UInt8(ascii: "{") {
          objects |= 1 &<< UInt32(depth)
          key = 0..<0
          hasKey = false
        } else {
          objects &= ~(1 &<< UInt32(depth))
        }
      case UInt8(ascii: "}"), UInt8(ascii: "]"):
        guard depth > 0 else { return nil }
        depth &-= 1
        at &+= 1
        key = 0..<0
      case UInt8(ascii: ","):
        at &+= 1
        if isObject {
          key = 0..<0
          hasKey = false
        }
      case UInt8(ascii: "\""):
        guard let text = string(bytes) else { return nil }
        if isObject, !hasKey {
          skipSpace(bytes)
          guard at < bytes.byteCount, load(at, bytes) == UInt8(ascii: ":") else { return nil }
          at &+= 1
          key = text
          hasKey = true
          keyHash = MarkReader.hash(bytes.extracting(text), 13)
          continue
        }
        leaves &+= 1
        return Leaf(place: path(bytes), name: key, nameHash: keyHash, value: .text(text))
      case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"):
        guard let number = integer(bytes) else { continue }
        leaves &+= 1
        return Leaf(place: path(bytes), name: key, nameHash: keyHash, value: .number(number))
      case UInt8(ascii: "t"), UInt8(ascii: "f"), UInt8(ascii: "n"): skipWord(bytes)
      case 32, 9, 10, 13: at &+= 1
      default: return nil
      }
    }
    return nil
  }

  private var isObject: Bool { objects & 1 &<< UInt32(depth) != 0 }

  private func path(_ bytes: RawSpan) -> UInt32 {
    key.isEmpty ? paths[depth] &* 31 &+ 7 : MarkReader.hash(bytes.extracting(key), paths[depth])
  }

  /// The text between the quotes at `at`, which moves past it; nil if it does not end.
  private mutating func string(_ bytes: RawSpan) -> Range<Int>? {
    let start = at &+ 1
    var i = start
    while i < bytes.byteCount {
      let byte = load(i, bytes)
      if byte == UInt8(ascii: "\"") {
        at = i &+ 1
        return start..<i
      }
      i &+= byte == UInt8(ascii: "\\") ? 2 : 1
    }
    at = bytes.byteCount
    return nil
  }

  /// The integer at `at`, which moves past it; nil for another number, or one that the text's end may have cut.
  private mutating func integer(_ bytes: RawSpan) -> Int64? {
    let isNegative = load(at, bytes) == UInt8(ascii: "-")
    if isNegative { at &+= 1 }
    var number: Int64 = 0
    var digits = 0
    var isWhole = true
    while at < bytes.byteCount {
      let byte = load(at, bytes)
      switch byte {
      case 48...57:
        digits &+= 1
        if digits <= 18 { number = number &* 10 &+ Int64(byte &- 48) }
      case UInt8(ascii: "."), UInt8(ascii: "e"), UInt8(ascii: "E"), UInt8(ascii: "+"), UInt8(ascii: "-"):
        isWhole = false
      default: return isWhole && digits > 0 && digits <= 18 ? (isNegative ? -number : number) : nil
      }
      at &+= 1
    }
    return nil
  }

  private mutating func skipWord(_ bytes: RawSpan) {
    while at < bytes.byteCount, load(at, bytes) >= UInt8(ascii: "a"), load(at, bytes) <= UInt8(ascii: "z") { at &+= 1 }
  }

  private mutating func skipSpace(_ bytes: RawSpan) {
    while at < bytes.byteCount, load(at, bytes) <= 32 { at &+= 1 }
  }

  @inline(__always) private func load(_ i: Int, _ bytes: RawSpan) -> UInt8 {
    bytes.unsafeLoad(fromUncheckedByteOffset: i, as: UInt8.self)
  }

  private static var depthBound: Int { 16 }
  private static var leafBound: Int { 96 }
}
