import Pipeline

/// One capture file: finds out its format, walks its packets, decodes them to segments.
struct TraceFile {
  let path: String
  private let mapped: MappedFile
  private let view: ByteView
  private let isPcapng: Bool
  private var blocks = PcapngBlocks()
  private var records = PcapRecords()
  /// The packet to be handed on next; nil at the end.
  private(set) var ahead: PacketRecord?
  private(set) var statistics: TraceStatistics
  /// Of the packets so far.
  private var latest_ns = Int64.min / 2

  init(path: String) throws(TraceProblem) {
    self.path = path
    mapped = try MappedFile(path: path)
    view = ByteView(mapped.bytes)
    statistics = TraceStatistics(path: path)
    if let blocks = PcapngBlocks(view) {
      self.blocks = blocks
      isPcapng = true
    } else if let records = PcapRecords(view) {
      self.records = records
      isPcapng = false
    } else {
      throw FileLook.problem(view, path: path)
    }
    advance()
  }

  /// Why reading ended before the file did; nil if it did not.
  var problem: TraceProblem? {
    (isPcapng ? blocks.problem : records.problem).map {
      TraceProblem(kind: $0.kind, path: path, offset: $0.offset, what: $0.what, advice: $0.advice)
    }
  }

  /// Hands on the segments of the packets that are not later than `until`, up to the end or until `body` returns false.
  /// - Returns: what `body` returned last, true if it was not called.
  mutating func handOn(until: Timestamp, _ body: (Segment, RawSpan) -> Bool) -> Bool {
    while let record = ahead, record.at.ns <= until.ns {
      guard handOn(record, body) else { return false }
    }
    return true
  }

  /// Hands on the segment of the packet ahead, if it holds one, and moves to the next packet.
  @inline(__always)
  private mutating func handOn(_ record: PacketRecord, _ body: (Segment, RawSpan) -> Bool) -> Bool {
    note(record)
    var goesOn = true
    let packet = ByteView(view.slice(record.offset, record.captured))
    var decoded = decode(record, packet)
    if case .other(let payload) = decoded { decoded = Tunnel.decode(packet, payload, time: record.at) }
    switch decoded {
    case .segment(let found):
      statistics.segments &+= 1
      goesOn = body(found.segment, packet.slice(found.payloadAt, found.payloadCount).bytes)
    case .other: noteUndecoded(.notTCP, record)
    case .undecoded(let reason):
      noteUndecoded(reason, record)
    }
    mapped.release(before: record.offset)
    advance()
    return goesOn
  }

  @inline(__always)
  private func decode(_ record: PacketRecord, _ packet: ByteView) -> IPPacket.Decoded {
    guard let linkType = record.linkType else { return .undecoded(.unknownInterface) }
    switch LinkType.findIP(linkType, packet) {
    case .ip(let start): return IPPacket.decode(packet, at: start, original: record.original, time: record.at)
    case .undecoded(let reason): return .undecoded(reason)
    }
  }

  private mutating func advance() {
    ahead = isPcapng ? blocks.next(view) : records.next(view)
    if ahead == nil, isPcapng {
      statistics[.malformed] &+= blocks.malformed
      statistics.packets &+= blocks.malformed
      statistics.dropped_by_capture = blocks.dropped
    }
  }

  @inline(__always)
  private mutating func note(_ record: PacketRecord) {
    statistics.packets &+= 1
    statistics.bytes &+= UInt64(record.captured)
    if let last = statistics.last {
      if record.at.ns < last.ns { statistics.backward_steps &+= 1 }
      if record.at.ns < latest_ns &- TraceStatistics.lateness_ns { statistics.late_packets &+= 1 }
    } else {
      statistics.first = record.at
    }
    statistics.last = record.at
    latest_ns = max(latest_ns, record.at.ns)
  }

  private mutating func noteUndecoded(_ reason: Unreadable, _ record: PacketRecord) {
    statistics[reason] &+= 1
    if reason == .linkType, let number = record.linkType { statistics.unknownLinkTypes[number, default: 0] &+= 1 }
  }
}
