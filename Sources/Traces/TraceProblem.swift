/// What is wrong with a capture file, where, and what to do about it.
package struct TraceProblem: Error, Sendable, Equatable, CustomStringConvertible {
  package enum Kind: String, Sendable, CaseIterable {
    case cannotOpen = "cannot_open"
    /// A pipe, directory or device; captures are mapped into memory.
    case notAFile = "not_a_file"
    case compressed
    case notACapture = "not_a_capture"
    /// A capture of a kind or version that is not read.
    case unsupported
    /// Bytes that contradict the format: reading stops there.
    case damaged
    /// The last block or record is not all there, as after a full disk or a killed capture. A warning.
    case cut
  }

  package var kind: Kind
  package var path: String
  /// Where in the file, in bytes from its start.
  package var offset: Int
  package var what: String
  package var advice: String

  /// What came before is whole and good.
  package var isWarning: Bool { kind == .cut }

  package var description: String { "\(path): \(what) (at byte \(offset)); \(advice)" }
}
