internal import CProbe
internal import Pipeline

extension Capture {
  /// The payload that was captured. Valid until the record is released.
  static func payload(_ event: UnsafePointer<segment_event>) -> UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(
      start: UnsafeRawPointer(event) + MemoryLayout<segment_event>.size, count: Int(event.pointee.captured))
  }

  /// A record of the ring as a segment; `offset_ns` leads from the monotonic clock to the time that segments bear.
  static func segment(_ event: UnsafePointer<segment_event>, offset_ns: Int64) -> Segment {
    let words = event.pointee.addresses
    let source: Endpoint
    let destination: Endpoint
    if event.pointee.is_v4 != 0 {
      source = endpoint(0, 0, mappedPrefix, words.0, event.pointee.source_port)
      destination = endpoint(0, 0, mappedPrefix, words.1, event.pointee.destination_port)
    } else {
      source = endpoint(words.0, words.1, words.2, words.3, event.pointee.source_port)
      destination = endpoint(words.4, words.5, words.6, words.7, event.pointee.destination_port)
    }
    return Segment(
      at: Timestamp(ns: Int64(truncatingIfNeeded: event.pointee.at_ns) &+ offset_ns),
      source: source, destination: destination, sequence: event.pointee.sequence,
      acknowledgement: event.pointee.acknowledgement, flags: TCPFlags(rawValue: event.pointee.flags & 0x1f),
      length: Int(event.pointee.length), cookie: event.pointee.cookie,
      direction: event.pointee.direction == Self.egress ? .egress : .ingress,
      process: Int32(truncatingIfNeeded: event.pointee.process))
  }

  /// Takes words in network order.
  private static func endpoint(_ a: UInt32, _ b: UInt32, _ c: UInt32, _ d: UInt32, _ port: UInt16) -> Endpoint {
    Endpoint(
      high: UInt64(UInt32(bigEndian: a)) << 32 | UInt64(UInt32(bigEndian: b)),
      low: UInt64(UInt32(bigEndian: c)) << 32 | UInt64(UInt32(bigEndian: d)), port: UInt16(bigEndian: port))
  }

  /// The two ends of its connection, the socket's own first.
  static func pair(_ segment: Segment) -> Connections.Pair {
    segment.direction == .egress
      ? Connections.Pair(local: segment.source, remote: segment.destination)
      : Connections.Pair(local: segment.destination, remote: segment.source)
  }

  private static let egress = UInt8(DIRECTION_EGRESS.rawValue)
  /// The third word of an IPv4-mapped address (RFC 4291 section 2.5.5.2), in network order.
  private static let mappedPrefix = UInt32(0xffff).bigEndian
}
