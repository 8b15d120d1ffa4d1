import Pipeline

/// Builds the IP and TCP headers of a segment, with correct lengths and checksums.
enum TCPHeaders {
  /// The most payload that one packet of either version is given: 65,535 less an IPv4 and a TCP header.
  static let mostPayload = 65_495

  /// Both headers together.
  static func size(_ segment: Segment) -> Int {
    isV4(segment) ? 40 : 60
  }

  static func append(_ segment: Segment, _ payload: RawSpan, to packet: inout [UInt8]) {
    if isV4(segment) {
      appendV4(segment, to: &packet)
    } else {
      appendV6(segment, to: &packet)
    }
    appendTCP(segment, payload, to: &packet)
  }

  private static func isV4(_ segment: Segment) -> Bool {
    isMapped(segment.source) && isMapped(segment.destination)
  }

  /// `::ffff:a.b.c.d`
  private static func isMapped(_ endpoint: Endpoint) -> Bool {
    endpoint.high == 0 && endpoint.low >> 32 == 0xffff
  }

  /// RFC 791 section 3.1
  private static func appendV4(_ segment: Segment, to packet: inout [UInt8]) {
    let start = packet.count
    packet.append(contentsOf: [0x45, 0])
    append16(UInt16(40 + segment.length), to: &packet)
    packet.append(contentsOf: [0, 0, 0x40, 0, 64, 6, 0, 0])  // don't fragment, TTL 64, TCP
    append32(UInt32(truncatingIfNeeded: segment.source.low), to: &packet)
    append32(UInt32(truncatingIfNeeded: segment.destination.low), to: &packet)
    var sum: UInt64 = 0
    for at in stride(from: start, to: start + 20, by: 2) { sum += UInt64(packet[at]) << 8 | UInt64(packet[at + 1]) }
    put16(~fold(sum), at: start + 10, in: &packet)
  }

  /// RFC 8200 section 3
  private static func appendV6(_ segment: Segment, to packet: inout [UInt8]) {
    packet.append(contentsOf: [0x60, 0, 0, 0])
    append16(UInt16(20 + segment.length), to: &packet)
    packet.append(contentsOf: [6, 64])
    for word in [segment.source.high, segment.source.low, segment.destination.high, segment.destination.low] {
      append32(UInt32(word >> 32), to: &packet)
      append32(UInt32(truncatingIfNeeded: word), to: &packet)
    }
  }

  /// RFC 9293 section 3.1. Payload that is not kept counts as zeros in the checksum.
  private static func appendTCP(_ segment: Segment, _ payload: RawSpan, to packet: inout [UInt8]) {
    let start = packet.count
    append16(segment.source.port, to: &packet)
    append16(segment.destination.port, to: &packet)
    append32(segment.sequence, to: &packet)
    append32(segment.acknowledgement, to: &packet)
    packet.append(0x50)
    packet.append(segment.flags.rawValue)
    append16(0xffff, to: &packet)  // the window is not known
    append32(0, to: &packet)  // checksum, urgent pointer
    var sum = UInt64(6 + 20 + segment.length)  // protocol and length of the pseudo header
    let v4 = isV4(segment)
    for endpoint in [segment.source, segment.destination] {
      if !v4 { sum += sumOf(endpoint.high) }
      sum += v4 ? sumOf(endpoint.low & 0xffff_ffff) : sumOf(endpoint.low)
    }
    for at in stride(from: start, to: start + 20, by: 2) { sum += UInt64(packet[at]) << 8 | UInt64(packet[at + 1]) }
    sum += sumOf(payload)
    put16(~fold(sum), at: start + 16, in: &packet)
  }

  private static func sumOf(_ word: UInt64) -> UInt64 {
    (word >> 48) + (word >> 32 & 0xffff) + (word >> 16 & 0xffff) + (word & 0xffff)
  }

  private static func sumOf(_ payload: RawSpan) -> UInt64 {
    payload.withUnsafeBytes { bytes in
      var sum: UInt64 = 0
      var at = 0
      while at + 4 <= bytes.count {
        // Two 16-bit words at once; their carries are folded in at the end.
        let word = UInt32(bigEndian: bytes.loadUnaligned(fromByteOffset: at, as: UInt32.self))
        sum += UInt64(word >> 16) + UInt64(word & 0xffff)
        at += 4
      }
      while at < bytes.count {
        sum += at % 2 == 0 ? UInt64(bytes[at]) << 8 : UInt64(bytes[at])
        at += 1
      }
      return sum
    }
  }

  private static func fold(_ sum: UInt64) -> UInt16 {
    var sum = sum
    while sum >> 16 != 0 { sum = sum & 0xffff + sum >> 16 }
    return UInt16(sum)
  }

  private static func append16(_ value: UInt16, to packet: inout [UInt8]) {
    withUnsafeBytes(of: value.bigEndian) { packet.append(contentsOf: $0) }
  }

  private static func append32(_ value: UInt32, to packet: inout [UInt8]) {
    withUnsafeBytes(of: value.bigEndian) { packet.append(contentsOf: $0) }
  }

  private static func put16(_ value: UInt16, at offset: Int, in packet: inout [UInt8]) {
    packet[offset] = UInt8(value >> 8)
    packet[offset + 1] = UInt8(truncatingIfNeeded: value)
  }
}
