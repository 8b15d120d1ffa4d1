import Pipeline

/// A pcapng interface description: how to read the packets and times that name it.
struct CaptureInterface {
  var linkType: UInt16
  /// 0 if unlimited.
  var snapLength: Int
  /// if_tsresol: a negative power of ten, or of two if the top bit is set. Microseconds unless stated.
  var resolution: UInt8 = 6
  /// if_tsoffset, added to every time.
  var offset_s: Int64 = 0
  var dropped: UInt64 = 0

  /// A packet's time stamp in nanoseconds; saturates far outside of what can occur.
  func time(_ units: UInt64) -> Timestamp {
    let exponent = Int(resolution & 0x7f)
    var ns: UInt64
    if resolution & 0x80 != 0 {
      guard exponent < 64 else { return Timestamp(ns: 0) }
      // units × 10^9 ÷ 2^exponent in 128 bits
      let (high, low) = units.multipliedFullWidth(by: 1_000_000_000)
      let shifted =
        exponent == 0
        ? (high == 0 ? low : .max) : (high >> exponent != 0 ? .max : high << (64 - exponent) | low >> exponent)
      ns = shifted
    } else if exponent <= 9 {
      let (product, overflow) = units.multipliedReportingOverflow(by: Self.powersOfTen[9 - exponent])
      ns = overflow ? .max : product
    } else {
      guard exponent - 9 < Self.powersOfTen.count else { return Timestamp(ns: 0) }
      ns = units / Self.powersOfTen[exponent - 9]
    }
    ns = min(ns, UInt64(Timestamp.distantFuture.ns))
    guard offset_s != 0 else { return Timestamp(ns: Int64(ns)) }
    let (offset_ns, overflow) = offset_s.multipliedReportingOverflow(by: 1_000_000_000)
    return Timestamp(ns: Int64(ns)) + (overflow ? (offset_s < 0 ? .min : .max) : offset_ns)
  }

  private static let powersOfTen: [UInt64] = {
    var powers: [UInt64] = [1]
    for _ in 0..<19 { powers.append(powers[powers.count - 1] &* 10) }
    return powers
  }()
}
