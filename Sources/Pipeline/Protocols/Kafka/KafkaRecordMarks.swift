/// What a record's headers say about where it comes from and how often it was tried.
///
/// - Spring's `DeadLetterPublishingRecoverer`: `kafka_dlt-original-…`, on retry topics `kafka_original-…`; text, and
///   numbers as big-endian int32 and int64. `retry_topic-attempts` is an int32, one byte in old versions.
/// - Connect (KIP-298): `__connect.errors.…`, all text. Share groups' dead letters (KIP-1191): `__dlq.errors.…`.
/// - Repid and others: `x-original-…`, all text.
/// - W3C Trace Context: `traceparent`.
package struct KafkaRecordMarks: Hashable, Sendable {
  /// Slices of the span that the record came with.
  package var sourceTopic = Text.empty
  package var sourceGroup = Text.empty
  package var traceparent = Text.empty
  /// −1: not said.
  package var sourcePartition: Int32 = -1
  package var sourceOffset: Int64 = -1
  package var sourceTimestamp_ms: Int64 = -1
  /// The how-manieth try this is; 0: not said.
  package var attempts: Int32 = 0
  /// Until when a retry topic's consumer waits on purpose; −1: not said.
  package var dueAt_ms: Int64 = -1
  /// There were more headers than are read.
  package var areCut = false
  /// All headers, one behind the other: each a name and a value, with their lengths before them.
  package var headers = Text.empty
  package var headerCount: Int32 = 0

  package init() {}

  /// Takes one header into account; false: it says nothing that is known here.
  mutating func note(_ key: Text, _ value: Text, in span: RawSpan) -> Bool {
    let name = span.extracting(key.range(in: span))
    switch name.u8(0) {
    case UInt8(ascii: "k"):
      guard let start = name.end(of: "kafka_dlt-original-") ?? name.end(of: "kafka_original-") else { return false }
      return noteSource(name.extracting(droppingFirst: start), value, span)
    case UInt8(ascii: "_"):
      guard let start = name.end(of: "__connect.errors.") ?? name.end(of: "__dlq.errors.") else { return false }
      let rest = name.extracting(droppingFirst: start)
      guard rest.equals("delivery.count") else { return noteSource(rest, value, span) }
      attempts = Int32(clamping: Self.number(value, span) ?? 0)
    case UInt8(ascii: "r"):
      if name.equals("retry_topic-attempts") {
        attempts = Int32(clamping: Self.number(value, span) ?? 0)
      } else if name.equals("retry_topic-backoff-timestamp") {
        dueAt_ms = Self.number(value, span) ?? -1
      } else if name.equals("retry_topic-original-timestamp") {
        sourceTimestamp_ms = Self.number(value, span) ?? -1
      } else {
        return false
      }
    case UInt8(ascii: "x"):
      guard let start = name.end(of: "x-original-") else { return false }
      return noteSource(name.extracting(droppingFirst: start), value, span)
    case UInt8(ascii: "t"):
      guard name.equals("traceparent") else { return false }
      traceparent = value
    default: return false
    }
    return true
  }

  private mutating func noteSource(_ field: RawSpan, _ value: Text, _ span: RawSpan) -> Bool {
    if field.equals("topic") {
      sourceTopic = value
    } else if field.equals("partition") {
      sourcePartition = Self.number(value, span).flatMap(Int32.init(exactly:)) ?? -1
    } else if field.equals("offset") {
      sourceOffset = Self.number(value, span) ?? -1
    } else if field.equals("timestamp") {
      sourceTimestamp_ms = Self.number(value, span) ?? -1
    } else if field.equals("consumer-group") || field.equals("group") {
      sourceGroup = value
    } else {
      return false
    }
    return true
  }

  /// Decimal text, or a signed big-endian number of up to eight bytes. As text it is read if every byte is a digit: as a
  /// number such bytes would be above 800 million in four bytes, and far beyond any offset in eight.
  static func number(_ value: Text, _ span: RawSpan) -> Int64? {
    let bytes = span.extracting(value.range(in: span))
    guard let first = bytes.u8(0), bytes.byteCount <= 19 else { return nil }
    var decimal: Int64 = 0
    var isDecimal = true
    for i in 0..<bytes.byteCount {
      guard let byte = bytes.u8(i), UInt8(ascii: "0")...UInt8(ascii: "9") ~= byte else {
        isDecimal = false
        break
      }
      let (tenfold, over) = decimal.multipliedReportingOverflow(by: 10)
      let (sum, beyond) = tenfold.addingReportingOverflow(Int64(byte &- UInt8(ascii: "0")))
      if over || beyond { return nil }
      decimal = sum
    }
    if isDecimal { return decimal }
    guard bytes.byteCount <= 8 else { return nil }
    var number = Int64(Int8(bitPattern: first))
    for i in 1..<max(1, bytes.byteCount) { number = number &<< 8 | Int64(bytes.u8(i) ?? 0) }
    return number
  }
}

extension RawSpan {
  /// Where the prefix ends; nil if it begins with another.
  fileprivate func end(of prefix: StaticString) -> Int? {
    let count = prefix.utf8CodeUnitCount
    return byteCount >= count && extracting(first: count).equals(prefix) ? count : nil
  }
}
