package import Pipeline

/// Evidence in words: `error rate 41.2 % > 5 % of 312`, `retries p95 5 > 3`, `delay p95 73 s > 60 s`.
package enum EvidenceText {
  /// What decided, in one line: that there was enough to judge by (settlements, ends, coverage) is left out where it is met.
  package static func line(_ evidence: [Evidence]) -> String {
    evidence.filter { !($0.met && ["settlements", "ends", "coverage"].contains($0.condition)) }.map(item)
      .joined(separator: ", ")
  }

  package static func item(_ evidence: Evidence) -> String {
    var text = name(evidence)
    if evidence.scope != "group" { text += " (\(TerminalStyle.printable(evidence.scope)))" }
    guard let value = evidence.value else {
      return (text.hasSuffix(" for") ? String(text.dropLast(4)) : text) + " without samples"
    }
    if evidence.source.hasSuffix("lower_bound") { text += " at least" }
    let threshold = quantity(evidence.threshold, evidence.unit)
    text += " \(quantity(value, evidence.unit)) \(comparison(evidence, value)) \(threshold)"
    if evidence.unit == "ratio", evidence.condition != "coverage" { text += " of \(evidence.samples)" }
    return text
  }

  /// A value with its unit as people write it.
  package static func quantity(_ value: Double, _ unit: String) -> String {
    switch unit {
    case "ratio": number(value * 100) + " %"
    case "s": duration(value)
    default: number(value)
    }
  }

  /// Seconds, or minutes, hours and days once they say more.
  package static func duration(_ seconds: Double) -> String {
    switch abs(seconds) {
    case 0: "0 s"
    case ..<0.001: number(seconds * 1e6) + " µs"
    case ..<1: number(seconds * 1000) + " ms"
    case ..<600: number(seconds) + " s"
    case ..<36_000: number(seconds / 60) + " min"
    case ..<864_000: number(seconds / 3600) + " h"
    default: number(seconds / 86_400) + " d"
    }
  }

  /// One decimal where it matters.
  package static func number(_ value: Double) -> String {
    guard value.isFinite, abs(value) < 1e15 else { return "\(value)" }
    let tenths = (value * 10).rounded() / 10
    return tenths == tenths.rounded() ? "\(Int64(tenths))" : "\(tenths)"
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
      "others_acked":
      value >= evidence.threshold ? "≥" : "<"
    default: value > evidence.threshold ? ">" : "≤"
    }
  }
}
