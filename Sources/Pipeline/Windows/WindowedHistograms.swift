/// The three distributions of a sliding window: consumption delay, settle latency, retries of failed deliveries. Values
/// leave by exact subtraction: when a pane closes, its non-empty buckets go to a log; when it is evicted, that part of
/// the log is taken off the totals.
///
/// In: values (ns, or small counts). Out: the bucket of a rank. Memory: nothing until the first value, then 0.6 KB,
/// 260 bytes for each power of two that occurs in a series, and 8 bytes per non-empty bucket of a pane: about 15 KB for
/// a busy window whose values spread over five powers each. Cost: two additions per value; closing and evicting a pane
/// reads its non-empty buckets.
///
/// All three live in one array, so that one outcome asks once whether it may write there.
struct WindowedHistograms {
  enum Series: Int { case delay, latency, retries }

  /// For each series a table of `Buckets.pages` offsets (0: that power never occurred); then the pages: 32 counts of the
  /// closed panes, 32 of the open one, and a mask of those of the open one that are not 0.
  private var words: [UInt32] = []
  /// Which bucket in the upper half (page of all series × 32 + place in it), count in the lower.
  private var log = Ring<UInt64>()

  init() {}

  /// What every judged settlement brings.
  @inline(__always) mutating func record(latency_ns: Int64, delay_ns: Int64?) {
    let latency = Self.index(.latency, latency_ns)
    guard let delay_ns else { return add(latency) }
    let delay = Self.index(.delay, delay_ns)
    var span = words.mutableSpan
    guard Self.add(latency, to: &span), Self.add(delay, to: &span) else { return addFirst(latency, delay) }
  }

  mutating func record(retries: Int64) { add(Self.index(.retries, retries)) }

  /// Moves the open pane's counts to the totals; answers how many log entries the pane has.
  mutating func closePane() -> Int {
    guard !words.isEmpty else { return 0 }
    let before = log.count
    for page in 0..<Self.heads where words[page] != 0 {
      let base = Int(words[page])
      var used = words[base + Self.mask]
      words[base + Self.mask] = 0
      while used != 0 {
        let part = used.trailingZeroBitCount
        used &= used &- 1
        let count = words[base &+ 32 &+ part]
        words[base &+ part] &+= count
        words[base &+ 32 &+ part] = 0
        log.append(UInt64(page &* 32 &+ part) &<< 32 | UInt64(count))
      }
    }
    return log.count - before
  }

  /// Takes the oldest `entries` of the log off the totals.
  mutating func evict(entries: Int) {
    for _ in 0..<entries {
      guard let entry = log.popFirst() else { return }
      let index = Int(entry >> 32)
      words[Int(words[index >> 5]) + (index & 31)] &-= UInt32(truncatingIfNeeded: entry)
    }
  }

  mutating func removeAll() {
    log.removeAll()
    for i in min(Self.heads, words.count)..<words.count { words[i] = 0 }
  }

  /// The bucket that holds the sample of this rank (from 1) in rising order; nil if there are fewer samples.
  func bucket(_ series: Series, rank: UInt64) -> Bucket? {
    guard !words.isEmpty else { return nil }
    var seen: UInt64 = 0
    for page in 0..<Buckets.pages {
      let base = Int(words[series.rawValue * Buckets.pages + page])
      guard base != 0 else { continue }
      for part in 0..<32 {
        seen &+= UInt64(words[base + part] &+ words[base + 32 + part])
        if seen >= rank { return Buckets.range(of: page * 32 + part) }
      }
    }
    return nil
  }

  @inline(__always) private static func index(_ series: Series, _ value: Int64) -> Int {
    Buckets.index(of: value) &+ series.rawValue &* Buckets.pages &* 32
  }

  /// False, and nothing done, if the page is missing.
  @inline(__always) private static func add(_ index: Int, to words: inout MutableSpan<UInt32>) -> Bool {
    let page = index &>> 5
    guard page < words.count else { return false }
    let base = Int(truncatingIfNeeded: words[page])
    guard base != 0 else { return false }
    words[base &+ 32 &+ (index & 31)] &+= 1
    words[base &+ Self.mask] |= 1 &<< UInt32(truncatingIfNeeded: index)
    return true
  }

  @inline(__always) private mutating func add(_ index: Int) {
    var span = words.mutableSpan
    if !Self.add(index, to: &span) { addFirst(nil, index) }
  }

  /// Makes the pages that are missing, and counts. The latency was counted if it had its page.
  @inline(never) private mutating func addFirst(_ latency: Int?, _ index: Int) {
    if words.isEmpty { words = [UInt32](repeating: 0, count: Self.heads) }
    if let latency, words[latency >> 5] == 0 {
      makePage(latency >> 5)
      add(latency)
    }
    if words[index >> 5] == 0 { makePage(index >> 5) }
    add(index)
  }

  private mutating func makePage(_ page: Int) {
    words[page] = UInt32(words.count)
    words.append(contentsOf: repeatElement(0, count: Self.mask + 1))
  }

  private static var heads: Int { 3 * Buckets.pages }
  /// Where a page's mask stands.
  private static var mask: Int { 64 }
}
