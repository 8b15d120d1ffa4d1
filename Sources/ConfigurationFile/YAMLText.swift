internal import AdminAPI
internal import Pipeline

/// Block-style YAML, two spaces to a level.
struct YAMLText {
  private(set) var text = ""
  private var depth = 0
  /// Begins the next line with `- `, at the depth above.
  private var startsItem = false

  mutating func open(_ key: String) {
    line(key, nil)
    depth += 1
  }

  mutating func close() { depth -= 1 }

  mutating func item(_ write: (inout YAMLText) -> Void) {
    depth += 1
    startsItem = true
    write(&self)
    depth -= 1
  }

  mutating func line(_ key: String, _ value: String?) {
    let indent = startsItem ? String(repeating: "  ", count: depth - 1) + "- " : String(repeating: "  ", count: depth)
    startsItem = false
    text += indent + key + ":" + (value.map { " " + $0 } ?? "") + "\n"
  }

  mutating func line(_ key: String, duration ns: Int64) { line(key, Quantity.durationText(ns)) }
  mutating func line(_ key: String, quoted value: String) { line(key, Self.quoted(value)) }
  mutating func line(_ key: String, list: [String]) {
    line(key, "[" + list.map(Self.quoted).joined(separator: ", ") + "]")
  }

  /// - Parameter ofGroup: Rules of a group, which have no `evaluation` of their own.
  mutating func write(_ rules: RuleSettings, ofGroup: Bool = false) {
    open("rules")
    rule("dead-letter-storm", rules.deadLetterStorm.enabled) { out in
      out.line("error_rate", Quantity.numberText(rules.deadLetterStorm.errorRate))
      out.line("retries", Quantity.numberText(rules.deadLetterStorm.retries))
      out.line("consumption_delay", duration: rules.deadLetterStorm.consumptionDelay_ns)
      out.line("min_settlements", "\(rules.deadLetterStorm.minSettlements)")
      if let window_ns = rules.deadLetterStorm.window_ns { out.line("window", duration: window_ns) }
    }
    rule("dead-letter-flood", rules.deadLetterFlood.enabled) { out in
      out.line("dead_letter_rate", Quantity.numberText(rules.deadLetterFlood.deadLetterRate))
      out.line("min_settlements", "\(rules.deadLetterFlood.minSettlements)")
      out.line("min_distinct", "\(rules.deadLetterFlood.minDistinct)")
      if let window_ns = rules.deadLetterFlood.window_ns { out.line("window", duration: window_ns) }
    }
    rule("slow-partition", rules.slowPartition.enabled) { out in
      out.line("failures", "\(rules.slowPartition.failures)")
      out.line("settle_latency", duration: rules.slowPartition.settleLatency_ns)
      out.line("min_settlements", "\(rules.slowPartition.minSettlements)")
      out.line("window", duration: rules.slowPartition.window_ns)
    }
    rule("crash-loop", rules.crashLoop.enabled) { out in
      out.line("crashes", "\(rules.crashLoop.crashes)")
      out.line("within", duration: rules.crashLoop.within_ns)
      out.line("acks", "\(rules.crashLoop.acks)")
    }
    rule("stalled", rules.stalled.enabled) { out in
      out.line("minimum", duration: rules.stalled.minimum_ns)
      out.line("gap_factor", Quantity.numberText(rules.stalled.gapFactor))
      out.line("history", duration: rules.stalled.history_ns)
      out.line("unknown", duration: rules.stalled.unknown_ns)
    }
    line("min_coverage", Quantity.numberText(rules.minCoverage))
    if !ofGroup { line("evaluation", duration: rules.evaluation_ns) }
    close()
  }

  mutating func write(_ groups: [GroupSettings]) {
    guard !groups.isEmpty else { return line("groups", "[]") }
    line("groups", nil)
    for group in groups {
      item { out in
        out.line("match", quoted: group.match)
        if let mode = group.mode { out.line("mode", mode.rawValue) }
        if let action = group.action { out.line("action", action.rawValue) }
        if let rate = group.rate_bytes_s { out.line("rate", Quantity.bytesText(Int(rate))) }
        if let rate = group.standingRate_bytes_s { out.line("standing_rate", Quantity.bytesText(Int(rate))) }
        if let shared = group.sharedConnections { out.line("shared_connections", shared.rawValue) }
        if let owner = group.owner { out.line("owner", quoted: owner) }
        if let runbook = group.runbook { out.line("runbook", quoted: runbook) }
        if let window_ns = group.window_ns { out.line("window", duration: window_ns) }
        if let rules = group.rules { out.write(rules, ofGroup: true) }
      }
    }
  }

  mutating func write(_ webhook: WebhookSettings) {
    open("webhook")
    line("url", quoted: Self.withoutSecrets(webhook.url))
    line("timeout", duration: webhook.timeout_ns)
    line("retries", "\(webhook.retries)")
    line("retry_for", duration: webhook.retryFor_ns)
    if !webhook.headers.isEmpty {
      open("headers")
      for header in webhook.headers { line(header.name, quoted: "(not shown)") }
      close()
    }
    close()
  }

  private mutating func rule(_ name: String, _ enabled: Bool, write: (inout YAMLText) -> Void) {
    guard enabled else { return line(name, "off") }
    open(name)
    write(&self)
    close()
  }

  /// Scheme and host; user, path and query may hold secrets.
  private static func withoutSecrets(_ url: String) -> String {
    guard let colon = url.firstIndex(of: ":") else { return "(not shown)" }
    let authority = url[colon...].dropFirst(3).prefix { !"/?#".contains($0) }
    return "\(url[..<colon])://\(authority.split(separator: "@").last ?? "")/(not-shown)"
  }

  /// Double-quoted, so that no value reads back as something else (YAML 1.2 section 7.3.1).
  private static func quoted(_ text: String) -> String {
    var out = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": out += "\\\""
      case "\\": out += "\\\\"
      case "\n": out += "\\n"
      case "\t": out += "\\t"
      default:
        let isControl = scalar.value < 0x20 || (0x7f...0xa0).contains(scalar.value)
        let hex = String(scalar.value, radix: 16)
        out += isControl ? "\\x" + (hex.count < 2 ? "0" + hex : hex) : String(scalar)
      }
    }
    return out + "\""
  }
}
