/// What of one group only rises: for `/metrics`.
package struct GroupCounters: EmptyValue {
  /// The breaker's transitions since the run began, by cause; those that never occurred are left out.
  package var transitions: [Transition.Cause: UInt64] = [:]
  package var consumptionDelay = CumulativeHistogram()
  package var settleLatency = CumulativeHistogram()
  package var retryLatency = CumulativeHistogram()

  package init() {}
}

/// A histogram as Prometheus has it: how many samples are at most as large as each bound.
package struct CumulativeHistogram: EmptyValue {
  /// One for each of `bounds_s`; empty without samples.
  package private(set) var counts: [UInt64] = []
  package private(set) var count: UInt64 = 0
  /// Of the buckets' middles, each within 1.6 % of its samples.
  package private(set) var sum_s = 0.0

  /// Upper bounds in seconds, the rules' own thresholds (2 s, 60 s) among them.
  package static let bounds_s = [
    0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600,
  ]

  package init() {}

  /// Of spans of time in nanoseconds. A bucket counts where its middle lies, so a sample within 1.6 % of a bound may count
  /// on its other side.
  package init(_ histogram: Histogram) {
    guard histogram.count > 0 else { return }
    count = histogram.count
    counts = [UInt64](repeating: 0, count: Self.bounds_s.count)
    var bound = 0
    histogram.forEachBucket { bucket, samples in
      let middle_s = Double(bucket.middle) / 1e9
      sum_s += middle_s * Double(samples)
      while bound < counts.count, middle_s > Self.bounds_s[bound] { bound += 1 }
      if bound < counts.count { counts[bound] &+= samples }
    }
    for i in counts.indices.dropFirst() { counts[i] &+= counts[i - 1] }
  }
}
