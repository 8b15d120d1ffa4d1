/// Packets written by hand: 10.0.0.1:40000 sends "hi" to 10.0.0.2:5672.
enum Packets {
  static let tcp = hex(
    """
    9c40 1628   # ports 40000, 5672
    00000064    # sequence number 100
    000000c8    # acknowledgement 200
    5018 ffff   # 20 bytes of header, PSH ACK, window
    0000 0000   # checksum, urgent pointer
    6869        # "hi"
    """)

  static let ipv4 =
    hex(
      """
      4500 002a   # version 4, 20 bytes of header, total length 42
      0001 4000   # identification, don't fragment
      4006 0000   # TTL 64, TCP, checksum
      0a000001 0a000002
      """) + tcp

  static let ipv6Header = hex(
    """
    60000000 0016   # version 6, payload length 22
    06 40           # next header TCP, hop limit
    20010db8000000000000000000000001
    20010db8000000000000000000000002
    """)

  static let ipv6 = ipv6Header + tcp

  static let macs = hex("020000000002 020000000001")
  static let ethernet = macs + hex("0800") + ipv4

  /// IPv6 with extension headers between: each is its type and its bytes, whose first the next type replaces.
  static func ipv6(extensions: [(type: UInt8, bytes: [UInt8])]) -> [UInt8] {
    var packet = ipv6Header
    var body: [UInt8] = []
    let types = extensions.map(\.type) + [6]
    packet[6] = types[0]
    for (index, item) in extensions.enumerated() { body += [types[index + 1]] + item.bytes.dropFirst() }
    packet[5] = UInt8(22 + body.count)
    return packet + body + tcp
  }
}

/// Capture files written by hand.
enum Captures {
  /// A little-endian classic file; each packet with seconds, fraction and its length on the wire if that differs.
  static func pcap(
    magic: String = "d4c3b2a1", linkType: Int = 1, _ packets: [(seconds: Int, fraction: Int, bytes: [UInt8])],
    original: Int? = nil
  ) -> [UInt8] {
    var file = hex(magic) + hex("0200 0400 00000000 00000000 ffff0000") + le32(linkType)
    for packet in packets {
      file += le32(packet.seconds) + le32(packet.fraction) + le32(packet.bytes.count)
      file += le32(original ?? packet.bytes.count) + packet.bytes
    }
    return file
  }

  static func one(_ packet: [UInt8], linkType: Int) -> [UInt8] {
    pcap(linkType: linkType, [(1, 2, packet)])
  }

  /// A pcapng block; the body is padded.
  static func block(_ type: Int, _ body: [UInt8], big: Bool = false) -> [UInt8] {
    let padded = body + [UInt8](repeating: 0, count: (4 - body.count % 4) % 4)
    let word = big ? be32 : le32
    return word(type) + word(padded.count + 12) + padded + word(padded.count + 12)
  }

  static let section = block(0x0a0d_0d0a, hex("4d3c2b1a 0100 0000 ffffffffffffffff"))

  static func interface(linkType: Int = 1, snap: Int = 0, options: [UInt8] = []) -> [UInt8] {
    block(1, le32(linkType) + le32(snap) + options)
  }

  static func enhanced(_ packet: [UInt8], interface: Int = 0, time: UInt64 = 1_000_002, original: Int? = nil) -> [UInt8]
  {
    let high = Int(time >> 32)
    let low = Int(time & 0xffff_ffff)
    return block(
      6, le32(interface) + le32(high) + le32(low) + le32(packet.count) + le32(original ?? packet.count) + packet)
  }
}
