@testable import Pipeline

/// The window as anybody would write it first: it keeps every outcome, and counts them when asked.
struct NaiveWindow {
  let window: SlidingWindow
  let pane_ns: Int64
  var kept: [(outcome: Outcome, pane: Int64)] = []
  /// Judged ones as they were recorded, but those without a latency: what is revoked leaves its own behind.
  var timed: [(outcome: Outcome, pane: Int64)] = []
  var began: Timestamp
  var bytes: [(understood: UInt64, lost: UInt64, pane: Int64)] = []
  var pane: Int64

  init(span_ns: Int64, thresholds: SlidingWindow.Thresholds, at now: Timestamp) {
    window = SlidingWindow(span_ns: span_ns, thresholds: thresholds, at: now)
    pane_ns = (span_ns + 119) / 120
    pane = Self.floorDivide(now.ns, pane_ns)
    began = now
  }

  mutating func advance(to now: Timestamp) {
    pane = max(pane, Self.floorDivide(now.ns, pane_ns))
    kept.removeAll { $0.pane <= pane - 120 }
    timed.removeAll { $0.pane <= pane - 120 }
    bytes.removeAll { $0.pane <= pane - 120 }
  }

  mutating func record(_ outcome: Outcome, at now: Timestamp) {
    advance(to: now)
    kept.append((outcome, pane))
    if Self.isJudged(outcome), !outcome.isUntimed { timed.append((outcome, pane)) }
  }

  mutating func revoke(_ settlement: Settlement, countedAt at: Timestamp) {
    let pane = Self.floorDivide(at.ns, pane_ns)
    guard at > began,
      let i = kept.firstIndex(where: { $0.pane == pane && $0.outcome.settlement == settlement && !$0.outcome.paired })
    else { return }
    kept[i].outcome.paired = true
  }

  mutating func restart(at now: Timestamp) {
    advance(to: now)
    began = now
    kept = []
    timed = []
    bytes = []
  }

  func count(_ settlement: Settlement) -> Int {
    kept.filter { $0.outcome.settlement == settlement && !$0.outcome.paired }.count
  }

  var judged: [Outcome] { kept.map(\.outcome).filter(Self.isJudged) }

  private static func isJudged(_ outcome: Outcome) -> Bool {
    !outcome.paired && (outcome.settlement == .acked || outcome.settlement.isFailure)
  }

  var failures: [Outcome] { judged.filter(\.settlement.isFailure) }

  /// The sample of rank ⌈0.95 n⌉.
  func p95(_ samples: [Int64]) -> Int64? {
    samples.isEmpty ? nil : samples.sorted()[(samples.count * 95 + 99) / 100 - 1]
  }

  private static func floorDivide(_ a: Int64, _ b: Int64) -> Int64 { a >= 0 ? a / b : -((-a - 1) / b) - 1 }
}
