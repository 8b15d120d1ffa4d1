/// What the lifecycle asks of a message's headers, in one pass over the table, without copying.
package struct AMQPHeaders: Hashable, Sendable {
  /// `x-delivery-count`: how often a quorum queue delivered it before (0 the first time).
  package var deliveryCount: Int64?
  /// `x-acquired-count` (RabbitMQ 4): how often it was acquired; an upper bound of tries.
  package var acquiredCount: Int64?
  /// `timestamp_in_ms`, milliseconds since 1970: set by the broker's message timestamp interceptor or a plugin.
  package var timestamp_ms: Int64?
  /// `x-stream-offset`: it comes from a stream.
  package var isFromStream = false
  /// Items of the `x-death` array, for `AMQPDeaths`; nil if there is none.
  package var deaths: Text?
  /// A header that has no meaning here has a small number, which may count tries.
  package var mayCountTries = false
  /// The table ended in bytes that could not be read: what follows them is unknown.
  package var malformed = false

  /// Reads `headers` (a content header's table). Entries of another type than expected are ignored. At most
  /// `entryLimit` entries are read: a table of more is called malformed.
  package init(_ headers: Text, in frame: RawSpan) {
    var table = AMQPTable(entries: headers)
    var entries = 0
    while let (key, value) = table.next(in: frame) {
      entries &+= 1
      guard entries <= Self.entryLimit else {
        malformed = true
        return
      }
      switch key.count {
      case 7 where key.equals("x-death", in: frame):
        if case .array(let items) = value { deaths = items }
      case 15 where key.equals("x-stream-offset", in: frame):
        isFromStream = true
      case 15 where key.equals("timestamp_in_ms", in: frame):
        timestamp_ms = value.integer ?? value.time
      case 16 where key.equals("x-delivery-count", in: frame):
        deliveryCount = value.integer
      case 16 where key.equals("x-acquired-count", in: frame):
        acquiredCount = value.integer
      default:
        switch value {
        case .int(let number): if number > 0, number < 1_000_000 { mayCountTries = true }
        case .string(let text): if text.count > 0, text.count <= 6 { mayCountTries = true }
        default: break
        }
      }
    }
    malformed = table.malformed
  }

  /// The value of the first entry with this key.
  package static func find(_ key: StaticString, in headers: Text, of frame: RawSpan) -> AMQPValue? {
    var table = AMQPTable(entries: headers)
    while let entry = table.next(in: frame) {
      if entry.key.equals(key, in: frame) { return entry.value }
    }
    return nil
  }

  private static let entryLimit = 4_096
}
