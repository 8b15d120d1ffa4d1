/// How many deliveries were the how-manieth attempt. Exact to 255; what is above counts as 255 in the quantiles, while
/// `max` stays exact.
struct AttemptCounts {
  private var counts = ContiguousArray<UInt64>(repeating: 0, count: 256)
  private(set) var max = 0
  private(set) var samples: UInt64 = 0

  mutating func record(_ attempt: Int) {
    let clamped = Swift.min(Swift.max(attempt, 0), 255)
    counts[clamped] += 1
    samples += 1
    if attempt > max { max = attempt }
  }

  mutating func merge(_ other: AttemptCounts) {
    for i in counts.indices { counts[i] += other.counts[i] }
    samples += other.samples
    max = Swift.max(max, other.max)
  }

  /// A delivery that was recorded before turns out to have been this attempt.
  mutating func raise(to attempt: Int) { max = Swift.max(max, attempt) }

  /// The least attempt that at least a share of `q` of the deliveries did not exceed; 0 without deliveries.
  func quantile(_ q: Double) -> Double {
    guard samples > 0 else { return 0 }
    let rank = UInt64((Double(samples) * q).rounded(.up))
    var seen: UInt64 = 0
    for (attempt, count) in counts.enumerated() {
      seen += count
      if seen >= Swift.max(rank, 1) { return Double(attempt) }
    }
    return Double(max)
  }
}
