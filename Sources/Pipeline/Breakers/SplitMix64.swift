/// A small generator with a seed (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014), so that a
/// replay varies the open times as the run before did.
struct SplitMix64: RandomNumberGenerator, Sendable {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    defer { state &+= 0x9e37_79b9_7f4a_7c15 }
    return mixed(state)
  }

  /// Evenly in 0..<1, in steps of 2⁻⁵³.
  mutating func unit() -> Double { Double(next() >> 11) * 0x1p-53 }
}
