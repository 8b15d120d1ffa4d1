#if canImport(FoundationEssentials)
  internal import FoundationEssentials
#else
  internal import Foundation
#endif
package import Pipeline

/// One command of an operator's and what became of it: a line of `audit.jsonl`.
package struct AuditEntry: Codable, Equatable, Sendable {
  package var at: RFC3339
  package var author: String
  package var reason: String
  /// As the API names it: `trip`, `reset`, `override`, ….
  package var command: String
  package var key: String
  package var cluster: String
  package var target: String
  /// The breaker's after the command.
  package var revision: UInt64
  /// `changed`, `unchanged`, `stale`, ….
  package var result: String
  /// Whether traffic is really held after it.
  package var held: Bool
  /// Why nothing changed or nothing is held.
  @NullEncoded package var why: String?

  package init(
    at: Timestamp, note: OperatorNote, command: String, key: String, cluster: String, target: String, revision: UInt64,
    result: String, held: Bool, why: String?
  ) {
    self.at = RFC3339(at)
    author = note.author
    reason = note.reason
    self.command = command
    self.key = key
    self.cluster = cluster
    self.target = target
    self.revision = revision
    self.result = result
    self.held = held
    _why = NullEncoded(wrappedValue: why)
  }

  /// As one line with its line feed. Control characters are escaped, also those that JSON lets pass (DEL, C1, and the
  /// line separators of Unicode): some programs end lines at them, and terminals obey them.
  func line() throws -> [UInt8] {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    var line = [UInt8]()
    for scalar in String(decoding: try encoder.encode(self), as: UTF8.self).unicodeScalars {
      switch scalar.value {
      case 0x7f...0x9f, 0x2028, 0x2029:
        let digits = String(scalar.value, radix: 16)
        line += "\\u\(String(repeating: "0", count: 4 - digits.count))\(digits)".utf8
      default: line += UTF8.encode(scalar).map(Array.init) ?? []
      }
    }
    line.append(UInt8(ascii: "\n"))
    return line
  }
}
