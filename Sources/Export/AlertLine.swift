package import AdminAPI
internal import Pipeline

/// One alert as one line of text: time, key, what began or ended, why.
package enum AlertLine {
  package static func text(_ event: AlertEvent, style: TerminalStyle = .plain) -> String {
    let time = event.at.description.prefix(23) + "Z"  // milliseconds
    let subject = event.key.isEmpty ? "stormfuse" : TerminalStyle.printable(event.key)
    let state =
      switch event.state {
      case .began: style.paint("alert", .yellow)
      case .ended: style.paint("alert over", .green)
      }
    var text = "\(style.paint(String(time), .grey)) \(style.paint(subject, .bold)) \(state): \(words(event.kind))"
    if let until = event.until?.timestamp {
      let lost = event.lost.map { "; \(EvidenceText.count(Int(clamping: $0), "event")) lost" } ?? ""
      return text + ", after \(EvidenceText.duration(Double(max(0, until - event.since.timestamp)) / 1e9))" + lost
    }
    if let why = event.why {
      text += ": \(TerminalStyle.printable(NotHeld(rawValue: why)?.text(nil) ?? why))"
    }
    let evidence = EvidenceText.line(event.evidence)
    if !evidence.isEmpty { text += ": \(evidence)" }
    if !event.messages.isEmpty {
      text += event.kind == .poison ? "; messages " : "; in flight at each crash: "
      text += list(event.messages)
    }
    if !event.victims.isEmpty { text += "; near to the delivery limit: \(list(event.victims))" }
    return text
  }

  private static func words(_ kind: Alert.Kind) -> String {
    switch kind {
    case .poison: "poison"
    case .crashLoop: "crash loop"
    case .stalled: "stalled"
    case .incomplete: "incomplete"
    case .unholdable: "could not be held by pause"
    case .state: "the breakers' state can't be saved"
    case .events: "events can't be written"
    }
  }

  private static func list(_ names: [String]) -> String {
    let more = names.count > most ? " and \(names.count - most) more" : ""
    return names.prefix(most).map { TerminalStyle.printable($0) }.joined(separator: ", ") + more
  }

  private static let most = 5
}
