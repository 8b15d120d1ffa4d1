import Pipeline

/// The blocks of a pcapng file (IETF draft-ietf-opsawg-pcapng): sections in either byte order, each with its interfaces;
/// packets from enhanced, simple and obsolete packet blocks; other blocks are skipped by their length.
struct PcapngBlocks {
  private var offset = 0
  private var isBig = false
  private var interfaces: [CaptureInterface] = []
  private var latest = Timestamp.zero
  private var droppedInEarlierSections: UInt64 = 0
  private(set) var problem: FormatProblem?
  /// Packet blocks whose lengths contradict each other; skipped.
  private(set) var malformed: UInt64 = 0

  init() {}

  /// Nil if the file does not begin with a section header block.
  init?(_ file: ByteView) {
    guard file.be32(0) == BlockType.section else { return nil }
  }

  /// What the capturing system said it dropped, so far.
  var dropped: UInt64 {
    interfaces.reduce(droppedInEarlierSections) { $0 &+ $1.dropped }
  }

  mutating func next(_ file: ByteView) -> PacketRecord? {
    while problem == nil, offset < file.count {
      let start = offset
      guard let block = openBlock(file) else { return nil }
      offset = block.end
      switch block.type {
      case BlockType.section: beginSection()
      case BlockType.interface: addInterface(file, block)
      case BlockType.enhanced:
        if let packet = enhanced(file, block) { return packet }
      case BlockType.simple:
        if let packet = simple(file, block) { return packet }
      case BlockType.obsolete:
        if let packet = obsolete(file, block) { return packet }
      case BlockType.statistics: noteStatistics(file, block)
      default: break
      }
      if offset <= start { return nil }
    }
    return nil
  }

  private struct Block {
    var type: UInt32
    /// Of the body, between the leading and the trailing length.
    var body: Int
    var bodyEnd: Int
    var end: Int
  }

  /// Type (4 bytes), total length (4), body, total length again (4).
  private mutating func openBlock(_ file: ByteView) -> Block? {
    guard file.has(12, at: offset) else {
      problem = .cut(at: offset, "the last block has only \(file.count - offset) bytes")
      return nil
    }
    let rawType = file.checked32(offset)
    if rawType == BlockType.section, !readByteOrder(file) { return nil }
    let type = isBig ? rawType : rawType.byteSwapped
    let length = file.checked32(offset + 4, big: isBig)
    let least: UInt32 = type == BlockType.section ? 28 : 12
    guard length >= least, length % 4 == 0, length <= Self.largestBlock else {
      problem = .damaged(at: offset, "a block claims a length of \(length) bytes")
      return nil
    }
    let size = Int(length)
    guard file.has(size, at: offset) else {
      problem = .cut(at: offset, "the last block has only \(file.count - offset) of its \(size) bytes")
      return nil
    }
    guard file.checked32(offset + size - 4, big: isBig) == length else {
      problem = .damaged(at: offset, "a block's two lengths differ")
      return nil
    }
    return Block(type: type, body: offset + 8, bodyEnd: offset + size - 4, end: offset + size)
  }

  /// A section header states the byte order of all that follows, its own length included.
  private mutating func readByteOrder(_ file: ByteView) -> Bool {
    switch file.be32(offset + 8) {
    case 0x1a2b_3c4d: isBig = true
    case 0x4d3c_2b1a: isBig = false
    default:
      problem = .damaged(at: offset + 8, "a section's byte-order magic is not 1a2b3c4d in either order")
      return false
    }
    guard let major = file.u16(offset + 12, big: isBig) else {
      problem = .cut(at: offset, "the section header is not complete")
      return false
    }
    guard major == 1 else {
      problem = FormatProblem(
        kind: .unsupported, offset: offset + 12, what: "pcapng version \(major) is not known",
        advice: "convert it: editcap -F pcapng IN OUT")
      return false
    }
    return true
  }

  private mutating func beginSection() {
    droppedInEarlierSections = dropped
    interfaces.removeAll()
  }

  private mutating func addInterface(_ file: ByteView, _ block: Block) {
    guard block.bodyEnd - block.body >= 8, interfaces.count < Self.mostInterfaces,
      let linkType = file.u16(block.body, big: isBig), let snap = file.u32(block.body + 4, big: isBig)
    else {
      malformed &+= 1
      return
    }
    var interface = CaptureInterface(linkType: linkType, snapLength: Int(snap))
    forEachOption(file, from: block.body + 8, to: block.bodyEnd) { code, at, length in
      if code == 9, length >= 1, let value = file.byte(at) { interface.resolution = value }  // if_tsresol
      if code == 14, length >= 8, let value = file.u64(at, big: isBig) {  // if_tsoffset, seconds
        interface.offset_s = Int64(bitPattern: value)
      }
    }
    interfaces.append(interface)
  }

  private mutating func enhanced(_ file: ByteView, _ block: Block) -> PacketRecord? {
    guard block.bodyEnd - block.body >= 20 else {
      malformed &+= 1
      return nil
    }
    return timed(file, block, interface: Int(file.checked32(block.body, big: isBig)))
  }

  private mutating func obsolete(_ file: ByteView, _ block: Block) -> PacketRecord? {
    guard block.bodyEnd - block.body >= 20, let id = file.u16(block.body, big: isBig) else {
      malformed &+= 1
      return nil
    }
    return timed(file, block, interface: Int(id))
  }

  /// Both kinds continue alike after the interface: time stamp in two halves, captured and original length, packet.
  @inline(__always) private mutating func timed(_ file: ByteView, _ block: Block, interface id: Int) -> PacketRecord? {
    // The callers have checked for the 20 bytes.
    let high = file.checked32(block.body + 4, big: isBig)
    let low = file.checked32(block.body + 8, big: isBig)
    let captured = file.checked32(block.body + 12, big: isBig)
    let original = file.checked32(block.body + 16, big: isBig)
    guard Int(captured) <= block.bodyEnd - block.body - 20 else {
      malformed &+= 1
      return nil
    }
    var linkType: UInt16?
    if id < interfaces.count {
      latest = interfaces[id].time(UInt64(high) << 32 | UInt64(low))
      linkType = interfaces[id].linkType
    }
    return PacketRecord(
      at: latest, linkType: linkType, offset: block.body + 20, captured: Int(captured),
      original: max(Int(original), Int(captured)))
  }

  /// A simple packet block has no time and belongs to the first interface: it gets its predecessor's time.
  private mutating func simple(_ file: ByteView, _ block: Block) -> PacketRecord? {
    guard block.bodyEnd - block.body >= 4, let original = file.u32(block.body, big: isBig) else {
      malformed &+= 1
      return nil
    }
    let snap = interfaces.first?.snapLength ?? 0
    var captured = min(Int(original), block.bodyEnd - block.body - 4)
    if snap > 0 { captured = min(captured, snap) }
    return PacketRecord(
      at: latest, linkType: interfaces.first?.linkType, offset: block.body + 4, captured: captured,
      original: Int(original))
  }

  private mutating func noteStatistics(_ file: ByteView, _ block: Block) {
    guard block.bodyEnd - block.body >= 12, let id = file.u32(block.body, big: isBig), Int(id) < interfaces.count
    else { return }
    var dropped: UInt64 = 0
    forEachOption(file, from: block.body + 12, to: block.bodyEnd) { code, at, length in
      // isb_ifdrop, isb_osdrop: counts since the capture began
      if code == 5 || code == 7, length >= 8, let value = file.u64(at, big: isBig) { dropped &+= value }
    }
    interfaces[Int(id)].dropped = dropped
  }

  /// Code (2 bytes), length (2), value padded to 4 bytes; code 0 ends the list, as does whatever does not fit.
  private func forEachOption(
    _ file: ByteView, from start: Int, to end: Int, _ body: (_ code: UInt16, _ at: Int, _ length: Int) -> Void
  ) {
    var at = start
    while at + 4 <= end, let code = file.u16(at, big: isBig), let length = file.u16(at + 2, big: isBig) {
      let size = Int(length)
      if code == 0 || at + 4 + size > end { return }
      body(code, at + 4, size)
      at += 4 + (size + 3) & ~3
    }
  }

  private enum BlockType {
    static let section: UInt32 = 0x0a0d_0d0a
    static let interface: UInt32 = 1
    static let obsolete: UInt32 = 2
    static let simple: UInt32 = 3
    static let statistics: UInt32 = 5
    static let enhanced: UInt32 = 6
  }

  /// Larger blocks and packets are taken for damage: no link carries such packets.
  static let largestBlock: UInt32 = 64 << 20
  /// Bounds memory for a file that describes interfaces without end.
  private static let mostInterfaces = 65_536
}
