/// What a record's headers say of earlier tries: numbers that may count them, an error, a delay. Looked at only where the
/// process publishes copies, or a topic's name says that it holds some.
struct KafkaTryMarks {
  /// A header whose value is a small number.
  struct Number: BitwiseCopyable {
    /// Hash of the header's name.
    var name: UInt64
    var value: Int32
    var says: MarkName
  }

  /// At most `bound`; further ones are left out.
  private(set) var numbers: ContiguousArray<Number> = []
  private(set) var namesError = false
  private(set) var isDelayed = false
  /// The try that headers with a counter's name tell: `x-retries: 2` is the third; 0: they tell none.
  private(set) var attempt: Int32 = 0

  init() {}

  /// `span`: what the record came with. `names` keeps what names of headers say.
  init(_ marks: KafkaRecordMarks, in span: RawSpan, names: inout MarkNames, key: KeyedHash.Key) {
    let headers = span.extracting(marks.headers.range(in: span))
    var at = 0
    for _ in 0..<marks.headerCount {
      guard let name = KafkaVarint.bytes(headers, &at), let value = KafkaVarint.bytes(headers, &at) else { return }
      note(name, value, headers, &names, key)
    }
  }

  private mutating func note(
    _ name: Text, _ value: Text, _ headers: RawSpan, _ names: inout MarkNames, _ key: KeyedHash.Key
  ) {
    let bytes = headers.extracting(name.range(in: headers))
    let hash = KeyedHash.hash(bytes, key)
    let says = names.name(of: bytes, hash: UInt32(truncatingIfNeeded: hash))
    if says.contains(.error), !value.isEmpty { namesError = true }
    // A number of seconds, or a moment.
    if says.contains(.delay), !value.isEmpty, let first = headers.u8(Int(value.offset)),
      first == 0 || UInt8(ascii: "0")...UInt8(ascii: "9") ~= first
    {
      isDelayed = true
    }
    guard let number = Self.number(value, says, headers) else { return }
    if says.contains(.counter), number > 0 {
      attempt = max(attempt, says.contains(.countsFromOne) ? number : number + 1)
    }
    if numbers.count < Self.bound { numbers.append(Number(name: hash, value: number, says: says)) }
  }

  /// Decimal text or a big-endian number that may be a count of tries.
  private static func number(_ value: Text, _ says: MarkName, _ span: RawSpan) -> Int32? {
    guard value.count <= 8, let number = KafkaRecordMarks.number(value, span),
      0...(says.contains(.counter) ? mostTries : mostUnnamed) ~= number
    else { return nil }
    return Int32(number)
  }

  /// A header that may say how often the record was tried: a recording keeps it.
  static func mayCount(_ name: Text, _ value: Text, in span: RawSpan) -> Bool {
    number(value, MarkName(of: span.extracting(name.range(in: span))), span) != nil
  }

  private static let bound = 8
  /// A higher number counts something else: under a name that says that it counts tries, and under any other.
  private static let mostTries: Int64 = 999_999
  private static let mostUnnamed: Int64 = 99
}
