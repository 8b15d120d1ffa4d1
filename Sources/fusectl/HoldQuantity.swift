/// Durations and rates of `fusectl hold`, as people write them. Errors say what was probably meant.
enum HoldQuantity {
  struct Problem: Error, Equatable, CustomStringConvertible {
    var description: String
    init(_ description: String) { self.description = description }
  }

  /// `500ms`, `30s`, `5m`, `1h`: above zero and at most an hour, in nanoseconds.
  static func duration_ns(_ text: String) throws(Problem) -> Int64 {
    let (digits, unit) = split(text)
    guard let number = Double(digits), number.isFinite else {
      throw Problem("\"\(text)\" is not a duration: write a number and a unit, as in 30s or 5m")
    }
    guard let unit_ns = durationUnits[unit] else {
      throw Problem(
        unit.isEmpty
          ? "\"\(text)\" has no unit: did you mean \(text)s? (units are ms, s, m, h)"
          : "\"\(text)\" has an unknown unit \"\(unit)\": units are ms, s, m, h")
    }
    let ns = number * unit_ns
    guard ns >= 1e6 else { throw Problem("\"\(text)\" is too short: a hold lasts at least 1ms") }
    guard ns <= 3.6e12 else {
      throw Problem("\"\(text)\" is too long: a hold by hand lasts at most 1h; repeat it, or let stormfuse hold")
    }
    return Int64(ns.rounded())
  }

  /// `500B/s`, `10kB/s`, `1MiB/s`; `/s` may be left out. Bytes per second, at least 1.
  static func rate_bytes_s(_ text: String) throws(Problem) -> UInt64 {
    let (digits, unit) = split(text)
    guard let number = Double(digits), number.isFinite else {
      throw Problem("\"\(text)\" is not a rate: write a number and a unit, as in 10kB/s")
    }
    let bare = unit.hasSuffix("/s") ? String(unit.dropLast(2)) : unit
    guard let factor = byteUnits[bare] else {
      if unit.isEmpty { throw Problem("\"\(text)\" has no unit: did you mean \(text)B/s?") }
      throw Problem("\"\(text)\" has an unknown unit \"\(unit)\": units are B/s, kB/s, MB/s, KiB/s, MiB/s")
    }
    let bytes = number * factor
    guard bytes >= 1 else { throw Problem("\"\(text)\" is less than a byte a second: use --action pause") }
    guard bytes <= 1e12 else { throw Problem("\"\(text)\" is more than any connection carries: leave it unthrottled") }
    return UInt64(bytes.rounded())
  }

  /// For people: `12.3 kB`.
  static func bytesText(_ bytes: UInt64) -> String {
    var value = Double(bytes)
    var unit = "B"
    for larger in ["kB", "MB", "GB"] where value >= 1000 {
      value /= 1000
      unit = larger
    }
    return unit == "B" ? "\(bytes) B" : "\((value * 10).rounded() / 10) \(unit)"
  }

  private static func split(_ text: String) -> (digits: String, unit: String) {
    let digits = text.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
    return (String(digits), String(text.dropFirst(digits.count).drop { $0 == " " }))
  }

  private static let durationUnits: [String: Double] = ["ms": 1e6, "s": 1e9, "m": 6e10, "h": 3.6e12]
  private static let byteUnits: [String: Double] = [
    "B": 1, "kB": 1e3, "KB": 1e3, "MB": 1e6, "GB": 1e9, "KiB": 1024, "MiB": 1_048_576, "GiB": 1_073_741_824,
  ]
}
