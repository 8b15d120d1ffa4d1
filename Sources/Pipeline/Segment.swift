/// One end of a TCP connection. IPv4 addresses are kept IPv4-mapped (`::ffff:a.b.c.d`, RFC 4291 section 2.5.5.2).
package struct Endpoint: Hashable, Sendable {
  /// The address in network order: `high` holds its first eight bytes as a big-endian number, `low` its last eight.
  package var high: UInt64
  package var low: UInt64
  package var port: UInt16

  @inlinable package init(high: UInt64, low: UInt64, port: UInt16) {
    self.high = high
    self.low = low
    self.port = port
  }

  /// An IPv4 endpoint; `v4` is the address as a big-endian number (127.0.0.1 is 0x7f00_0001).
  @inlinable package init(v4: UInt32, port: UInt16) {
    self.init(high: 0, low: 0xffff_0000_0000 | UInt64(v4), port: port)
  }
}

/// TCP flags that matter here, with the bits they have in the TCP header (RFC 9293 section 3.1).
package struct TCPFlags: OptionSet, Sendable {
  package let rawValue: UInt8
  @inlinable package init(rawValue: UInt8) { self.rawValue = rawValue }
  package static let fin = TCPFlags(rawValue: 0x01)
  package static let syn = TCPFlags(rawValue: 0x02)
  package static let rst = TCPFlags(rawValue: 0x04)
  package static let psh = TCPFlags(rawValue: 0x08)
  package static let ack = TCPFlags(rawValue: 0x10)
}

/// The header of one TCP segment as it passed the capture hook or stands in a capture file. Its payload travels
/// beside it as a `RawSpan`, valid only during the call.
package struct Segment: Sendable {
  /// When it passed: live, real time at the hook; in a capture, the packet's time stamp (it may go backwards).
  package var at: Timestamp
  package var source: Endpoint
  package var destination: Endpoint
  /// Sequence number of the first payload byte (of the SYN itself if `flags` has `.syn`).
  package var sequence: UInt32
  /// Next byte that the sender expects from the other side; meaningful only if `flags` has `.ack`.
  package var acknowledgement: UInt32
  package var flags: TCPFlags
  /// Payload bytes on the wire. The payload span may be shorter (snap length, headers only): the rest is a gap.
  package var length: Int
  /// The kernel's socket cookie; 0 in a capture file. Where it is not 0 it identifies the connection, never the tuple.
  package var cookie: UInt64
  /// Live: which way it went, seen from the target. Nil in a capture file.
  package var direction: Direction?
  /// The target's process that owns the socket, where the kernel could tell; 0 if unknown, as in a capture file.
  package var process: Int32

  package enum Direction: UInt8, Sendable { case ingress, egress }

  @inlinable package init(
    at: Timestamp, source: Endpoint, destination: Endpoint, sequence: UInt32, acknowledgement: UInt32 = 0,
    flags: TCPFlags = [.ack], length: Int, cookie: UInt64 = 0, direction: Direction? = nil, process: Int32 = 0
  ) {
    self.at = at
    self.source = source
    self.destination = destination
    self.sequence = sequence
    self.acknowledgement = acknowledgement
    self.flags = flags
    self.length = length
    self.cookie = cookie
    self.direction = direction
    self.process = process
  }
}

/// Bytes that the capture knows it failed to hand on (ring full, map full). The reassembler finds the hole by sequence
/// number; this says how large and why, so that the loss is counted by cause even if no later segment shows it.
package struct CaptureLoss: Sendable {
  package var at: Timestamp
  /// 0 when the loss can't be tied to one connection.
  package var cookie: UInt64
  package var segments: UInt64
  package var bytes: UInt64
  package var cause: Cause

  package enum Cause: String, Sendable, CaseIterable {
    /// The ring buffer was full.
    case ringFull = "ring_full"
    /// The per-connection table was full, so the connection could not be followed.
    case tableFull = "table_full"
    /// The kernel refused to copy the packet's bytes.
    case copyFailed = "copy_failed"
  }

  package init(at: Timestamp, cookie: UInt64, segments: UInt64, bytes: UInt64, cause: Cause) {
    self.at = at
    self.cookie = cookie
    self.segments = segments
    self.bytes = bytes
    self.cause = cause
  }
}

/// How much of a connection the pipeline wants to see. Live, the kernel is told per cookie.
package enum Interest: UInt8, Sendable {
  /// Nothing more: not a broker's connection.
  case ignore
  /// TCP headers and lengths only.
  case headers
  /// Everything.
  case full
}
