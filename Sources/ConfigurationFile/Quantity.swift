/// Numbers with units as people write them: `60s`, `16MiB`, `0.05`; and back.
enum Quantity {
  enum Parsed<Value> {
    case value(Value)
    /// What is wrong and what was probably meant.
    case refused(String)
  }

  /// A span of time in nanoseconds: a number and one of ms, s, m, h, d.
  static func duration(_ text: String) -> Parsed<Int64> {
    let (digits, unit) = split(text)
    guard let number = decimal(digits) else {
      return .refused("\"\(text)\" is not a duration: write a number and a unit, as in 100ms, 60s, 5m, 1h, 2d")
    }
    guard number >= 0 else { return .refused("\"\(text)\" is negative: a duration is not") }
    if unit.isEmpty {
      return .refused("\"\(text)\" has no unit: did you mean \(text)s? (units are ms, s, m, h, d)")
    }
    guard let unit_ns = durationUnits.first(where: { $0.name == unit })?.ns else {
      let meant = unitsMeant[unit.lowercased()].map { "did you mean \(digits)\($0)?" } ?? "units are ms, s, m, h, d"
      return .refused("\"\(text)\" has an unknown unit \"\(unit)\": \(meant)")
    }
    let ns = number * Double(unit_ns)
    guard ns < longest_ns else { return .refused("\"\(text)\" is too long") }
    return .value(Int64(ns.rounded()))
  }

  /// The shortest way to write a span that reads back the same.
  static func durationText(_ ns: Int64) -> String {
    for (name, unit_ns) in durationUnits where ns != 0 && ns % unit_ns == 0 { return "\(ns / unit_ns)\(name)" }
    return ns == 0 ? "0s" : "\(Double(ns) / 1e6)ms"
  }

  /// Bytes: a whole number, bare or with B, KiB, MiB, GiB.
  static func bytes(_ text: String) -> Parsed<Int> {
    let (digits, unit) = split(text)
    guard let number = Int(digits), number >= 0 else {
      return .refused("\"\(text)\" is not a size: write a whole number and a unit, as in 512KiB, 16MiB")
    }
    guard let unit_bytes = byteUnits.first(where: { $0.name == unit })?.bytes ?? (unit.isEmpty ? 1 : nil) else {
      let meant = byteUnits.first { $0.name.lowercased().first == unit.lowercased().first }?.name ?? "MiB"
      return .refused("\"\(text)\" has an unknown unit \"\(unit)\": did you mean \(digits)\(meant)?")
    }
    let (product, overflow) = number.multipliedReportingOverflow(by: unit_bytes)
    return overflow ? .refused("\"\(text)\" is too large") : .value(product)
  }

  static func bytesText(_ bytes: Int) -> String {
    for (name, unit_bytes) in byteUnits where bytes != 0 && bytes % unit_bytes == 0 {
      return "\(bytes / unit_bytes)\(name)"
    }
    return "\(bytes)B"
  }

  static func count(_ text: String) -> Parsed<Int> {
    if let number = Int(text) { return .value(number) }
    if let number = decimal(text) {
      return .refused(
        number == number.rounded() ? "\"\(text)\" is too large" : "\"\(text)\" must be a whole number")
    }
    return .refused("\"\(text)\" is not a number: write a whole number")
  }

  static func number(_ text: String) -> Parsed<Double> {
    decimal(text).map { .value($0) } ?? .refused("\"\(text)\" is not a number")
  }

  /// A share as a fraction of 1. Percentages are what people write instead.
  static func share(_ text: String) -> Parsed<Double> {
    let isPercentage = text.hasSuffix("%")
    let digits = isPercentage ? String(text.dropLast()).trimmingSpaces : text
    guard let number = decimal(digits) else {
      return .refused("\"\(text)\" is not a number: write a share between 0 and 1, as in 0.05")
    }
    if isPercentage || (number > 1 && number <= 100) {
      let meant = number >= 0 && number <= 100 ? ": did you mean \(numberText(number / 100))?" : ""
      return .refused("\(text) is not a share between 0 and 1\(meant)")
    }
    guard number >= 0, number <= 1 else { return .refused("\(text) is not a share between 0 and 1") }
    return .value(number)
  }

  static func numberText(_ number: Double) -> String {
    number == number.rounded() && abs(number) < 1e15 ? "\(Int(number))" : "\(number)"
  }

  /// Digits with sign, point and exponent; neither `nan` nor `inf`, nor hexadecimal.
  private static func decimal(_ text: some StringProtocol) -> Double? {
    guard text.utf8.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 || "+-.eE".utf8.contains($0) }),
      let number = Double(text), number.isFinite
    else { return nil }
    return number
  }

  private static func split(_ text: String) -> (digits: String, unit: String) {
    let end = text.lastIndex { $0.isNumber || $0 == "." }.map { text.index(after: $0) } ?? text.startIndex
    return (String(text[..<end]), String(text[end...]).trimmingSpaces)
  }

  private static let durationUnits: [(name: String, ns: Int64)] = [
    ("d", 86_400_000_000_000), ("h", 3_600_000_000_000), ("m", 60_000_000_000), ("s", 1_000_000_000),
    ("ms", 1_000_000),
  ]
  private static let unitsMeant = [
    "sec": "s", "secs": "s", "second": "s", "seconds": "s", "min": "m", "mins": "m", "minute": "m", "minutes": "m",
    "hour": "h", "hours": "h", "hr": "h", "day": "d", "days": "d", "msec": "ms", "millis": "ms", "milliseconds": "ms",
    "h": "h", "s": "s", "d": "d",
  ]
  private static let byteUnits: [(name: String, bytes: Int)] = [
    ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1),
  ]
  /// A hundred years: far from overflowing when added to a moment.
  private static let longest_ns = 3.2e18
}

extension String {
  fileprivate var trimmingSpaces: String {
    String(drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
  }
}
