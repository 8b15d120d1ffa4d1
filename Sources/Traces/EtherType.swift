/// What follows an Ethernet header, and what lies between it and the IP packet: VLAN tags (802.1Q, 802.1ad), MPLS labels
/// (RFC 3032), PPPoE (RFC 2516), a further Ethernet header in a tunnel.
enum EtherType {
  /// `typeAt` is where the type stands, at the end of a link header.
  @inline(__always)
  static func findIP(typeAt: Int, _ packet: ByteView) -> LinkType.Found {
    guard let type = packet.be16(typeAt) else { return .undecoded(.headersCut) }
    return findIP(type, at: typeAt + 2, packet)
  }

  /// `start` is where that begins which the type names.
  @inline(__always)
  static func findIP(_ type: UInt16, at start: Int, _ packet: ByteView) -> LinkType.Found {
    type == ipv4 || type == ipv6 ? .ip(at: start) : findIPBehindTags(type, at: start, packet)
  }

  private static func findIPBehindTags(_ first: UInt16, at start: Int, _ packet: ByteView) -> LinkType.Found {
    var type = first
    var at = start
    for _ in 0...mostTags {
      switch type {
      case ipv4, ipv6: return .ip(at: at)
      case 0x8100, 0x88a8, 0x9100, 0x9200:  // 802.1Q, 802.1ad, and what came before 802.1ad
        guard let next = packet.be16(at + 2) else { return .undecoded(.headersCut) }
        type = next
        at += 4
      case bridging:  // two addresses, type
        guard let next = packet.be16(at + 12) else { return .undecoded(.headersCut) }
        type = next
        at += 14
      case mpls, mplsMulticast: return findIPBehindLabels(at: at, packet)
      case 0x8864:
        // Version and type, code, session (2), length (2), then PPP with its protocol in one byte or two (RFC 1661).
        guard let high = packet.byte(at + 6) else { return .undecoded(.headersCut) }
        let isShort = high & 1 != 0
        guard let proto = isShort ? UInt16(high) : packet.be16(at + 6) else { return .undecoded(.headersCut) }
        at += isShort ? 7 : 8
        switch proto {
        case 0x0021, 0x0057: return .ip(at: at)
        case 0x0281: return findIPBehindLabels(at: at, packet)
        default: return .undecoded(.notIP)
        }
      case 0x88e5: return .undecoded(.macsec)
      case 0x88e7: return .undecoded(.providerBridge)
      case 0x894f: return .undecoded(.nsh)
      case 0x22f3: return .undecoded(.trill)
      default: return .undecoded(.notIP)
      }
    }
    return .undecoded(.malformed)
  }

  /// Labels of four bytes, the last one marked. What follows them is not named: routers, too, go by its first four bits
  /// (RFC 4928), which are the version of an IP packet, 0 in a pseudowire's control word and 1 in its own messages.
  static func findIPBehindLabels(at start: Int, _ packet: ByteView) -> LinkType.Found {
    var at = start
    for _ in 0..<mostLabels {
      guard let label = packet.be32(at) else { return .undecoded(.headersCut) }
      at += 4
      guard label & 0x100 != 0 else { continue }
      guard let first = packet.byte(at) else { return .undecoded(.headersCut) }
      switch first >> 4 {
      case 4, 6: return .ip(at: at)
      default: return .undecoded(.pseudowire)
      }
    }
    return .undecoded(.malformed)
  }

  static let ipv4: UInt16 = 0x0800
  static let ipv6: UInt16 = 0x86dd
  /// Transparent Ethernet bridging: an Ethernet header.
  static let bridging: UInt16 = 0x6558
  static let mpls: UInt16 = 0x8847
  static let mplsMulticast: UInt16 = 0x8848
  private static let mostTags = 8
  private static let mostLabels = 16
}
