package import Pipeline

/// What was read of one capture file.
package struct TraceStatistics: Sendable, Equatable {
  package var path: String
  /// Packets in the file, decoded or not.
  package var packets: UInt64 = 0
  /// TCP segments handed on.
  package var segments: UInt64 = 0
  /// Captured bytes of all packets, link headers included.
  package var bytes: UInt64 = 0
  /// The first and the last packet's time, in file order; nil without packets.
  package var first: Timestamp?
  package var last: Timestamp?
  /// Packets whose time lies before their predecessor's.
  package var backward_steps: UInt64 = 0
  /// Packets more than `lateness_ns` earlier than some packet before them: the file is not in the order of time, as after
  /// `cat` or `mergecap -a`.
  package var late_packets: UInt64 = 0
  /// More than captures of several queues or processors are out of order.
  static let lateness_ns: Int64 = 100_000_000
  /// Packets that the capturing program or system says it dropped (pcapng interface statistics).
  package var dropped_by_capture: UInt64 = 0
  /// Packets that gave no segment, by reason.
  package var undecoded = [UInt64](repeating: 0, count: Unreadable.allCases.count)
  /// Packets of link types that are not read, by number.
  package var unknownLinkTypes: [UInt16: UInt64] = [:]

  package init(path: String) { self.path = path }

  package subscript(reason: Unreadable) -> UInt64 {
    get { undecoded[Int(reason.rawValue)] }
    set { undecoded[Int(reason.rawValue)] = newValue }
  }

  /// How many packets gave no segment, by reason as reports have it; without reasons that did not occur.
  package var notRead: [String: UInt64] {
    var counts: [String: UInt64] = [:]
    for reason in Unreadable.allCases where self[reason] > 0 && reason != .linkType {
      counts[reason.name] = self[reason]
    }
    for (number, packets) in unknownLinkTypes { counts["\(Unreadable.linkType.name)_\(number)"] = packets }
    return counts
  }

  /// A warning as one line; nil if the file is in the order of time.
  package var lateLine: String? {
    guard late_packets > 0 else { return nil }
    return "\(late_packets) packets are earlier than packets before them, so counts may be wrong; put them in order: "
      + "reordercap IN OUT"
  }

  /// One line for each reason that occurred, for people.
  package var undecodedLines: [String] {
    var lines: [String] = []
    for reason in Unreadable.allCases where self[reason] > 0 && reason != .linkType {
      lines.append("\(Self.packets(self[reason]))\(reason.explanation)")
    }
    for (number, packets) in unknownLinkTypes.sorted(by: { $0.key < $1.key }) {
      lines.append("\(Self.packets(packets)): link type \(number) (\(LinkType.name(number))) is not read")
    }
    return lines
  }

  private static func packets(_ count: UInt64) -> String { count == 1 ? "1 packet" : "\(count) packets" }
}
