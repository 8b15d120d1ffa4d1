import Foundation
import Pipeline
import Testing

@testable import Traces

/// A capture of all interfaces holds what goes through a tunnel twice: as it is, and within the tunnel's packets. Real
/// captures are written anew as such ones and must give the report that they gave.
@Suite struct SeenTwiceTests {
  enum Layout: CaseIterable, CustomTestStringConvertible {
    /// Only the tunnel's packets.
    case tunnelAlone
    /// As a sender's machine sees it, and as a receiver's does.
    case tunnelLast, tunnelFirst
    /// The tunnel's packets come later, behind up to four others.
    case tunnelLate
    /// What the network card cuts is whole inside and in parts outside, or the other way round.
    case tunnelInParts, insideInParts

    var testDescription: String { "\(self)" }
  }

  @Test(
    arguments: ["amqp_storm_quorum", "amqp_confirms", "amqp_ipv6", "amqp_killed", "kafka_storm_none"],
    Layout.allCases)
  func `a connection that is seen within its tunnel and without counts once`(name: String, layout: Layout) throws {
    let source = Replayed.captures.appending(path: name + ".pcapng").path
    let copy = FileManager.default.temporaryDirectory.appending(path: "twice-\(UUID().uuidString).pcap")
    defer { try? FileManager.default.removeItem(at: copy) }
    try Data(Self.rewritten(source, layout)).write(to: copy)
    let original = try Self.report(source)
    var report = try Self.report(copy.path)
    #expect(!original.groups.isEmpty)
    if layout == .tunnelAlone { #expect(report.capture == original.capture) }
    report.capture.segments = original.capture.segments
    report.capture.bytes = original.capture.bytes
    #expect(report == original)
  }

  private static func report(_ path: String) throws -> Report {
    var engine = Engine(settings: Settings(), target: "t", origin: .replay)
    let reader = try TraceReader(paths: [path])
    reader.forEachSegment { segment, payload in
      engine.ingest(segment, payload)
      return true
    }
    engine.finish()
    engine.packetsNotRead = reader.notRead
    #expect(reader.problems.isEmpty)
    return engine.report()
  }

  /// A pcap file (nanoseconds, raw IP) of the same segments.
  private static func rewritten(_ path: String, _ layout: Layout) throws -> [UInt8] {
    var file: [UInt8] = [0x4d, 0x3c, 0xb2, 0xa1, 2, 0, 4, 0] + zeros(8) + [0xff, 0xff, 4, 0, 101, 0, 0, 0]
    var late: [[UInt8]] = []
    try TraceReader(paths: [path]).forEachSegment { segment, payload in
      let bytes = payload.withUnsafeBytes { [UInt8]($0) }
      func packets(_ isTunnelled: Bool, most: Int = .max) -> [[UInt8]] {
        parts(segment, bytes, most: most).map { isTunnelled ? vxlan($0) : $0 }
      }
      let written: [[UInt8]]
      switch layout {
      case .tunnelAlone: written = packets(true)
      case .tunnelFirst: written = packets(true) + packets(false)
      case .tunnelLast: written = packets(false) + packets(true)
      case .tunnelLate:
        late += packets(true)
        let isDue = late.count > 4
        written = packets(false) + (isDue ? late : [])
        if isDue { late = [] }
      case .tunnelInParts: written = packets(false) + packets(true, most: 100)
      case .insideInParts: written = packets(true) + packets(false, most: 100)
      }
      for packet in written { file += record(packet, at: segment.at) }
      return true
    }
    return file
  }

  /// A segment as IP packets with at most so much payload each.
  private static func parts(_ segment: Segment, _ payload: [UInt8], most: Int) -> [[UInt8]] {
    var packets: [[UInt8]] = []
    var start = 0
    repeat {
      let end = min(payload.count, start + min(most, payload.count))
      var part = segment
      part.sequence &+= UInt32(start)
      part.length = end - start
      if end < payload.count { part.flags.subtract([.fin, .psh, .rst]) }
      var packet: [UInt8] = []
      let bytes = Array(payload[start..<end])
      TCPHeaders.append(part, bytes.span.bytes, to: &packet)
      packets.append(packet + bytes)
      start = end
    } while start < payload.count
    return packets
  }

  /// 192.0.2.1 → 192.0.2.2, UDP port 4789, VNI 5.
  private static func vxlan(_ packet: [UInt8]) -> [UInt8] {
    let type: [UInt8] = packet[0] >> 4 == 4 ? [0x08, 0x00] : [0x86, 0xdd]
    let frame = [2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1] + type + packet
    let udp = [0xc0, 0, 0x12, 0xb5] + be16(16 + frame.count) + [0, 0] + [8, 0, 0, 0, 0, 0, 5, 0] + frame
    return [0x45, 0] + be16(20 + udp.count) + zeros(4) + [64, 17, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2] + udp
  }

  private static func record(_ packet: [UInt8], at: Timestamp) -> [UInt8] {
    le32(at.ns / 1_000_000_000) + le32(at.ns % 1_000_000_000) + le32(Int64(packet.count)) + le32(Int64(packet.count))
      + packet
  }

  private static func zeros(_ count: Int) -> [UInt8] { [UInt8](repeating: 0, count: count) }
  private static func be16(_ value: Int) -> [UInt8] { [UInt8(value >> 8 & 0xff), UInt8(value & 0xff)] }
  private static func le32(_ value: Int64) -> [UInt8] { (0..<4).map { UInt8(value >> ($0 * 8) & 0xff) } }
}
