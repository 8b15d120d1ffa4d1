import Admin
import AdminAPI

@testable import Pipeline

/// Reports made by hand.
enum Sample {
  static func evidence(
    _ condition: String, _ value: Double?, _ threshold: Double, _ unit: String, rule: Rule? = nil, samples: Int = 312,
    source: String = "settled_p95", met: Bool = true
  ) -> Evidence {
    Evidence(
      condition: condition, rule: rule, value: value, threshold: threshold, unit: unit, samples: samples, window_s: 60,
      source: source, met: met)
  }

  static let storm = [
    evidence("error_rate", 0.412, 0.05, "ratio", rule: .deadLetterStorm),
    evidence("retries", 5, 3, "1", rule: .deadLetterStorm),
    evidence("consumption_delay", 73, 60, "s", rule: .deadLetterStorm),
  ]

  /// 71.7 % of the messages fail at their first try.
  static let failing = [
    evidence("settlements", 120, 20, "1", rule: .deadLetterStorm, samples: 120),
    evidence("error_rate", 0.717, 0.05, "ratio", rule: .deadLetterStorm, samples: 120),
    evidence("retries", 0, 3, "1", rule: .deadLetterStorm, met: false),
    evidence("consumption_delay", 1.3, 60, "s", rule: .deadLetterStorm, met: false),
    evidence("ends", 34, 50, "1", rule: .deadLetterFlood, samples: 34, met: false),
    evidence("dead_letter_rate", 0, 0.2, "ratio", rule: .deadLetterFlood, samples: 34, met: false),
    evidence("distinct_messages", 0, 10, "1", rule: .deadLetterFlood, met: false),
    evidence("coverage", 1, 0.95, "ratio"),
  ]

  /// Its breaker is closed, and nothing has a rule met.
  static func failingGroup() -> Report.Group {
    var group = group(verdict: .failing, state: .closed)
    group.verdict.evidence = failing
    group.episodes = []
    group.window.error_rate = 0.717
    return group
  }

  static func group(
    _ key: String = "rabbitmq:%2F:orders", cluster: String = "rabbit@one", target: String = "pid:42",
    verdict: Verdict.Kind = .storm, state: BreakerState = .open
  ) -> Report.Group {
    var totals = Report.Totals()
    totals.delivered = 132
    totals.acked = 12
    totals.requeued = 96
    totals.rejected = 20
    totals.redelivered = 72
    let at = RFC3339(Timestamp(ns: 1_795_219_199_123_456_789))
    var counters = GroupCounters()
    var delay = Histogram()
    for delay_s in [0.4, 12, 73, 90.25] { delay.record(Int64(delay_s * 1e9)) }
    counters.consumptionDelay = CumulativeHistogram(delay)
    counters.transitions = [.rule: 3, .openTimeElapsed: 2]
    let transition = Report.TransitionReport(
      revision: 1, at: at, from: .closed, to: .open, cause: .rule, rule: .deadLetterStorm, evidence: storm)
    return Report.Group(
      key: key, href: "", cluster: cluster, system: "rabbitmq", group: "orders", target: target,
      destinations: ["orders"], mode: "observe", totals: totals, in_flight: 4, oldest_in_flight_s: 1.5, lag: nil,
      error_rate: 0.906, dead_letter_rate: 0.1563, attempts: .init(max: 6, p95: 6, source: "x-delivery-count"),
      consumption_delay_s: .init(p50: 12, p95: 73, max: 90.25, samples: 128, source: "timestamp_in_ms"),
      settle_latency_s: .init(p50: 0.001, p95: 0.01, max: 0.2, samples: 128, source: nil),
      retry_latency_s: .init(p50: nil, p95: nil, max: nil, samples: 0, source: nil), coverage: 1,
      window: .init(
        error_rate: verdict == .storm ? 0.412 : nil, dead_letter_rate: nil,
        retries_p95: verdict == .storm ? 5 : nil, consumption_delay_p95_s: verdict == .storm ? 73 : nil), exposure: 4,
      unholdable: nil,
      verdict: .init(kind: verdict, rule: verdict == .storm ? .deadLetterStorm : nil, evidence: storm),
      episodes: [.init(kind: .storm, rule: .deadLetterStorm, from: at, to: nil, evidence: storm)], poison_messages: [],
      breaker: .init(
        state: state, held: false, why: .observing, revision: 1,
        transitions: state == .closed ? [] : [transition]),
      partitions: [], counters: counters)
  }

  static func report(_ groups: [Report.Group]) -> Report {
    Report(
      from: RFC3339(Timestamp(ns: 1_795_219_100_000_000_000)), to: RFC3339(Timestamp(ns: 1_795_219_200_000_000_000)),
      capture: .init(
        segments: 1234, bytes: 567_890, lost_bytes: 30, connections: 3,
        undecoded: [.init(reason: "tls", connections: 1)], losses: ["ring_full": 20]),
      groups: groups, ungrouped: [], unattributed: [],
      producers: [.init(system: "rabbitmq", destination: "orders", published: 60, kind: "normal")],
      topology: .init(nodes: [], edges: []))
  }

  struct Source: ReportSource {
    var groups = [Sample.group()]
    var ready = true
    /// Why events can't be written.
    var degraded: String?
    /// Events that the event log lost.
    var lost: UInt64 = 0
    func report() -> Report { Sample.report(groups) }
    func metrics() -> MetricsInput {
      var log = ExportCounters(name: "event_log")
      log.failed = lost
      return MetricsInput(
        targets: [.init(name: "pid:42", report: report())], exports: [log, ExportCounters(name: "webhook")])
    }
    func readiness() -> Readiness {
      var checks = [
        Readiness.Check(name: "capture", ok: ready, detail: ready ? "attached" : "not attached: run doctor")
      ]
      if let degraded { checks.append(.init(name: "events", ok: false, detail: degraded, onlyDegrades: true)) }
      return Readiness(checks: checks)
    }
  }
}
