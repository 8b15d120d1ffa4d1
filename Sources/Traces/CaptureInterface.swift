import Pipeline

/// A pcapng interface description: how to read the packets and times that name it.
struct CaptureInterface {
  var linkType: UInt16
  /// 0 if unlimited.
  var snapLength: Int
  /// if_tsresol: a negative power of ten, or of two if the top bit is set. Microseconds unless stated.
  var resolution: UInt8 = 6 {
    didSet { nsPerUnit = Self.nsPerUnit(resolution) }
  }
  /// Nil where a unit is no whole number of nanoseconds. Worked out once, not for each packet.
  private(set) var nsPerUnit: UInt64? = 1_000
  /// if_tsoffset, added to every time.
  var offset_s: Int64 = 0
  var dropped: UInt64 = 0

  /// A packet's time stamp in nanoseconds; saturates far outside of what can occur.
  @inline(__always) func time(_ units: UInt64) -> Timestamp {
    if let nsPerUnit, offset_s == 0 {
      let (ns, overflow) = units.multipliedReportingOverflow(by: nsPerUnit)
      return Timestamp(ns: overflow || ns > Self.latest_ns ? Int64(Self.latest_ns) : Int64(ns))
    }
    return uncommonTime(units)
  }

  private func uncommonTime(_ units: UInt64) -> Timestamp {
    let exponent = Int(resolution & 0x7f)
    var ns: UInt64
    if let nsPerUnit {
      let (product, overflow) = units.multipliedReportingOverflow(by: nsPerUnit)
      ns = overflow ? .max : product
    } else if resolution & 0x80 != 0 {
      guard exponent < 64 else { return Timestamp(ns: 0) }
      // units × 10^9 ÷ 2^exponent in 128 bits
      let (high, low) = units.multipliedFullWidth(by: 1_000_000_000)
      let shifted =
        exponent == 0
        ? (high == 0 ? low : .max) : (high >> exponent != 0 ? .max : high << (64 - exponent) | low >> exponent)
      ns = shifted
    } else {
      guard exponent - 9 < Self.powersOfTen.count else { return Timestamp(ns: 0) }
      ns = units / Self.powersOfTen[exponent - 9]
    }
    ns = min(ns, Self.latest_ns)
    guard offset_s != 0 else { return Timestamp(ns: Int64(ns)) }
    let (offset_ns, overflow) = offset_s.multipliedReportingOverflow(by: 1_000_000_000)
    return Timestamp(ns: Int64(ns)) + (overflow ? (offset_s < 0 ? .min : .max) : offset_ns)
  }

  private static func nsPerUnit(_ resolution: UInt8) -> UInt64? {
    resolution <= 9 ? powersOfTen[9 - Int(resolution)] : nil
  }

  /// `Timestamp.distantFuture`, which is another module's and so a call away.
  private static var latest_ns: UInt64 { UInt64(Int64.max / 2) }

  private static let powersOfTen: [UInt64] = {
    var powers: [UInt64] = [1]
    for _ in 0..<19 { powers.append(powers[powers.count - 1] &* 10) }
    return powers
  }()
}
