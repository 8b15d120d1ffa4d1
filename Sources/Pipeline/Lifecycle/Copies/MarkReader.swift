/// Turns properties, headers and JSON bodies into marks. One for a target: it keeps what names say.
///
/// Cost: some 10 ns for a header or a JSON leaf, 20 more for one that looks like an id.
struct MarkReader: ~Copyable {
  private let key: KeyedHash.Key
  private var names = MarkNames()

  init(key: KeyedHash.Key) { self.key = key }

  /// The message's own id, or what it answers to.
  func property(_ place: UInt32, _ kind: Mark.Kind, _ text: RawSpan, into marks: inout MessageMarks) {
    guard text.byteCount > 0 else { return }
    marks.add(
      Mark(value: KeyedHash.hash(text, key), place: place, kind: kind, name: MarkName(rawValue: 0)))
  }

  /// A header whose value is a text.
  mutating func header(_ name: RawSpan, text: RawSpan, into marks: inout MessageMarks) {
    let place = Self.hash(name, Self.headers)
    text_(place, names.name(of: name, hash: place), text, isHeader: true, into: &marks)
  }

  /// A header whose value is a number.
  mutating func header(_ name: RawSpan, number: Int64, into marks: inout MessageMarks) {
    let place = Self.hash(name, Self.headers)
    number_(place, names.name(of: name, hash: place), number, isHeader: true, into: &marks)
  }

  private func text_(
    _ place: UInt32, _ name: MarkName, _ text: RawSpan, isHeader: Bool, into marks: inout MessageMarks
  ) {
    guard text.byteCount > 0 else { return }
    if let number = Self.number(text) { return number_(place, name, number, isHeader: isHeader, into: &marks) }
    if name.contains(.error), text.byteCount > 2 { marks.namesError = true }
    if isHeader, name.contains(.delay) { marks.isDelayed = true }
    let isToken = Self.looksLikeID(text)
    let kind: Mark.Kind = isHeader && name.contains(.identity) && isToken ? .identity : isToken ? .token : .text
    marks.add(Mark(value: KeyedHash.hash(text, key), place: place, kind: kind, name: name))
  }

  private func number_(
    _ place: UInt32, _ name: MarkName, _ number: Int64, isHeader: Bool, into marks: inout MessageMarks
  ) {
    if isHeader, name.contains(.delay), number > 0 { marks.isDelayed = true }
    if isHeader, name.contains(.counter), number > 0, number <= Self.mostTries {
      let attempt = Int32(name.contains(.countsFromOne) ? number : number + 1)
      marks.toldAttempt = max(marks.toldAttempt, attempt)
    }
    // Only what may be a counter is of use.
    guard number >= 0, number <= Self.mostTries else { return }
    marks.add(Mark(value: UInt64(number), place: place, kind: .number, name: name.union(isHeader ? [] : .inBody)))
  }

  // MARK: Bodies

  /// What the body's first bytes say: leaves of a JSON object or array, and its last bytes.
  mutating func body(into marks: inout MessageMarks) {
    let body = marks.body
    if let tail = marks.tail {
      let hash = tail.withUnsafeBytes { KeyedHash.hash($0.bytes, key) }
      marks.add(Mark(value: hash, place: Mark.Place.content, kind: .tail, name: MarkName(rawValue: 0)))
    }
    guard let first = body.first(where: { $0 > 32 }), first == UInt8(ascii: "{") || first == UInt8(ascii: "[") else {
      return
    }
    body.withUnsafeBytes { bytes in
      var scanner = JSONScanner()
      while let leaf = scanner.next(in: bytes.bytes) {
        let name = names.name(of: bytes.bytes.extracting(leaf.name), hash: leaf.nameHash)
        switch leaf.value {
        case .text(let range):
          text_(leaf.place, name, bytes.bytes.extracting(range), isHeader: false, into: &marks)
        case .number(let number): number_(leaf.place, name, number, isHeader: false, into: &marks)
        }
      }
    }
  }

  /// Whether a body says in words that something failed: those of frameworks that serialise otherwise than as JSON.
  static func namesError(_ body: ContiguousArray<UInt8>) -> Bool {
    body.withUnsafeBytes { bytes in
      let words: [StaticString] = ["xception", "raceback", "ErrorDetails"]
      guard bytes.count > 16 else { return false }
      for start in 0..<bytes.count - 12 {
        let byte = bytes[start]
        guard byte == UInt8(ascii: "x") || byte == UInt8(ascii: "r") || byte == UInt8(ascii: "E") else { continue }
        for word in words where start + word.utf8CodeUnitCount <= bytes.count {
          if bytes.bytes.extracting(start..<start + word.utf8CodeUnitCount).equals(word) { return true }
        }
      }
      return false
    }
  }

  /// 16 to 80 characters without spaces, digits among them, of those that ids are made of: a UUID, a ULID, hex, base64.
  static func looksLikeID(_ text: RawSpan) -> Bool {
    let count = text.byteCount
    guard count >= 16, count <= 80 else { return false }
    var digits = 0
    for i in 0..<count {
      let byte = text.unsafeLoad(fromUncheckedByteOffset: i, as: UInt8.self)
      switch byte {
      case 48...57: digits += 1
      case 65...90, 97...122, 45, 95, 46, 58, 43, 47, 61: break
      default: return false
      }
    }
    return digits >= 4 && !isTime(text)
  }

  /// `2026-11-30T…`: a moment is no id.
  private static func isTime(_ text: RawSpan) -> Bool {
    func byte(_ i: Int) -> UInt8 { text.unsafeLoad(fromUncheckedByteOffset: i, as: UInt8.self) }
    return byte(4) == 45 && byte(7) == 45 && (byte(10) == 84 || byte(10) == 32) && byte(13) == 58
  }

  private static func number(_ text: RawSpan) -> Int64? {
    let count = text.byteCount
    guard count <= 4 else { return nil }
    var number: Int64 = 0
    for i in 0..<count {
      let byte = text.unsafeLoad(fromUncheckedByteOffset: i, as: UInt8.self)
      guard byte >= 48, byte <= 57 else { return nil }
      number = number &* 10 &+ Int64(byte &- 48)
    }
    return number
  }

  /// Hash of a name below a place. Not keyed: names that collide only cost a comparison.
  static func hash(_ name: RawSpan, _ above: UInt32) -> UInt32 {
    var hash = UInt64(above) &* 0x9e37_79b9_7f4a_7c15 ^ UInt64(name.byteCount)
    var i = 0
    while name.byteCount &- i >= 8 {
      hash = (hash ^ name.unsafeLoadUnaligned(fromUncheckedByteOffset: i, as: UInt64.self)) &* 0xff51_afd7_ed55_8ccd
      hash ^= hash &>> 32
      i &+= 8
    }
    while i < name.byteCount {
      hash = (hash ^ UInt64(name.unsafeLoad(fromUncheckedByteOffset: i, as: UInt8.self))) &* 0xc4ce_b9fe_1a85_ec53
      i &+= 1
    }
    hash ^= hash &>> 29
    return UInt32(truncatingIfNeeded: hash) | 0x100
  }

  private static let headers: UInt32 = 7
  /// Tries beyond that are no tries but another number.
  private static let mostTries: Int64 = 1000
}

extension MarkName {
  /// Not the name but its place: a leaf of the body. There only names that speak of tries make a counter.
  static let inBody = MarkName(rawValue: 128)
}
