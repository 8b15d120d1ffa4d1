/// Compares a group's windows with the rules.
///
/// A rule is *met* when all its conditions are. One unmet condition decides that it is not, whatever else is unknown;
/// only if none is unmet and one has no samples is the rule *undecided*. Conditions are looked at cheapest first, and
/// for a healthy group that means the error rate alone. Nothing is allocated: evidence is built by `verdict`, when
/// somebody wants to read it.
///
/// From rules to the kind, an earlier one hiding a later one:
/// - `incomplete`: less than `minCoverage` of the bytes were seen and understood. Nothing can be said, not even that
///   acks are missing. Without any bytes nothing was lost.
/// - `storm`: a rule is met. `poison` instead, if a few messages are the whole trouble (`weigh`).
/// - `crash_loop`: consumers crash again and again, with hardly an ack between.
/// - `stalled`.
/// - `failing`: no rule is met, but the error rate or the dead-letter rate is above the threshold of a rule, of at least
///   the 20 settlements or ends that a judgement needs. It trips nothing and arms nothing; it is never shown as good.
/// - `insufficient`: fewer than `dead-letter-storm`'s `minSettlements` settlements, so neither a rate above nor one below
///   a threshold means anything (an idle group is here, and so is one with three acks); or a rule is undecided.
/// - `healthy`.
///
/// Settlements are those that the error rate divides by, acked and failures: a deploy that abandons hundreds of
/// deliveries is no evidence of anything. The dead-letter rate divides by *ends*, acks and dead letters: with requeues
/// among them it could not exceed 1/6 where a message is tried six times. The 50 of `dead-letter-flood` are a minimum of
/// samples like the 20, counted in ends, not a threshold: 15 messages rejected of 15 make it undecided, not unmet. Its 10
/// distinct dead-lettered messages are a condition: fewer are no flood, whatever the number.
///
/// A delay known only as a lower bound can meet `> threshold`. One that is not above the threshold counts as unmet like
/// any other: it is the best that is known, and it grows with every retry.
package struct Judge: Sendable {
  package let rules: RuleSettings

  package init(rules: RuleSettings) { self.rules = rules }

  /// Call `windows.advance(to: now)` first.
  package func judge(_ windows: borrowing GroupWindows, _ context: JudgeContext, at now: Timestamp) -> Judgement {
    let judgesRates = rules.deadLetterStorm.enabled || rules.deadLetterFlood.enabled || rules.slowPartition.enabled
    guard isCovered(windows) else { return Judgement(.incomplete) }
    let isEnough = windows.main.judged >= UInt64(max(0, rules.deadLetterStorm.minSettlements))

    var best: Judgement?
    if isEnough { consider(stormRule(windows, context), &best) }
    if best?.kind != .storm { consider(windows.withFlood { floodRule($0) }, &best) }
    if best?.kind != .storm { consider(slowPartitionRule(windows, context), &best) }

    if let best, best.kind != .insufficient { return best }
    if windows.crashes.isLooping(acks: windows.gaps.acks, rules.crashLoop, at: now) {
      return Judgement(.crashLoop, rule: .crashLoop)
    }
    if isStalled(windows, context, at: now) { return Judgement(.stalled, rule: .stalled) }
    if isFailing(windows) { return Judgement(.failing) }
    if let best { return best }
    return Judgement(isEnough || !judgesRates ? .healthy : .insufficient)
  }

  /// Keeps the one that comes first in the order of kinds.
  private func consider(_ judgement: Judgement?, _ best: inout Judgement?) {
    guard let judgement else { return }
    if let kept = best, kept.kind.order <= judgement.kind.order { return }
    best = judgement
  }
}

// The rules. Each answers nil when it is not met.
extension Judge {
  func stormRule(_ windows: borrowing GroupWindows, _ context: JudgeContext) -> Judgement? {
    let rule = rules.deadLetterStorm
    guard rule.enabled else { return nil }
    guard Self.isAbove(windows.main.failures, of: windows.main.judged, rule.errorRate) else { return nil }
    let retries = windows.main.retriesP95
    guard retries.isAbove || retries.samples == 0 else { return nil }
    let delay = Delay(windows.main, context, threshold_ns: rule.consumptionDelay_ns)
    guard delay.isAbove || !delay.isKnown else { return nil }
    guard retries.samples > 0, delay.isKnown else { return Judgement(.insufficient, rule: .deadLetterStorm) }
    return weigh(.deadLetterStorm, windows.main, windows.crashes, partition: nil) { window, named in
      !Self.isAbove(
        window.failures - UInt64(named.failures), of: window.judged - UInt64(named.failures), rule.errorRate)
    }
  }

  func floodRule(_ window: borrowing SlidingWindow) -> Judgement? {
    let rule = rules.deadLetterFlood
    guard rule.enabled else { return nil }
    guard Self.isAbove(window.deadLetters, of: window.ends, rule.deadLetterRate) else { return nil }
    guard window.failing.hasDeadLettered(atLeast: rule.minDistinct) else { return nil }
    guard window.ends >= UInt64(max(0, rule.minSettlements)) else {
      return Judgement(.insufficient, rule: .deadLetterFlood)
    }
    return weigh(.deadLetterFlood, window, CrashLoop(), partition: nil) { window, named in
      let dead = UInt64(named.deadLetters)
      return !Self.isAbove(window.deadLetters - dead, of: window.ends - dead, rule.deadLetterRate)
    }
  }

  func slowPartitionRule(_ windows: borrowing GroupWindows, _ context: JudgeContext) -> Judgement? {
    let rule = rules.slowPartition
    guard rule.enabled, !context.batchedCommits else { return nil }
    let allowed = UInt64(max(0, rule.failures))
    var best: Judgement?
    for i in windows.partitions.indices where windows.partitions[i].window.failures > allowed {
      let window = windows.partitions[i].window
      guard window.judged >= UInt64(max(0, rule.minSettlements)), window.latencyP95.isAbove else { continue }
      consider(
        weigh(.slowPartition, window, windows.crashes, partition: i) { window, named in
          window.failures - UInt64(named.failures) <= allowed
        }, &best)
    }
    return best
  }

  /// Whether a rate is above the threshold of a rule that is on.
  func isFailing(_ windows: borrowing GroupWindows) -> Bool {
    let least = UInt64(max(0, rules.deadLetterStorm.minSettlements))
    let storm = rules.deadLetterStorm
    if storm.enabled, windows.main.judged >= least,
      Self.isAbove(windows.main.failures, of: windows.main.judged, storm.errorRate)
    {
      return true
    }
    guard rules.deadLetterFlood.enabled else { return false }
    return windows.withFlood {
      $0.ends >= least && Self.isAbove($0.deadLetters, of: $0.ends, rules.deadLetterFlood.deadLetterRate)
    }
  }

  func isStalled(_ windows: borrowing GroupWindows, _ context: JudgeContext, at now: Timestamp) -> Bool {
    guard rules.stalled.enabled, !context.held, let headOfLine_ns = context.headOfLine_ns else { return false }
    let quiet_ns = now - windows.gaps.quietSince
    guard quiet_ns >= rules.stalled.minimum_ns, headOfLine_ns >= rules.stalled.minimum_ns else { return false }
    let threshold_ns = stallThreshold_ns(windows.gaps, at: now)
    return quiet_ns >= threshold_ns && headOfLine_ns >= threshold_ns
  }

  /// Before this moment the ages in flight cross no threshold, as long as nothing happens.
  func unchangedUntil(
    _ windows: borrowing GroupWindows, _ context: JudgeContext, at now: Timestamp
  ) -> Timestamp {
    let gaps = windows.gaps
    var until = windows.crashes.unchangedUntil(rules.crashLoop, at: now)
    let delay_ns = rules.deadLetterStorm.consumptionDelay_ns
    if let age_ns = context.oldestInFlight_ns, age_ns <= delay_ns {
      until = min(until, now + (delay_ns - age_ns) + 1)
    }
    guard rules.stalled.enabled, let headOfLine_ns = context.headOfLine_ns else { return until }
    let quietSince = max(gaps.quietSince, now + -headOfLine_ns)
    guard now - quietSince >= rules.stalled.minimum_ns else {
      return min(until, quietSince + rules.stalled.minimum_ns)
    }
    // From here on the threshold counts, and that changes as gaps are forgotten.
    let stalledAt = quietSince + stallThreshold_ns(gaps, at: now)
    if stalledAt > now { until = min(until, stalledAt) }
    return gaps.history(at: now).known > 0 ? min(until, gaps.nextForgotten(after: now)) : until
  }

  /// max(minimum, factor × the longest gap), or max(minimum, unknown) while fewer than 3 gaps are known.
  func stallThreshold_ns(_ gaps: AckGaps, at now: Timestamp) -> Int64 {
    let history = gaps.history(at: now)
    guard history.known >= Self.gapsNeeded else { return max(rules.stalled.minimum_ns, rules.stalled.unknown_ns) }
    let multiple = min(9e18, rules.stalled.gapFactor * Double(history.longest_ns))
    return max(rules.stalled.minimum_ns, Int64(multiple))
  }

  /// What a rule whose conditions are all met amounts to, when fewer than five messages make 80 % of the failures:
  /// - Others are being acked, and without the named ones the rule's rate is not above its threshold: `poison`. Others
  ///   are acked if, since the named ones began to fail, there were more acks than named messages (which may each have
  ///   succeeded at last). Acks from before say nothing: a consumer that just broke and gets the same message back again
  ///   and again has those, too.
  /// - 80 % of the failures are crashes: `insufficient` if no others are acked, or if more messages than the named ones were
  ///   in flight at each crash. A process that dies of one message again and again never gets to the others; one message is
  ///   no sample of the group, and nothing is left to be held. And a crash is put down to the oldest in flight, which need
  ///   not be the one that the process died of: `crash_loop` tells which it may be.
  /// - Else `storm`: a consumer that hands every message back may well see only the head of the queue.
  private func weigh(
    _ rule: Rule, _ window: borrowing SlidingWindow, _ crashes: CrashLoop, partition: Int?,
    isFineWithout: (borrowing SlidingWindow, Named) -> Bool
  ) -> Judgement {
    let storm = Judgement(.storm, rule: rule, partition: partition)
    guard let named = window.failing.dominating(failures: window.failures) else { return storm }
    let isByCrashes = window.crashed * 5 >= window.failures * 4
    if Self.othersAcked(window, named), !isByCrashes || crashes.suspects.allSatisfy(named.contains) {
      guard isFineWithout(window, named) else { return storm }
      return Judgement(.poison, rule: rule, partition: partition, named: named)
    }
    guard isByCrashes else { return storm }
    return Judgement(.insufficient, rule: rule, partition: partition, named: named)
  }

  static func othersAcked(_ window: borrowing SlidingWindow, _ named: Named) -> Bool {
    min(window.acked, window.acksSince(named)) > UInt64(named.count)
  }

  private func isCovered(_ windows: borrowing GroupWindows) -> Bool {
    Self.isCovered(windows.main, rules.minCoverage)
      && windows.withFlood { Self.isCovered($0, rules.minCoverage) }
  }

  static func isCovered(_ window: borrowing SlidingWindow, _ least: Double) -> Bool {
    let lost = window.lost_bytes
    guard lost > 0 else { return true }
    let understood = window.understood_bytes
    return Double(understood) >= least * Double(understood &+ lost)
  }

  /// part ÷ all > threshold, as one division as the evidence shows it; without samples false.
  static func isAbove(_ part: UInt64, of all: UInt64, _ threshold: Double) -> Bool {
    all > 0 && Double(part) / Double(all) > threshold
  }

  static let gapsNeeded = 3
}

/// Consumption delay as `dead-letter-storm` takes it: p95 of the settled ones, or the oldest in flight if that is more.
struct Delay {
  let settled: Percentile
  let inFlight_ns: Int64?
  private let threshold_ns: Int64

  init(_ window: borrowing SlidingWindow, _ context: JudgeContext, threshold_ns: Int64) {
    settled = window.delayP95
    inFlight_ns = context.oldestInFlight_ns
    self.threshold_ns = threshold_ns
  }

  var isKnown: Bool { settled.samples > 0 || inFlight_ns != nil }
  var isInFlightAbove: Bool { inFlight_ns.map { $0 > threshold_ns } ?? false }
  var isAbove: Bool { isInFlightAbove || settled.isAbove }
}
