/// Estimates how many distinct messages a sliding window has seen: HyperLogLog (Flajolet et al., 2007) whose registers
/// keep, for every rank, the last pane in which it was seen, so that a window's estimate needs no eviction.
///
/// Standard error 1.04 / √256 = 6.5 %. Memory 24 KB. Adding is O(1); an estimate reads it all. Meant for more than
/// 1,024 distinct messages, where the raw estimate needs no correction for small numbers (that is below 2.5 × 256).
struct CardinalitySketch {
  private var lastPane: [UInt32]

  init() { lastPane = [UInt32](repeating: 0, count: Self.registers * Self.ranks) }

  /// `pane` counts from 1.
  mutating func add(_ message: UInt64, pane: UInt32) {
    let hash = mixed(message)
    let register = Int(truncatingIfNeeded: hash & UInt64(Self.registers - 1))
    let rank = ((hash >> 8) | 1 << UInt64(Self.ranks - 1)).trailingZeroBitCount + 1
    let at = register * Self.ranks + rank - 1
    lastPane[at] = max(lastPane[at], pane)
  }

  /// Distinct messages in `oldest` and later panes.
  func estimate(since oldest: UInt32) -> Int {
    var sum = 0.0
    for register in 0..<Self.registers {
      let base = register * Self.ranks
      var rank = Self.ranks
      while rank > 0, lastPane[base + rank - 1] < max(1, oldest) { rank -= 1 }
      sum += 1 / Double(UInt64(1) << UInt64(rank))
    }
    let m = Double(Self.registers)
    return Int(Self.alpha * m * m / sum)
  }

  private static let registers = 256
  private static let ranks = 24
  /// The bias constant for 256 registers.
  private static let alpha = 0.7213 / (1 + 1.079 / 256)
}

/// Spreads a number over all 64 bits (the finaliser of splitmix64).
@inline(__always) func mixed(_ value: UInt64) -> UInt64 {
  var z = value &+ 0x9e37_79b9_7f4a_7c15
  z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
  z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
  return z ^ (z >> 31)
}
