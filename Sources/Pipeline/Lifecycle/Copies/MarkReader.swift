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
    add(text, place, names.name(of: name, hash: place), into: &marks)
  }

  /// A header whose value is a number.
  mutating func header(_ name: RawSpan, number: Int64, into marks: inout MessageMarks) {
    let place = Self.hash(name, Self.headers)
    add(number, place, names.name(of: name, hash: place), into: &marks)
  }

  /// How many tries a header tells of; 0 if it tells of none. `header` keeps the same in `MessageMarks.toldAttempt`.
  mutating func attempt(toldBy name: RawSpan, _ number: Int64) -> Int32 {
    number > 0 && number <= Self.mostTries
      ? Self.attempt(number, names.name(of: name, hash: Self.hash(name, Self.headers))) : 0
  }

  private static func attempt(_ number: Int64, _ name: MarkName) -> Int32 {
    guard name.contains(.counter), number > 0, number <= mostTries else { return 0 }
    return Int32(name.contains(.countsFromOne) ? number : number + 1)
  }

  /// `name` says whether it stands in the body.
  private func add(_ text: RawSpan, _ place: UInt32, _ name: MarkName, into marks: inout MessageMarks) {
    guard text.byteCount > 0 else { return }
    if let number = Self.number(text) { return add(number, place, name, into: &marks) }
    let isHeader = !name.contains(.inBody)
    if name.contains(.error), text.byteCount > 2 { marks.namesError = true }
    if isHeader, name.contains(.delay) { marks.isDelayed = true }
    let isToken = Self.looksLikeID(text)
    let kind: Mark.Kind = isHeader && name.contains(.identity) && isToken ? .identity : isToken ? .token : .text
    // Another text of the body is of use only where it may name an error.
    guard isHeader || kind != .text || name.contains(.error) else { return }
    marks.add(Mark(value: KeyedHash.hash(text, key), place: place, kind: kind, name: name))
  }

  private func add(_ number: Int64, _ place: UInt32, _ name: MarkName, into marks: inout MessageMarks) {
    let isHeader = !name.contains(.inBody)
    if isHeader, name.contains(.delay), number > 0 { marks.isDelayed = true }
    if isHeader { marks.toldAttempt = max(marks.toldAttempt, Self.attempt(number, name)) }
    // Only what may be a counter is of use.
    let isNamed = name.contains(.counter)
    guard isNamed || name.isDisjoint(with: [.inBody, .otherNumber]) else { return }
    guard number >= 0, number <= (isNamed ? Self.mostTries : Self.mostUnnamedTries) else { return }
    marks.add(Mark(value: UInt64(number), place: place, kind: .number, name: name))
  }

  // MARK: Bodies

  /// What a body says: its last bytes, and the leaves of a JSON object or array.
  mutating func body(_ body: borrowing BodySample, into marks: inout MessageMarks) {
    if let tail = body.tail {
      let hash = tail.withUnsafeBytes { KeyedHash.hash($0.bytes, key) }
      marks.whole ^= hash &* 0x9e37_79b9_7f4a_7c15
      marks.add(Mark(value: hash, place: Mark.Place.content, kind: .tail, name: MarkName(rawValue: 0)))
    }
    guard body.isJSON else { return }
    marks.bodyIsJSON = true
    body.first.withUnsafeBytes { bytes in
      var scanner = JSONScanner()
      while let leaf = scanner.next(in: bytes.bytes) {
        let name = names.name(of: bytes.bytes.extracting(leaf.name), hash: leaf.nameHash).union(.inBody)
        switch leaf.value {
        case .text(let range): add(bytes.bytes.extracting(range), leaf.place, name, into: &marks)
        case .number(let number): add(number, leaf.place, name, into: &marks)
        }
      }
    }
  }

  /// Words of a published body that is no JSON: what frameworks that serialise otherwise (PHP, pickle, Java) write of a failure,
  /// and Symfony Messenger of another delivery. They count beside the last bytes only.
  func words(_ body: borrowing BodySample, into marks: inout MessageMarks) {
    guard !body.isJSON, body.tail != nil else { return }
    body.first.withUnsafeBytes { buffer in
      let bytes = buffer.bytes
      func follows(_ i: Int, _ word: StaticString) -> Bool {
        i + word.utf8CodeUnitCount <= bytes.byteCount && bytes.extracting(i..<i + word.utf8CodeUnitCount).equals(word)
      }
      for i in 0..<bytes.byteCount {
        switch bytes.unsafeLoad(fromUncheckedByteOffset: i, as: UInt8.self) {
        case UInt8(ascii: "x"): if follows(i, "xception") { marks.bodyNamesError = true }
        case UInt8(ascii: "r"): if follows(i, "raceback") { marks.bodyNamesError = true }
        case UInt8(ascii: "E"): if follows(i, "ErrorDetails") { marks.bodyNamesError = true }
        case UInt8(ascii: "R"): if follows(i, "RedeliveryStamp") { marks.bodyIsRedelivered = true }
        default: break
        }
      }
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

  /// A text of at most six digits as a number; else nil.
  static func number(_ text: RawSpan) -> Int64? {
    let count = text.byteCount
    guard count > 0, count <= 6 else { return nil }
    var number: Int64 = 0
    for i in 0..<count {
      let byte = text.unsafeLoad(fromUncheckedByteOffset: i, as: UInt8.self)
      guard byte >= 48, byte <= 57 else { return nil }
      number = number &* 10 &+ Int64(byte &- 48)
    }
    return number
  }

  /// Hash of a name below a place; never 0. Not keyed: of names with an equal hash all are taken for the same.
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
  /// What is told as more tries is no number of tries.
  private static let mostTries: Int64 = 999_999
  /// The same of a counter whose name does not say that it is one.
  private static let mostUnnamedTries: Int64 = 1000
}
