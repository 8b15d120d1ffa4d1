package import AdminAPI
internal import Pipeline

/// One transition as one line for people: time, key, from → to, the rule or cause, the evidence in words, and whether
/// traffic is held.
package enum TransitionLine {
  package static func text(_ event: TransitionEvent, style: TerminalStyle = .plain) -> String {
    let step = event.transition
    let time = step.at.description.prefix(23) + "Z"  // milliseconds
    let change = "\(style.paint(step.from.name, nil)) → \(style.paint(step.to.name, .of(step.to)))"
    var text = "\(style.paint(String(time), .grey)) \(style.paint(TerminalStyle.printable(event.key), .bold)) \(change)"
    text += "  \(reason(event))"
    if let author = step.author { text += " by \(TerminalStyle.printable(author))" }
    if let reason = step.reason { text += " (\(TerminalStyle.printable(reason)))" }
    let evidence = EvidenceText.line(event.evidence)
    if !evidence.isEmpty { text += ": \(evidence)" }
    if step.to == .open || step.to == .forcedOpen {
      let why = event.why.map { ": " + TerminalStyle.printable($0.text(event.why_detail)) }
      text += event.held ? "; held" : "; not held" + (why ?? "")
    }
    return text
  }

  private static func reason(_ event: TransitionEvent) -> String {
    if event.transition.cause == .rule, let rule = event.rule { return rule.rawValue }
    return event.transition.cause.words
  }
}
