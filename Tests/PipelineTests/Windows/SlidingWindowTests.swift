import Testing

@testable import Pipeline

@Suite struct SlidingWindowTests {
  private let thresholds = SlidingWindow.Thresholds(retries: 3, delay_ns: .seconds(60), latency_ns: .seconds(2))

  private func window(span_ns: Int64 = .seconds(60), at now: Timestamp = start) -> SlidingWindow {
    SlidingWindow(span_ns: span_ns, thresholds: thresholds, at: now)
  }

  /// Spans that divide evenly into panes and spans that don't; step sizes from far less than a pane to days.
  @Test(arguments: [
    (Int64.seconds(60), Int64.milliseconds(40)), (.seconds(60), .seconds(3)), (.seconds(60), .seconds(86_400)),
    (.seconds(7) + 13, .milliseconds(300)), (.seconds(300), .seconds(1)), (50, 3), (1, 1),
  ])
  func `equals a window that keeps everything`(span_ns: Int64, step_ns: Int64) {
    for seed in UInt64(1)...3 {
      var random = SplitMix64(seed: seed &* 77 &+ UInt64(span_ns))
      let begin = Timestamp(ns: seed == 3 ? -span_ns * 5 : start.ns)
      var naive = NaiveWindow(span_ns: span_ns, thresholds: thresholds, at: begin)
      var window = naive.window
      var now = begin
      var acks: [Timestamp] = []
      for step in 0..<1500 {
        now = now + (random.next() % 50 == 0 ? span_ns : Int64(random.next() % UInt64(step_ns * 2)))
        switch random.next() % 20 {
        case 0:
          let bytes = random.next() % 1000
          window.record(understood_bytes: bytes, lost_bytes: bytes / 7, at: now)
          naive.advance(to: now)
          naive.bytes.append((bytes, bytes / 7, naive.pane))
        case 1:
          window.advance(to: now)
          naive.advance(to: now)
        case 2 where random.next() % 20 == 0:
          window.restart(at: now)
          naive.restart(at: now)
        case 3 where !acks.isEmpty:
          // Any of the last acks, still counted, long gone, or from before a restart.
          let at = acks[acks.count - 1 - Int(random.next() % UInt64(min(40, acks.count)))]
          window.revoke(.acked, countedAt: at)
          naive.revoke(.acked, countedAt: at)
          var late = Outcome.of(.deadLettered, message: random.next() % 40, attempt: Int32(random.next() % 9))
          late.isUntimed = true
          window.record(late, at: now)
          naive.record(late, at: now)
        default:
          let outcome = randomOutcome(&random)
          window.record(outcome, at: now)
          naive.record(outcome, at: now)
          if outcome.settlement == .acked { acks.append(now) }
        }
        if step % 7 == 0 { compare(window, naive) }
      }
    }
  }

  private func randomOutcome(_ random: inout SplitMix64) -> Outcome {
    let settlement = Settlement.allCases[Int(random.next() % 7)]
    let isPaired = settlement == .acked && random.next() % 5 == 0
    return .of(
      settlement, message: random.next() % 40, attempt: Int32(random.next() % 9),
      delay_ns: random.next() % 4 == 0 ? nil : Int64(random.next() >> (27 + random.next() % 20)),
      lowerBound: random.next() % 30 == 0, latency_ns: Int64(random.next() >> (31 + random.next() % 20)),
      paired: isPaired, causeUnknown: random.next() % 3 == 0)
  }

  private func compare(_ window: SlidingWindow, _ naive: NaiveWindow) {
    for settlement in Settlement.allCases {
      #expect(Int(window.counts[settlement]) == naive.count(settlement))
    }
    let failures = naive.failures
    let timed = naive.timed.map(\.outcome)
    let dead = failures.filter { ($0.settlement == .rejected || $0.settlement == .deadLettered) && !$0.causeUnknown }
    #expect(Int(window.failures) == failures.count)
    #expect(Int(window.judged) == naive.judged.count)
    #expect(Int(window.deadLetters) == dead.count)
    #expect(Int(window.ends) == naive.count(.acked) + dead.count)
    #expect(window.failing.count == Set(failures.map(\.message)).count)
    #expect(window.failing.deadLettered == Set(dead.map(\.message)).count)
    #expect(window.hasDelayLowerBounds == timed.contains { $0.delay_ns != nil && $0.delayIsLowerBound })
    #expect(window.understood_bytes == naive.bytes.reduce(0) { $0 + $1.understood })
    #expect(window.lost_bytes == naive.bytes.reduce(0) { $0 + $1.lost })
    #expect(window.isEmpty == (naive.kept.isEmpty && naive.bytes.isEmpty))
    check(
      window.retriesP95, window.retriesP95Value, naive.p95(failures.map { max(0, Int64($0.attempt) - 1) }), above: 3)
    check(window.delayP95, window.delayP95Value, naive.p95(timed.compactMap(\.delay_ns)), above: .seconds(60))
    check(
      window.latencyP95, window.latencyP95Value, naive.p95(timed.map(\.settleLatency_ns)), above: .seconds(2))
  }

  private func check(_ percentile: Percentile, _ value: Int64?, _ truth: Int64?, above threshold: Int64) {
    #expect(percentile.isAbove == (truth.map { $0 > threshold } ?? false))
    #expect((value == nil) == (truth == nil))
    guard let value, let truth else { return }
    #expect((value > threshold) == (truth > threshold))
    #expect(abs(Double(value - truth)) <= 0.016 * Double(truth) + 0.5)
  }

  @Test func `an outcome leaves when its pane is as old as the span, and no sooner`() {
    let pane_ns: Int64 = .milliseconds(500)
    let paneBegin = Timestamp(ns: start.ns / pane_ns * pane_ns)
    for offset_ns in [0, 1, pane_ns / 2, pane_ns - 1] {
      var window = window()
      window.record(.of(.requeued), at: paneBegin + offset_ns)
      window.advance(to: paneBegin + .seconds(60) + -1)
      #expect(window.failures == 1)
      window.advance(to: paneBegin + .seconds(60))
      #expect(window.failures == 0)
      #expect(window.failing.count == 0)
      #expect(window.isEmpty)
    }
  }

  @Test func `time that goes backwards counts in the open pane`() {
    var window = window()
    window.record(.of(.acked), at: start)
    window.record(.of(.acked), at: start + .seconds(-3600))
    #expect(window.acked == 2)
    window.advance(to: start + .seconds(60))
    #expect(window.acked == 0)
  }

  @Test(arguments: [Int64.min, .min / 2, -1, 0, .max / 2, .max]) func `survives any moment`(ns: Int64) {
    var window = window(at: Timestamp(ns: ns))
    window.record(.of(.rejected), at: Timestamp(ns: ns))
    #expect(window.failures == 1)
    window.record(.of(.rejected), at: start)
    window.record(.of(.rejected), at: Timestamp(ns: .max))
    window.advance(to: Timestamp(ns: .max))
    #expect(window.failures <= 3)
  }

  @Test func `survives numbers that no consumer has`() {
    var window = window()
    for number in [Int64.min, -1, 0, .max] {
      window.record(.of(.rejected, attempt: .min, delay_ns: number, latency_ns: number), at: start)
      window.record(.of(.rejected, attempt: .max, delay_ns: number, latency_ns: number), at: start)
    }
    #expect(window.failures == 8)
    #expect(window.delayP95Value != nil)
  }

  @Test func `restarting forgets everything, and the window goes on counting`() {
    var window = window()
    for i in 0..<100 { window.record(.of(.rejected, message: UInt64(i)), at: start + .seconds(Int64(i) / 3)) }
    window.restart(at: start + .seconds(40))
    #expect(window.isEmpty)
    #expect(window.counts == WindowCounts())
    #expect(window.failing.count == 0)
    #expect(window.delayP95Value == nil)
    #expect(window.began == start + .seconds(40))
    window.record(.of(.rejected), at: start + .seconds(41))
    #expect(window.failures == 1)
  }
}
