internal import AdminAPI
internal import Pipeline

/// The metrics in Prometheus' text exposition format 0.0.4: https://prometheus.io/docs/instrumenting/exposition_formats.
///
/// Names have a unit (`_seconds`, `_bytes`, `_ratio`) and counters end in `_total`. Every series of a group carries the
/// labels cluster, group, key, system and target, which stay as they are while it consumes more destinations; which those
/// are is told by `stormfuse_group_destination_info`. Bound: the 500 groups with the most deliveries, those
/// with a breaker that is not closed first; what is left out is `stormfuse_groups_omitted`.
enum Metrics {
  static let mediaType = "text/plain; version=0.0.4; charset=utf-8"
  static let mostGroups = 500

  static func text(_ input: MetricsInput, version: String) -> [UInt8] {
    let all = input.targets.flatMap(\.report.groups)
    let groups = shown(all)
    var out = MetricsText()
    out.family("stormfuse_build_info", "gauge", "1, with the version as a label.")
    out.sample(1, "version", version)
    out.family("stormfuse_groups", "gauge", "Consumer groups seen.")
    for target in input.targets { out.sample(Double(target.report.groups.count), "target", target.name) }
    out.family("stormfuse_groups_omitted", "gauge", "Groups without series here, past the bound of \(mostGroups).")
    out.sample(Double(all.count - groups.count))
    out.family("stormfuse_group_destination_info", "gauge", "1 for each destination that the group consumes.")
    for (labels, group) in groups {
      for destination in group.destinations.prefix(mostGroups) { out.sample(1, in: labels, "destination", destination) }
    }
    capture(input.targets, &out)
    counters(groups, &out)
    gauges(groups, &out)
    breakers(groups, &out)
    exports(input.exports, &out)
    for family in input.families {
      out.family(family.name, family.kind.rawValue, family.help)
      for sample in family.samples.prefix(mostGroups) {
        out.sample(sample.value, in: MetricsText.labels(sample.labels.map { ($0.name, $0.value) }))
      }
    }
    process(input.process, &out)
    return out.bytes
  }

  private typealias Labelled = (labels: String, group: Report.Group)

  private static func shown(_ groups: [Report.Group]) -> [Labelled] {
    var groups = groups
    if groups.count > mostGroups {
      groups.sort {
        let (a, b) = ($0.breaker.state != .closed, $1.breaker.state != .closed)
        if a != b { return a }
        return ($1.totals.delivered, $0.key) < ($0.totals.delivered, $1.key)
      }
      groups.removeSubrange(mostGroups...)
    }
    return groups.map { group in
      let labels = MetricsText.labels([
        ("cluster", group.cluster), ("group", group.group), ("key", group.key), ("system", group.system),
        ("target", group.target),
      ])
      return (labels, group)
    }
  }

  private static func capture(_ targets: [MetricsInput.Target], _ out: inout MetricsText) {
    let targets = targets.map { (labels: MetricsText.labels([("target", $0.name)]), report: $0.report) }
    out.family("stormfuse_capture_segments_total", "counter", "TCP segments with payload that were captured.")
    for (labels, report) in targets { out.sample(Double(report.capture.segments), in: labels) }
    out.family("stormfuse_capture_bytes_total", "counter", "Payload bytes that were captured.")
    for (labels, report) in targets { out.sample(Double(report.capture.bytes), in: labels) }
    out.family(
      "stormfuse_capture_lost_bytes_total", "counter", "Payload bytes that passed but were not seen, by cause.")
    for (labels, report) in targets {
      let capture = report.capture
      var unnamed = capture.lost_bytes
      for (cause, bytes) in capture.losses.sorted(by: { $0.key < $1.key }) {
        out.sample(Double(bytes), in: labels, "cause", cause)
        unnamed -= min(unnamed, bytes)
      }
      if unnamed > 0 || capture.losses.isEmpty { out.sample(Double(unnamed), in: labels, "cause", "unknown") }
    }
    out.family("stormfuse_capture_dropped_total", "counter", "What bounds of memory dropped, by what it was.")
    for (labels, report) in targets {
      for (what, count) in report.capture.dropped.sorted(by: { $0.key < $1.key }) {
        out.sample(Double(count), in: labels, "what", what)
      }
    }
    out.family("stormfuse_capture_connections", "gauge", "Connections being followed.")
    for (labels, report) in targets { out.sample(Double(report.capture.connections), in: labels) }
    out.family("stormfuse_capture_undecoded_connections", "gauge", "Connections that can't be decoded, by reason.")
    for (labels, report) in targets {
      for undecoded in report.capture.undecoded {
        out.sample(Double(undecoded.connections), in: labels, "reason", undecoded.reason)
      }
    }
    out.family("stormfuse_published_messages_total", "counter", "Messages published, by destination and its kind.")
    for (labels, report) in targets {
      for producer in report.producers.prefix(mostGroups) {
        let named = MetricsText.labels([
          ("destination", producer.destination), ("kind", producer.kind), ("system", producer.system),
        ])
        out.sample(Double(producer.published), in: named + "," + labels)
      }
    }
  }

  /// Every term of: deliveries = all settlements + in flight.
  private static func counters(_ groups: [Labelled], _ out: inout MetricsText) {
    let settlements: [(String, KeyPath<Report.Totals, UInt64>)] = [
      ("acked", \.acked), ("requeued", \.requeued), ("rejected", \.rejected), ("dead_lettered", \.dead_lettered),
      ("crashed", \.crashed), ("abandoned", \.abandoned), ("expired", \.expired),
    ]
    out.family("stormfuse_deliveries_total", "counter", "Messages handed to consumers.")
    for (labels, group) in groups { out.sample(Double(group.totals.delivered), in: labels) }
    out.family("stormfuse_settlements_total", "counter", "Ends of deliveries, by kind.")
    for (labels, group) in groups {
      for (name, path) in settlements {
        out.sample(Double(group.totals[keyPath: path]), in: labels, "settlement", name)
      }
    }
    let others: [(String, KeyPath<Report.Totals, UInt64>, String)] = [
      ("redeliveries", \.redelivered, "Deliveries that the wire marks or proves to be repeats."),
      ("paired_acks", \.acked_paired, "Acks that only end an own dead-letter or retry publish; in no rate."),
      ("exhausted", \.exhausted, "Messages given up by the broker at its delivery limit, as far as inferred."),
      ("refetched", \.refetched, "Records fetched again without a confirmed retry."),
      ("returned", \.returned, "Acked messages that were published to their own place again, no failure."),
      ("moved", \.moved, "Acked messages that waited here and were handed back to their group; in no rate."),
      ("duplicates", \.duplicates, "Messages delivered again after their ack."),
      ("commit_failures", \.commit_failures, "Offset commits that the broker refused."),
      ("rebalances", \.rebalances, "Changes of the group's assignment."),
      ("skewed_timestamps", \.skewed, "Delays discarded as negative or over 30 days."),
    ]
    for (name, path, help) in others {
      out.family("stormfuse_\(name)_total", "counter", help)
      for (labels, group) in groups { out.sample(Double(group.totals[keyPath: path]), in: labels) }
    }
    out.family("stormfuse_broker_errors_total", "counter", "Errors that brokers told the group's consumers, by code.")
    for (labels, group) in groups {
      let counts = Dictionary(group.broker_errors.map { ($0.code, $0.count) }, uniquingKeysWith: +)
      for (code, count) in counts.sorted(by: { $0.key < $1.key }) {
        out.sample(Double(count), in: labels, "code", String(code))
      }
    }
    out.family("stormfuse_partition_deliveries_total", "counter", "Messages handed to consumers, by partition.")
    for (labels, group) in groups {
      for partition in group.partitions.prefix(mostGroups) {
        let named = MetricsText.labels([("partition", "\(partition.destination)/\(partition.partition)")])
        out.sample(Double(partition.totals.delivered), in: labels + "," + named)
      }
    }
  }

  private static func gauges(_ groups: [Labelled], _ out: inout MetricsText) {
    let gauges: [(String, String, @Sendable (Report.Group) -> Double?)] = [
      ("in_flight_messages", "Deliveries not settled yet.", { Double($0.in_flight) }),
      ("oldest_in_flight_seconds", "Age of the oldest delivery in flight.", { $0.oldest_in_flight_s }),
      ("lag_messages", "Messages that wait to be delivered.", { $0.lag.map(Double.init) }),
      ("error_ratio", "Failures among failures and acks since the start.", { $0.error_rate }),
      ("dead_letter_ratio", "Dead letters among dead letters and acks since the start.", { $0.dead_letter_rate }),
      ("attempts_p95", "95th percentile of a message's deliveries.", { $0.attempts.p95 }),
      ("attempts_max", "Most deliveries of one message.", { Double($0.attempts.max) }),
      ("coverage_ratio", "Share of the bytes that were seen and understood.", { $0.coverage }),
      ("exposure_messages", "Deliveries that would still run if the group were paused now.", { Double($0.exposure) }),
    ]
    for (name, help, value) in gauges {
      out.family("stormfuse_\(name)", "gauge", help)
      for (labels, group) in groups { if let value = value(group) { out.sample(value, in: labels) } }
    }
    let holds: [(String, String, KeyPath<Report.Hold, UInt64>)] = [
      ("held_segments", "Segments that were held; one that is tried again counts again.", \.held_packets),
      ("held_bytes", "Payload bytes that were held; tried again, they count again.", \.held_bytes),
      ("held_passed_segments", "Segments of held connections that were let through.", \.passed_packets),
      ("held_passed_bytes", "Payload bytes of held connections that were let through.", \.passed_bytes),
    ]
    out.family("stormfuse_held_connections", "gauge", "Connections that are held.")
    for (labels, group) in groups { out.sample(Double(group.breaker.hold?.connections ?? 0), in: labels) }
    for (name, help, path) in holds {
      out.family("stormfuse_\(name)_total", "counter", help)
      for (labels, group) in groups { out.sample(Double(group.breaker.hold?[keyPath: path] ?? 0), in: labels) }
    }
    let histograms: [(String, String, KeyPath<Report.Group, CumulativeHistogram>)] = [
      ("consumption_delay", "Enqueue time to settlement.", \.counters.consumptionDelay),
      ("settle_latency", "Delivery to settlement, waiting in the prefetch queue taken off.", \.counters.settleLatency),
      ("retry_latency", "First failure of a message to its last.", \.counters.retryLatency),
    ]
    for (name, help, path) in histograms {
      out.family("stormfuse_\(name)_seconds", "histogram", help)
      for (labels, group) in groups { out.histogram(group[keyPath: path], in: labels) }
    }
    condition("value", "What a rule's condition measures now, in its window.", groups, { $0.value }, &out)
    condition("threshold", "What a rule's condition is compared with.", groups, { $0.threshold }, &out)
    condition(
      "met", "1 where a rule's condition is met; a failing group says here what is unmet.", groups,
      {
        $0.met ? 1 : 0
      }, &out)
  }

  private static func condition(
    _ name: String, _ help: String, _ groups: [Labelled], _ value: (Evidence) -> Double?, _ out: inout MetricsText
  ) {
    out.family("stormfuse_condition_\(name)", "gauge", help)
    for (labels, group) in groups {
      var seen: Set<String> = []
      for item in group.verdict.evidence {
        let named = MetricsText.labels([("condition", item.condition), ("scope", item.scope), ("unit", item.unit)])
        guard let value = value(item), seen.insert(named).inserted else { continue }
        out.sample(value, in: labels + "," + named)
      }
    }
  }

  private static func breakers(_ groups: [Labelled], _ out: inout MetricsText) {
    out.family("stormfuse_breaker_state", "gauge", "1 for the state that the breaker is in, 0 for the others.")
    for (labels, group) in groups {
      for state in BreakerState.allCases {
        out.sample(state == group.breaker.state ? 1 : 0, in: labels, "state", state.rawValue)
      }
    }
    out.family("stormfuse_breaker_held", "gauge", "1 while the group's traffic is really held.")
    for (labels, group) in groups { out.sample(group.breaker.held ? 1 : 0, in: labels) }
    out.family("stormfuse_breaker_revision_total", "counter", "Transitions of the breaker, whatever the cause.")
    for (labels, group) in groups { out.sample(Double(group.breaker.revision), in: labels) }
    out.family("stormfuse_breaker_transitions_total", "counter", "Transitions of the breaker in this run, by cause.")
    for (labels, group) in groups {
      for cause in Transition.Cause.allCases {
        out.sample(Double(group.counters.transitions[cause] ?? 0), in: labels, "cause", cause.rawValue)
      }
    }
    out.family("stormfuse_verdict", "gauge", "1 for the verdict that holds, 0 for the others.")
    for (labels, group) in groups {
      for kind in Verdict.Kind.allCases {
        out.sample(kind == group.verdict.kind ? 1 : 0, in: labels, "kind", kind.rawValue)
      }
    }
  }

  private static func exports(_ exports: [ExportCounters], _ out: inout MetricsText) {
    let counters: [(String, String, @Sendable (ExportCounters) -> UInt64)] = [
      ("sent", "Events that arrived.", { $0.sent }), ("failed", "Events given up.", { $0.failed }),
      ("dropped", "Events pushed out of a full queue.", { $0.dropped }),
      ("retried", "Tries after the first.", { $0.retried }),
    ]
    for (name, help, value) in counters {
      out.family("stormfuse_export_\(name)_total", "counter", help)
      for export in exports { out.sample(Double(value(export)), "export", export.name) }
    }
    out.family("stormfuse_export_queued_events", "gauge", "Events that wait to be sent.")
    for export in exports { out.sample(Double(export.queued), "export", export.name) }
  }

  private static func process(_ process: ProcessStatistics, _ out: inout MetricsText) {
    if let bytes = process.residentMemory_bytes {
      out.family("process_resident_memory_bytes", "gauge", "Resident memory of the sidecar.")
      out.sample(Double(bytes))
    }
    if let seconds = process.processor_s {
      out.family("process_cpu_seconds_total", "counter", "Processor time of the sidecar.")
      out.sample(seconds)
    }
  }
}
