package import Pipeline

/// One breaker at a glance: an element of `GET /v1/breakers`.
package struct BreakerSummary: Codable, Equatable, Sendable {
  package var key: String
  /// Path of its detail; with the cluster or target in it where the key alone would be ambiguous.
  package var href: String
  package var cluster: String
  package var system: String
  package var group: String
  package var target: String
  /// True once the target has ended: the breaker stands as it was then. Else left out.
  package var target_ended: Bool?
  package var destinations: [String]
  package var mode: String
  package var state: BreakerState
  package var held: Bool
  @NullEncoded package var why: NotHeld?
  /// The kernel's words where `why` is `kernel`; else left out.
  package var why_detail: String?
  package var revision: UInt64
  /// When the state ends by itself (open time, override, half-open, episode); null if only what happens ends it.
  @NullEncoded package var until: RFC3339?
  /// When it entered its state; null if it never left the first one.
  @NullEncoded package var since: RFC3339?
  package var verdict: Verdict.Kind
  @NullEncoded package var rule: Rule?
  package var in_flight: Int
  @NullEncoded package var oldest_in_flight_s: Double?
  @NullEncoded package var lag: Int?
  package var coverage: Double
  /// Since the run began.
  package var total: Report.Rates
  /// Within the rules' window; null where that has no samples.
  package var window: Report.Rates
  /// For display beside its numbers; left out if there are none.
  package var notes: [BreakerNote]?

  package init(_ group: Report.Group, href: String) {
    key = group.key
    self.href = href
    cluster = group.cluster
    system = group.system
    self.group = group.group
    target = group.target
    target_ended = group.target_ended
    destinations = group.destinations
    mode = group.mode
    state = group.breaker.state
    held = group.breaker.held
    why = group.breaker.why
    why_detail = group.breaker.why_detail
    revision = group.breaker.revision
    until = group.breaker.until
    since = group.breaker.transitions.last?.at
    verdict = group.verdict.kind
    rule = group.verdict.rule
    in_flight = group.in_flight
    oldest_in_flight_s = group.oldest_in_flight_s
    lag = group.lag
    coverage = group.coverage
    total = Report.Rates(
      error_rate: group.error_rate, dead_letter_rate: group.dead_letter_rate,
      retries_p95: group.attempts.p95 > 0 ? group.attempts.p95 - 1 : nil,
      consumption_delay_p95_s: group.consumption_delay_s.p95)
    window = group.window
    notes = BreakerNote.list(group, href: href)
  }
}

/// Answer of `GET /v1/breakers`.
package struct BreakerList: Codable, Equatable, Sendable {
  package var schema = BreakerList.schema
  /// The moment of the report it comes from.
  package var at: RFC3339
  package var breakers: [BreakerSummary]
  /// What is wrong with the sidecar itself, a line each; left out where nothing is.
  package var troubles: [String]?
  package static let schema = "stormfuse.breakers/1"

  /// - Parameter exports: Those that have lost events are named, with how many since the start.
  package init(_ report: Report, readiness: Readiness, exports: [ExportCounters] = []) {
    let troubles =
      readiness.checks.filter { !$0.ok }.map { "\($0.name): \($0.detail)" }
      + exports.filter { $0.lost > 0 }.map {
        "\(EvidenceText.count(Int(clamping: $0.lost), "event")) lost since the start (\($0.name))"
      }
    self.troubles = troubles.isEmpty ? nil : troubles
    at = report.to
    breakers = zip(report.groups, BreakerReference.shortest(for: report.groups)).map {
      BreakerSummary($0, href: $1.href)
    }
  }
}
