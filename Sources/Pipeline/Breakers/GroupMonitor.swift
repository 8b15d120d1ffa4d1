/// Everything that decides about one (target, group): windows, verdict, breaker, episodes.
///
/// In: settled deliveries, bytes, time, what is in flight (`JudgeContext`), commands. Out: transitions, at most one per
/// call, and the verdict. Loss comes in as lost bytes: below `min_coverage` the verdict is `incomplete`, and nothing trips.
///
/// The order in which the owner calls, for every fact at a moment `now`:
/// 1. while `nextDeadline <= now`: `tick(at:context:)`, so that timers come before the fact;
/// 2. `record(_:at:)`; then, if `needsJudging`, `judge(at:context:)`. The context costs the owner something, and only a
///    failure needs it: an ack is a handful of additions.
/// 3. every `rules.evaluation_ns` (100 ms): `tick(at:context:)` until it answers nil.
///
/// While the verdict is a storm already, a further failure can't make it more of one, and judging waits for the tick.
///
/// Memory: that of `GroupWindows`, and about 1 KB inline. It is one large value: keep it in place in an array and call
/// it there; a copy costs a dozen retains. Cost: see `SlidingWindow`; judging without a failure compares three numbers.
package struct GroupMonitor {
  package private(set) var settings: ResolvedSettings
  package private(set) var windows: GroupWindows
  package private(set) var breaker: Breaker
  /// The breaker's last transition; nil before the first.
  package private(set) var lastTransition: Transition?
  /// All transitions since it was made, by cause.
  package private(set) var transitionCounts: [Transition.Cause: UInt64] = [:]
  /// As it was judged last.
  package private(set) var judgement = Judgement(.insufficient)
  /// Counts the changes of the verdict's kind.
  package private(set) var verdictRevision: UInt64 = 0
  package private(set) var episodes: Episodes
  package private(set) var poison = PoisonMessages()
  /// Of the episode under way, or of the last one.
  package private(set) var probes = Probes()
  /// A failure came since the group was last judged, and could change the verdict.
  package private(set) var needsJudging = false
  private var judge: Judge

  /// `key` varies the breaker's open times from group to group.
  package init(settings: ResolvedSettings, key: String, at now: Timestamp) {
    self.settings = settings
    windows = GroupWindows(settings: settings, at: now)
    breaker = Breaker(settings: settings.breaker, seed: fnv1a(key), at: now)
    episodes = Episodes(window_ns: windows.main.span_ns)
    judge = Judge(rules: settings.rules)
  }

  /// Goes on with the breaker as it was before a restart; windows begin anew.
  package mutating func restore(_ memory: BreakerMemory, key: String, at now: Timestamp) {
    breaker = Breaker(settings: settings.breaker, seed: fnv1a(key), memory: memory, at: now)
  }

  /// Goes on under other settings; the breaker stays as it is. Answers whether a window began anew. Judge it next.
  package mutating func replace(settings: ResolvedSettings, at now: Timestamp) -> Bool {
    self.settings = settings
    breaker.replace(settings: settings.breaker)
    judge = Judge(rules: settings.rules)
    let isRestarted = windows.replace(settings: settings, at: now)
    episodes.replace(window_ns: windows.main.span_ns)
    return isRestarted
  }

  /// What the windows count is of another kind from now on.
  mutating func restartWindows(at now: Timestamp) { windows.restart(at: now) }

  /// When `tick` is due besides every `evaluation_ns`. Inlined, since a call of it copied the whole value first.
  package var nextDeadline: Timestamp { @inline(__always) get { breaker.nextDeadline } }

  /// Makes the window of a partition for `slow-partition`; its number goes into `record`. Nil if it gets none.
  package mutating func addPartition(named name: String, at now: Timestamp) -> Int? {
    windows.addPartition(named: name, at: now)
  }

  /// A delivery came. Answers whether it was the last probe that half-open waits for.
  @discardableResult @inline(__always)
  package mutating func delivered(at now: Timestamp) -> Bool { breaker.delivered(at: now) }

  /// A delivery was settled. Answers whether the breaker moved; `lastTransition` is then how. (An optional `Transition`
  /// would cost every ack a few nanoseconds to say nil.)
  ///
  /// An answer from before the breaker closed, which was held until then, says nothing of the time that begins with the
  /// closing: it is dropped, or the old storm would open it again.
  package mutating func record(_ outcome: Outcome, partition: Int? = nil, at now: Timestamp) -> Bool {
    if outcome.settlement.isFailure, !poison.list.isEmpty { poison.failed(outcome.message) }
    if outcome.wasHeld, breaker.isClosed {
      breaker.drop()
      return false
    }
    windows.record(outcome, partition: partition, at: now)
    if outcome.settlement.isFailure, judgement.kind != .storm { needsJudging = true }
    guard !breaker.isClosed, !outcome.isForetold else { return false }
    return probe(outcome, at: now)
  }

  /// What was recorded at that moment has ended otherwise; record that next.
  package mutating func revoke(
    _ settlement: Settlement, causeUnknown: Bool = false, recordedAt at: Timestamp, partition: Int? = nil
  ) {
    windows.revoke(settlement, causeUnknown: causeUnknown, countedAt: at, partition: partition)
  }

  /// An ack was revoked, `span_ns` after it was sent.
  package mutating func revoked(ackAfter span_ns: Int64) { breaker.revoked(ackAfter: span_ns) }

  /// How a delivery will be settled is known, but it is not settled yet: the answer is being held. Half-open listens to
  /// that; windows do not. The settlement itself comes with `isForetold`. Answers whether the breaker moved.
  package mutating func foretell(_ outcome: Outcome, at now: Timestamp) -> Bool { probe(outcome, at: now) }

  /// Whether an answer that is being held, to a delivery that was received then, is to be foretold.
  func wantsForetold(deliveredAt at: Timestamp) -> Bool {
    switch breaker.state {
    case .halfOpen: at > breaker.since
    case .open: probes.counts(deliveredAt: at)
    case .closed, .forcedOpen, .forcedClosed: false
    }
  }

  /// Bytes of the group's connections passed, or are known to be missing.
  @inline(__always) package mutating func record(understood_bytes: UInt64, lost_bytes: UInt64, at now: Timestamp) {
    windows.record(understood_bytes: understood_bytes, lost_bytes: lost_bytes, at: now)
  }

  /// A consumer broke off with these in its hands; their settlements come next.
  package mutating func crashed(_ inFlight: [CrashLoop.InFlight], at now: Timestamp) {
    windows.crashed(inFlight, at: now)
  }

  /// A consumer said that it still works on a delivery.
  package mutating func progress(at now: Timestamp) { windows.progress(at: now) }

  /// Compares the rules with the windows, and tells the breaker.
  package mutating func judge(at now: Timestamp, context: JudgeContext) -> Transition? {
    needsJudging = false
    windows.advance(to: now)
    if context.held { windows.suspendGaps(at: now) }
    let judged = judge.judge(windows, context, at: now)
    if judged.kind != judgement.kind {
      verdictRevision += 1
      episodes.enter(judged.kind, at: now) { judge.verdict(judged, windows, context, at: now) }
    }
    judgement = judged
    if judged.kind == .poison, let named = judged.named { poison.name(named) }
    guard
      let transition = breaker.judge(
        judged.kind, at: now, verdict: { judge.verdict(judged, windows, context, at: now) })
    else { return nil }
    follow(transition)
    return transition
  }

  /// Timers, then the rules. Call until it answers nil: after a gap several timers may be due.
  package mutating func tick(at now: Timestamp, context: JudgeContext) -> Transition? {
    if let transition = breaker.tick(at: now) {
      follow(transition)
      return transition
    }
    return judge(at: now, context: context)
  }

  /// Time alone changes no judgement and moves no timer before this moment, as long as nothing happens. `context` is that
  /// of the judgement at `now`, which must have just been made.
  package func unchangedUntil(context: JudgeContext, at now: Timestamp) -> Timestamp {
    min(breaker.nextDeadline, windows.nextEviction, judge.unchangedUntil(windows, context, at: now))
  }

  /// A command by an operator; nil `ifRevision`: whatever the breaker's revision is.
  package mutating func apply(
    _ command: BreakerCommand, note: OperatorNote? = nil, ifRevision: UInt64? = nil, at now: Timestamp
  ) -> CommandResult {
    let result = breaker.apply(command, note: note, ifRevision: ifRevision, at: now)
    if case .changed(let transition) = result { follow(transition) }
    return result
  }

  /// The verdict at this moment with its evidence, for a reader; changes nothing. Call `tick` first, so that the windows
  /// end now.
  package func verdict(at now: Timestamp, context: JudgeContext) -> Verdict {
    judge.verdict(judge.judge(windows, context, at: now), windows, context, at: now)
  }

  /// What the rules compare at this moment, whichever of them decides. Call `tick` first.
  func rates(context: JudgeContext) -> Report.Rates { judge.rates(windows, context) }

  /// Whether traffic is to be held, where the mode is `enforce`: the breaker is open, or half-open with all its probes
  /// out.
  package var wantsHold: Bool { settings.mode == .enforce && (isOpen || breaker.hasAllProbes) }

  /// Too little is seen of it to hold anything.
  package var isBlind: Bool { judgement.kind == .incomplete }

  /// Why an open breaker does not even want to hold; nil if it does, or is not open.
  package var whyNotWanted: NotHeld? {
    isOpen && settings.mode == .observe ? .observing : nil
  }

  @inline(never) private mutating func probe(_ outcome: Outcome, at now: Timestamp) -> Bool {
    if breaker.state == .open || breaker.state == .halfOpen { probes.count(outcome, most: settings.breaker.probes) }
    guard let transition = breaker.outcome(outcome, at: now) else { return false }
    follow(transition)
    return true
  }

  private var isOpen: Bool { breaker.state == .open || breaker.state == .forcedOpen }

  private mutating func follow(_ transition: Transition) {
    lastTransition = transition
    transitionCounts[transition.cause, default: 0] += 1
    if transition.from == .closed, transition.to == .open { probes = Probes() }
    if transition.to == .halfOpen { probes.begin(at: transition.at) }
    guard transition.restartsWindow else { return }
    windows.restart(at: transition.at)
    needsJudging = false
    episodes.endForGood(at: transition.at)
    if judgement.kind != .insufficient { verdictRevision += 1 }
    judgement = Judgement(.insufficient)
  }
}

/// FNV-1a over the UTF-8, 64 bits.
private func fnv1a(_ text: String) -> UInt64 {
  var hash: UInt64 = 0xcbf2_9ce4_8422_2325
  for byte in text.utf8 { hash = (hash ^ UInt64(byte)) &* 0x0100_0000_01b3 }
  return hash
}
