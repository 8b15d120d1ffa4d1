import AdminAPI
import Pipeline

/// The report for people: what was seen, then each group with its verdict, its counters and what its breaker did.
struct ReportText {
  let report: Report
  let style: TerminalStyle

  var text: String {
    var lines = [overview]
    if report.groups.isEmpty { lines.append("No consumer group was seen\(whyNoGroup)") }
    for group in report.groups { lines += section(group) }
    if !report.producers.isEmpty {
      lines += ["", style.paint("Published", .bold)]
      for producer in report.producers {
        lines.append("  \(pad(String(producer.published), -10))  \(printable(producer.destination))  \(producer.kind)")
      }
    }
    lines += strays(
      report.unattributed, "Delivered, but to which group is not known (it began before the capture, or several fit)")
    lines += strays(report.ungrouped, "Delivered outside of every group")
    return lines.joined(separator: "\n") + "\n"
  }

  private func strays(_ destinations: [Report.Destination], _ title: String) -> [String] {
    guard !destinations.isEmpty else { return [] }
    return ["", style.paint(title, .yellow)]
      + destinations.map { "  \(pad(String($0.delivered), -10))  \(printable($0.destination))" }
  }

  private var overview: String {
    let capture = report.capture
    // Then it has no time either.
    if capture.segments == 0, capture.lost_bytes == 0 { return "0 segments" }
    var text = "\(report.from) to \(report.to): \(capture.segments) segments, \(capture.bytes) bytes, "
    text += EvidenceText.count(capture.connections, "connection")
    if capture.lost_bytes > 0 {
      let causes = capture.losses.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }.joined(separator: ", ")
      text += style.paint("; \(capture.lost_bytes) bytes lost (\(causes))", .red)
    }
    for reason in capture.undecoded {
      text += "\n  not decoded: \(EvidenceText.count(reason.connections, "connection")) (\(reason.reason)): "
      text += reason.addresses.joined(separator: ", ")
      if reason.connections > reason.addresses.count { text += ", …" }
    }
    return text
  }

  /// A warning as one line; nil if both directions were captured.
  static func oneSided(_ capture: Report.Capture) -> String? {
    guard let count = capture.one_sided else { return nil }
    return "of \(EvidenceText.count(count, "broker connection")) only one direction was captured: deliveries or "
      + "acknowledgements are missing; capture both"
  }

  private var whyNoGroup: String {
    let capture = report.capture
    if capture.segments == 0 { return ". The capture holds no TCP segment." }
    let decoded = capture.decoded.bySystem.map { "\($0.key.rawValue) \($0.value)" }.sorted()
    if !decoded.isEmpty, capture.one_sided != nil {
      return ". Broker traffic was decoded (\(decoded.joined(separator: ", "))), but only one direction was captured."
    }
    if !decoded.isEmpty {
      let lacks = report.unattributed.isEmpty && report.ungrouped.isEmpty ? "consumer" : "consumer whose group is known"
      return ". Broker traffic was decoded (\(decoded.joined(separator: ", "))), but no \(lacks) in it."
    }
    let names = capture.undecoded.compactMap { Undecoded(rawValue: $0.reason)?.name }
    if !names.isEmpty {
      return ": \(names.joined(separator: ", ")) \(names.count == 1 ? "is" : "are") not decoded yet."
    }
    return capture.undecoded.isEmpty ? ". No broker's traffic was recognised." : ". See what was not decoded."
  }

  private func section(_ group: Report.Group) -> [String] {
    let totals = group.totals
    var lines = [
      "",
      style.paint(printable(group.key), .bold) + "  at \(printable(group.cluster)), target \(printable(group.target))"
        + (group.target_ended == true ? " (ended)" : ""),
    ]
    lines.append(
      "  verdict    \(style.paint(group.verdict.kind.rawValue, .of(group.verdict.kind)))"
        + (group.verdict.rule.map { "  \($0.rawValue)" } ?? ""))
    if group.verdict.kind == .failing, let unmet = EvidenceText.unmet(group.verdict.evidence) {
      lines.append("  unmet      \(unmet)")
    }
    let evidence = EvidenceText.line(group.verdict.evidence)
    if !evidence.isEmpty { lines.append("             \(evidence)") }
    lines.append(
      "  delivered  \(totals.delivered)  (\(totals.redelivered) redelivered, \(totals.duplicates) duplicates, \(group.in_flight) in flight)"
    )
    lines.append(
      "  settled    acked \(totals.acked)  requeued \(totals.requeued)  rejected \(totals.rejected)  dead-lettered \(totals.dead_lettered)"
        + "  crashed \(totals.crashed)  abandoned \(totals.abandoned)  expired \(totals.expired)")
    if let causes = GroupText.requeueCauses(group) { lines.append("  requeued   \(causes)") }
    if totals.exhausted + totals.acked_paired + totals.skewed > 0 {
      lines.append(
        "  besides    acks of own copies \(totals.acked_paired)  given up at the delivery limit \(totals.exhausted)  wrong clocks \(totals.skewed)"
      )
    }
    if totals.returned + totals.moved > 0 {
      lines.append("  of acked   published again as they were \(totals.returned)  handed back \(totals.moved)")
    }
    if totals.refetched + totals.rebalances + totals.commit_failures > 0 || group.lag != nil {
      lines.append(
        "  reading    \(group.lag.map { "\($0) more wait" } ?? "lag unknown")  fetched again \(totals.refetched)"
          + "  rebalances \(totals.rebalances)  commits refused \(totals.commit_failures)")
    }
    lines.append(
      "  rates      of the run: errors \(percent(group.error_rate))  dead letters \(percent(group.dead_letter_rate))"
        + "  attempts p95 \(EvidenceText.number(group.attempts.p95)), max \(group.attempts.max) (\(group.attempts.source))"
    )
    lines.append(
      "  delay      \(quantiles(group.consumption_delay_s))"
        + (group.consumption_delay_s.source.map { "  (\($0))" } ?? ""))
    lines.append("  settling   \(quantiles(group.settle_latency_s))")
    if group.retry_latency_s.samples > 0 { lines.append("  retrying   \(quantiles(group.retry_latency_s))") }
    if group.coverage < 1 { lines.append("  coverage   " + style.paint(percent(group.coverage), .yellow)) }
    for error in group.broker_errors { lines.append("  broker     \(GroupText.line(error))") }
    for copies in group.copies ?? [] { lines.append("  copies     \(GroupText.line(copies))") }
    for message in group.poison_messages {
      lines.append("  poison     \(printable(message.message))  failed \(message.failures) times")
    }
    for (name, text) in GroupText.crashes(group) {
      lines.append("  \(name)\(String(repeating: " ", count: 11 - name.count))\(text)")
    }
    for episode in group.episodes {
      lines.append(
        "  episode    \(episode.from) to \(episode.to.map(\.description) ?? "now")  "
          + style.paint(episode.kind.rawValue, .of(episode.kind)) + (episode.rule.map { "  \($0.rawValue)" } ?? ""))
    }
    let notHeld = group.breaker.why.map { ", not held: " + $0.text(group.breaker.why_detail) }
    lines.append("  breaker    \(group.breaker.state.name)" + (notHeld ?? ""))
    for step in group.breaker.transitions.suffix(Self.transitionsShown) {
      lines.append(
        "    \(step.at)  \(step.from.name) → \(step.to.name)  \(step.rule?.rawValue ?? step.cause.words)"
          + (step.evidence.isEmpty ? "" : "  \(EvidenceText.line(step.evidence))"))
    }
    let hidden = group.breaker.transitions.count - Self.transitionsShown
    if hidden > 0 { lines.append("    (\(hidden) earlier transitions: --format json has them)") }
    return lines
  }

  private func quantiles(_ quantiles: Report.Quantiles) -> String {
    guard quantiles.samples > 0 else { return "no samples" }
    return "p50 \(seconds(quantiles.p50))  p95 \(seconds(quantiles.p95))  max \(seconds(quantiles.max))"
  }

  private func seconds(_ value: Double?) -> String { value.map { EvidenceText.duration($0) } ?? "–" }
  private func percent(_ share: Double?) -> String { share.map { EvidenceText.quantity($0, "ratio") } ?? "–" }

  private func pad(_ text: String, _ width: Int) -> String {
    String(repeating: " ", count: max(0, -width - text.count)) + text
  }

  private func printable(_ text: String) -> String { TerminalStyle.printable(text) }

  private static let transitionsShown = 12
}
