/// Makes the report of what an engine has seen so far. Cost: a walk over groups, producers and connections.
struct ReportBuilder {
  let ledger: Ledger
  let capture: CaptureCounters
  let connections: ConnectionCounters
  let origin: Engine.Origin
  let from: Timestamp
  let to: Timestamp

  func report() -> Report {
    let groups = ledger.groups.filter { !$0.isVacant }.map(groupReport)
      .sorted { ($0.key, $0.cluster) < ($1.key, $1.cluster) }
    return Report(
      from: wall(from), to: wall(to), capture: captureReport(), groups: groups,
      ungrouped: destinations(ledger.ungrouped), unattributed: destinations(ledger.unattributed),
      producers: producers(), topology: topology())
  }

  private func captureReport() -> Report.Capture {
    let lost = connections.reassembly
    var losses: [String: UInt64] = [
      "hole": lost.lost_hole_bytes, "snap_length": lost.lost_snap_length_bytes, "bound": lost.lost_bound_bytes,
      "ring_full": lost.lost_ring_full_bytes, "table_full": lost.lost_table_full_bytes,
      "copy_failed": lost.lost_copy_failed_bytes, "unseen_direction": connections.unseen_bytes,
    ]
    for (cause, bytes) in capture.unattributedLosses { losses[cause.rawValue, default: 0] += bytes }
    return Report.Capture(
      segments: capture.segments, bytes: capture.bytes, lost_bytes: losses.values.reduce(0, &+),
      connections: connections.connections,
      one_sided: connections.oneSided == 0 ? nil : connections.oneSided,
      undecoded: connections.undecoded.sorted { $0.key < $1.key }.map {
        .init(reason: $0.key, connections: $0.value.count, addresses: $0.value.ends.map(\.description))
      },
      losses: losses.filter { $0.value > 0 }, dropped: dropped(),
      not_read: capture.notRead.isEmpty ? nil : capture.notRead, decoded: connections.decoded)
  }

  private func dropped() -> [String: UInt64] {
    let all = [
      "connections": connections.evicted, "groups": ledger.dropped.groups, "in_flight": ledger.dropped.inFlight,
      "pairs": ledger.dropped.pairs, "consumers": ledger.dropped.consumers, "channels": ledger.dropped.channels,
      "declarations": ledger.dropped.declarations, "messages": ledger.messages.evicted,
      "unattributed_names": ledger.unattributed.unnamed + ledger.ungrouped.unnamed, "topics": ledger.dropped.topics,
      "clusters": ledger.clusters.overflowed, "transactions": ledger.dropped.transactions,
      "requests": ledger.dropped.requests,
      "unmatched_settlements": ledger.dropped.unmatchedSettlements, "expired": ledger.dropped.expired,
      "revisions": ledger.dropped.revisions, "copy_sources": ledger.sources.dropped, "copies": ledger.passages.dropped,
    ]
    return all.merging(capture.dropped) { $0 &+ $1 }.filter { $0.value > 0 }
  }

  func groupReport(_ group: Group) -> Report.Group {
    let context = group.context(deliveries: ledger.deliveries, consumers: ledger.consumers, at: to)
    let verdict = group.monitor.verdict(at: to, context: context)
    let succeeded = group.totals.acked - group.totals.moved
    let judged = succeeded + group.totals.failures
    let deadLettered = group.totals.rejected + group.totals.deadLettered
    let ended = succeeded + deadLettered
    return Report.Group(
      key: group.key, href: GroupKey.href(group.key), cluster: ledger.clusters.name(of: group.cluster),
      system: group.system.rawValue, group: group.name, target: ledger.target,
      target_ended: ledger.isTargetGone ? true : nil,
      destinations: group.destinations.sorted(),
      mode: group.monitor.settings.mode.rawValue, totals: Report.Totals(group.totals),
      inferences: group.inferences,
      requeue_causes: Dictionary(uniqueKeysWithValues: group.requeueCauses.map { ($0.key.rawValue, $0.value) }),
      broker_errors: group.brokerErrors.list.map {
        .init(
          code: $0.error.code, request: $0.error.request, text: $0.error.text, count: $0.count, last: wall($0.last))
      }, in_flight: group.inFlight,
      oldest_in_flight_s: context.oldestInFlight_ns.map(seconds), lag: group.lag.map { Int(clamping: $0) },
      error_rate: judged == 0 ? nil : Double(group.totals.failures) / Double(judged),
      dead_letter_rate: ended == 0 ? nil : Double(deadLettered) / Double(ended),
      attempts: .init(max: group.attempts.max, p95: group.attempts.quantile(0.95), source: group.attemptSourceName),
      consumption_delay_s: quantiles(
        group.delay, source: group.delaySourceName.map { group.delaySource == .firstSeen ? $0 + ",lower_bound" : $0 }),
      settle_latency_s: quantiles(group.settleLatency), retry_latency_s: quantiles(group.retryLatency),
      coverage: group.monitor.windows.main.counts.coverage ?? 1, window: group.monitor.rates(context: context),
      exposure: group.exposure, exposure_is_minimum: group.isExposureMinimum ? true : nil,
      unholdable: group.unholdable,
      verdict: .init(kind: verdict.kind, rule: verdict.rule, evidence: verdict.evidence),
      episodes: group.monitor.episodes.list.map {
        .init(kind: $0.kind, rule: $0.rule, from: wall($0.from), to: $0.to.map(wall), evidence: $0.evidence)
      },
      poison_messages: group.monitor.poison.list.map {
        .init(message: name($0.message, group), failures: Int(clamping: $0.failures))
      },
      crashes: crashes(group), copies: copies(group),
      breaker: breakerReport(group),
      partitions: group.partitions.map {
        .init(
          destination: group.destinations[Int($0.destination)], partition: Int($0.number), totals: .init($0.totals),
          lag: $0.lag.map { Int(clamping: $0) })
      }.sorted { ($0.destination, $0.partition) < ($1.destination, $1.partition) },
      counters: counters(group))
  }

  private func copies(_ group: Group) -> [Report.Copies]? {
    guard !group.copies.isEmpty else { return nil }
    var sums: [String: Report.Copies] = [:]
    for (index, count) in group.copies {
      let producer = ledger.producers[index]
      let kind = producer.shownKind.rawValue
      sums[
        producer.destination + " " + kind,
        default: .init(destination: producer.destination, kind: kind, why: producer.shownWhy?.rawValue, count: 0)
      ].count += count
    }
    return sums.values.sorted { ($0.destination, $0.kind) < ($1.destination, $1.kind) }
  }

  private func crashes(_ group: Group) -> Report.Crashes? {
    let crashes = group.monitor.windows.crashes
    guard let last = crashes.last else { return nil }
    let victims = crashes.victims.filter {
      let record = ledger.messages.find($0.message &+ group.salt)
      return record == 0 || ledger.messages[record].acked == 0
    }
    return Report.Crashes(
      count: crashes.count, last: wall(last),
      suspects: crashes.count > 1 ? crashes.suspects.map { name($0, group) } : [],
      victims: victims.map {
        let left = $0.returnsLeft ?? 0
        return .init(message: name($0.message, group), returns_left: Int(clamping: max(0, left)), given_up: left < 0)
      })
  }

  /// The id shown for a message of the group.
  private func name(_ message: UInt64, _ group: Group) -> String { group.labels[message] ?? Group.unnamed(message) }

  private func counters(_ group: Group) -> GroupCounters {
    var counters = GroupCounters()
    counters.transitions = group.monitor.transitionCounts
    counters.consumptionDelay = CumulativeHistogram(group.delay)
    counters.settleLatency = CumulativeHistogram(group.settleLatency)
    counters.retryLatency = CumulativeHistogram(group.retryLatency)
    return counters
  }

  private func breakerReport(_ group: Group) -> Report.Breaker {
    let notHeld = whyNotHeld(group)
    let breaker = group.monitor.breaker
    return Report.Breaker(
      state: breaker.state, held: group.isHeld, why: notHeld?.why, why_detail: notHeld?.detail,
      revision: breaker.revision, until: breaker.endsAt.map(wall),
      outlook: breaker.state == .closed ? nil : Report.Outlook(breaker, wall: wall), probes: probes(group),
      disarmed: breaker.isArmed ? nil : true,
      hold: origin == .replay ? nil : group.holdReport,
      transitions: group.remembered + group.transitions.map(Report.TransitionReport.init))
  }

  private func probes(_ group: Group) -> Report.Probes? {
    let (breaker, probes) = (group.monitor.breaker, group.monitor.probes)
    let isTold = breaker.state == .open || breaker.state == .halfOpen || !breaker.isArmed
    guard isTold, probes.settled > 0 else { return nil }
    return Report.Probes(
      latest_settled: probes.latestSettled, latest_failed: probes.latestFailed,
      failed_messages: probes.latestFailedMessages.map { name($0, group) }, settled: probes.settled,
      failed: probes.failed)
  }

  /// Why nothing is held although the breaker is open; nil while it is not.
  private func whyNotHeld(_ group: Group) -> (why: NotHeld, detail: String?)? {
    switch group.monitor.breaker.state {
    case .open, .forcedOpen:
      if let why = group.monitor.whyNotWanted { return (why, nil) }
      if ledger.isOver { return (.runOver, nil) }
      return origin == .replay ? (.replay, nil) : group.whyNotHeld(ledger.whyCannotHold)
    case .closed, .halfOpen, .forcedClosed: return nil
    }
  }

  private func destinations(_ counts: DestinationCounts) -> [Report.Destination] {
    counts.counts.map { .init(system: $0.key.system.rawValue, destination: $0.key.destination, delivered: $0.value) }
      .sorted { ($0.system, $0.destination) < ($1.system, $1.destination) }
  }

  private func producers() -> [Report.Producer] {
    var sums: [String: Report.Producer] = [:]
    for entry in ledger.producers.entries where entry.published > 0 {
      let kind = entry.shownKind.rawValue
      let id = "\(entry.system.rawValue) \(entry.destination) \(kind)"
      sums[
        id,
        default: .init(
          system: entry.system.rawValue, destination: entry.destination, published: 0, kind: kind,
          why: entry.shownWhy?.rawValue)
      ].add(entry.published, copies: entry.copies)
    }
    return sums.values.sorted { ($0.system, $0.destination, $0.kind) < ($1.system, $1.destination, $1.kind) }
  }

  private func quantiles(_ histogram: Histogram, source: String? = nil) -> Report.Quantiles {
    Report.Quantiles(
      p50: histogram.quantile(0.5).map(seconds), p95: histogram.quantile(0.95).map(seconds),
      max: histogram.count == 0 ? nil : seconds(histogram.max), samples: Int(clamping: histogram.count), source: source)
  }

  private func wall(_ at: Timestamp) -> RFC3339 { RFC3339(ledger.wall(at)) }

  private func seconds(_ ns: Int64) -> Double { Double(ns) / 1e9 }
}

extension Report.TransitionReport {
  init(_ transition: Transition) {
    self.init(
      revision: transition.revision, at: RFC3339(transition.at), from: transition.from, to: transition.to,
      cause: transition.cause, rule: transition.verdict?.rule, evidence: transition.verdict?.evidence ?? [])
    author = transition.note?.author
    reason = transition.note?.reason
  }
}

extension Report.Totals {
  init(_ totals: Totals) {
    self.init()
    delivered = totals.delivered
    redelivered = totals.redelivered
    acked = totals.acked
    acked_paired = totals.ackedPaired
    requeued = totals.requeued
    rejected = totals.rejected
    dead_lettered = totals.deadLettered
    crashed = totals.crashed
    abandoned = totals.abandoned
    expired = totals.expired
    exhausted = totals.exhausted
    refetched = totals.refetched
    returned = totals.returned
    moved = totals.moved
    duplicates = totals.duplicates
    commit_failures = totals.commitFailures
    rebalances = totals.rebalances
    skewed = totals.skewed
  }
}
