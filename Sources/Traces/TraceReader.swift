package import Pipeline

/// Reads TCP segments from capture files, pcapng and classic pcap, several as one time line.
///
/// - In: files, mapped; see `LinkType` for the link layers read.
/// - Out: a `Segment` and its captured payload for each TCP packet, merged over the files by time; the order within
///   a file is kept, even where its times go backwards.
/// - Memory: a few megabytes of pages around the place of reading, whatever the size of the files.
/// - Cost: no copy and no allocation for a packet.
/// - Loss: packets that give no segment are counted by reason in `statistics`. A cut or damaged file gives all before
///   the damage, then ends; `problems` says where and why, and the other files go on.
package final class TraceReader {
  private var files: [TraceFile] = []
  /// Whose packet comes next, as long as it is not later than `until`.
  private var current = 0
  private var until = Timestamp(ns: .min)

  /// Opens the files. Throws if one can't be opened or is no capture, and says what it looks like.
  package init(paths: [String]) throws(TraceProblem) {
    files.reserveCapacity(paths.count)
    for path in paths { files.append(try TraceFile(path: path)) }
    choose()
  }

  /// When the next packet was captured; nil at the end. It need not hold a segment.
  package var nextAt: Timestamp? {
    current < files.count ? files[current].ahead?.at : nil
  }

  /// Hands on segments until `body` returns false or the files end. A further call goes on where this one stopped.
  ///
  /// The payload, up to `length` bytes of it, is valid only during the call. `body` must not touch the reader.
  package func forEachSegment(_ body: (Segment, RawSpan) -> Bool) {
    while let at = nextAt {
      if at > until {
        choose()
        continue
      }
      guard files[current].handOn(until: until, body) else { return }
      if files[current].ahead == nil { choose() }
    }
  }

  /// Hands on one segment; false at the end.
  package func next(_ body: (Segment, RawSpan) -> Void) -> Bool {
    var wasCalled = false
    forEachSegment { segment, payload in
      wasCalled = true
      body(segment, payload)
      return false
    }
    return wasCalled
  }

  /// Of each file, in the order given; complete once all has been read.
  package var statistics: [TraceStatistics] { files.map(\.statistics) }

  /// How many packets of all files gave no segment, by reason.
  package var notRead: [String: UInt64] {
    files.reduce(into: [:]) { $0.merge($1.statistics.notRead, uniquingKeysWith: &+) }
  }

  /// What ended the reading of files early. Warnings are among them.
  package var problems: [TraceProblem] { files.compactMap(\.problem) }

  /// Picks the file with the earliest packet ahead; equal times go by the order of the files.
  private func choose() {
    var best: Int?
    var bestAt = Timestamp(ns: .max)
    var second = Timestamp(ns: .max)
    for index in files.indices {
      guard let at = files[index].ahead?.at else { continue }
      if best == nil || at < bestAt {
        if best != nil { second = min(second, bestAt) }
        best = index
        bestAt = at
      } else {
        second = min(second, at)
      }
    }
    current = best ?? files.count
    until = second
  }
}
