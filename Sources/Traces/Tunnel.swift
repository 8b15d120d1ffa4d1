import Pipeline

/// Reads through tunnels that an IP packet carries, to the TCP segment inside: VXLAN (RFC 7348) and VXLAN-GPE, Geneve
/// (RFC 8926), GRE (RFC 2784, 2890) with ERSPAN, IP in IP (RFC 2003, 2473, 4213), EtherIP (RFC 3378), MPLS in IP
/// (RFC 4023), MPLS and GRE in UDP (RFC 7510, 8086).
///
/// - In: what an IP packet carries besides TCP. UDP is told apart by its destination port, as tunnels have it in both
///   directions.
/// - Out: the innermost segment, with the inner addresses, or why there is none. A tunnel that is not read is named.
/// - Bound: `mostNested` tunnels inside one another.
/// - Cost: nothing for a packet that is TCP; no allocation.
///
/// The tunnel's own number (VNI, key, label) is no part of a connection's name, as a VLAN's is not: a capture of all
/// interfaces holds a packet twice, with its tunnel and without, and the reassembler takes the second for a repetition.
enum Tunnel {
  /// `packet` may be a part of one, up to its captured end.
  static func decode(_ packet: ByteView, _ outer: IPPacket.OtherPayload, time: Timestamp) -> IPPacket.Decoded {
    var payload = outer
    for _ in 0..<mostNested {
      // What lies behind the outer packet's end belongs to the link.
      let inner = packet.prefix(payload.end)
      switch findIP(payload, inner) {
      case .undecoded(let reason): return .undecoded(reason)
      case .ip(let start):
        let decoded = IPPacket.decode(inner, at: start, original: payload.end, time: time)
        guard case .other(let next) = decoded else { return decoded }
        payload = next
      }
    }
    return .undecoded(.nested)
  }

  /// By IANA's protocol numbers.
  private static func findIP(_ payload: IPPacket.OtherPayload, _ packet: ByteView) -> LinkType.Found {
    let at = payload.at
    switch payload.proto {
    case 4, 41: return .ip(at: at)
    case 17: return behindUDP(at, packet)
    case 47: return behindGRE(at, packet)
    case 97: return EtherType.findIP(EtherType.bridging, at: at + 2, packet)  // EtherIP: version and zeros, a frame
    case 137: return EtherType.findIPBehindLabels(at: at, packet)
    case 50: return .undecoded(.esp)
    case 51: return .undecoded(.ah)
    case 108: return .undecoded(.ipComp)
    case 115: return .undecoded(.l2tp)
    default: return .undecoded(.notTCP)
    }
  }

  /// Ports (2 bytes each), length (2), checksum (2), then what the port stands for.
  private static func behindUDP(_ start: Int, _ packet: ByteView) -> LinkType.Found {
    guard packet.has(8, at: start) else { return .undecoded(.headersCut) }
    let source = packet.checked16(start)
    let destination = packet.checked16(start + 2)
    let at = start + 8
    switch destination {
    case 4789, 8472: return behindVXLAN(at, packet)  // 8472: as Linux, Flannel and Cilium have it
    case 4790: return behindVXLANGPE(at, packet)
    case 6081: return behindGeneve(at, packet)
    case 4754: return behindGRE(at, packet)
    case 6635: return EtherType.findIPBehindLabels(at: at, packet)
    case 2152: return .undecoded(.gtp)
    case 4341: return .undecoded(.lisp)
    case 6080: return .undecoded(.gue)
    case 37008: return .undecoded(.tzsp)
    default: break
    }
    // One end of these has a port of its own choice.
    return .undecoded(unreadByPort(source) ?? unreadByPort(destination) ?? .notTCP)
  }

  private static func unreadByPort(_ port: UInt16) -> Unreadable? {
    switch port {
    case 1194: .openVPN
    case 1701: .l2tp
    case 3544: .teredo
    case 4500: .esp
    case 5247: .capwap
    case 51820: .wireGuard
    default: nil
    }
  }

  /// Flags (1 byte), of which the one that says that there is a VNI must be set, 3 bytes, VNI (3), 1 byte; a frame.
  private static func behindVXLAN(_ start: Int, _ packet: ByteView) -> LinkType.Found {
    guard packet.has(8, at: start) else { return .undecoded(.headersCut) }
    guard packet.checked8(start) & 0x08 != 0 else { return .undecoded(.notTCP) }
    return EtherType.findIP(EtherType.bridging, at: start + 8, packet)
  }

  /// As VXLAN; with flag P, the fourth byte names what follows (draft-ietf-nvo3-vxlan-gpe).
  private static func behindVXLANGPE(_ start: Int, _ packet: ByteView) -> LinkType.Found {
    guard packet.has(8, at: start) else { return .undecoded(.headersCut) }
    guard packet.checked8(start) & 0x04 != 0 else { return behindVXLAN(start, packet) }
    switch packet.checked8(start + 3) {
    case 1, 2: return .ip(at: start + 8)
    case 3: return EtherType.findIP(EtherType.bridging, at: start + 8, packet)
    case 4: return .undecoded(.nsh)
    default: return .undecoded(.notIP)
    }
  }

  /// Version (2 bits) and length of the options in units of 4 bytes (6), flags (1 byte), EtherType (2), VNI (3), 1 byte,
  /// options.
  private static func behindGeneve(_ start: Int, _ packet: ByteView) -> LinkType.Found {
    guard packet.has(8, at: start) else { return .undecoded(.headersCut) }
    let first = packet.checked8(start)
    guard first >> 6 == 0 else { return .undecoded(.malformed) }
    return EtherType.findIP(packet.checked16(start + 2), at: start + 8 + Int(first & 0x3f) * 4, packet)
  }

  /// Flags and version (2 bytes), EtherType (2); with flag C a checksum (4), with K a key (4), with S a number (4).
  private static func behindGRE(_ start: Int, _ packet: ByteView) -> LinkType.Found {
    guard packet.has(4, at: start) else { return .undecoded(.headersCut) }
    let flags = packet.checked16(start)
    switch flags & 7 {
    case 0: break
    case 1: return .undecoded(.pptp)
    default: return .undecoded(.malformed)
    }
    // With a source route (RFC 1701), which RFC 2784 has receivers refuse.
    guard flags & 0x4000 == 0 else { return .undecoded(.malformed) }
    let at = start + 4 + (flags & 0xb000).nonzeroBitCount * 4
    let type = packet.checked16(start + 2)
    switch type {
    case 0x88be:
      // ERSPAN, a copy of a frame: type II has a header of 8 bytes and numbers its packets, type I has and does neither.
      return EtherType.findIP(EtherType.bridging, at: flags & 0x1000 != 0 ? at + 8 : at, packet)
    case 0x22eb: return behindERSPAN3(at, packet)
    case 0x883e: return .undecoded(.wccp)
    default: return EtherType.findIP(type, at: at, packet)
    }
  }

  /// A header of 12 bytes (draft-foschiano-erspan) that ends with what follows: type of the copy (5 bits; 0: a frame, 2:
  /// an IP packet), other fields, and whether 8 more bytes follow (1).
  private static func behindERSPAN3(_ start: Int, _ packet: ByteView) -> LinkType.Found {
    guard let last = packet.be16(start + 10) else { return .undecoded(.headersCut) }
    let at = start + 12 + (last & 1 != 0 ? 8 : 0)
    switch last >> 10 & 0x1f {
    case 0: return EtherType.findIP(EtherType.bridging, at: at, packet)
    case 2: return .ip(at: at)
    default: return .undecoded(.notIP)
    }
  }

  /// More than any network has; for the text of a report, too.
  static let mostNested = 8
}
