/// Everything an operator may set, with the defaults. Spans of time are nanoseconds. The YAML names are in brackets
/// where they differ from the property's in snake case.
package struct Settings: Equatable, Sendable {
  package var mode: Mode = .observe
  /// Window of every rule that does not name its own.
  package var window_ns: Int64 = .seconds(60)
  package var rules = RuleSettings()
  package var breaker = BreakerSettings()
  package var destinations = DestinationSettings()
  package var limits = LimitSettings()
  package var holding = HoldSettings()
  /// Later entries win, key by key.
  package var groups: [GroupSettings] = []
  /// Name of the cluster where the wire names none.
  package var cluster: String?

  package init() {}
}

/// Whether an open breaker holds the consumer's requests (`enforce`) or only says that it would (`observe`).
package enum Mode: String, Sendable, CaseIterable { case observe, enforce }

package enum HoldAction: String, Sendable, CaseIterable { case pause, throttle, block }

/// Connections of a group that others depend on: left alone, or held all the same.
package enum SharedConnections: String, Sendable, CaseIterable { case leave, hold }

package struct HoldSettings: Equatable, Sendable {
  /// Longest hold without a break; then traffic passes until the next opening. [hold_limit]
  package var limit_ns: Int64 = .seconds(600)
  package var sharedConnections = SharedConnections.leave
  /// How long a publish makes its connection one that others depend on. [shared_connections_age]
  package var sharedAge_ns: Int64 = .seconds(60)
  package init() {}

  /// As long as was tested: a connection that is kept alive by segments with payload, no longer than 150 s.
  func limit(isTrickled: Bool) -> Int64 { isTrickled ? min(limit_ns, .seconds(150)) : limit_ns }

  /// Whether a connection that last published at that moment is one that others depend on.
  func isShared(_ publishedAt: Timestamp?, at now: Timestamp) -> Bool {
    publishedAt.map { now - $0 < sharedAge_ns } ?? false
  }
}

package struct RuleSettings: Equatable, Sendable {
  package var deadLetterStorm = DeadLetterStormSettings()
  package var deadLetterFlood = DeadLetterFloodSettings()
  package var slowPartition = SlowPartitionSettings()
  package var crashLoop = CrashLoopSettings()
  package var stalled = StalledSettings()
  /// Least share of the bytes that must have been seen and understood for a verdict. [min_coverage]
  package var minCoverage = 0.95
  /// How often the rules are judged besides on every failure.
  package var evaluation_ns: Int64 = .milliseconds(100)
  package init() {}
}

/// `dead-letter-storm`: error rate and retries and consumption delay, all above their threshold.
package struct DeadLetterStormSettings: Equatable, Sendable {
  package var enabled = true
  /// A share, 0…1; met above it.
  package var errorRate = 0.05
  /// p95 of retries over failed deliveries; met above it.
  package var retries = 3.0
  /// p95 of settled, or the oldest in flight; met above it.
  package var consumptionDelay_ns: Int64 = .seconds(60)
  package var minSettlements = 20
  package var window_ns: Int64?
  package init() {}
}

/// `dead-letter-flood`: messages that die fast, at the first try or after many, which the joint rule cannot see.
package struct DeadLetterFloodSettings: Equatable, Sendable {
  package var enabled = true
  /// Dead letters ÷ ends (acks and dead letters), 0…1; met above it.
  package var deadLetterRate = 0.2
  /// Least number of ends in the window. The key is that of the other rules; a requeue does not count here. [min_settlements]
  package var minSettlements = 50
  /// Least number of distinct messages that were dead-lettered.
  package var minDistinct = 10
  package var window_ns: Int64?
  package init() {}
}

/// `slow-partition`: one partition fails often and slowly.
package struct SlowPartitionSettings: Equatable, Sendable {
  package var enabled = true
  package var failures = 200
  /// p95; met above it.
  package var settleLatency_ns: Int64 = .seconds(2)
  package var minSettlements = 20
  package var window_ns: Int64 = .seconds(300)
  package init() {}
}

/// `crash-loop`: consumers crash again and again, and get hardly anything done between. Alerts only.
package struct CrashLoopSettings: Equatable, Sendable {
  package var enabled = true
  /// So many crashes make a loop.
  package var crashes = 3
  /// Within which they come.
  package var within_ns: Int64 = .seconds(600)
  /// With so many acks between two crashes it is none.
  package var acks = 20
  package init() {}
}

/// `stalled`: nothing is acked any more. Alerts only.
package struct StalledSettings: Equatable, Sendable {
  package var enabled = true
  /// Shortest span without an ack that counts.
  package var minimum_ns: Int64 = .seconds(60)
  /// Multiple of the longest gap between acks within `history_ns`.
  package var gapFactor = 3.0
  package var history_ns: Int64 = .seconds(15 * 60)
  /// Used while fewer than 3 gaps between acks are known.
  package var unknown_ns: Int64 = .seconds(300)
  package init() {}
}

package struct BreakerSettings: Equatable, Sendable {
  /// Open time: min(openMaximum, openBase × 2^n), n the openings since it was last closed for `openReset`.
  package var openBase_ns: Int64 = .milliseconds(100)
  package var openMaximum_ns: Int64 = .seconds(30)
  package var openReset_ns: Int64 = .seconds(600)
  /// Share by which an open time is varied, ±.
  package var jitter = 0.15
  /// Seed of the jitter; a replay with the same seed gives the same times.
  package var seed: UInt64 = 0x73_74_6f_72_6d
  /// Acks in a row, of deliveries received after half-open began, that close it.
  package var probes = 5
  /// Half-open closes after this long with deliveries and without a failure.
  package var halfOpen_ns: Int64 = .seconds(30)
  /// Longest time since leaving closed; then traffic is let go and an alarm raised.
  package var maxEpisode_ns: Int64 = .seconds(600)
  /// Shortest time that an operator's trip stays open, where it names none; at most the rest of the episode.
  package var tripOpen_ns: Int64 = .seconds(60)
  /// Time limit of a forced_open override that names none.
  package var forcedOpen_ns: Int64 = .seconds(15 * 60)
  package init() {}
}

/// Which destinations are dead-letter or retry destinations, by name.
package struct DestinationSettings: Equatable, Sendable {
  /// Globs over destination names (case-insensitive), besides the conventional ones. [dead_letter]
  package var deadLetter: [String] = []
  /// [retry]
  package var retry: [String] = []
  /// Destinations that look like one of the two but are not. [normal]
  package var normal: [String] = []
  /// Whether the conventional names count (`*.dlq`, `*_error`, `retry-5m`, …). [conventional_names]
  package var conventional = true
  package init() {}
}

/// Bounds of memory. What a bound drops is counted.
package struct LimitSettings: Equatable, Sendable {
  package var groups = 10_000
  package var messages = 65_536
  package var connections = 65_536
  /// In-flight deliveries, over all groups.
  package var inFlight = 1_048_576
  package init() {}
}

/// What holds for the groups whose key matches. Nil: as before.
package struct GroupSettings: Equatable, Sendable {
  /// Glob over keys (`*`, `?`), against the key as it is shown, percent-encoding included.
  package var match: String
  package var mode: Mode?
  package var action: HoldAction?
  /// `throttle`: payload bytes per second that pass while the breaker is open. [rate]
  package var rate_bytes_s: UInt64?
  /// Payload bytes per second that pass whatever the breaker says, in mode `enforce`. [standing_rate]
  package var standingRate_bytes_s: UInt64?
  package var sharedConnections: SharedConnections?
  package var owner: String?
  package var runbook: String?
  package var window_ns: Int64?
  package var rules: RuleSettings?
  package init(match: String) { self.match = match }
}
