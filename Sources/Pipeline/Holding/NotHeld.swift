/// Why a group whose breaker is open, or one of its connections, is not held.
///
/// The raw value is its name in the API, the report and the events, and does not change; `sentence` is for people. Where
/// several apply at once, the one that is listed first here is told.
package enum NotHeld: String, Codable, CaseIterable, Sendable {
  case observing = "mode is observe"
  case replay = "this is a replay"
  case runOver = "run_over"
  /// The kernel, or another stormfuse, is in the way. Its own words go along as the detail.
  case kernel
  /// Held for as long as `hold_limit` allows: traffic passes until the next opening.
  case holdLimit = "hold limit"
  case lowCoverage = "low_coverage"
  /// Consumers that take every delivery for acknowledged: to hold their requests would not stop deliveries.
  case noAck = "no_ack"
  /// Consumers without a prefetch limit: likewise.
  case unlimitedPrefetch = "unlimited_prefetch"
  /// A consumer joined midway: whether it acknowledges, or takes every delivery for acknowledged, is not known yet.
  case acksNotSeen = "acks_not_seen"
  case sharedPublishes = "shared_publishes"
  case sharedGroup = "shared_group"
  case closing
  case noConnection = "no_connection"

  package var sentence: String {
    switch self {
    case .observing: "mode is observe"
    case .replay: "this is a replay"
    case .runOver: "this run is over"
    case .kernel: "the kernel can't hold it"
    case .holdLimit: "it was held for as long as hold_limit allows, and traffic passes until the next opening"
    case .lowCoverage: "too little of the traffic is seen"
    case .noAck: "no_ack: its consumers don't acknowledge, so deliveries would not stop"
    case .unlimitedPrefetch: "unlimited_prefetch: its consumers have no prefetch limit, so deliveries would not stop"
    case .acksNotSeen: "whether it acknowledges was not seen yet"
    case .sharedPublishes: "shared: it also publishes"
    case .sharedGroup: "shared: it serves a group that is not open"
    case .closing: "the client is closing the connection"
    case .noConnection: "no connection with a consumer of it is known"
    }
  }

  /// For people: the detail where there is one, else the sentence.
  package func text(_ detail: String?) -> String { detail ?? sentence }
}

extension NotHeld: Comparable {
  /// What is told first is less.
  package static func < (a: NotHeld, b: NotHeld) -> Bool { a.rank < b.rank }

  private var rank: Int { Self.allCases.firstIndex(of: self) ?? Self.allCases.count }
}
