/// Why a packet gave no segment.
package enum Unreadable: UInt8, Sendable, CaseIterable {
  case linkType, notIP, notTCP, fragment, headersCut, malformed, unknownInterface
  /// Tunnels inside one another, more of them than are read.
  case nested
  // Tunnels that are not read, by what they are called.
  case gtp, l2tp, pptp, teredo, esp, ah, ipComp, wireGuard, openVPN, lisp, capwap, gue, tzsp, wccp
  case macsec, providerBridge, nsh, trill, pseudowire

  /// As it appears in reports.
  package var name: String {
    switch self {
    case .linkType: "link_type"
    case .notIP: "not_ip"
    case .notTCP: "not_tcp"
    case .fragment: "ip_fragment"
    case .headersCut: "headers_cut"
    case .malformed: "malformed"
    case .unknownInterface: "unknown_interface"
    case .nested: "nested"
    case .gtp: "gtp_u"
    case .l2tp: "l2tp"
    case .pptp: "pptp"
    case .teredo: "teredo"
    case .esp: "ipsec_esp"
    case .ah: "ipsec_ah"
    case .ipComp: "ipcomp"
    case .wireGuard: "wireguard"
    case .openVPN: "openvpn"
    case .lisp: "lisp"
    case .capwap: "capwap"
    case .gue: "gue"
    case .tzsp: "tzsp"
    case .wccp: "wccp"
    case .macsec: "macsec"
    case .providerBridge: "pbb"
    case .nsh: "nsh"
    case .trill: "trill"
    case .pseudowire: "mpls_pseudowire"
    }
  }

  /// The words after a count of packets.
  package var explanation: String {
    switch self {
    case .linkType: ": link type not read"
    case .notIP: ": neither IPv4 nor IPv6"
    case .notTCP: ": IP, but not TCP"
    case .fragment: ": IP fragment; fragments are not put together"
    case .headersCut: ": cut off before the end of the TCP header; capture with a larger snap length"
    case .malformed: ": header fields contradict each other"
    case .unknownInterface: ": names an interface that the file does not describe"
    case .nested: " in more than \(Tunnel.mostNested) tunnels inside one another, not read"
    case .gtp: " in GTP-U, not read"
    case .l2tp: " in L2TP, not read"
    case .pptp: " in PPTP, not read"
    case .teredo: " in Teredo, not read"
    case .esp: " in IPsec ESP, which is encrypted: not read"
    case .ah: " in IPsec AH, not read"
    case .ipComp: " in IPComp, which is compressed: not read"
    case .wireGuard: " in WireGuard, which is encrypted: not read"
    case .openVPN: " in OpenVPN, which is encrypted: not read"
    case .lisp: " in LISP, not read"
    case .capwap: " in CAPWAP, not read"
    case .gue: " in Generic UDP Encapsulation, not read"
    case .tzsp: " in TZSP, not read"
    case .wccp: " in WCCP, not read"
    case .macsec: " in MACsec, not read"
    case .providerBridge: " in provider backbone bridging (802.1ah), not read"
    case .nsh: " in NSH (RFC 8300), not read"
    case .trill: " in TRILL, not read"
    case .pseudowire: " in an MPLS pseudowire, not read"
    }
  }
}
