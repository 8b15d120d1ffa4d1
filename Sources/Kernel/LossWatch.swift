internal import Pipeline

/// Whether a capture loses traffic at present, for `/readyz`: whether its counters of loss have grown within the last ten
/// seconds, which is as often as a readiness probe usually looks. A value; time comes in.
package struct LossWatch {
  private var seen = [Kind: UInt64]()
  private var growing = [Kind: (count: UInt64, at_ns: Int64)]()

  private enum Kind: CaseIterable {
    case ringFull, tableFull, copyFailed, undecided, untracked

    func total(_ statistics: Capture.Statistics) -> UInt64 {
      switch self {
      case .ringFull: statistics.lost[.ringFull]?.segments ?? 0
      case .tableFull: statistics.lost[.tableFull]?.segments ?? 0
      case .copyFailed: statistics.lost[.copyFailed]?.segments ?? 0
      case .undecided: statistics.undecided
      case .untracked: statistics.untracked
      }
    }

    var words: String {
      switch self {
      case .ringFull: "segments found no room in the ring buffer (capture.ring sets its size)"
      case .tableFull: "new connections found no room in the kernel's table"
      case .copyFailed: "segments could not be copied"
      case .undecided: "segments were not handed on, since the process of their connection was not found in time"
      case .untracked: "segments of connections that found no room in the table may have been counted twice"
      }
    }
  }

  package init() {}

  /// What is being lost, since when it began to be, or nil. `now_ns` only grows. To be asked more often than every ten seconds.
  package mutating func look(_ statistics: Capture.Statistics, now_ns: Int64) -> String? {
    for kind in Kind.allCases {
      let total = kind.total(statistics)
      let grown = total &- seen[kind, default: 0]
      seen[kind] = total
      if grown > 0 {
        growing[kind] = ((growing[kind]?.count ?? 0) &+ grown, now_ns)
      } else if let last = growing[kind], now_ns - last.at_ns > Self.memory_ns {
        growing[kind] = nil
      }
    }
    guard !growing.isEmpty else { return nil }
    let lines = Kind.allCases.compactMap { kind in growing[kind].map { "\($0.count) \(kind.words)" } }
    return "traffic is being lost: " + lines.joined(separator: "; ")
  }

  private static let memory_ns: Int64 = .seconds(10)
}
