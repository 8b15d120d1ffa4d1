import Testing

@testable import Pipeline
@testable import Traces

struct TraceReaderTests {
  struct Case: CustomTestStringConvertible, Sendable {
    var name: String
    var file: [UInt8]
    var isV6 = false
    var at_ns: Int64 = 1_000_002_000
    var testDescription: String { name }
  }

  static let bigEndianPcap =
    hex("a1b2c3d4 0002 0004 00000000 00000000 0000ffff 00000001") + be32(1) + be32(2)
    + be32(Packets.ethernet.count) + be32(Packets.ethernet.count) + Packets.ethernet
  static let bigEndianPcapng =
    Captures.block(0x0a0d_0d0a, hex("1a2b3c4d 0001 0000 ffffffffffffffff"), big: true)
    + Captures.block(1, hex("0001 0000 00000000"), big: true)
    + Captures.block(
      6,
      hex("00000000 00000000 000f4242") + be32(Packets.ethernet.count) + be32(Packets.ethernet.count)
        + Packets.ethernet, big: true)

  static func pcapng(options: String, time: UInt64) -> [UInt8] {
    Captures.section + Captures.interface(options: hex(options)) + Captures.enhanced(Packets.ethernet, time: time)
  }

  static let cases: [Case] = [
    Case(name: "pcap, µs, little endian", file: Captures.one(Packets.ethernet, linkType: 1)),
    Case(name: "pcap, µs, big endian", file: bigEndianPcap),
    Case(name: "pcap, ns", file: Captures.pcap(magic: "4d3cb2a1", [(1, 2, Packets.ethernet)]), at_ns: 1_000_000_002),
    Case(
      name: "pcap with a frame check sequence",
      file: Captures.one(Packets.ethernet + hex("deadbeef"), linkType: 0x2400_0001)),
    Case(name: "pcapng, little endian", file: pcapng(options: "", time: 1_000_002)),
    Case(name: "pcapng, big endian", file: bigEndianPcapng),
    Case(name: "pcapng, ns", file: pcapng(options: "0900 0100 09000000 00000000", time: 1_000_002_000)),
    Case(name: "pcapng, ps", file: pcapng(options: "0900 0100 0c000000", time: 1_000_002_000_999)),
    Case(name: "pcapng, s", file: pcapng(options: "0900 0100 00000000", time: 7), at_ns: 7_000_000_000),
    Case(name: "pcapng, 2^-10 s", file: pcapng(options: "0900 0100 8a000000", time: 1536), at_ns: 1_500_000_000),
    Case(
      name: "pcapng with a time offset", file: pcapng(options: "0e00 0800 0a00000000000000", time: 1_000_002),
      at_ns: 11_000_002_000),
    Case(
      name: "pcapng with a time offset backwards", file: pcapng(options: "0e00 0800 ffffffffffffffff", time: 1_000_002),
      at_ns: 2_000),
    Case(
      name: "unknown blocks between",
      file: Captures.section + Captures.block(0xbad, [1, 2, 3, 4, 5]) + Captures.interface()
        + Captures.block(0x4000_0001, []) + Captures.enhanced(Packets.ethernet)),
    Case(
      name: "simple packet block, without a time",
      file: Captures.section + Captures.interface(snap: 0)
        + Captures.block(3, le32(Packets.ethernet.count) + Packets.ethernet), at_ns: 0),
    Case(
      name: "obsolete packet block",
      file: Captures.section + Captures.interface()
        + Captures.block(
          2,
          hex("0000 0300 00000000") + le32(1_000_002) + le32(Packets.ethernet.count)
            + le32(Packets.ethernet.count) + Packets.ethernet)),
    Case(
      name: "second interface of another link type",
      file: Captures.section + Captures.interface(linkType: 147) + Captures.interface(linkType: 101)
        + Captures.enhanced(Packets.ipv4, interface: 1)),
    Case(
      name: "second section, other byte order",
      file: Captures.section + Captures.interface(linkType: 9) + bigEndianPcapng),
    Case(
      name: "VLAN", file: Captures.one(Packets.macs + hex("8100 0005 0800") + Packets.ipv4, linkType: 1)),
    Case(
      name: "stacked VLAN",
      file: Captures.one(Packets.macs + hex("88a8 0005 8100 0006 86dd") + Packets.ipv6, linkType: 1), isV6: true),
    Case(
      name: "Linux cooked",
      file: Captures.one(hex("0000 0001 0006 020000000001 0000 0800") + Packets.ipv4, linkType: 113)),
    Case(
      name: "Linux cooked v2",
      file: Captures.one(
        hex("86dd 0000 00000001 0001 00 06 020000000001 0000") + Packets.ipv6, linkType: 276), isV6: true),
    Case(name: "BSD loopback, little endian", file: Captures.one(hex("02000000") + Packets.ipv4, linkType: 0)),
    Case(name: "BSD loopback, big endian", file: Captures.one(hex("0000001e") + Packets.ipv6, linkType: 0), isV6: true),
    Case(name: "OpenBSD loopback", file: Captures.one(hex("00000018") + Packets.ipv6, linkType: 108), isV6: true),
    Case(name: "raw IP", file: Captures.one(Packets.ipv4, linkType: 101)),
    Case(name: "raw IP, IPv6", file: Captures.one(Packets.ipv6, linkType: 101), isV6: true),
    Case(name: "raw IP, 12", file: Captures.one(Packets.ipv4, linkType: 12)),
    Case(name: "raw IPv4", file: Captures.one(Packets.ipv4, linkType: 228)),
    Case(name: "raw IPv6", file: Captures.one(Packets.ipv6, linkType: 229), isV6: true),
    Case(name: "Ethernet padding", file: Captures.one(Packets.ethernet + [0, 0, 0, 0], linkType: 1)),
    Case(
      name: "original length smaller than the captured one",
      file: Captures.pcap([(1, 2, Packets.ethernet)], original: 20)),
    Case(
      name: "IPv6 extension headers",
      file: Captures.one(
        Packets.ipv6(extensions: [
          (0, hex("00 00 050200000100")), (43, hex("00 01 0000 00000000 0000000000000000")),
          (60, hex("00 00 000000000000")),
          (51, hex("00 02 0000 00000000 00000000 00000000")), (44, hex("00 00 0000 00000007")),
        ]), linkType: 101), isV6: true),
  ]

  @Test(arguments: cases)
  func `every kind of capture gives the same segment`(_ test: Case) throws {
    let read = try Readout(test.file)
    #expect(read.payloads == [Array("hi".utf8)])
    let segment = try #require(read.segments.first)
    #expect(segment.at.ns == test.at_ns)
    #expect(segment.sequence == 100)
    #expect(segment.acknowledgement == 200)
    #expect(segment.flags == [.psh, .ack])
    #expect(segment.length == 2)
    if test.isV6 {
      #expect(segment.source == Endpoint(high: 0x2001_0db8_0000_0000, low: 1, port: 40000))
      #expect(segment.destination == Endpoint(high: 0x2001_0db8_0000_0000, low: 2, port: 5672))
    } else {
      #expect(segment.source == Endpoint(v4: 0x0a00_0001, port: 40000))
      #expect(segment.destination == Endpoint(v4: 0x0a00_0002, port: 5672))
    }
    #expect(read.problems.isEmpty)
    #expect(read.statistics[0].packets == 1)
    #expect(read.statistics[0].segments == 1)
  }

  @Test func `the snap length leaves the wire's length`() throws {
    let cut = Array(Packets.ethernet.dropLast())
    let read = try Readout(Captures.pcap([(1, 2, cut)], original: Packets.ethernet.count))
    #expect(read.payloads == [Array("h".utf8)])
    #expect(read.segments[0].length == 2)
  }

  @Test func `a simple packet block is cut at the interface's snap length`() throws {
    let snap = Packets.ethernet.count - 1
    let read = try Readout(
      Captures.section + Captures.interface(snap: snap)
        + Captures.block(3, le32(Packets.ethernet.count) + Packets.ethernet.dropLast()))
    #expect(read.payloads == [Array("h".utf8)])
    #expect(read.segments[0].length == 2)
  }

  @Test func `an IP length of 0 is taken from the packet`() throws {
    var v4 = Packets.ethernet
    v4[16] = 0
    v4[17] = 0
    var v6 = Packets.ipv6
    v6[5] = 0
    let read = try Readout([
      TemporaryFile(Captures.one(v4, linkType: 1)), TemporaryFile(Captures.one(v6, linkType: 101)),
    ])
    #expect(read.payloads == [Array("hi".utf8), Array("hi".utf8)])
    #expect(read.segments.map(\.length) == [2, 2])
  }

  struct UndecodedCase: CustomTestStringConvertible, Sendable {
    var reason: Unreadable
    var packet: [UInt8]
    var linkType = 101
    var testDescription: String { "\(reason.name), \(packet.count) bytes of link type \(linkType)" }
  }

  static func changed(_ bytes: [UInt8], _ offset: Int, _ value: UInt8) -> [UInt8] {
    var bytes = bytes
    bytes[offset] = value
    return bytes
  }

  static let undecoded: [UndecodedCase] = [
    UndecodedCase(reason: .linkType, packet: Packets.ipv4, linkType: 127),
    UndecodedCase(reason: .notIP, packet: Packets.macs + hex("0806 0001"), linkType: 1),
    UndecodedCase(reason: .notIP, packet: hex("00000007") + Packets.ipv4, linkType: 0),
    UndecodedCase(reason: .notIP, packet: changed(Packets.ipv4, 0, 0x55)),
    UndecodedCase(reason: .notTCP, packet: changed(Packets.ipv4, 9, 17)),
    UndecodedCase(reason: .notTCP, packet: changed(Packets.ipv6, 6, 17)),
    UndecodedCase(reason: .notTCP, packet: changed(Packets.ipv6, 6, 58)),
    UndecodedCase(reason: .fragment, packet: changed(Packets.ipv4, 6, 0x20)),
    UndecodedCase(reason: .fragment, packet: changed(Packets.ipv4, 7, 1)),
    UndecodedCase(reason: .fragment, packet: Packets.ipv6(extensions: [(44, hex("00 00 0001 00000007"))])),
    UndecodedCase(reason: .malformed, packet: changed(Packets.ipv4, 0, 0x44)),
    UndecodedCase(reason: .malformed, packet: changed(Packets.ipv4, 3, 39)),
    UndecodedCase(reason: .malformed, packet: changed(Packets.ipv4, 32, 0x40)),
    UndecodedCase(reason: .headersCut, packet: Array(Packets.ipv4.prefix(39))),
    UndecodedCase(reason: .headersCut, packet: Array(Packets.ipv6.prefix(30))),
    UndecodedCase(reason: .headersCut, packet: hex("0200"), linkType: 1),
    UndecodedCase(reason: .headersCut, packet: [], linkType: 276),
  ]

  @Test(arguments: undecoded)
  func `packets that give no segment are counted by reason`(_ test: UndecodedCase) throws {
    let read = try Readout(Captures.pcap(linkType: test.linkType, [(1, 2, test.packet), (1, 3, test.packet)]))
    #expect(read.segments.isEmpty)
    #expect(read.statistics[0][test.reason] == 2)
    #expect(read.statistics[0].undecoded.reduce(0, +) == 2)
    #expect(read.statistics[0].undecodedLines.count == 1)
    #expect(read.problems.isEmpty)
  }

  @Test func `an unknown link type is named`() throws {
    let read = try Readout(Captures.one(Packets.ipv4, linkType: 127))
    #expect(read.statistics[0].undecodedLines == ["1 packet: link type 127 (802.11 radiotap) is not read"])
  }

  @Test func `a packet of an interface that was not described is skipped`() throws {
    let read = try Readout(
      Captures.section + Captures.interface() + Captures.enhanced(Packets.ethernet, interface: 3)
        + Captures.enhanced(Packets.ethernet))
    #expect(read.segments.count == 1)
    #expect(read.statistics[0][.unknownInterface] == 1)
  }

  @Test func `what the capturing system dropped is told`() throws {
    let statistics = Captures.block(
      5, le32(0) + le32(0) + le32(0) + hex("0500 0800 0700000000000000 0700 0800 0200000000000000"))
    let read = try Readout(Captures.section + Captures.interface() + statistics + statistics)
    #expect(read.statistics[0].dropped_by_capture == 9)
  }

  @Test func `several files are one time line, and a file's own order is kept`() throws {
    func packet(_ number: UInt8) -> [UInt8] {
      var bytes = Packets.ethernet
      bytes[bytes.count - 1] = number
      return bytes
    }
    let first = Captures.pcap([(1, 0, packet(1)), (4, 0, packet(4)), (2, 0, packet(5)), (9, 0, packet(9))])
    let second = Captures.pcap([(2, 0, packet(2)), (3, 0, packet(3)), (8, 0, packet(8))])
    let third = Captures.pcap([(4, 1, packet(6)), (7, 0, packet(7))])
    let read = try Readout([first, second, third].map { TemporaryFile($0) })
    #expect(read.payloads.map { $0[1] } == [1, 2, 3, 4, 5, 6, 7, 8, 9])
    #expect(read.statistics.map(\.backward_steps) == [1, 0, 0])
    #expect(read.statistics.map(\.late_packets) == [1, 0, 0])
    #expect(read.statistics.map { $0.lateLine == nil } == [false, true, true])
  }

  @Test func `reading stops and goes on where the caller says`() throws {
    let file = TemporaryFile(Captures.pcap((1...3).map { ($0, 0, Packets.ethernet) }))
    let reader = try TraceReader(paths: [file.path])
    var seconds: [Int64] = []
    while reader.next({ segment, _ in seconds.append(segment.at.ns / 1_000_000_000) }) {}
    #expect(seconds == [1, 2, 3])
    #expect(reader.nextAt == nil)
  }
}
