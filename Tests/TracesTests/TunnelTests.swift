import Testing

@testable import Pipeline
@testable import Traces

/// Packets in tunnels, written by hand after the RFCs; each holds `Packets.ipv4` or `Packets.ipv6`.
struct TunnelTests {
  struct Case: CustomTestStringConvertible, Sendable {
    var name: String
    var packet: [UInt8]
    var linkType = 1
    var isV6 = false
    var testDescription: String { name }
  }

  static let frame = Packets.ethernet
  static let frameV6 = Packets.macs + hex("86dd") + Packets.ipv6

  /// 192.0.2.1 → 192.0.2.2, in Ethernet.
  static func outer(_ proto: UInt8, _ payload: [UInt8]) -> [UInt8] {
    Packets.macs + hex("0800") + outerV4(proto, payload)
  }

  static func outerV4(_ proto: UInt8, _ payload: [UInt8]) -> [UInt8] {
    hex("4500") + be16(20 + payload.count)  // version 4, 20 bytes of header; total length
      + hex("0001 0000") + [64, proto]  // identification, no fragment; TTL, protocol
      + hex("0000 c0000201 c0000202") + payload  // checksum, addresses
  }

  static func outerV6(_ next: UInt8, _ payload: [UInt8]) -> [UInt8] {
    hex("60000000") + be16(payload.count) + [next, 64]
      + hex("20010db8000000000000000000000011 20010db8000000000000000000000012") + payload
  }

  static func udp(_ port: Int, from source: Int = 51_111, _ payload: [UInt8]) -> [UInt8] {
    be16(source) + be16(port) + be16(8 + payload.count) + hex("0000") + payload  // ports, length, no checksum
  }

  static func be16(_ value: Int) -> [UInt8] { be32(value).suffix(2) }

  static func vxlan(_ frame: [UInt8], port: Int = 4789) -> [UInt8] {
    udp(port, hex("08 000000 000005 00") + frame)  // flag I; VNI 5
  }

  static let geneve = hex("02 00 6558 000005 00")  // version 0, 2 words of options; an Ethernet frame; VNI 5
  static let option = hex("0102 80 01 deadbeef")  // class, type, length 1 word, data

  static let cases: [Case] = [
    Case(name: "VXLAN", packet: outer(17, vxlan(frame))),
    Case(name: "VXLAN, Linux's own port", packet: outer(17, vxlan(frame, port: 8472))),
    Case(name: "VXLAN over IPv6, IPv6 inside", packet: outerV6(17, vxlan(frameV6)), linkType: 101, isV6: true),
    Case(name: "VXLAN, VLAN inside", packet: outer(17, vxlan(Packets.macs + hex("8100 0007 0800") + Packets.ipv4))),
    Case(
      name: "VXLAN in VXLAN in VLAN",
      packet: Packets.macs + hex("8100 0005 0800") + outerV4(17, vxlan(outer(17, vxlan(frame))))),
    Case(name: "VXLAN with group policy", packet: outer(17, udp(4789, hex("88 000010 000005 00") + frame))),
    Case(name: "VXLAN-GPE, IPv4", packet: outer(17, udp(4790, hex("0c 0000 01 000005 00") + Packets.ipv4))),
    Case(
      name: "VXLAN-GPE, IPv6", packet: outer(17, udp(4790, hex("0c 0000 02 000005 00") + Packets.ipv6)), isV6: true),
    Case(name: "VXLAN-GPE, Ethernet", packet: outer(17, udp(4790, hex("0c 0000 03 000005 00") + frame))),
    Case(name: "VXLAN on the port of VXLAN-GPE", packet: outer(17, udp(4790, hex("08 000000 000005 00") + frame))),
    Case(name: "Geneve with options", packet: outer(17, udp(6081, geneve + option + frame))),
    Case(name: "Geneve, IPv4", packet: outer(17, udp(6081, hex("00 00 0800 000005 00") + Packets.ipv4))),
    Case(name: "Geneve, IPv6", packet: outer(17, udp(6081, hex("00 00 86dd 000005 00") + Packets.ipv6)), isV6: true),
    Case(name: "GRE", packet: outer(47, hex("0000 0800") + Packets.ipv4)),
    Case(name: "GRE, IPv6", packet: outer(47, hex("0000 86dd") + Packets.ipv6), isV6: true),
    Case(
      name: "GRE with checksum, key and number",
      packet: outer(47, hex("b000 0800 00000000 00000005 00000001") + Packets.ipv4)),
    Case(name: "GRE with a key, Ethernet (NVGRE, gretap)", packet: outer(47, hex("2000 6558 00000500") + frame)),
    Case(name: "GRE over IPv6", packet: outerV6(47, hex("0000 0800") + Packets.ipv4), linkType: 101),
    Case(name: "GRE, MPLS", packet: outer(47, hex("0000 8847 00010140") + Packets.ipv4)),
    Case(name: "GRE in UDP", packet: outer(17, udp(4754, hex("0000 0800") + Packets.ipv4))),
    Case(name: "ERSPAN I", packet: outer(47, hex("0000 88be") + frame)),
    Case(name: "ERSPAN II", packet: outer(47, hex("1000 88be 00000001 10050001 00000002") + frame)),
    Case(name: "ERSPAN III", packet: outer(47, hex("1000 22eb 00000001 20050001 00000000 00000000") + frame)),
    Case(
      name: "ERSPAN III with a subheader",
      packet: outer(47, hex("1000 22eb 00000001 20050001 00000000 00000001 1122334455667788") + frame)),
    Case(
      name: "ERSPAN III, an IP packet",
      packet: outer(47, hex("1000 22eb 00000001 20050001 00000000 00000800") + Packets.ipv4)),
    Case(name: "IPv4 in IPv4", packet: outer(4, Packets.ipv4)),
    Case(name: "IPv6 in IPv4", packet: outer(41, Packets.ipv6), isV6: true),
    Case(name: "IPv4 in IPv6", packet: outerV6(4, Packets.ipv4), linkType: 101),
    Case(name: "IPv6 in IPv6", packet: outerV6(41, Packets.ipv6), linkType: 101, isV6: true),
    Case(
      name: "IPv4 in IPv6 behind a destination option (RFC 2473)",
      packet: outerV6(60, hex("04 00 040104010000") + Packets.ipv4), linkType: 101),
    Case(name: "EtherIP", packet: outer(97, hex("3000") + frame)),
    Case(name: "MPLS in IP", packet: outer(137, hex("00010140") + Packets.ipv4)),
    Case(name: "MPLS in UDP", packet: outer(17, udp(6635, hex("00010140") + Packets.ipv4))),
    Case(name: "MPLS", packet: Packets.macs + hex("8847 00010140") + Packets.ipv4),
    Case(
      name: "MPLS, three labels, IPv6", packet: Packets.macs + hex("8847 00010040 00011040 00002140") + Packets.ipv6,
      isV6: true),
    Case(name: "MPLS behind a VLAN tag", packet: Packets.macs + hex("8100 0005 8848 00010140") + Packets.ipv4),
    // version and type, code, session, length, PPP protocol
    Case(name: "PPPoE", packet: Packets.macs + hex("8864 11 00 0001 002c 0021") + Packets.ipv4),
    Case(name: "PPPoE, IPv6", packet: Packets.macs + hex("8864 11 00 0001 0040 0057") + Packets.ipv6, isV6: true),
    Case(name: "PPPoE, compressed protocol", packet: Packets.macs + hex("8864 11 00 0001 002b 21") + Packets.ipv4),
    Case(
      name: "Linux cooked, VXLAN", packet: hex("0000 0001 0006 020000000001 0000 0800") + outerV4(17, vxlan(frame)),
      linkType: 113),
    Case(name: "bytes of the link behind the outer packet", packet: outer(4, Packets.ipv4) + hex("deadbeef")),
    Case(name: "eight tunnels", packet: nested(8), linkType: 101),
  ]

  static func nested(_ count: Int) -> [UInt8] { (0..<count).reduce(Packets.ipv4) { packet, _ in outerV4(4, packet) } }

  @Test(arguments: cases)
  func `a segment in a tunnel is the segment inside`(_ test: Case) throws {
    let read = try Readout(Captures.one(test.packet, linkType: test.linkType))
    #expect(read.payloads == [Array("hi".utf8)])
    let segment = try #require(read.segments.first)
    #expect(segment.sequence == 100)
    #expect(segment.length == 2)
    let isV6 = test.isV6
    #expect(
      segment.source
        == (isV6 ? Endpoint(high: 0x2001_0db8_0000_0000, low: 1, port: 40000) : Endpoint(v4: 0x0a00_0001, port: 40000)))
    #expect(
      segment.destination
        == (isV6 ? Endpoint(high: 0x2001_0db8_0000_0000, low: 2, port: 5672) : Endpoint(v4: 0x0a00_0002, port: 5672)))
    #expect(read.statistics[0].segments == 1)
    #expect(read.statistics[0].notRead == [:])
  }

  /// At every length, down to nothing.
  @Test(arguments: cases)
  func `a tunnelled packet that is cut gives what is left of its payload, or is counted`(_ test: Case) throws {
    let padding = test.name.hasPrefix("bytes of the link") ? 4 : 0
    for kept in 0..<(test.packet.count - padding) {
      let read = try Readout(
        Captures.pcap(linkType: test.linkType, [(1, 2, Array(test.packet.prefix(kept)))], original: test.packet.count))
      let statistics = read.statistics[0]
      if kept >= test.packet.count - padding - 2 {
        #expect(read.payloads == [Array("hi".utf8.prefix(kept - (test.packet.count - padding - 2)))])
        #expect(read.segments.first?.length == 2)
      } else {
        #expect(read.segments.isEmpty)
        #expect(statistics[.headersCut] == 1, "\(kept) bytes: \(statistics.undecodedLines)")
      }
    }
  }

  struct Unread: CustomTestStringConvertible, Sendable {
    var name: String
    var packet: [UInt8]
    var linkType = 1
    var testDescription: String { "\(name), \(packet.count) bytes" }
  }

  static let unread: [Unread] = [
    Unread(name: "gtp_u", packet: outer(17, udp(2152, from: 2152, hex("30 ff 002a 00000001") + Packets.ipv4))),
    Unread(name: "l2tp", packet: outer(17, udp(50_000, from: 1701, hex("0002 0001 0001")))),
    Unread(name: "l2tp", packet: outer(115, hex("00000001") + frame)),
    Unread(name: "teredo", packet: outer(17, udp(3544, Packets.ipv6))),
    Unread(name: "ipsec_esp", packet: outer(17, udp(4500, hex("00000001 00000001")))),
    Unread(name: "ipsec_esp", packet: outer(50, hex("00000001 00000001"))),
    Unread(name: "ipsec_esp", packet: outerV6(50, hex("00000001 00000001")), linkType: 101),
    Unread(name: "ipsec_ah", packet: outer(51, hex("06 04 0000 00000001 00000001 000000000000000000000000"))),
    Unread(name: "ipcomp", packet: outer(108, hex("04 00 0002"))),
    Unread(name: "wireguard", packet: outer(17, udp(51_820, from: 40_000, hex("04000000 00000001")))),
    Unread(name: "openvpn", packet: outer(17, udp(40_000, from: 1194, hex("30")))),
    Unread(name: "lisp", packet: outer(17, udp(4341, hex("8000000000000000") + Packets.ipv4))),
    Unread(name: "capwap", packet: outer(17, udp(5247, hex("00")))),
    Unread(name: "gue", packet: outer(17, udp(6080, hex("00040000") + Packets.ipv4))),
    Unread(name: "tzsp", packet: outer(17, udp(37_008, hex("01 00 0001 01") + frame))),
    Unread(name: "pptp", packet: outer(47, hex("3001 880b 0030 0001 00000001") + Packets.ipv4)),
    Unread(name: "wccp", packet: outer(47, hex("0000 883e 00000000") + Packets.ipv4)),
    Unread(name: "nsh", packet: outer(17, udp(4790, hex("0c 0000 04 000005 00") + hex("0fc6 01 01")))),
    Unread(name: "nsh", packet: Packets.macs + hex("894f 0fc6 01 01")),
    Unread(name: "macsec", packet: Packets.macs + hex("88e5 2c 00 00000001")),
    Unread(name: "pbb", packet: Packets.macs + hex("88e7 00000005") + frame),
    Unread(name: "trill", packet: Packets.macs + hex("22f3 0000 0001 0002") + frame),
    Unread(name: "mpls_pseudowire", packet: Packets.macs + hex("8847 00010140 00000000") + frame),
    Unread(name: "mpls_pseudowire", packet: Packets.macs + hex("8847 00010140") + frame),
    Unread(name: "nested", packet: nested(9), linkType: 101),
    // What is no tunnel, or holds nothing for us.
    Unread(name: "not_tcp", packet: outer(17, udp(53, hex("0001")))),
    Unread(name: "not_tcp", packet: outer(17, udp(4789, hex("00 000000 000005 00") + frame))),
    Unread(name: "not_tcp", packet: outer(17, vxlan(outer(17, udp(53, hex("0001")))))),
    Unread(name: "not_tcp", packet: outer(1, hex("0800 0000"))),
    Unread(name: "not_ip", packet: outer(17, vxlan(Packets.macs + hex("0806 0001")))),
    Unread(name: "not_ip", packet: outer(47, hex("0000 0000"))),
    Unread(name: "not_ip", packet: Packets.macs + hex("8864 11 00 0001 0006 c021 0900 0004")),
    Unread(name: "malformed", packet: outer(17, udp(6081, hex("40 00 6558 000005 00") + frame))),
    Unread(name: "malformed", packet: outer(47, hex("0002 0800") + Packets.ipv4)),
    Unread(name: "malformed", packet: outer(47, hex("4000 0800 00000000") + Packets.ipv4)),
    Unread(name: "malformed", packet: Packets.macs + hex("8847") + [UInt8](repeating: 0, count: 80) + Packets.ipv4),
    Unread(name: "ip_fragment", packet: outer(17, vxlan(frame)).changed(20, 0x20)),
    Unread(name: "ip_fragment", packet: outer(4, Packets.ipv4).changed(21, 1)),
  ]

  @Test(arguments: unread)
  func `what is in a tunnel that is not read is named and counted`(_ test: Unread) throws {
    let read = try Readout(Captures.pcap(linkType: test.linkType, [(1, 2, test.packet), (1, 3, test.packet)]))
    #expect(read.segments.isEmpty)
    #expect(read.statistics[0].notRead == [test.name: 2])
    #expect(read.statistics[0].undecodedLines.count == 1)
  }

  @Test func `a tunnel that is not read is named for people`() throws {
    let packet = Self.unread[0].packet
    let read = try Readout(Captures.pcap((0..<12).map { ($0, 0, packet) }))
    #expect(read.statistics[0].undecodedLines == ["12 packets in GTP-U, not read"])
  }

  @Test func `every reason has a name and words of its own`() {
    #expect(Set(Unreadable.allCases.map(\.name)).count == Unreadable.allCases.count)
    #expect(Set(Unreadable.allCases.map(\.explanation)).count == Unreadable.allCases.count)
  }

  /// The network card was to cut and number both packets after they were captured.
  @Test func `lengths of 0 inside a tunnel are taken from what is around`() throws {
    let inner = Packets.ethernet.changed(16, 0).changed(17, 0)
    let packet = Self.outer(17, Self.vxlan(inner)).changed(16, 0).changed(17, 0)
    let read = try Readout(Captures.one(packet, linkType: 1))
    #expect(read.payloads == [Array("hi".utf8)])
  }

  /// A mirror may cut what it copies.
  @Test func `an inner packet that is longer than its tunnel's keeps its own length`() throws {
    let read = try Readout(Captures.one(Self.outer(47, hex("0000 88be") + Self.frame.dropLast()) + [0xff], linkType: 1))
    #expect(read.payloads == [Array("h".utf8)])
    #expect(read.segments[0].length == 2)
  }
}

extension [UInt8] {
  fileprivate func changed(_ offset: Int, _ value: UInt8) -> [UInt8] {
    var bytes = self
    bytes[offset] = value
    return bytes
  }
}
