/// What happened to one group (or one partition of it) in the last `span_ns`.
///
/// In: one `Outcome` per settlement, bytes understood and lost. Out: the counters, quantiles and distinct messages that
/// the rules compare. The span is cut into 120 panes, aligned to the epoch; a pane leaves whole, by subtraction, as soon
/// as it is `span_ns` old at its beginning. So an outcome stays at least 119/120 of the span and at most all of it: at
/// 60 s it leaves up to 0.5 s early. That is 0.8 % of a steady stream, and nothing leaves late.
///
/// Whether a p95 is above a rule's threshold is decided by counting the samples above it, exactly; the histograms
/// (≤ 1.6 %) only put a value beside it.
///
/// Memory: 0.4 KB when empty; only panes in which something happened are kept, with 96 bytes each. 1,024 distinct
/// failing messages add 45 KB and 8 bytes for each of their panes. A whole `GroupMonitor`, measured with 10,000 of them:
/// 2.5 KB idle, 11 KB with six outcomes a minute, 40 KB with a thousand a minute spread over every pane; 25, 114 and
/// 398 MB in all. Cost: a dozen additions per outcome, about 20 ns with the breaker; closing a pane, at most twice a
/// second at 60 s, reads the buckets in use. A gap of days costs what is in the window, no more. Time that goes
/// backwards counts in the open pane.
package struct SlidingWindow {
  /// Above what the samples are counted; a rule compares with exactly these.
  package struct Thresholds: Equatable, Sendable {
    package var retries: Double
    package var delay_ns: Int64
    package var latency_ns: Int64
    package init(retries: Double, delay_ns: Int64, latency_ns: Int64) {
      self.retries = retries
      self.delay_ns = delay_ns
      self.latency_ns = latency_ns
    }
  }

  package let span_ns: Int64
  package let thresholds: Thresholds
  /// Since when this window counts: its creation or last restart.
  package private(set) var began: Timestamp

  private let pane_ns: Int64
  /// A whole number of retries above this is above `thresholds.retries`.
  private let retriesFloor: Int64
  private var closed = WindowCounts()
  private var open = WindowCounts()
  private var panes = Ring<Pane>()
  private var paneIndex: Int64
  private var paneEnd_ns: Int64
  private var isOpenPaneUsed = false
  private var histograms = WindowedHistograms()
  /// Acks so far, wrapping; a mark for `DistinctMessages`.
  private var acks: UInt32 = 0
  package private(set) var failing: DistinctMessages

  package init(span_ns: Int64, thresholds: Thresholds, at now: Timestamp) {
    self.span_ns = max(1, span_ns)
    self.thresholds = thresholds
    pane_ns = max(1, (self.span_ns - 1) / Self.paneCount + 1)
    retriesFloor = thresholds.retries < 0 ? -1 : Int64(min(1e9, thresholds.retries))
    began = now
    paneIndex = 0
    paneEnd_ns = 0
    failing = DistinctMessages(panes: Int(Self.paneCount))
    enterPane(of: now)
  }

  /// Counts one settled delivery. An outcome earlier than the open pane counts in it.
  @inline(__always) package mutating func record(_ outcome: Outcome, at now: Timestamp) {
    if now.ns >= paneEnd_ns { advance(to: now) }
    isOpenPaneUsed = true
    switch outcome.settlement {
    case .acked:
      // It only ends an own dead-letter or retry publish: no settlement, in no rate.
      guard !outcome.paired else { return }
      open.acked &+= 1
      acks &+= 1
    case .abandoned:
      open.abandoned &+= 1
      return
    case .expired:
      open.expired &+= 1
      return
    case .requeued, .rejected, .deadLettered, .crashed:
      recordFailure(outcome)
      guard !outcome.isUntimed else { return }
    }
    histograms.record(latency_ns: outcome.settleLatency_ns, delay_ns: outcome.delay_ns)
    if outcome.settleLatency_ns > thresholds.latency_ns { open.latenciesAbove &+= 1 }
    if let delay_ns = outcome.delay_ns {
      open.delays &+= 1
      if outcome.delayIsLowerBound { open.delayLowerBounds &+= 1 }
      if delay_ns > thresholds.delay_ns { open.delaysAbove &+= 1 }
    }
  }

  /// What was counted at that moment has ended otherwise: it counts no more, if it still did. Its latency and
  /// delay stay where they are, and are those of what comes in its place (`Outcome.isUntimed`). A failure stays among
  /// the distinct failing messages until its pane leaves.
  package mutating func revoke(_ settlement: Settlement, causeUnknown: Bool = false, countedAt at: Timestamp) {
    // What counts since the very moment of a restart may be another one.
    guard at > began else { return }
    let index = paneNumber(of: at)
    if index >= paneIndex {
      guard open[settlement] > 0 else { return }
      open.revoke(settlement, causeUnknown: causeUnknown)
    } else {
      guard let i = (0..<panes.count).last(where: { panes[$0].index <= index }), panes[i].index == index,
        panes[i].counts[settlement] > 0
      else { return }
      panes[i].counts.revoke(settlement, causeUnknown: causeUnknown)
      closed.revoke(settlement, causeUnknown: causeUnknown)
    }
    if settlement == .acked { acks &-= 1 }
  }

  /// Counts bytes of the group's connections.
  @inline(__always) package mutating func record(understood_bytes: UInt64, lost_bytes: UInt64, at now: Timestamp) {
    if now.ns >= paneEnd_ns { advance(to: now) }
    isOpenPaneUsed = true
    open.understoodBytes &+= understood_bytes
    open.lostBytes &+= lost_bytes
  }

  /// Lets go of what is older than the span. One comparison when nothing is due.
  @inline(__always) package mutating func advance(to now: Timestamp) {
    if now.ns >= paneEnd_ns { turn(to: now) }
  }

  /// Starts anew: everything counted so far is forgotten.
  package mutating func restart(at now: Timestamp) {
    closed = WindowCounts()
    open = WindowCounts()
    panes.removeAll()
    histograms.removeAll()
    failing.removeAll()
    acks = 0
    isOpenPaneUsed = false
    began = now
    enterPane(of: now)
  }

  /// How many panes a span is cut into.
  package static let paneCount: Int64 = 120
}

// What it says about the span that ended with the last call of `advance(to:)` or `record`.
extension SlidingWindow {
  package var counts: WindowCounts {
    var sum = closed
    sum &+= open
    return sum
  }

  package var acked: UInt64 { UInt64(closed.acked &+ open.acked) }
  package var failures: UInt64 { UInt64(closed.failures &+ open.failures) }
  package var judged: UInt64 { UInt64(closed.judged &+ open.judged) }
  package var deadLetters: UInt64 { UInt64(closed.deadLetters &+ open.deadLetters) }
  package var ends: UInt64 { UInt64(closed.ends &+ open.ends) }
  package var crashed: UInt64 { UInt64(closed.crashed &+ open.crashed) }
  package var understood_bytes: UInt64 { closed.understoodBytes &+ open.understoodBytes }
  package var lost_bytes: UInt64 { closed.lostBytes &+ open.lostBytes }

  /// Whether nothing at all is in it.
  package var isEmpty: Bool { panes.count == 0 && !isOpenPaneUsed }

  /// When the oldest pane in use leaves; `distantFuture` if the window is empty.
  var nextEviction: Timestamp {
    guard let oldest = panes.first?.index ?? (isOpenPaneUsed ? paneIndex : nil) else { return .distantFuture }
    return Timestamp(ns: (oldest + Self.paneCount) * pane_ns)
  }

  /// p95 over the failures of (attempt − 1).
  var retriesP95: Percentile {
    Percentile(samples: failures, above: closed.retriesAbove &+ open.retriesAbove, threshold: retriesFloor)
  }
  var retriesP95Value: Int64? { retriesP95.value(.retries, in: histograms) }

  /// p95 over the judged settlements whose delay is known; ns.
  var delayP95: Percentile {
    Percentile(
      samples: UInt64(closed.delays &+ open.delays), above: closed.delaysAbove &+ open.delaysAbove,
      threshold: thresholds.delay_ns)
  }
  var delayP95Value: Int64? { delayP95.value(.delay, in: histograms) }

  /// p95 over the judged settlements whose settle latency is known; ns.
  var latencyP95: Percentile {
    Percentile(
      samples: UInt64(closed.latencies &+ open.latencies), above: closed.latenciesAbove &+ open.latenciesAbove,
      threshold: thresholds.latency_ns)
  }
  var latencyP95Value: Int64? { latencyP95.value(.latency, in: histograms) }

  /// Whether some of the delays are known only as lower bounds; their p95 is then one, too.
  var hasDelayLowerBounds: Bool { closed.delayLowerBounds &+ open.delayLowerBounds > 0 }

  /// Acks since the first of the named messages began to fail.
  func acksSince(_ named: Named) -> UInt64 { UInt64(named.acksSince(acks)) }
}

extension SlidingWindow {
  private struct Pane: BitwiseCopyable {
    var index: Int64
    var counts: WindowCounts
    var histogramEntries: UInt32
    var failingEntries: UInt32
  }

  @inline(never) private mutating func recordFailure(_ outcome: Outcome) {
    switch outcome.settlement {
    case .rejected: open.rejected &+= 1
    case .deadLettered: open.deadLettered &+= 1
    case .crashed: open.crashed &+= 1
    default: open.requeued &+= 1
    }
    let isDeadLetter = outcome.settlement == .rejected || outcome.settlement == .deadLettered
    if isDeadLetter, outcome.causeUnknown { open.causeUnknown &+= 1 }
    if outcome.isUntimed { open.untimed &+= 1 }
    let retried = Int64(outcome.attempt) - 1
    histograms.record(retries: retried)
    if retried > retriesFloor { open.retriesAbove &+= 1 }
    failing.record(outcome.message, deadLetter: isDeadLetter && !outcome.causeUnknown, acks: acks)
  }

  @inline(never) private mutating func turn(to now: Timestamp) {
    let before = paneIndex
    closePane()
    enterPane(of: now)
    failing.advance(panes: paneIndex - before)
    while let oldest = panes.first, oldest.index <= paneIndex - Self.paneCount {
      closed &-= oldest.counts
      histograms.evict(entries: Int(oldest.histogramEntries))
      failing.evict(logEntries: Int(oldest.failingEntries))
      _ = panes.popFirst()
    }
  }

  private mutating func closePane() {
    guard isOpenPaneUsed else { return }
    let pane = Pane(
      index: paneIndex, counts: open, histogramEntries: UInt32(histograms.closePane()),
      failingEntries: UInt32(failing.closePane()))
    panes.append(pane)
    closed &+= open
    open = WindowCounts()
    isOpenPaneUsed = false
  }

  private mutating func enterPane(of now: Timestamp) {
    paneIndex = paneNumber(of: now)
    paneEnd_ns = (paneIndex + 1) * pane_ns
  }

  /// Moments near the ends of what a `Timestamp` can say are taken as ±146 years, so that nothing overflows. The engine
  /// gives none later than that.
  private func paneNumber(of at: Timestamp) -> Int64 {
    let ns = max(-(1 << 62), min(1 << 62, at.ns))
    return ns >= 0 ? ns / pane_ns : -((-ns - 1) / pane_ns) - 1
  }
}
