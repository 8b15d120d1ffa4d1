import Pipeline

/// Where one captured packet lies in its file.
struct PacketRecord {
  var at: Timestamp
  /// Nil if the packet names an interface that the file does not describe.
  var linkType: UInt16?
  /// Of the packet's first byte, the link header's.
  var offset: Int
  /// Bytes in the file.
  var captured: Int
  /// Bytes on the wire. Some writers state less than they captured: then what was captured counts.
  var original: Int
}

/// What ends the reading of a file early; `TraceFile` adds the path.
struct FormatProblem {
  var kind: TraceProblem.Kind
  var offset: Int
  var what: String
  var advice: String

  static func cut(at offset: Int, _ what: String) -> FormatProblem {
    FormatProblem(
      kind: .cut, offset: offset, what: what, advice: "the file was cut there; everything before was read")
  }

  static func damaged(at offset: Int, _ what: String) -> FormatProblem {
    FormatProblem(
      kind: .damaged, offset: offset, what: what,
      advice: "the file is damaged from there on; only what comes before was read")
  }
}
