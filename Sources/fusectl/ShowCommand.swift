internal import AdminAPI
internal import ArgumentParser
internal import Pipeline

/// `fusectl show KEY`: one breaker, why it is as it is, and how it came there.
struct ShowCommand: Command {
  static let configuration = CommandConfiguration(
    commandName: "show", abstract: "Shows one breaker: verdict, evidence, totals, transitions.")

  @OptionGroup var common: CommonOptions

  @Argument(help: "The group's key as status shows it, or key@cluster where several clusters have it.")
  var key: String

  @Option(name: .long, help: "The target, where several targets consume that group.")
  var target: String?

  func output(_ client: AdminClient, _ terminal: Terminal) async throws(CommandFailure) -> String {
    let path = BreakerReference(key, target: target).href
    switch common.format {
    case .json: return String(decoding: try await client.get(path), as: UTF8.self)
    case .table: return Self.text(try await client.get(BreakerDetail.self, path), terminal)
    }
  }

  static func text(_ detail: BreakerDetail, _ terminal: Terminal) -> String {
    let group = detail.group
    let style = terminal.style
    let breaker = group.breaker
    let plain = TerminalStyle.printable
    let state = style.paint(breaker.state.name, .of(breaker.state, verdict: group.verdict.kind))
    let notes = detail.notes ?? []
    let why = breaker.why.map { " (" + plain($0.text(breaker.why_detail)) + ")" }
    let held = breaker.held ? "held" : "not held" + (why ?? "")
    var facts: [(String, String)] = [
      ("key", plain(group.key)), ("cluster", plain(group.cluster)),
      ("target", plain(group.target) + (group.target_ended == true ? " (ended)" : "")),
      ("destinations", plain(group.destinations.joined(separator: ", "))), ("mode", group.mode),
      ("breaker", ([state, held] + ends(detail)).joined(separator: ", ")),
      ("revision", "\(breaker.revision)"),
    ]
    facts += notes.filter { $0.name != "unmet" }.map { (plain($0.name), plain($0.text)) }
    facts += [
      (
        "verdict",
        style.paint(
          StatusCommand.verdict(group.verdict.kind, group.verdict.rule), .of(group.verdict.kind))
      )
    ]
    facts += notes.filter { $0.name == "unmet" }.map { (plain($0.name), plain($0.text)) }
    facts += conditions(group)
    if let why = group.unholdable { facts.append(("unholdable", why.sentence)) }
    facts += [("deliveries", deliveries(group)), ("in flight", inFlight(group))]
    facts.append(
      (
        "exposure",
        group.exposure_is_minimum == true
          ? "unknown: the prefetch was not seen (joined midway); at least what is in flight would still run"
          : "\(group.exposure) would still run if it were held now"
      ))
    if let causes = GroupText.requeueCauses(group) { facts.append(("requeued", causes)) }
    facts += rate("error rate", window: group.window.error_rate, run: group.error_rate)
    facts += rate("dead letters", window: group.window.dead_letter_rate, run: group.dead_letter_rate)
    let attempts = group.attempts
    if attempts.max > 0 {
      let source = plain(attempts.source)
      facts.append(
        ("attempts", "p95 \(EvidenceText.number(attempts.p95)), max \(attempts.max), of the run (\(source))"))
    }
    for (name, quantiles) in [
      ("delay", group.consumption_delay_s), ("settle latency", group.settle_latency_s),
      ("retry latency", group.retry_latency_s),
    ] {
      guard let p50 = quantiles.p50, let p95 = quantiles.p95, let max = quantiles.max else { continue }
      let source = quantiles.source.map { " (\(plain($0)))" } ?? ""
      let values = [("p50", p50), ("p95", p95), ("max", max)].map { "\($0) \(EvidenceText.duration($1))" }
      facts.append((name, values.joined(separator: ", ") + ", of the run" + source))
    }
    let isSeen = group.verdict.evidence.first { $0.condition == "coverage" }.map { $0.samples > 0 } ?? true
    facts.append(
      (
        "coverage",
        isSeen
          ? EvidenceText.quantity(group.coverage, "ratio") + " of the window's bytes" : "nothing was seen in the window"
      ))
    for error in group.broker_errors { facts.append(("broker error", GroupText.line(error))) }
    for copies in group.copies ?? [] { facts.append(("copies", GroupText.line(copies))) }
    for poison in group.poison_messages {
      facts.append(("poison", "\(plain(poison.message)) (\(poison.failures) failures)"))
    }
    facts += GroupText.crashes(group).map { ($0.name, $0.text) }
    for transition in breaker.transitions { facts.append(("transition", line(transition, style))) }
    return lines(facts, terminal)
  }

  /// Each condition that was compared, under the name of its rule, and whether it is over its threshold.
  private static func conditions(_ group: Report.Group) -> [(String, String)] {
    let evidence = group.verdict.evidence.told
    if evidence.isEmpty, !group.verdict.evidence.isEmpty { return [("", "nothing was seen of it in the window")] }
    return evidence.map { item in
      let standing = EvidenceText.standing(item)
      let pad = String(repeating: " ", count: max(0, 10 - standing.count))
      return (item.rule?.rawValue ?? "every rule", standing + pad + EvidenceText.item(item))
    }
  }

  /// A rate within the rules' window and of the whole run, as far as there are samples.
  private static func rate(_ name: String, window: Double?, run: Double?) -> [(String, String)] {
    let parts = [
      window.map { EvidenceText.quantity($0, "ratio") + " in the window" },
      run.map { EvidenceText.quantity($0, "ratio") + " of the run" },
    ].compactMap(\.self)
    return parts.isEmpty ? [] : [(name, parts.joined(separator: ", "))]
  }

  /// How long the breaker's state still takes; empty if only what happens ends it.
  static func ends(_ detail: BreakerDetail) -> [String] {
    guard let until = detail.group.breaker.until?.timestamp else { return [] }
    let left_s = Double(max(0, until - detail.at.timestamp)) / 1e9
    return ["for another \(EvidenceText.duration(left_s))", "until \(RFC3339(until).description.prefix(19))Z"]
  }

  private static func deliveries(_ group: Report.Group) -> String {
    let totals = group.totals
    let terms: [(UInt64, String)] = [
      (totals.acked, "acked"), (totals.requeued, "requeued"), (totals.rejected, "rejected"),
      (totals.dead_lettered, "dead-lettered"), (totals.crashed, "crashed"), (totals.abandoned, "abandoned"),
      (totals.expired, "expired"), (UInt64(max(0, group.in_flight)), "in flight"),
    ]
    let parts = terms.filter { $0.0 > 0 }.map { "\($0.0) \($0.1)" }
    return "\(totals.delivered)" + (parts.isEmpty ? "" : " = " + parts.joined(separator: " + "))
      + (totals.redelivered > 0 ? "; \(totals.redelivered) redelivered" : "")
  }

  private static func inFlight(_ group: Report.Group) -> String {
    "\(group.in_flight)" + (group.oldest_in_flight_s.map { ", the oldest for \(EvidenceText.duration($0))" } ?? "")
      + (group.lag.map { "; \($0) more wait" } ?? "")
  }

  private static func line(_ transition: Report.TransitionReport, _ style: TerminalStyle) -> String {
    let cause = transition.rule?.rawValue ?? transition.cause.words
    let words = EvidenceText.line(transition.evidence)
    let evidence = words.isEmpty ? "" : ": " + words
    let who = transition.author.map { " by \(TerminalStyle.printable($0))" } ?? ""
    let why = transition.reason.map { " (\(TerminalStyle.printable($0)))" } ?? ""
    return "\(transition.revision)  \(transition.at)  \(transition.from.name) → "
      + "\(style.paint(transition.to.name, .of(transition.to)))  \(cause)\(who)\(why)\(evidence)"
  }

  /// Names and values; a name is not repeated under itself. Values from outside can't steer the terminal.
  private static func lines(_ facts: [(String, String)], _ terminal: Terminal) -> String {
    let width = facts.map(\.0.count).max() ?? 0
    var last = ""
    return facts.map { name, value in
      let shown = terminal.isTerminal && name == last ? "" : name
      last = name.isEmpty ? last : name
      let pad = String(repeating: " ", count: width - shown.count + 2)
      return terminal.isTerminal ? terminal.style.paint(shown, .bold) + pad + value : "\(name)\t\(value)"
    }.joined(separator: "\n")
  }
}
