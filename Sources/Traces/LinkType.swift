/// Link types (tcpdump.org/linktypes.html): where the IP packet begins behind each link header.
enum LinkType {
  enum Found {
    /// The IP packet begins here.
    case ip(at: Int)
    case undecoded(Unreadable)
  }

  /// `packet` is the packet with its link header.
  @inline(__always)
  static func findIP(_ linkType: UInt16, _ packet: ByteView) -> Found {
    switch linkType {
    case ethernet: return EtherType.findIP(typeAt: 12, packet)
    case raw, rawBSD, rawOpenBSD, ipv4, ipv6: return .ip(at: 0)
    case linuxCooked: return EtherType.findIP(typeAt: 14, packet)
    case linuxCooked2:
      guard let type = packet.be16(0) else { return .undecoded(.headersCut) }
      return EtherType.findIP(type, at: 20, packet)
    case null, loop:
      guard let family = packet.be32(0) else { return .undecoded(.headersCut) }
      // The address family in the capturing machine's byte order (NULL) or in network order (LOOP).
      let value = family > 0xffff ? family.byteSwapped : family
      return isIP(family: value) ? .ip(at: 4) : .undecoded(.notIP)
    default: return .undecoded(.linkType)
    }
  }

  /// AF_INET is 2 everywhere; AF_INET6 is 10 on Linux, 24 on NetBSD and OpenBSD, 28 on FreeBSD, 30 on Darwin.
  private static func isIP(family: UInt32) -> Bool {
    switch family {
    case 2, 10, 24, 28, 30: true
    default: false
    }
  }

  /// What a link type is called, for messages about those that are not read.
  static func name(_ number: UInt16) -> String {
    names[number] ?? "unknown"
  }

  private static let null: UInt16 = 0
  private static let ethernet: UInt16 = 1
  private static let rawBSD: UInt16 = 12
  private static let rawOpenBSD: UInt16 = 14
  private static let raw: UInt16 = 101
  private static let loop: UInt16 = 108
  private static let linuxCooked: UInt16 = 113
  private static let ipv4: UInt16 = 228
  private static let ipv6: UInt16 = 229
  private static let linuxCooked2: UInt16 = 276

  private static let names: [UInt16: String] = [
    6: "Token Ring", 8: "SLIP", 9: "PPP", 10: "FDDI", 50: "PPP in HDLC", 51: "PPPoE", 100: "ATM", 104: "Cisco HDLC",
    105: "802.11", 107: "Frame Relay", 117: "PF log", 119: "802.11 Prism", 122: "IP over Fibre Channel",
    127: "802.11 radiotap", 138: "IP over FireWire", 163: "802.11 AVS", 187: "Bluetooth HCI", 189: "Linux USB",
    195: "802.15.4", 197: "ERF", 227: "SocketCAN", 239: "NFLOG", 242: "IP over InfiniBand", 247: "InfiniBand",
    249: "USBPcap", 252: "Wireshark upper PDU", 253: "Linux netlink", 271: "vsock monitor",
  ]
}
