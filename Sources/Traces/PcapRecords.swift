import Pipeline

/// The records of a classic capture file (IETF draft-ietf-opsawg-pcap; libpcap's savefile format 2.x): a header of 24
/// bytes, then records of 16 bytes and the packet.
struct PcapRecords {
  private var offset = 0
  private var isBig = false
  private var nsPerUnit: Int64 = 1000
  private var linkType: UInt16 = 0
  /// The most that a packet's captured part may have, as the file's header says; 0 if it sets no limit.
  private var snapLength: UInt32 = 0
  private(set) var problem: FormatProblem?

  init() {}

  /// Nil if the magic number is another.
  init?(_ file: ByteView) {
    switch file.be32(0) {
    case 0xa1b2_c3d4: isBig = true
    case 0xd4c3_b2a1: isBig = false
    case 0xa1b2_3c4d: (isBig, nsPerUnit) = (true, 1)
    case 0x4d3c_b2a1: (isBig, nsPerUnit) = (false, 1)
    default: return nil
    }
    guard let major = file.u16(4, big: isBig), let snap = file.u32(16, big: isBig),
      let link = file.u32(20, big: isBig)
    else {
      problem = .cut(at: 0, "the file header has only \(file.count) of its 24 bytes")
      return
    }
    guard major == 2 else {
      problem = FormatProblem(
        kind: .unsupported, offset: 4, what: "pcap version \(major) is not known",
        advice: "convert it: editcap -F pcapng IN OUT")
      return
    }
    // The upper bits hold the length of a frame check sequence at the packet's end; the IP length cuts it off.
    linkType = UInt16(truncatingIfNeeded: link)
    snapLength = snap
    offset = 24
  }

  mutating func next(_ file: ByteView) -> PacketRecord? {
    guard problem == nil, offset < file.count else { return nil }
    guard file.has(16, at: offset) else {
      problem = .cut(at: offset, "the last record's header has only \(file.count - offset) of its 16 bytes")
      return nil
    }
    let seconds = file.checked32(offset, big: isBig)
    let fraction = file.checked32(offset + 4, big: isBig)
    let captured = file.checked32(offset + 8, big: isBig)
    let original = file.checked32(offset + 12, big: isBig)
    guard captured <= PcapngBlocks.largestBlock else {
      problem = .damaged(at: offset, "a record claims a packet of \(captured) bytes")
      return nil
    }
    let start = offset + 16
    let size = Int(captured)
    guard file.has(size, at: start) else {
      // Some programs write longer packets than their header allows; a length that leads out of the file as well is damage.
      if snapLength > 0, captured > snapLength {
        problem = .damaged(
          at: offset, "a record claims a packet of \(captured) bytes, more than the file's snap length of \(snapLength)"
        )
        return nil
      }
      problem = .cut(at: offset, "the last packet has only \(file.count - start) of its \(size) bytes")
      return nil
    }
    offset = start + size
    let at = Int64(seconds) &* 1_000_000_000 &+ Int64(fraction) &* nsPerUnit
    return PacketRecord(
      at: Timestamp(ns: at), linkType: linkType, offset: start, captured: size, original: max(Int(original), size))
  }
}
