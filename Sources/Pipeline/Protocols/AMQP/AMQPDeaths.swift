/// The `x-death` array: one entry for each (queue, reason) that dead-lettered the message, latest first.
package struct AMQPDeaths: Sendable {
  private var items: AMQPTable

  /// `items`: `AMQPHeaders.deaths`.
  package init(_ items: Text) {
    self.items = AMQPTable(items: items)
  }

  /// The next entry; nil at the end or where the rest is malformed. Items that are no tables are passed over.
  package mutating func next(in frame: RawSpan) -> AMQPDeath? {
    while let item = items.next(in: frame) {
      if case .table(let entries) = item.value { return AMQPDeath(entries, in: frame) }
    }
    return nil
  }
}

/// One entry of `x-death`.
package struct AMQPDeath: Hashable, Sendable {
  /// How often it died there for this reason; 1 where the entry does not say. Kept within 0...1,000,000,000, so that
  /// sums over an entry list are safe.
  package var count: Int64 = 1
  package var reason = Reason.other
  package var queue = Text.empty
  package var exchange = Text.empty
  /// Items of the array of routing keys, for `AMQPTable(items:)`.
  package var routingKeys = Text.empty
  /// When it first died there; seconds since 1970.
  package var time_s: UInt64?
  /// The `expiration` that was taken off the message.
  package var originalExpiration = Text.empty

  package enum Reason: UInt8, Sendable {
    case rejected, expired, maxlen, deliveryLimit, other
  }

  package init(_ entries: Text, in frame: RawSpan) {
    var table = AMQPTable(entries: entries)
    while let (key, value) = table.next(in: frame) {
      switch value {
      case .int(let number):
        if key.equals("count", in: frame) { count = min(max(number, 0), 1_000_000_000) }
      case .timestamp(let seconds):
        if key.equals("time", in: frame) { time_s = seconds }
      case .array(let items):
        if key.equals("routing-keys", in: frame) { routingKeys = items }
      case .string(let text):
        if key.equals("reason", in: frame) {
          reason = Self.reason(text, in: frame)
        } else if key.equals("queue", in: frame) {
          queue = text
        } else if key.equals("exchange", in: frame) {
          exchange = text
        } else if key.equals("original-expiration", in: frame) {
          originalExpiration = text
        }
      default: break
      }
    }
  }

  private static func reason(_ text: Text, in frame: RawSpan) -> Reason {
    if text.equals("rejected", in: frame) { return .rejected }
    if text.equals("expired", in: frame) { return .expired }
    if text.equals("maxlen", in: frame) { return .maxlen }
    return text.equals("delivery_limit", in: frame) ? .deliveryLimit : .other
  }
}
