/// What a destination is for, judged by its name .
package enum DestinationKind: String, Sendable {
  case normal
  case retry
  case deadLetter = "dead_letter"
}

extension DestinationSettings {
  /// The kind that `name` says. Configured globs come before the conventions; `normal` before all.
  ///
  /// Conventions, case-insensitive: a name part `dlq`, `dlt`, `dlx`, `dead-letter(s)`, `deadletter(s)` between
  /// separators or at an end; the suffixes `_error` and `_skipped`; `%DLQ%`. Retry: a name part `retry`, with an
  /// optional number or delay (`retry-5m`, `retry_3`, `retry30s`); `%RETRY%`.
  package func kind(of name: String) -> DestinationKind {
    if normal.contains(where: { Glob($0, ignoresCase: true).matches(name) }) { return .normal }
    if deadLetter.contains(where: { Glob($0, ignoresCase: true).matches(name) }) { return .deadLetter }
    if retry.contains(where: { Glob($0, ignoresCase: true).matches(name) }) { return .retry }
    return conventional ? Self.conventionalKind(of: name) : .normal
  }

  static func conventionalKind(of name: String) -> DestinationKind {
    let lower = name.lowercased()
    if lower.contains("%dlq%") { return .deadLetter }
    if lower.contains("%retry%") { return .retry }
    if lower.hasSuffix("_error") || lower.hasSuffix("_skipped") { return .deadLetter }
    // `dead-letter` and `dead_letter` are two parts to a splitter: join them first.
    let parts = nameParts(name)
    var kind = DestinationKind.normal
    for (i, part) in parts.enumerated() {
      switch part {
      case "dlq", "dlt", "dlx", "deadletter", "deadletters": return .deadLetter
      case "letter", "letters": if i > 0, parts[i - 1] == "dead" { return .deadLetter }
      default: if isRetry(part) { kind = .retry }
      }
    }
    return kind
  }

  /// The lower-case parts of a name: split at everything that is neither letter nor digit, and where a capital follows a
  /// small letter (`OrdersDLQ`).
  private static func nameParts(_ name: String) -> [String] {
    var parts: [String] = []
    var part = ""
    var afterLower = false
    for character in name {
      let isWord = character.isLetter || character.isNumber
      if !isWord || (afterLower && character.isUppercase), !part.isEmpty {
        parts.append(part)
        part = ""
      }
      if isWord { part += character.lowercased() }
      afterLower = character.isLowercase
    }
    if !part.isEmpty { parts.append(part) }
    return parts
  }

  /// `retry`, or `retry` followed by a number and at most one unit: `retry3`, `retry30s`, `retry500ms`.
  private static func isRetry(_ part: String) -> Bool {
    guard part.hasPrefix("retry") else { return false }
    let rest = part.dropFirst(5)
    guard !rest.isEmpty else { return true }
    let unit = rest.drop { $0.isASCII && $0.isNumber }
    guard unit.count < rest.count else { return false }
    return ["", "ms", "s", "sec", "m", "min", "h", "d"].contains(unit)
  }
}
