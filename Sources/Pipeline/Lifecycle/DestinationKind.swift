/// What a destination is for.
package enum DestinationKind: String, Sendable {
  case normal
  case retry
  case deadLetter = "dead_letter"
}

extension DestinationSettings {
  /// The kind that `name` says by itself. Configured globs come before the conventions; `normal` before all.
  package func kind(of name: String) -> DestinationKind {
    let use = use(of: name)
    return use.isStrong ? use.kind : .normal
  }

  /// The same with names that say something only beside other evidence.
  ///
  /// Conventions, case-insensitive, by name part (between separators, at an end, or at a change of case). Dead letters: `dlq`,
  /// `dlt`, `dlx`, `xq`, `dead`, `dead-letter(s)`, `deadletter(s)`, `poison`, `parking-lot`, `parkinglot`, `undeliverable`,
  /// `quarantine`; `_error`, `_skipped` and `_error_queue` at the end; `%DLQ%`. Only with evidence: `error(s)`, `failed`,
  /// `failure(s)`, `invalid`, `rejected`, `skipped`. Retry: `retry` or `retries` with an optional number or delay
  /// (`retry-5m`, `retry30s`), `%RETRY%`; only with evidence: `delay(s)`, `delayed`, `redelivery`.
  func use(of name: String) -> ProducerTable.Use {
    func isListed(_ globs: [String]) -> Bool { globs.contains { Glob($0, ignoresCase: true).matches(name) } }
    if isListed(normal) { return .init(kind: .normal, isStrong: true, why: .configured) }
    if isListed(deadLetter) { return .init(kind: .deadLetter, isStrong: true, why: .configured) }
    if isListed(retry) { return .init(kind: .retry, isStrong: true, why: .configured) }
    return conventional ? Self.conventionalUse(of: name) : .init()
  }

  static func conventionalKind(of name: String) -> DestinationKind {
    let use = conventionalUse(of: name)
    return use.isStrong ? use.kind : .normal
  }

  private static func conventionalUse(of name: String) -> ProducerTable.Use {
    let lower = name.lowercased()
    if lower.contains("%dlq%") { return .init(kind: .deadLetter, isStrong: true) }
    if lower.contains("%retry%") { return .init(kind: .retry, isStrong: true) }
    if ["_error", "_skipped", "_error_queue"].contains(where: lower.hasSuffix) {
      return .init(kind: .deadLetter, isStrong: true)
    }
    // The last part that says something decides: `orders.retry.failed`, `orders.dlq.retry`. `dead-letter` and `parking_lot`
    // are two parts to a splitter.
    let parts = nameParts(name)
    for (i, part) in parts.enumerated().reversed() {
      switch part.text {
      // Where only a change of case makes it a part, two letters are too few: random names have them.
      case "xq" where part.followsCase: continue
      case "dlq", "dlt", "dlx", "xq", "dead", "deadletter", "deadletters", "poison", "parkinglot", "undeliverable",
        "quarantine":
        return .init(kind: .deadLetter, isStrong: true)
      case "lot" where i > 0 && parts[i - 1].text == "parking": return .init(kind: .deadLetter, isStrong: true)
      case "error", "errors", "failed", "failure", "failures", "invalid", "rejected", "skipped":
        return .init(kind: .deadLetter)
      case "delay", "delays", "delayed", "redelivery": return .init(kind: .retry)
      default: if isRetry(part.text) { return .init(kind: .retry, isStrong: true) }
      }
    }
    return .init()
  }

  /// The lower-case parts of a name: split at everything that is neither letter nor digit, and where a capital follows a
  /// small letter (`OrdersDLQ`).
  private static func nameParts(_ name: String) -> [NamePart] {
    var parts: [NamePart] = []
    var part = NamePart()
    var afterLower = false
    for character in name {
      let isWord = character.isLetter || character.isNumber
      let isCaseChange = isWord && afterLower && character.isUppercase
      if !isWord || isCaseChange, !part.text.isEmpty {
        parts.append(part)
        part = NamePart(followsCase: isCaseChange)
      }
      if isWord { part.text += character.lowercased() }
      afterLower = character.isLowercase
    }
    if !part.text.isEmpty { parts.append(part) }
    return parts
  }

  private struct NamePart {
    var text = ""
    /// A change of case separates it from what comes before.
    var followsCase = false
  }

  /// `retries`, `retry`, or `retry` followed by a number and at most one unit: `retry3`, `retry30s`, `retry500ms`.
  private static func isRetry(_ part: String) -> Bool {
    if part == "retries" { return true }
    guard part.hasPrefix("retry") else { return false }
    let rest = part.dropFirst(5)
    guard !rest.isEmpty else { return true }
    let unit = rest.drop { $0.isASCII && $0.isNumber }
    guard unit.count < rest.count else { return false }
    return ["", "ms", "s", "sec", "m", "min", "h", "d"].contains(unit)
  }
}
