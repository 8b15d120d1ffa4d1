/// Which end of the connection sends the bytes that a decoder reads.
package enum AMQPRole: UInt8, Sendable {
  case client, server
}

/// What one side of an AMQP 0-9-1 connection says, in the order of its bytes. Spans are valid only during the call, and
/// every `Text` in a fact is a slice of the span beside it. `at` is when the last byte of the fact was captured.
package protocol AMQPFactSink: AnyObject {
  /// `AMQP` 0 0 9 1: the client's opening, or the server's answer to one that it can't speak.
  func protocolHeader(major: UInt8, minor: UInt8, revision: UInt8, at: Timestamp)
  /// `frame` is the method frame's payload, class and method id included.
  func method(_ method: AMQPMethod, channel: UInt16, in frame: RawSpan, at: Timestamp)
  /// `frame` is the header frame's payload.
  func contentHeader(_ header: AMQPContentHeader, channel: UInt16, in frame: RawSpan, at: Timestamp)
  /// A piece of a body frame's payload, as it comes; never empty. Bytes of a body that were lost come as
  /// `lost(.body)` in their place, so the sum of both reaches the header's body size.
  func body(_ bytes: RawSpan, channel: UInt16, at: Timestamp)
  /// The body frame is complete (its end octet was seen, or lies in a gap that ends no later).
  func bodyFrameEnded(channel: UInt16, at: Timestamp)
  func heartbeat(at: Timestamp)
  /// Something is missing. What `bytes` counts is said at each case of `AMQPLoss`.
  func lost(_ loss: AMQPLoss, bytes: Int, at: Timestamp)
  /// Where bytes lie: every byte given to `receive` is placed once, in order, during that call. For those who must know
  /// positions (redaction); does nothing by default.
  ///
  /// `frame` has meaning for `.method` alone: the frame's payload so far, from its first byte.
  func placed(_ place: AMQPPlace, count: Int, frame: RawSpan)
}

extension AMQPFactSink {
  @inline(__always) package func placed(_ place: AMQPPlace, count: Int, frame: RawSpan) {}
}

/// What a run of input bytes was found to be.
package enum AMQPPlace: UInt8, Sendable {
  /// Protocol header, frame headers and end octets, content headers, heartbeats.
  case envelope
  /// Payload of a method frame.
  case method
  /// Payload of a body frame.
  case body
  /// Out of sync, or part of a frame that is not understood: it can be anything.
  case unknown
}

/// What a decoder could not hand on.
package enum AMQPLoss: Hashable, Sendable {
  /// `bytes` of a message body were not captured. Framing is intact and no other fact is missing.
  case body(channel: UInt16)
  /// One method or content header frame on this channel is missing: cut by a gap, too large to keep, or its content is
  /// malformed. Framing is intact, so nothing else is missing. `bytes` is the frame's length.
  case frame(channel: UInt16)
  /// From here on any number of facts on any channel may be missing, until `.resynchronised`. `bytes` is the length of
  /// the gap that caused it (0: of unknown length, no gap, or the stream was joined in its middle).
  case outOfSync(AMQPDesync)
  /// Facts follow again without a hole. `bytes` were seen since `.outOfSync`, but not understood.
  case resynchronised
}

package enum AMQPDesync: UInt8, Sendable {
  /// The first bytes seen are not the beginning of a connection.
  case joinedMidway
  /// A gap began or ended where no frame's length tells how to go on.
  case gap
  /// No frame stands where one must stand: wrong type, size or end octet.
  case malformed
}

/// Counts of one decoder since it was made. received = understood + skipped + what is still pending.
package struct AMQPDecoderCounters: Hashable, Sendable {
  package var receivedBytes: UInt64 = 0
  /// Bytes of facts, envelope included.
  package var understoodBytes: UInt64 = 0
  /// Seen, not understood: out of sync, or parts of broken frames.
  package var skippedBytes: UInt64 = 0
  /// Told to `lost`: never seen. A gap of unknown length adds nothing here, but counts in `gaps`.
  package var lostBytes: UInt64 = 0
  package var gaps: UInt64 = 0
  package var frames: UInt64 = 0
  /// Frames whose loss was reported as `.frame`.
  package var brokenFrames: UInt64 = 0
  /// How often sync was lost, and found again.
  package var desyncs: UInt64 = 0
  package var resyncs: UInt64 = 0
}
