/// Numbers with units as people write them (`60s`, `16MiB`, `10kB/s`, `0.05`), and back: what the configuration and every
/// command line read.
package enum Quantity {
  /// What is wrong with a text and what was probably meant.
  package struct Problem: Error, Equatable, CustomStringConvertible {
    package var description: String
    package init(_ description: String) { self.description = description }
  }

  /// A span of time in nanoseconds: a number and one of ms, s, m, h, d.
  package static func duration_ns(_ text: String) throws(Problem) -> Int64 {
    let (digits, unit) = split(text)
    guard let number = decimal(digits) else {
      throw Problem("\"\(text)\" is not a duration: write a number and a unit, as in 100ms, 60s, 5m, 1h, 2d")
    }
    guard number >= 0 else { throw Problem("\"\(text)\" is negative: a duration is not") }
    if unit.isEmpty { throw Problem("\"\(text)\" has no unit: did you mean \(text)s? (units are ms, s, m, h, d)") }
    guard let unit_ns = durationUnits.first(where: { $0.name == unit })?.ns else {
      let meant = unitsMeant[unit.lowercased()].map { "did you mean \(digits)\($0)?" } ?? "units are ms, s, m, h, d"
      throw Problem("\"\(text)\" has an unknown unit \"\(unit)\": \(meant)")
    }
    let ns = number * Double(unit_ns)
    guard ns < longest_ns else { throw Problem("\"\(text)\" is too long") }
    return Int64(ns.rounded())
  }

  /// The same within bounds, which the problem names.
  package static func duration_ns(_ text: String, in range: ClosedRange<Int64>) throws(Problem) -> Int64 {
    let ns = try duration_ns(text)
    guard range.contains(ns) else {
      throw Problem(
        "\"\(text)\" is too \(ns < range.lowerBound ? "short" : "long"): it must be between "
          + "\(durationText(range.lowerBound)) and \(durationText(range.upperBound))")
    }
    return ns
  }

  /// The shortest way to write a span that reads back the same.
  package static func durationText(_ ns: Int64) -> String {
    for (name, unit_ns) in durationUnits where ns != 0 && ns % unit_ns == 0 { return "\(ns / unit_ns)\(name)" }
    return ns == 0 ? "0s" : "\(Double(ns) / 1e6)ms"
  }

  /// Bytes: a whole number, bare or with B, KiB, MiB, GiB.
  package static func bytes(_ text: String) throws(Problem) -> Int {
    let (digits, unit) = split(text)
    guard let number = Int(digits), number >= 0 else {
      throw Problem("\"\(text)\" is not a size: write a whole number and a unit, as in 512KiB, 16MiB")
    }
    guard let unit_bytes = byteUnits.first(where: { $0.name == unit })?.bytes ?? (unit.isEmpty ? 1 : nil) else {
      let meant = byteUnits.first { $0.name.lowercased().first == unit.lowercased().first }?.name ?? "MiB"
      throw Problem("\"\(text)\" has an unknown unit \"\(unit)\": did you mean \(digits)\(meant)?")
    }
    let (product, overflow) = number.multipliedReportingOverflow(by: unit_bytes)
    if overflow { throw Problem("\"\(text)\" is too large") }
    return product
  }

  package static func bytesText(_ bytes: Int) -> String {
    for (name, unit_bytes) in byteUnits where bytes != 0 && bytes % unit_bytes == 0 {
      return "\(bytes / unit_bytes)\(name)"
    }
    return "\(bytes)B"
  }

  /// Bytes per second: a number with B, kB, MB, GB, KiB, MiB or GiB; `/s` may be left out. At least 1.
  package static func rate_bytes_s(_ text: String) throws(Problem) -> UInt64 {
    let (digits, unit) = split(text)
    guard let number = decimal(digits), number >= 0 else {
      throw Problem("\"\(text)\" is not a rate: write a number and a unit, as in 10kB/s or 2KiB/s")
    }
    let bare = unit.hasSuffix("/s") ? String(unit.dropLast(2)) : unit
    if bare.isEmpty { throw Problem("\"\(text)\" has no unit: did you mean \(digits)B/s?") }
    guard let unit_bytes = (byteUnits + decimalByteUnits).first(where: { $0.name == bare })?.bytes else {
      throw Problem("\"\(text)\" has an unknown unit \"\(unit)\": units are B/s, kB/s, MB/s, GB/s, KiB/s, MiB/s, GiB/s")
    }
    let bytes_s = (number * Double(unit_bytes)).rounded()
    guard bytes_s >= 1 else {
      throw Problem("\"\(text)\" is less than a byte a second, which is no rate: pause instead")
    }
    guard bytes_s <= 1e12 else { throw Problem("\"\(text)\" is more than any connection carries") }
    return UInt64(bytes_s)
  }

  package static func count(_ text: String) throws(Problem) -> Int {
    if let number = Int(text) { return number }
    if let number = decimal(text) {
      throw Problem(number == number.rounded() ? "\"\(text)\" is too large" : "\"\(text)\" must be a whole number")
    }
    throw Problem("\"\(text)\" is not a number: write a whole number")
  }

  package static func number(_ text: String) throws(Problem) -> Double {
    guard let number = decimal(text) else { throw Problem("\"\(text)\" is not a number") }
    return number
  }

  /// A share: a fraction of 1 (`0.05`), or a percentage (`5%`). The result is between 0 and 1.
  package static func share(_ text: String) throws(Problem) -> Double {
    let isPercentage = text.hasSuffix("%")
    let digits = isPercentage ? String(text.dropLast()).trimmingSpaces : text
    guard let number = decimal(digits) else {
      throw Problem("\"\(text)\" is not a number: write a share between 0 and 1, as in 0.05 or 5%")
    }
    if isPercentage {
      guard number >= 0, number <= 100 else { throw Problem("\(text) is not a share between 0% and 100%") }
      return number / 100
    }
    if number > 1, number <= 100 {
      throw Problem("\(text) is not a share between 0 and 1: did you mean \(numberText(number / 100))?")
    }
    guard number >= 0, number <= 1 else { throw Problem("\(text) is not a share between 0 and 1") }
    return number
  }

  package static func numberText(_ number: Double) -> String {
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
  private static let decimalByteUnits: [(name: String, bytes: Int)] = [
    ("GB", 1_000_000_000), ("MB", 1_000_000), ("kB", 1000), ("KB", 1000),
  ]
  /// A hundred years: far from overflowing when added to a moment.
  private static let longest_ns = 3.2e18
}

extension String {
  fileprivate var trimmingSpaces: String {
    String(drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
  }
}
