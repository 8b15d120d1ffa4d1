import Pipeline

/// One IP packet that holds a TCP segment (RFC 791, RFC 8200, RFC 9293).
struct IPPacket {
  var segment: Segment
  /// The captured part of the payload, in the packet's bytes.
  var payloadAt: Int
  var payloadCount: Int

  enum Decoded {
    case segment(IPPacket)
    case other(OtherPayload)
    case undecoded(Unreadable)
  }

  /// What a packet carries that is not TCP.
  struct OtherPayload {
    /// By IANA's list of IP protocol numbers.
    var proto: UInt8
    /// Where it begins and ends, on the wire, in the packet's bytes.
    var at: Int
    var end: Int
  }

  /// - Parameters:
  ///   - start: where the IP header begins in `packet`.
  ///   - original: bytes of the packet on the wire, for packets whose IP header states no length.
  @inline(__always)
  static func decode(_ packet: ByteView, at start: Int, original: Int, time: Timestamp) -> Decoded {
    guard let first = packet.byte(start) else { return .undecoded(.headersCut) }
    switch first >> 4 {
    case 4: return decodeV4(packet, at: start, headerWords: Int(first & 0xf), original: original, time: time)
    case 6: return decodeV6(packet, at: start, original: original, time: time)
    default: return .undecoded(.notIP)
    }
  }

  @inline(__always)
  private static func decodeV4(
    _ packet: ByteView, at start: Int, headerWords: Int, original: Int, time: Timestamp
  ) -> Decoded {
    guard packet.has(20, at: start) else { return .undecoded(.headersCut) }
    let total = packet.checked16(start + 2)
    let fragment = packet.checked16(start + 6)
    let proto = packet.checked8(start + 9)
    let source = packet.checked32(start + 12)
    let destination = packet.checked32(start + 16)
    let header = headerWords * 4
    // A length of 0: the network card was to cut and number the packet after it was captured (TSO).
    let length = total == 0 ? original - start : Int(total)
    guard header >= 20, length >= header else { return .undecoded(.malformed) }
    guard fragment & 0x3fff == 0 else { return .undecoded(.fragment) }  // more fragments, or an offset
    guard proto == 6 else {
      return .other(OtherPayload(proto: proto, at: start + header, end: start + length))
    }
    return decodeTCP(
      packet, at: start + header, end: start + length, Endpoint(v4: source, port: 0),
      Endpoint(v4: destination, port: 0), time)
  }

  private static func decodeV6(_ packet: ByteView, at start: Int, original: Int, time: Timestamp) -> Decoded {
    guard packet.has(40, at: start), let payload = packet.be16(start + 4), var next = packet.byte(start + 6),
      let sourceHigh = packet.be64(start + 8), let sourceLow = packet.be64(start + 16),
      let destinationHigh = packet.be64(start + 24), let destinationLow = packet.be64(start + 32)
    else { return .undecoded(.headersCut) }
    // A length of 0: a jumbogram (RFC 2675) or TSO.
    let end = payload == 0 ? original : start + 40 + Int(payload)
    var at = start + 40
    for _ in 0..<mostExtensions {
      switch next {
      case 6:
        return decodeTCP(
          packet, at: at, end: end, Endpoint(high: sourceHigh, low: sourceLow, port: 0),
          Endpoint(high: destinationHigh, low: destinationLow, port: 0), time)
      case 0, 43, 60, 135, 139, 140:  // hop-by-hop, routing, destination, mobility, HIP, shim6: in units of 8 bytes
        guard let following = packet.byte(at), let size = packet.byte(at + 1) else { return .undecoded(.headersCut) }
        next = following
        at += (Int(size) + 1) * 8
      case 51:  // authentication header (RFC 4302): in units of 4 bytes
        guard let following = packet.byte(at), let size = packet.byte(at + 1) else { return .undecoded(.headersCut) }
        next = following
        at += (Int(size) + 2) * 4
      case 44:
        guard let following = packet.byte(at), let fragment = packet.be16(at + 2), packet.has(8, at: at) else {
          return .undecoded(.headersCut)
        }
        // An atomic fragment (RFC 6946) is whole: no offset, no more to come.
        guard fragment & 0xfff9 == 0 else { return .undecoded(.fragment) }
        next = following
        at += 8
      default: return .other(OtherPayload(proto: next, at: at, end: end))
      }
    }
    return .undecoded(.malformed)
  }

  /// `end` is where the IP packet ends on the wire: what lies behind is padding of the link.
  @inline(__always)
  private static func decodeTCP(
    _ packet: ByteView, at start: Int, end: Int, _ source: Endpoint, _ destination: Endpoint, _ time: Timestamp
  ) -> Decoded {
    guard packet.has(20, at: start) else { return .undecoded(.headersCut) }
    let ports = packet.checked32(start)
    let sequence = packet.checked32(start + 4)
    let acknowledgement = packet.checked32(start + 8)
    let offset = packet.checked8(start + 12)
    let flags = packet.checked8(start + 13)
    let header = Int(offset >> 4) * 4
    let payload = start + header
    guard header >= 20, end >= payload else { return .undecoded(.malformed) }
    var source = source
    var destination = destination
    source.port = UInt16(truncatingIfNeeded: ports >> 16)
    destination.port = UInt16(truncatingIfNeeded: ports)
    let captured = max(0, min(end, packet.count) - payload)
    return .segment(
      IPPacket(
        segment: Segment(
          at: time, source: source, destination: destination, sequence: sequence, acknowledgement: acknowledgement,
          flags: TCPFlags(rawValue: flags), length: end - payload),
        payloadAt: payload, payloadCount: captured))
  }

  private static let mostExtensions = 16
}
