/// What the windows of one group amount to at one moment.
package struct Verdict: Equatable, Sendable {
  package var kind: Kind
  /// The rule that decided; nil when none did (`healthy`, `failing`).
  package var rule: Rule?
  package var evidence: [Evidence]

  package init(kind: Kind, rule: Rule?, evidence: [Evidence]) {
    self.kind = kind
    self.rule = rule
    self.evidence = evidence
  }

  /// In the order in which a reader wants to know: an earlier kind hides a later one.
  package enum Kind: String, Sendable, CaseIterable, Codable {
    case incomplete, storm, poison
    case crashLoop = "crash_loop"
    case stalled, failing, insufficient, healthy

    /// Its place in that order.
    var order: Int {
      switch self {
      case .incomplete: 0
      case .storm: 1
      case .poison: 2
      case .crashLoop: 3
      case .stalled: 4
      case .failing: 5
      case .insufficient: 6
      case .healthy: 7
      }
    }
  }
}

package enum Rule: String, Sendable, CaseIterable, Codable {
  case deadLetterStorm = "dead-letter-storm"
  case deadLetterFlood = "dead-letter-flood"
  case slowPartition = "slow-partition"
  case crashLoop = "crash-loop"
  case stalled
}

/// One condition of a rule as it stood.
package struct Evidence: Equatable, Sendable, Codable {
  /// What was measured: `error_rate`, `retries`, `consumption_delay`, `dead_letter_rate`, `settlements`,
  /// `ends`, `distinct_messages`, `failures`, `settle_latency`, `ack_gap`, `head_of_line_age`, `crashes`, `acks_since_crash`,
  /// `coverage`, and for poison
  /// `named_share` (of the failures), `others_acked` and the first condition again `_without_named`. `settlements` are
  /// those that the error rate divides by, acked and failures; `ends` those of the dead-letter rate, acked and dead
  /// letters, of which `distinct_messages` counts the messages. Met when above the threshold; `settlements`, `ends`,
  /// `distinct_messages`, `ack_gap`, `head_of_line_age`, `crashes`, `named_share` and `coverage` when at least as large;
  /// `acks_since_crash` when less;
  /// `_without_named` when not above it.
  package var condition: String
  /// The rule that it is a condition of; left out of what is compared for every verdict (`coverage`, and the settlements
  /// where `dead-letter-storm` is off).
  package var rule: Rule?
  /// `group`, or `partition:<name>`.
  package var scope: String
  /// Nil where there are no samples.
  @NullEncoded package var value: Double?
  package var threshold: Double
  /// `ratio`, `1`, `s`.
  package var unit: String
  package var samples: Int
  package var window_s: Double
  /// Where the value comes from: `settled_p95`, `oldest_in_flight`, `x-delivery-count`, …; `lower_bound` is appended
  /// after a comma where the true value can only be larger.
  package var source: String
  package var met: Bool

  package init(
    condition: String, rule: Rule? = nil, scope: String = "group", value: Double?, threshold: Double, unit: String,
    samples: Int,
    window_s: Double, source: String, met: Bool
  ) {
    self.condition = condition
    self.rule = rule
    self.scope = scope
    self._value = NullEncoded(wrappedValue: value)
    self.threshold = threshold
    self.unit = unit
    self.samples = samples
    self.window_s = window_s
    self.source = source
    self.met = met
  }
}

/// An optional that is written as `null` instead of being left out, so that every key of the report is always there.
@propertyWrapper
package struct NullEncoded<Value: Codable & Equatable & Sendable>: Codable, Equatable, Sendable {
  package var wrappedValue: Value?
  package init(wrappedValue: Value?) { self.wrappedValue = wrappedValue }

  package init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    wrappedValue = container.decodeNil() ? nil : try container.decode(Value.self)
  }

  package func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    if let wrappedValue { try container.encode(wrappedValue) } else { try container.encodeNil() }
  }
}

extension KeyedDecodingContainer {
  /// A key that is missing reads as nil, so that an older writer's object still decodes.
  package func decode<Value>(_: NullEncoded<Value>.Type, forKey key: Key) throws -> NullEncoded<Value> {
    try decodeIfPresent(NullEncoded<Value>.self, forKey: key) ?? NullEncoded(wrappedValue: nil)
  }
}

package enum BreakerState: String, Sendable, CaseIterable, Codable {
  case closed, open
  case halfOpen = "half_open"
  case forcedOpen = "forced_open"
  case forcedClosed = "forced_closed"

  /// For people: `half-open`. The raw value is its name in the API, the report and the events.
  package var name: String { String(rawValue.map { $0 == "_" ? "-" : $0 }) }
}

/// One change of a breaker's state.
package struct Transition: Equatable, Sendable {
  /// Counts the transitions of this breaker, from 1.
  package var revision: UInt64
  package var at: Timestamp
  package var from: BreakerState
  package var to: BreakerState
  package var cause: Cause
  /// The verdict that led to it; nil for timers and operators.
  package var verdict: Verdict?
  /// Who asked for it and why; nil for rules and timers.
  package var note: OperatorNote?

  package enum Cause: String, Sendable, CaseIterable, Codable {
    /// A rule tripped.
    case rule
    /// The open time passed.
    case openTimeElapsed = "open_time_elapsed"
    /// Enough acks in a row.
    case probesSucceeded = "probes_succeeded"
    /// A probe failed.
    case probeFailed = "probe_failed"
    /// Half-open for its whole time without a failure.
    case quietHalfOpen = "quiet_half_open"
    /// The longest episode was reached: let go, alarm.
    case maxEpisode = "max_episode"
    case trip, reset, override
    case overrideEnded = "override_ended"

    /// For people: `open time elapsed`.
    package var words: String { String(rawValue.map { $0 == "_" ? " " : $0 }) }
  }

  package init(
    revision: UInt64, at: Timestamp, from: BreakerState, to: BreakerState, cause: Cause, verdict: Verdict?,
    note: OperatorNote? = nil
  ) {
    self.revision = revision
    self.at = at
    self.from = from
    self.to = to
    self.cause = cause
    self.verdict = verdict
    self.note = note
  }
}
