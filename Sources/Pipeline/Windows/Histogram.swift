/// How values from 0 to `Buckets.largest` fall into log-linear buckets: below 64 each value has its own, above that
/// each power of two is cut into 32 equal parts. A bucket's middle is within 1/64 (1.6 %) of every value in it. Values
/// are nanoseconds (52 days fit) or small counts; smaller ones count as 0, larger ones as the largest.
package enum Buckets {
  /// Buckets to a page, and thus to a power of two.
  static let perPage = 32
  static let pages = 48
  package static let largest: Int64 = (1 << 52) - 1

  @inline(__always) static func index(of value: Int64) -> Int {
    let value = UInt64(bitPattern: max(0, min(value, largest)))
    if value < 32 { return Int(truncatingIfNeeded: value) }
    let exponent = 63 &- value.leadingZeroBitCount
    return (exponent &- 4) &<< 5 | Int(truncatingIfNeeded: (value &>> UInt64(exponent &- 5)) & 31)
  }

  static func range(of index: Int) -> Bucket {
    if index < 64 { return Bucket(lower: Int64(index), upper: Int64(index)) }
    let shift = Int64(index / perPage - 1)
    let lower = Int64(perPage + index % perPage) &<< shift
    return Bucket(lower: lower, upper: lower + (1 &<< shift) - 1)
  }
}

/// The values between which a quantile lies, both included.
package struct Bucket: Equatable, Sendable {
  package var lower: Int64
  package var upper: Int64
  package var middle: Int64 { lower + (upper - lower) / 2 }
}

/// Which of `count` samples in rising order is the quantile `q` (0…1): the nearest rank, ⌈q × count⌉, from 1. What
/// rounding in the product adds to a whole number is taken off again.
package func nearestRank(_ q: Double, of count: UInt64) -> UInt64 {
  let rank = q * Double(count) - 1e-6
  guard rank > 1 else { return 1 }
  let whole = UInt64(rank)
  return min(count, Double(whole) < rank ? whole + 1 : whole)
}

/// Distribution of spans of time (ns) or of small counts over a whole run. Quantiles are nearest-rank and answer with
/// the middle of the bucket, within 1.6 % of the true sample, never above the largest value recorded.
///
/// Memory: nothing until the first value, then 0.4 KB and 256 bytes for each power of two that occurs; 12.7 KB at most.
/// Recording is O(1); a quantile reads the buckets of the powers that occur.
package struct Histogram: Sendable {
  package private(set) var count: UInt64 = 0
  /// Largest value recorded, clamped to `Buckets.largest`. After subtracting it is an upper bound.
  package private(set) var max: Int64 = 0
  /// A table of `Buckets.pages` offsets (0: that power never occurred), then the pages.
  private var words: [UInt64] = []

  package init() {}

  package mutating func record(_ value: Int64, count n: UInt64 = 1) {
    guard n > 0 else { return }
    words[slot(Buckets.index(of: value))] &+= n
    count &+= n
    max = Swift.max(max, Swift.min(value, Buckets.largest))
  }

  /// Takes a value out that was recorded. One that was not (its bucket is empty) changes nothing.
  package mutating func subtract(_ value: Int64, count n: UInt64 = 1) {
    take(Buckets.index(of: value), n)
  }

  package mutating func merge(_ other: Histogram) {
    other.forEachIndex { index, n in words[slot(index)] &+= n }
    count &+= other.count
    max = Swift.max(max, other.max)
  }

  /// Takes everything out that was merged in before.
  package mutating func subtract(_ other: Histogram) {
    other.forEachIndex { index, n in take(index, n) }
  }

  /// Nil without samples.
  package func quantile(_ q: Double) -> Int64? {
    guard count > 0 else { return nil }
    let rank = nearestRank(q, of: count)
    var seen: UInt64 = 0
    var found: Int64?
    forEachIndex { index, n in
      seen &+= n
      if found == nil, seen >= rank { found = Swift.min(Buckets.range(of: index).middle, max) }
    }
    return found ?? max
  }

  /// The buckets that are not empty in rising order, each with how many values it has.
  package func forEachBucket(_ body: (Bucket, UInt64) -> Void) {
    forEachIndex { index, n in body(Buckets.range(of: index), n) }
  }

  private mutating func take(_ index: Int, _ n: UInt64) {
    guard !words.isEmpty, words[index / Buckets.perPage] != 0 else { return }
    let slot = slot(index)
    let taken = Swift.min(n, words[slot])
    words[slot] &-= taken
    count &-= taken
  }

  /// Where the bucket's count stands; makes its page if there is none.
  private mutating func slot(_ index: Int) -> Int {
    if words.isEmpty { words = [UInt64](repeating: 0, count: Buckets.pages) }
    let page = index / Buckets.perPage
    if words[page] == 0 {
      words[page] = UInt64(words.count)
      words.append(contentsOf: repeatElement(0, count: Buckets.perPage))
    }
    return Int(words[page]) + index % Buckets.perPage
  }

  /// In rising order, without the empty ones.
  private func forEachIndex(_ body: (Int, UInt64) -> Void) {
    guard !words.isEmpty else { return }
    for page in 0..<Buckets.pages where words[page] != 0 {
      let base = Int(words[page])
      for part in 0..<Buckets.perPage where words[base + part] != 0 {
        body(page * Buckets.perPage + part, words[base + part])
      }
    }
  }
}
