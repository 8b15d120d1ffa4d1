/// The windows of one group: its own, a second one if `dead-letter-flood` looks at another span than
/// `dead-letter-storm`, one per partition for `slow-partition`, the gaps between acks, and the series of crashes.
///
/// Memory: that of one `SlidingWindow`, of one more per partition in use, at most 1,024 (more are counted in
/// `partitionsDropped` and only counted for the group).
package struct GroupWindows {
  /// Span of `dead-letter-storm`; the coverage of this one decides.
  package private(set) var main: SlidingWindow
  package private(set) var gaps: AckGaps
  package private(set) var crashes = CrashLoop()
  package private(set) var partitionsDropped = 0
  private(set) var partitions: [Partition] = []
  /// None, or the flood's own.
  private var own: [SlidingWindow] = []
  private var rules: RuleSettings

  struct Partition {
    var name: String
    var window: SlidingWindow
  }

  package init(settings: ResolvedSettings, at now: Timestamp) {
    rules = settings.rules
    let thresholds = Self.thresholds(rules)
    let storm_ns = rules.deadLetterStorm.window_ns ?? settings.window_ns
    let flood_ns = rules.deadLetterFlood.window_ns ?? settings.window_ns
    main = SlidingWindow(span_ns: storm_ns, thresholds: thresholds, at: now)
    if rules.deadLetterFlood.enabled, flood_ns != storm_ns {
      own = [SlidingWindow(span_ns: flood_ns, thresholds: thresholds, at: now)]
    }
    gaps = AckGaps(history_ns: rules.stalled.history_ns, at: now)
  }

  private static func thresholds(_ rules: RuleSettings) -> SlidingWindow.Thresholds {
    SlidingWindow.Thresholds(
      retries: rules.deadLetterStorm.retries, delay_ns: rules.deadLetterStorm.consumptionDelay_ns,
      latency_ns: rules.slowPartition.settleLatency_ns)
  }

  /// Goes on under other settings. A window begins anew where its span is another one, or its samples are to be compared
  /// with another retries, delay or latency threshold: each was compared as it came. Answers whether one did.
  package mutating func replace(settings: ResolvedSettings, at now: Timestamp) -> Bool {
    let new = GroupWindows(settings: settings, at: now)
    let before = rules
    rules = new.rules
    var isRestarted = false
    let (old, other) = (main.thresholds, new.main.thresholds)
    if main.span_ns != new.main.span_ns || old.retries != other.retries || old.delay_ns != other.delay_ns {
      main = new.main
      isRestarted = true
    }
    if own.first?.span_ns != new.own.first?.span_ns {
      own = new.own
      // Without one of its own it looks at the main one, which goes on.
      if !own.isEmpty { isRestarted = true }
    }
    if before.slowPartition.window_ns != rules.slowPartition.window_ns
      || before.slowPartition.settleLatency_ns != rules.slowPartition.settleLatency_ns
    {
      for i in partitions.indices { partitions[i].window = partitionWindow(at: now) }
      if !partitions.isEmpty { isRestarted = true }
    }
    if before.stalled.history_ns != rules.stalled.history_ns { gaps = new.gaps }
    return isRestarted
  }

  private func partitionWindow(at now: Timestamp) -> SlidingWindow {
    SlidingWindow(span_ns: rules.slowPartition.window_ns, thresholds: Self.thresholds(rules), at: now)
  }

  /// The window that `dead-letter-flood` looks at, lent.
  @inline(__always) func withFlood<Result>(_ body: (borrowing SlidingWindow) -> Result) -> Result {
    own.isEmpty ? body(main) : body(own[0])
  }

  /// Makes the window of a partition; its number is what `record` wants. Nil when there are 1,024 already, or if the
  /// rule is off.
  package mutating func addPartition(named name: String, at now: Timestamp) -> Int? {
    guard rules.slowPartition.enabled else { return nil }
    guard partitions.count < Self.mostPartitions else {
      partitionsDropped += 1
      return nil
    }
    partitions.append(Partition(name: name, window: partitionWindow(at: now)))
    return partitions.count - 1
  }

  @inline(__always) mutating func record(_ outcome: Outcome, partition: Int?, at now: Timestamp) {
    main.record(outcome, at: now)
    if outcome.settlement == .acked { gaps.ack(at: now, paired: outcome.paired) }
    if !own.isEmpty { own[0].record(outcome, at: now) }
    if let partition, partitions.indices.contains(partition) {
      partitions[partition].window.record(outcome, at: now)
    }
  }

  mutating func revoke(_ settlement: Settlement, causeUnknown: Bool, countedAt at: Timestamp, partition: Int?) {
    main.revoke(settlement, causeUnknown: causeUnknown, countedAt: at)
    if !own.isEmpty { own[0].revoke(settlement, causeUnknown: causeUnknown, countedAt: at) }
    if let partition, partitions.indices.contains(partition) {
      partitions[partition].window.revoke(settlement, causeUnknown: causeUnknown, countedAt: at)
    }
  }

  @inline(__always) mutating func record(understood_bytes: UInt64, lost_bytes: UInt64, at now: Timestamp) {
    main.record(understood_bytes: understood_bytes, lost_bytes: lost_bytes, at: now)
    if !own.isEmpty { own[0].record(understood_bytes: understood_bytes, lost_bytes: lost_bytes, at: now) }
  }

  /// When the next of what is counted leaves a window, unless something happens; `distantFuture` if nothing is counted.
  var nextEviction: Timestamp {
    var next = main.nextEviction
    for window in own { next = min(next, window.nextEviction) }
    for partition in partitions { next = min(next, partition.window.nextEviction) }
    return next
  }

  mutating func crashed(_ inFlight: [CrashLoop.InFlight], at now: Timestamp) {
    crashes.crashed(inFlight, acks: gaps.acks, rule: rules.crashLoop, at: now)
  }

  mutating func progress(at now: Timestamp) { gaps.progress(at: now) }
  mutating func suspendGaps(at now: Timestamp) { gaps.suspend(at: now) }

  mutating func advance(to now: Timestamp) {
    main.advance(to: now)
    for i in own.indices { own[i].advance(to: now) }
    for i in partitions.indices { partitions[i].window.advance(to: now) }
  }

  /// The ack gaps and crashes go on: they say how the group behaves, not how a storm went.
  mutating func restart(at now: Timestamp) {
    main.restart(at: now)
    for i in own.indices { own[i].restart(at: now) }
    for i in partitions.indices { partitions[i].window.restart(at: now) }
  }

  package static let mostPartitions = 1024
}
