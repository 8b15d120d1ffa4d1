/// The content header that follows a publish, deliver, return or get-ok: body size and the 14 properties of class basic
/// (specification sections 2.3.5.2 and 1.8; RabbitMQ keeps their order and bits).
package struct AMQPContentHeader: Hashable, Sendable {
  /// 60, basic, in practice.
  package var classID: UInt16
  /// Length of the whole body, over all body frames.
  package var bodySize: UInt64
  /// First flags word. Bit 15 is the first property; a property whose bit is clear is absent, not empty.
  package var flags: UInt16 = 0

  package var contentType = Text.empty
  package var contentEncoding = Text.empty
  /// Field table without its length: for `AMQPTable(entries:)`.
  package var headers = Text.empty
  /// 1 transient, 2 persistent; 0 absent.
  package var deliveryMode: UInt8 = 0
  package var priority: UInt8?
  package var correlationID = Text.empty
  package var replyTo = Text.empty
  package var expiration = Text.empty
  package var messageID = Text.empty
  /// Seconds since 1970 by the specification; nil if absent.
  package var timestamp_s: UInt64?
  package var type = Text.empty
  package var userID = Text.empty
  package var appID = Text.empty
  package var clusterID = Text.empty
}
