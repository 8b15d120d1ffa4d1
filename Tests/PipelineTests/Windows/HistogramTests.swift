import Testing

@testable import Pipeline

@Suite struct HistogramTests {
  @Test func `buckets tile the whole range without gaps or overlaps`() {
    var next: Int64 = 0
    for index in 0..<Buckets.pages * Buckets.perPage {
      let range = Buckets.range(of: index)
      #expect(range.lower == next)
      #expect(Buckets.index(of: range.lower) == index)
      #expect(Buckets.index(of: range.upper) == index)
      next = range.upper + 1
    }
    #expect(next - 1 == Buckets.largest)
  }

  @Test func `the middle of a bucket is within 3 percent from 1 µs to 30 days`() {
    var value: Int64 = 1000
    let end: Int64 = .seconds(30 * 86_400)
    var random = SplitMix64(seed: 1)
    while value <= end {
      for candidate in [value, value + Int64(random.next() % UInt64(value))] where candidate <= end {
        var histogram = Histogram()
        histogram.record(candidate)
        histogram.record(end)  // so that the largest value doesn't clamp the answer
        let estimate = histogram.quantile(0.5) ?? 0
        #expect(abs(Double(estimate - candidate)) <= 0.016 * Double(candidate))
      }
      value = value + value / 7
    }
  }

  @Test func `quantiles are nearest-rank`() {
    var histogram = Histogram()
    for value in 1...20 { histogram.record(Int64(value)) }
    #expect(histogram.quantile(0) == 1)
    #expect(histogram.quantile(0.05) == 1)
    #expect(histogram.quantile(0.051) == 2)
    #expect(histogram.quantile(0.5) == 10)
    #expect(histogram.quantile(0.95) == 19)
    #expect(histogram.quantile(0.951) == 20)
    #expect(histogram.quantile(1) == 20)
  }

  @Test(arguments: 1...400)
  func `the rank of p95 has no rounding error`(count: Int) {
    #expect(nearestRank(0.95, of: UInt64(count)) == UInt64((count * 95 + 99) / 100))
  }

  @Test func `without samples it knows nothing`() {
    #expect(Histogram().quantile(0.95) == nil)
  }

  @Test func `no quantile is above the largest value`() {
    var histogram = Histogram()
    histogram.record(1_000_000)
    #expect(histogram.quantile(1) == 1_000_000)
    #expect(histogram.max == 1_000_000)
  }

  @Test(arguments: [Int64.min, -1, 0]) func `what is negative counts as nought`(value: Int64) {
    var histogram = Histogram()
    histogram.record(value)
    #expect(histogram.quantile(1) == 0)
  }

  @Test func `what is too large counts as the largest`() {
    var histogram = Histogram()
    histogram.record(.max)
    #expect(histogram.max == Buckets.largest)
    #expect(histogram.quantile(1) ?? 0 > Buckets.largest / 100 * 98)
  }

  @Test func `merging and subtracting again leaves what there was`() {
    var random = SplitMix64(seed: 2)
    var a = Histogram()
    var b = Histogram()
    for _ in 0..<1000 { a.record(Int64(random.next() >> 20)) }
    for _ in 0..<1000 { b.record(Int64(random.next() >> 30)) }
    let before = [0.1, 0.5, 0.95, 0.99].map { a.quantile($0) }
    a.merge(b)
    #expect(a.count == 2000)
    a.subtract(b)
    #expect(a.count == 1000)
    #expect([0.1, 0.5, 0.95, 0.99].map { a.quantile($0) } == before)
  }

  @Test func `subtracting what was never recorded changes nothing`() {
    var histogram = Histogram()
    histogram.subtract(5)
    histogram.record(5)
    histogram.subtract(1_000_000)
    histogram.subtract(5, count: 7)
    histogram.subtract(5)
    #expect(histogram.count == 0)
  }
}
