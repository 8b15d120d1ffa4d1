extension Judge {
  /// The judgement with its evidence: every condition of the rule that decided; of all rules on, if none did; where it is
  /// `failing`, of the two rules with a rate, met and unmet, and which few messages fail if it is a few. The coverage is
  /// always there, and the settlements (or ends) wherever rates are compared.
  package func verdict(
    _ judgement: Judgement, _ windows: borrowing GroupWindows, _ context: JudgeContext, at now: Timestamp
  ) -> Verdict {
    var evidence: [Evidence] = []
    switch judgement.rule {
    case .deadLetterStorm?:
      evidence += stormEvidence(windows.main, context)
      if let named = judgement.named {
        evidence += namedEvidence(windows.main, named, stormWithout(windows.main, named))
      }
    case .deadLetterFlood?:
      evidence += windows.withFlood { floodEvidence($0) }
      if let named = judgement.named {
        evidence += windows.withFlood { namedEvidence($0, named, floodWithout($0, named)) }
      }
    case .slowPartition?:
      if let number = judgement.partition, windows.partitions.indices.contains(number) {
        let partition = windows.partitions[number]
        evidence += partitionEvidence(partition)
        if let named = judgement.named {
          evidence += namedEvidence(partition.window, named, partitionWithout(partition, named))
        }
      }
    case .crashLoop?:
      evidence += crashEvidence(windows, at: now)
    case .stalled?:
      evidence += stalledEvidence(windows.gaps, context, at: now)
    case nil where judgement.kind == .incomplete:
      break
    case nil where judgement.kind == .failing:
      if rules.deadLetterStorm.enabled { evidence += stormEvidence(windows.main, context) }
      if rules.deadLetterFlood.enabled { evidence += windows.withFlood { floodEvidence($0) } }
      if rules.deadLetterStorm.enabled, let named = windows.main.failing.dominating(failures: windows.main.failures) {
        evidence += namedEvidence(windows.main, named, stormWithout(windows.main, named))
      }
    case nil:
      if rules.deadLetterStorm.enabled {
        evidence += stormEvidence(windows.main, context)
      } else {
        evidence.append(settlements(windows.main, rules.deadLetterStorm.minSettlements, of: nil))
      }
      if rules.deadLetterFlood.enabled { evidence += windows.withFlood { floodEvidence($0) } }
      if rules.stalled.enabled { evidence += stalledEvidence(windows.gaps, context, at: now) }
    }
    evidence.append(coverageEvidence(windows))
    return Verdict(kind: judgement.kind, rule: judgement.rule, evidence: evidence)
  }

  /// What the rules compare, whichever of them decides.
  func rates(_ windows: borrowing GroupWindows, _ context: JudgeContext) -> Report.Rates {
    Report.Rates(
      error_rate: windows.main.counts.errorRate, dead_letter_rate: windows.withFlood { $0.counts.deadLetterRate },
      retries_p95: windows.main.retriesP95Value.map(Double.init),
      consumption_delay_p95_s: delayEvidence(windows.main, context).value)
  }

  private func stormEvidence(_ window: borrowing SlidingWindow, _ context: JudgeContext) -> [Evidence] {
    let rule = rules.deadLetterStorm
    let span_s = seconds(window.span_ns)
    let counts = window.counts
    let retries = window.retriesP95
    return [
      settlements(window, rule.minSettlements, of: .deadLetterStorm),
      Evidence(
        condition: "error_rate", rule: .deadLetterStorm, value: counts.errorRate, threshold: rule.errorRate,
        unit: "ratio",
        samples: Int(window.judged), window_s: span_s, source: "settled",
        met: Self.isAbove(window.failures, of: window.judged, rule.errorRate)),
      Evidence(
        condition: "retries", rule: .deadLetterStorm, value: window.retriesP95Value.map(Double.init),
        threshold: rule.retries, unit: "1", samples: Int(retries.samples), window_s: span_s,
        source: sources("failed_p95", context.attemptSource, false),
        met: retries.isAbove),
      delayEvidence(window, context),
    ]
  }

  private func delayEvidence(_ window: borrowing SlidingWindow, _ context: JudgeContext) -> Evidence {
    let threshold_ns = rules.deadLetterStorm.consumptionDelay_ns
    let delay = Delay(window, context, threshold_ns: threshold_ns)
    let settled_ns = window.delayP95Value
    // Of the two the one that is larger, but never one that is not above the threshold for one that is.
    let isInFlight: Bool
    if let inFlight_ns = delay.inFlight_ns, let settled_ns {
      isInFlight =
        delay.isInFlightAbove == delay.settled.isAbove ? inFlight_ns > settled_ns : delay.isInFlightAbove
    } else {
      isInFlight = delay.inFlight_ns != nil
    }
    let isLowerBound = isInFlight ? context.oldestInFlightIsLowerBound : window.hasDelayLowerBounds
    return Evidence(
      condition: "consumption_delay", rule: .deadLetterStorm,
      value: (isInFlight ? delay.inFlight_ns : settled_ns).map(seconds), threshold: seconds(threshold_ns), unit: "s",
      samples: isInFlight ? 1 : Int(delay.settled.samples),
      window_s: seconds(window.span_ns),
      source: sources(isInFlight ? "oldest_in_flight" : "settled_p95", context.delaySource, isLowerBound),
      met: delay.isAbove)
  }

  private func floodEvidence(_ window: borrowing SlidingWindow) -> [Evidence] {
    let rule = rules.deadLetterFlood
    let distinct = window.failing.deadLettered
    return [
      Evidence(
        condition: "ends", rule: .deadLetterFlood, value: Double(window.ends), threshold: Double(rule.minSettlements),
        unit: "1",
        samples: Int(window.ends), window_s: seconds(window.span_ns), source: "ended",
        met: window.ends >= UInt64(max(0, rule.minSettlements))),
      Evidence(
        condition: "dead_letter_rate", rule: .deadLetterFlood, value: window.counts.deadLetterRate,
        threshold: rule.deadLetterRate,
        unit: "ratio", samples: Int(window.ends), window_s: seconds(window.span_ns), source: "ended",
        met: Self.isAbove(window.deadLetters, of: window.ends, rule.deadLetterRate)),
      Evidence(
        condition: "distinct_messages", rule: .deadLetterFlood, value: Double(distinct),
        threshold: Double(rule.minDistinct), unit: "1",
        samples: Int(window.deadLetters), window_s: seconds(window.span_ns),
        source: window.failing.isDeadLetteredEstimated ? "dead_lettered,estimated" : "dead_lettered",
        met: window.failing.hasDeadLettered(atLeast: rule.minDistinct)),
    ]
  }

  private func partitionEvidence(_ partition: GroupWindows.Partition) -> [Evidence] {
    let rule = rules.slowPartition
    let window = partition.window
    let scope = "partition:\(partition.name)"
    let latency = window.latencyP95
    return [
      settlements(window, rule.minSettlements, of: .slowPartition, scope: scope),
      Evidence(
        condition: "failures", rule: .slowPartition, scope: scope, value: Double(window.failures),
        threshold: Double(rule.failures),
        unit: "1", samples: Int(window.judged), window_s: seconds(window.span_ns), source: "settled",
        met: window.failures > UInt64(max(0, rule.failures))),
      Evidence(
        condition: "settle_latency", rule: .slowPartition, scope: scope, value: window.latencyP95Value.map(seconds),
        threshold: seconds(rule.settleLatency_ns), unit: "s", samples: Int(latency.samples),
        window_s: seconds(window.span_ns), source: "settled_p95", met: latency.isAbove),
    ]
  }

  private func stalledEvidence(_ gaps: AckGaps, _ context: JudgeContext, at now: Timestamp) -> [Evidence] {
    let threshold_ns = stallThreshold_ns(gaps, at: now)
    let quiet_ns = max(0, now - gaps.quietSince)
    let known = gaps.history(at: now).known
    let window_s = seconds(rules.stalled.history_ns)
    let headOfLine_ns = context.headOfLine_ns
    return [
      Evidence(
        condition: "ack_gap", rule: .stalled, value: seconds(quiet_ns), threshold: seconds(threshold_ns), unit: "s",
        samples: known,
        window_s: window_s, source: known < Self.gapsNeeded ? "few_gaps_known" : "longest_gap",
        met: !context.held && quiet_ns >= threshold_ns),
      Evidence(
        condition: "head_of_line_age", rule: .stalled, value: headOfLine_ns.map(seconds),
        threshold: seconds(threshold_ns), unit: "s",
        samples: headOfLine_ns == nil ? 0 : 1, window_s: window_s, source: "in_flight",
        met: !context.held && headOfLine_ns.map { $0 >= threshold_ns } ?? false),
    ]
  }

  private func crashEvidence(_ windows: borrowing GroupWindows, at now: Timestamp) -> [Evidence] {
    let rule = rules.crashLoop
    let crashes = windows.crashes.recent(rule, at: now)
    let acks = windows.crashes.acksSince(windows.gaps.acks)
    return [
      Evidence(
        condition: "crashes", rule: .crashLoop, value: Double(crashes), threshold: Double(rule.crashes), unit: "1",
        samples: crashes,
        window_s: seconds(rule.within_ns), source: "connections", met: crashes >= rule.crashes),
      Evidence(
        condition: "acks_since_crash", rule: .crashLoop, value: Double(acks), threshold: Double(rule.acks), unit: "1",
        samples: crashes,
        window_s: seconds(rule.within_ns), source: "settled", met: acks < rule.acks),
    ]
  }

  /// The window whose coverage is worse.
  private func coverageEvidence(_ windows: borrowing GroupWindows) -> Evidence {
    let main = coverageEvidence(windows.main)
    let flood = windows.withFlood { coverageEvidence($0) }
    return (flood.value ?? 1) < (main.value ?? 1) ? flood : main
  }

  private func coverageEvidence(_ window: borrowing SlidingWindow) -> Evidence {
    let (bytes, overflow) = window.understood_bytes.addingReportingOverflow(window.lost_bytes)
    return Evidence(
      condition: "coverage", value: window.counts.coverage, threshold: rules.minCoverage, unit: "ratio",
      samples: Int(clamping: overflow ? .max : bytes), window_s: seconds(window.span_ns), source: "bytes",
      met: Self.isCovered(window, rules.minCoverage))
  }

  private func settlements(
    _ window: borrowing SlidingWindow, _ least: Int, of rule: Rule?, scope: String = "group"
  ) -> Evidence {
    Evidence(
      condition: "settlements", rule: rule, scope: scope, value: Double(window.judged), threshold: Double(least),
      unit: "1",
      samples: Int(window.judged), window_s: seconds(window.span_ns), source: "settled",
      met: window.judged >= UInt64(max(0, least)))
  }
}

// What shows that a few messages are the whole trouble.
extension Judge {
  private func namedEvidence(_ window: borrowing SlidingWindow, _ named: Named, _ without: Evidence) -> [Evidence] {
    let failures = window.failures
    let acked = min(window.acked, window.acksSince(named))
    return [
      Evidence(
        condition: "named_share", rule: without.rule, scope: without.scope,
        value: failures == 0 ? nil : Double(named.failures) / Double(failures), threshold: 0.8, unit: "ratio",
        samples: Int(failures), window_s: seconds(window.span_ns), source: "\(named.count) messages", met: true),
      Evidence(
        condition: "others_acked", rule: without.rule, scope: without.scope, value: Double(acked),
        threshold: Double(named.count),
        unit: "1", samples: Int(window.acked), window_s: seconds(window.span_ns), source: "since_named_failed",
        met: Self.othersAcked(window, named)),
      without,
    ]
  }

  private func stormWithout(_ window: borrowing SlidingWindow, _ named: Named) -> Evidence {
    rateWithout(
      "error_rate", .deadLetterStorm, window, part: window.failures, of: window.judged, named: UInt64(named.failures),
      source: "settled",
      rules.deadLetterStorm.errorRate)
  }

  private func floodWithout(_ window: borrowing SlidingWindow, _ named: Named) -> Evidence {
    rateWithout(
      "dead_letter_rate", .deadLetterFlood, window, part: window.deadLetters, of: window.ends,
      named: UInt64(named.deadLetters),
      source: "ended", rules.deadLetterFlood.deadLetterRate)
  }

  private func partitionWithout(_ partition: GroupWindows.Partition, _ named: Named) -> Evidence {
    let rest = partition.window.failures - min(partition.window.failures, UInt64(named.failures))
    return Evidence(
      condition: "failures_without_named", rule: .slowPartition, scope: "partition:\(partition.name)",
      value: Double(rest),
      threshold: Double(rules.slowPartition.failures), unit: "1", samples: Int(partition.window.judged),
      window_s: seconds(partition.window.span_ns), source: "settled",
      met: rest <= UInt64(max(0, rules.slowPartition.failures)))
  }

  /// (part − named) ÷ (whole − named).
  private func rateWithout(
    _ condition: String, _ rule: Rule, _ window: borrowing SlidingWindow, part: UInt64, of whole: UInt64, named: UInt64,
    source: String, _ threshold: Double
  ) -> Evidence {
    let rest = part - min(part, named)
    let all = whole - min(whole, named)
    return Evidence(
      condition: condition + "_without_named", rule: rule, value: all == 0 ? nil : Double(rest) / Double(all),
      threshold: threshold, unit: "ratio", samples: Int(all), window_s: seconds(window.span_ns), source: source,
      met: !Self.isAbove(rest, of: all, threshold))
  }
}

private func seconds(_ ns: Int64) -> Double { Double(ns) / 1e9 }

/// What it is, where its numbers come from, and whether they can only be larger, between commas.
private func sources(_ what: String, _ origin: String, _ isLowerBound: Bool) -> String {
  (origin.isEmpty ? what : "\(what),\(origin)") + (isLowerBound ? ",lower_bound" : "")
}
