/// The side of a connection whose bytes these are. Until a protocol has been detected nobody knows which one is the
/// client, so the sides are just the first that was seen sending (or the SYN's sender) and the other.
package enum Side: UInt8, Sendable {
  case first, second
  @inlinable package var other: Side { self == .first ? .second : .first }
}

/// How one side's stream, or the connection, came to its end.
package enum StreamEnd: UInt8, Sendable {
  /// FIN: this side sends no more.
  case finished
  /// RST by this side.
  case reset
  /// A new connection with the same addresses began (SYN with another initial sequence number).
  case replaced
  /// The capture ended or the connection was idle for so long that it was dropped from the table.
  case forgotten
}

/// Takes what reassembly makes of segments: each side's bytes once, in order, with holes told by their length.
///
/// Order between the sides is causal as far as the capture allows: bytes that a side sent after it had acknowledged
/// byte N of the other come after N was delivered or declared lost.
package protocol ByteSink: AnyObject {
  /// `bytes` is valid only during the call; never empty. `at` is when the segment that carried them was captured.
  func received(_ bytes: RawSpan, from side: Side, at: Timestamp)
  /// `count` bytes of this side's stream will never come. 0 if a hole of unknown length was crossed.
  func lost(_ count: Int, from side: Side, at: Timestamp)
  func ended(_ side: Side, _ end: StreamEnd, at: Timestamp)
}
