/// What a run saw, in the shape of `stormfuse replay --format json` and `GET /v1/report` (schema
/// `stormfuse.report/1`). Property names are the JSON's. Fields may be added, never renamed.
package struct Report: Codable, Equatable, Sendable {
  package var schema = Report.schema
  package static let schema = "stormfuse.report/1"
  /// First and last moment of the capture; equal to each other and to the epoch when nothing was seen.
  package var from: RFC3339
  package var to: RFC3339
  package var capture: Capture
  package var groups: [Group]
  package var ungrouped: [Destination]
  package var unattributed: [Destination]
  package var producers: [Producer]
  package var topology: Topology

  package struct Capture: Codable, Equatable, Sendable {
    package var segments: UInt64
    package var bytes: UInt64
    package var lost_bytes: UInt64
    package var connections: Int
    /// Connections of a broker of which only one direction was captured, although the other one spoke: what it said
    /// (deliveries or acknowledgements) is missing in every count. Left out where there are none.
    package var one_sided: Int?
    package var undecoded: [Undecoded]
    /// Losses by cause: `ring_full`, `table_full`, `copy_failed`, `snap_length`, `hole`, `unseen_direction`, ….
    package var losses: [String: UInt64]
    /// What bounds of memory dropped, by what it was; without those that dropped nothing.
    package var dropped: [String: UInt64] = [:]
    /// Packets of capture files that gave no segment, by reason: tunnels that are not read (`gtp_u`), other protocols
    /// (`not_tcp`), `ip_fragment`, …. Left out where there are none, and live.
    package var not_read: [String: UInt64]?
    @NotInJSON package var decoded = DecodedConnections()
  }

  package struct Undecoded: Codable, Equatable, Sendable {
    package var reason: String
    package var connections: Int
    /// Of some of them, at most four: the far end, as `10.0.0.5:5671`.
    package var addresses: [String] = []
  }

  package struct Group: Codable, Equatable, Sendable {
    package var key: String
    package var href: String
    package var cluster: String
    package var system: String
    package var group: String
    package var target: String
    /// True once the target has ended: the group stands as it was then. Else left out.
    package var target_ended: Bool?
    package var destinations: [String]
    package var mode: String
    package var totals: Totals
    /// What of this was not said on the wire but concluded: how often each rule decided something, by its name.
    package var inferences: [String: UInt64] = [:]
    /// Of `totals.requeued`: how many went back for another reason than that their consumer handed them back
    /// (`ack_timeout`, `delayed`, `self`).
    package var requeue_causes: [String: UInt64] = [:]
    /// What brokers refused: every channel.close and connection.close, every error code.
    package var broker_errors: [BrokerErrorReport] = []
    package var in_flight: Int
    @NullEncoded package var oldest_in_flight_s: Double?
    @NullEncoded package var lag: Int?
    @NullEncoded package var error_rate: Double?
    @NullEncoded package var dead_letter_rate: Double?
    package var attempts: Attempts
    package var consumption_delay_s: Quantiles
    package var settle_latency_s: Quantiles
    package var retry_latency_s: Quantiles
    package var coverage: Double
    /// Within the rules' window, at `to`.
    package var window: Rates
    /// Deliveries that would still run if the consumers were paused now: those in flight, or, where that is more, all that
    /// the broker may send them without being asked again (their prefetch, as far as it was seen).
    package var exposure: Int
    /// True where the prefetch of a consumer was not seen (joined midway): `exposure` lacks it. Else left out.
    package var exposure_is_minimum: Bool?
    /// Why `pause` could not hold this group's consumers of now (`no_ack`, `unlimited_prefetch`); nil if it could.
    @NullEncoded package var unholdable: NotHeld?
    package var verdict: VerdictReport
    package var episodes: [Episode]
    package var poison_messages: [PoisonMessage]
    /// The latest series of crashes that followed one another with hardly an ack between; nil if nothing crashed.
    @NullEncoded package var crashes: Crashes?
    /// Where its consumers published copies of its messages to; nil if nowhere.
    package var copies: [Copies]?
    package var breaker: Breaker
    package var partitions: [Partition]
    @NotInJSON package var counters = GroupCounters()
  }

  /// A destination of copies, and what it was taken for.
  package struct Copies: Codable, Equatable, Sendable {
    package var destination: String
    /// `retry` or `dead_letter`.
    package var kind: String
    /// As `Producer.why`.
    package var why: String?
    package var count: UInt64
  }

  /// What the rules compare. Null without samples.
  package struct Rates: Codable, Equatable, Sendable {
    @NullEncoded package var error_rate: Double?
    @NullEncoded package var dead_letter_rate: Double?
    @NullEncoded package var retries_p95: Double?
    /// Of settled deliveries; in a window the age of the oldest in flight, where that is what decides.
    @NullEncoded package var consumption_delay_p95_s: Double?

    package init(
      error_rate: Double?, dead_letter_rate: Double?, retries_p95: Double?, consumption_delay_p95_s: Double?
    ) {
      self.error_rate = error_rate
      self.dead_letter_rate = dead_letter_rate
      self.retries_p95 = retries_p95
      self.consumption_delay_p95_s = consumption_delay_p95_s
    }
  }

  package struct Totals: Codable, Equatable, Sendable {
    package var delivered: UInt64 = 0
    package var redelivered: UInt64 = 0
    package var acked: UInt64 = 0
    package var acked_paired: UInt64 = 0
    package var requeued: UInt64 = 0
    package var rejected: UInt64 = 0
    package var dead_lettered: UInt64 = 0
    package var crashed: UInt64 = 0
    package var abandoned: UInt64 = 0
    package var expired: UInt64 = 0
    package var exhausted: UInt64 = 0
    package var refetched: UInt64 = 0
    package var returned: UInt64 = 0
    package var moved: UInt64 = 0
    package var duplicates: UInt64 = 0
    package var commit_failures: UInt64 = 0
    package var rebalances: UInt64 = 0
    package var skewed: UInt64 = 0
    package init() {}
  }

  package struct Attempts: Codable, Equatable, Sendable {
    package var max: Int
    package var p95: Double
    package var source: String
  }

  /// Seconds. Null without samples.
  package struct Quantiles: Codable, Equatable, Sendable {
    @NullEncoded package var p50: Double?
    @NullEncoded package var p95: Double?
    @NullEncoded package var max: Double?
    package var samples: Int
    /// Where the moments come from; nil where that goes without saying.
    package var source: String?
  }

  package struct VerdictReport: Codable, Equatable, Sendable {
    package var kind: Verdict.Kind
    @NullEncoded package var rule: Rule?
    package var evidence: [Evidence]
  }

  package struct Episode: Codable, Equatable, Sendable {
    package var kind: Verdict.Kind
    @NullEncoded package var rule: Rule?
    package var from: RFC3339
    @NullEncoded package var to: RFC3339?
    package var evidence: [Evidence]
  }

  package struct PoisonMessage: Codable, Equatable, Sendable {
    /// The message's own id where it has one, else `hash:` and sixteen hex digits.
    package var message: String
    package var failures: Int
  }

  /// One error that a broker told the group's consumers of.
  package struct BrokerErrorReport: Codable, Equatable, Sendable {
    package var code: Int
    /// The request that failed, as `basic.ack`; empty where none is named.
    package var request: String
    /// The broker's words, without values of messages; texts that differ in numbers alone count as one.
    package var text: String
    package var count: UInt64
    package var last: RFC3339
  }

  package struct Crashes: Codable, Equatable, Sendable {
    package var count: Int
    package var last: RFC3339
    /// Messages that were in flight at every one of them; of one crash alone nothing is suspected.
    package var suspects: [String]
    /// Messages that were in flight at the crashes and come nearest to the queue's delivery limit, nearest first, at most
    /// 16. Those that succeeded since are left out.
    package var victims: [Victim]
  }

  package struct Victim: Codable, Equatable, Sendable {
    /// As in `PoisonMessage`.
    package var message: String
    /// Returns that it survives.
    package var returns_left: Int
    /// It had none left: the broker has given it up.
    package var given_up: Bool
  }

  package struct Breaker: Codable, Equatable, Sendable {
    package var state: BreakerState
    package var held: Bool
    /// Why nothing, or not everything, is held although the state is open; nil otherwise.
    @NullEncoded package var why: NotHeld?
    /// The kernel's words where `why` is `kernel`; else left out.
    package var why_detail: String?
    package var revision: UInt64
    /// When the state ends by itself (open time, override, half-open, episode); nil if only what happens ends it.
    @NullEncoded package var until: RFC3339?
    /// What comes next; left out while it is closed by itself.
    package var outlook: Outlook?
    /// What was let through since the episode's first half-open, and what became of it; left out before the first outcome,
    /// and once the breaker is closed and armed.
    package var probes: Probes?
    /// True after an episode that lasted its longest: no rule opens it; else left out.
    package var disarmed: Bool?
    /// What is held now and what was so far; nil in a replay and where nothing ever was to be held.
    @NullEncoded package var hold: Hold?
    package var transitions: [TransitionReport]
  }

  /// What holding comes to: connections now, packets and bytes since the run began.
  package struct Hold: Codable, Equatable, Sendable {
    package var connections: Int
    /// `block`: addresses to which new connections are refused; left out where there are none.
    package var refused: Int?
    /// Connections left alone although the group is to be held, by reason.
    package var left_alone: [String: Int]
    /// `nudge` or `trickle`: how what is held is kept alive; left out while nothing is.
    package var keepalive: String?
    /// Why it is `trickle`.
    package var keepalive_why: String?
    package var held_packets: UInt64
    package var held_bytes: UInt64
    package var passed_packets: UInt64
    package var passed_bytes: UInt64
  }

  package struct TransitionReport: Codable, Equatable, Sendable {
    package var revision: UInt64
    package var at: RFC3339
    package var from: BreakerState
    package var to: BreakerState
    package var cause: Transition.Cause
    @NullEncoded package var rule: Rule?
    package var evidence: [Evidence]
    /// Who asked for it, and why; nil for rules and timers.
    @NullEncoded package var author: String?
    @NullEncoded package var reason: String?
  }

  package struct Partition: Codable, Equatable, Sendable {
    package var destination: String
    package var partition: Int
    package var totals: Totals
    /// Messages between what is committed and the end; null if that is not known.
    @NullEncoded package var lag: Int?
  }

  package struct Destination: Codable, Equatable, Sendable {
    package var system: String
    package var destination: String
    package var delivered: UInt64
  }

  package struct Producer: Codable, Equatable, Sendable {
    package var system: String
    package var destination: String
    package var published: UInt64
    /// What it was taken for: `normal`, `retry` or `dead_letter`.
    package var kind: String
    /// By what: `name`, `configured`, `dead_letter_target`, `consumed`, `declared`, `came_back`, `handed_back`
    /// (`ProducerTable.Why`); nil where nothing was decided.
    package var why: String?
    /// Of those published, copies that ended a delivery.
    package var copies: UInt64?

    mutating func add(_ published: UInt64, copies: UInt64) {
      self.published += published
      if copies > 0 { self.copies = (self.copies ?? 0) + copies }
    }
  }

  package struct Topology: Codable, Equatable, Sendable {
    package var nodes: [Node]
    package var edges: [Edge]
  }

  package struct Node: Codable, Equatable, Sendable {
    package var id: String
    /// `service`, `destination` or `group`.
    package var kind: String
  }

  package struct Edge: Codable, Equatable, Sendable {
    package var from: String
    package var to: String
    /// `publishes`, `consumes`, `dead_letters` or `retries`.
    package var kind: String
    package var messages: UInt64
  }
}
