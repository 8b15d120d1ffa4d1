/// A p95 (nearest rank) and how it stands to a threshold. The comparison is exact, because the samples above the
/// threshold are counted one by one; only the value comes from a histogram, and is within 1.6 %.
struct Percentile {
  let samples: UInt64
  private let above: UInt64
  private let threshold: Int64

  init(samples: UInt64, above: UInt32, threshold: Int64) {
    self.samples = samples
    self.above = min(samples, UInt64(above))
    self.threshold = threshold
  }

  /// Whether the sample of rank ⌈0.95 × samples⌉ is above the threshold: it is, if fewer than that many are not.
  var isAbove: Bool { samples > 0 && samples - above < rank }

  /// The middle of its bucket, or the edge where the middle would stand on the wrong side of the threshold; nil without
  /// samples.
  func value(_ series: WindowedHistograms.Series, in histograms: borrowing WindowedHistograms) -> Int64? {
    guard samples > 0, let bucket = histograms.bucket(series, rank: rank) else { return nil }
    if isAbove { return bucket.middle > threshold ? bucket.middle : bucket.upper }
    return bucket.middle <= threshold ? bucket.middle : bucket.lower
  }

  private var rank: UInt64 { (samples * 95 + 99) / 100 }
}
