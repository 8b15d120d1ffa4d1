#if os(Linux)
  import AdminAPI
  import Pipeline

  /// What a recording has come to, for the terminal.
  struct RecordSummary {
    var path: String
    var bytes: UInt64
    var withBodies: Bool
    /// Nil unless the size limit was reached.
    var limit_bytes: UInt64?
    /// Segments of connections past the recorder's bound.
    var leftOut: UInt64
    var capture: Report.Capture

    var text: String {
      let systems = capture.decoded.bySystem.map { ($0.key.rawValue, $0.value) }.sorted { $0.0 < $1.0 }
      let decoded = systems.reduce(0) { $0 + $1.1 }
      let others = capture.undecoded.map { "\($0.reason) \($0.connections)" }.joined(separator: ", ")
      var text = "recorded \(path): \(bytes) bytes, \(Self.connections(decoded))"
      if decoded > 0 { text += " (\(systems.map { "\($0.0) \($0.1)" }.joined(separator: ", ")))" }
      text += withBodies ? ", message bodies and credentials included" : ", message bodies and credentials zeroed"
      if !others.isEmpty { text += "; not decoded and \(withBodies ? "recorded as well" : "left out"): \(others)" }
      if let limit_bytes {
        text += "; it stopped at its limit of \(limit_bytes) bytes: what came later is missing (--max-bytes raises it)"
      }
      if leftOut > 0 { text += "; \(leftOut) segments are missing: there were too many connections at once" }
      return text
    }

    private static func connections(_ count: Int) -> String {
      count == 1 ? "1 broker connection" : "\(count) broker connections"
    }
  }
#endif
