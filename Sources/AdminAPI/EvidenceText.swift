package import Pipeline

/// Evidence in words: `error rate 41.2 % > 5 % of 312`, `retries p95 5 > 3`, `delay p95 73 s > 60 s`.
package enum EvidenceText {
  /// What decided, in one line: that there was enough to judge by (settlements, ends, coverage) is left out where it is met.
  /// Empty where nothing was seen.
  package static func line(_ evidence: [Evidence]) -> String {
    evidence.told.filter { !($0.met && ["settlements", "ends", "coverage"].contains($0.condition)) }.map(item)
      .joined(separator: ", ")
  }

  package static func item(_ evidence: Evidence) -> String {
    var text = name(evidence)
    if evidence.scope != "group" { text += " (\(TerminalStyle.printable(evidence.scope)))" }
    guard let value = evidence.value else {
      return (text.hasSuffix(" for") ? String(text.dropLast(4)) : text) + " without samples"
    }
    if evidence.source.hasSuffix("lower_bound") { text += " at least" }
    if evidence.source.hasSuffix("estimated") { text += " about" }
    let (shown, threshold) = toldApart(value, evidence.threshold, evidence.unit)
    text += " \(shown) \(comparison(evidence, value)) \(threshold)"
    if evidence.unit == "ratio", evidence.condition != "coverage" { text += " of \(evidence.samples)" }
    return text
  }

  /// The unmet conditions of each rule with a rate above its threshold, for a `failing` verdict:
  /// `dead-letter-storm: retries p95 1 of 3, delay p95 1.3 s of 60 s`. Nil if there are none.
  package static func unmet(_ evidence: [Evidence]) -> String? {
    let rules = evidence.compactMap { item in
      ["error_rate", "dead_letter_rate"].contains(item.condition) && item.met ? item.rule : nil
    }
    let texts = rules.compactMap { rule -> String? in
      let items = evidence.filter { $0.rule == rule && !$0.met && conditions.contains($0.condition) }.map(shortfall)
      return items.isEmpty ? nil : "\(rule.rawValue): \(items.joined(separator: ", "))"
    }
    return texts.isEmpty ? nil : texts.joined(separator: "; ")
  }

  /// `delay p95 1.3 s of 60 s`: how far a condition is from its threshold.
  private static func shortfall(_ evidence: Evidence) -> String {
    guard let value = evidence.value else { return "\(name(evidence)) without samples" }
    let (shown, threshold) = toldApart(value, evidence.threshold, evidence.unit)
    return "\(name(evidence)) \(shown) of \(threshold)"
  }

  /// What the rules with a rate compare besides it.
  private static let conditions: Set = ["settlements", "retries", "consumption_delay", "ends", "distinct_messages"]

  /// `over` or `not over`: how the value stands to its threshold, where at least as large is enough that counts as over.
  package static func standing(_ evidence: Evidence) -> String {
    guard let value = evidence.value else { return "no samples" }
    return comparison(evidence, value) == "≥" || comparison(evidence, value) == ">" ? "over" : "not over"
  }

  /// `1 connection`, `2 connections`.
  package static func count(_ number: Int, _ noun: String) -> String { "\(number) \(noun)\(number == 1 ? "" : "s")" }

  /// A value and its threshold with as many decimals as tell them apart: 20.02 % is above 20 %, and is not shown as 20 %.
  private static func toldApart(_ value: Double, _ threshold: Double, _ unit: String) -> (String, String) {
    var decimals = 1
    while true {
      let texts = (quantity(value, unit, decimals: decimals), quantity(threshold, unit, decimals: decimals))
      if texts.0 != texts.1 || value == threshold || decimals == mostDecimals { return texts }
      decimals += 1
    }
  }

  /// A value with its unit as people write it, with at most so many decimals.
  package static func quantity(_ value: Double, _ unit: String, decimals: Int = 1) -> String {
    switch unit {
    case "ratio": number(value * 100, decimals: decimals) + " %"
    case "s": duration(value, decimals: decimals)
    default: number(value, decimals: decimals)
    }
  }

  /// Seconds, or minutes, hours and days once they say more.
  package static func duration(_ seconds: Double, decimals: Int = 1) -> String {
    let (value, unit): (Double, String) =
      switch abs(seconds) {
      case 0: (0, "s")
      case ..<0.001: (seconds * 1e6, "µs")
      case ..<1: (seconds * 1000, "ms")
      case ..<600: (seconds, "s")
      case ..<36_000: (seconds / 60, "min")
      case ..<864_000: (seconds / 3600, "h")
      default: (seconds / 86_400, "d")
      }
    return number(value, decimals: decimals) + " " + unit
  }

  /// With at most so many decimals, without zeroes at the end.
  package static func number(_ value: Double, decimals: Int = 1) -> String {
    var scale = 1.0
    for _ in 0..<decimals { scale *= 10 }
    guard value.isFinite, abs(value) * scale < 1e16 else { return "\(value)" }
    let rounded = (value * scale).rounded() / scale
    return rounded == rounded.rounded() ? "\(Int64(rounded))" : "\(rounded)"
  }

  private static func name(_ evidence: Evidence) -> String {
    switch evidence.condition {
    case "error_rate": "error rate"
    case "dead_letter_rate": "dead-letter rate"
    case "retries": "retries p95"
    case "consumption_delay": evidence.source.hasPrefix("oldest_in_flight") ? "oldest in flight" : "delay p95"
    case "settle_latency": "settle latency p95"
    case "distinct_messages": "distinct dead letters"
    case "ack_gap": "without an ack for"
    case "head_of_line_age": "head of line for"
    case "named_share": "share of the named messages"
    case "others_acked": "acks of others"
    default: TerminalStyle.printable(String(evidence.condition.map { $0 == "_" ? " " : $0 }))
    }
  }

  /// Conditions on enough of something are met at their threshold, the others only above it.
  private static func comparison(_ evidence: Evidence, _ value: Double) -> String {
    switch evidence.condition {
    case "settlements", "ends", "distinct_messages", "coverage", "ack_gap", "head_of_line_age", "named_share",
      "others_acked", "crashes", "acks_since_crash":
      value >= evidence.threshold ? "≥" : "<"
    default: value > evidence.threshold ? ">" : "≤"
    }
  }

  /// A share of 2³⁰ samples that is one sample above its threshold differs from it in the eighth decimal of a percentage.
  private static let mostDecimals = 8
}

extension [Evidence] {
  /// The same, or nothing where nothing was seen: as after a restart, before any traffic.
  package var told: [Evidence] { contains { $0.samples > 0 } ? self : [] }
}
