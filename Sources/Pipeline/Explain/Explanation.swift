/// What happened to messages, one by one: the JSON of `stormfuse explain --format json` (schema `stormfuse.explain/1`).
/// Property names are the JSON's. Fields may be added, never renamed.
package struct Explanation: Codable, Equatable, Sendable {
  package var schema = "stormfuse.explain/1"
  /// First and last moment of the capture.
  package var from: RFC3339
  package var to: RFC3339
  /// Messages that were delivered, whether or not they are listed below.
  package var messages_seen: Int
  /// Why there are none, as the end of a sentence; left out where there are some.
  package var why_none: String?
  /// What was booked beyond the bound of memory, and is missing here.
  package var dropped: UInt64
  package var messages: [Message]

  /// One message, over all its deliveries and copies.
  package struct Message: Codable, Equatable, Sendable {
    /// The id that its publisher gave it, `topic-partition@offset`, or `hash:…` where it has none.
    package var id: String
    /// Ids that its copies were given.
    package var other_ids: [String]
    /// False where messages that look alike are told as one: they have no id.
    package var is_identified: Bool
    /// Keys of the groups that it was delivered to, first one first.
    package var groups: [String]
    package var deliveries: Int
    /// The greatest attempt.
    package var attempts: Int
    /// Failed deliveries, as they are counted in the end.
    package var failures: Int
    package var copies: Int
    package var revisions: Int
    /// Its last settlement as it is counted in the end, or `in_flight`.
    package var ended: String
    package var first_at: RFC3339
    package var last_at: RFC3339
    /// Left out in a list.
    package var events: [Event]?

    /// Something other than one delivery and its acknowledgement happened to it.
    package var isWorthExplaining: Bool {
      failures > 0 || copies > 0 || revisions > 0 || attempts > 1 || deliveries > groups.count
    }

    /// Whether the message can be asked for by that text: an id, or `topic/partition/offset`.
    package func isNamed(_ name: String) -> Bool {
      if id == name || other_ids.contains(name) { return true }
      let parts = name.split(separator: "/", omittingEmptySubsequences: false)
      return parts.count == 3 && id == "\(parts[0])-\(parts[1])@\(parts[2])"
    }
  }

  /// What happened, in order.
  package struct Event: Codable, Equatable, Sendable {
    package var at: RFC3339
    package var event: Kind
    package var group: String
    /// Of a delivery: which try, and how that is known.
    package var attempt: Int?
    package var attempt_source: String?
    /// Of a delivery: the consumer's number in this explanation, and the client's end of its connection.
    package var consumer: Int?
    package var connection: String?
    /// Of a delivery: it was delivered before, is a duplicate, is a copy that the target published. Left out if
    /// not.
    package var redelivered: Bool?
    package var duplicate: Bool?
    package var returned_copy: Bool?
    /// Of a settlement or a revision: what it is counted as.
    package var settlement: String?
    /// Of a revision: what it was counted as before.
    package var was: String?
    /// Of one that is requeued for another reason than that its consumer handed it back: as in the report's
    /// `requeue_causes`.
    package var cause: String?
    /// Of a copy: where it went, and what that destination is for.
    package var destination: String?
    package var kind: String?
    /// The rule that concluded this, as in the report's `inferences`.
    package var inference: String?
  }

  package enum Kind: String, Codable, Sendable {
    case delivered, settled
    /// The acknowledgement of a delivery that a copy had ended.
    case copy_acknowledged
    case copied, revised, inferred
    /// The target handed it back to the group that it came from: it only waited here.
    case handed_back
    /// Published as it was to where it came from; nothing says that it failed.
    case returned
    /// There was no such message after all.
    case withdrawn
  }
}

extension Settlement {
  /// As the report's totals call it.
  package var name: String {
    switch self {
    case .acked: "acked"
    case .requeued: "requeued"
    case .rejected: "rejected"
    case .deadLettered: "dead_lettered"
    case .crashed: "crashed"
    case .abandoned: "abandoned"
    case .expired: "expired"
    }
  }
}
