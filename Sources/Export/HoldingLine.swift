package import AdminAPI
internal import Pipeline

/// One event about holding as one line for people.
package enum HoldingLine {
  package static func text(_ event: HoldingEvent, style: TerminalStyle = .plain) -> String {
    let time = event.at.description.prefix(23) + "Z"  // milliseconds
    let what =
      switch event.kind {
      case .held: style.paint("held", .red)
      case .released: style.paint("let go", .green)
      case .notHeld: style.paint("not held", .yellow)
      case .holdLimit: style.paint("let go at the hold limit", .yellow)
      case .keepalive: style.paint("leaks from now on", .yellow)
      }
    var text = "\(style.paint(String(time), .grey)) \(style.paint(TerminalStyle.printable(event.key), .bold)) \(what)"
    // Where only new connections are refused there are none.
    if event.connections > 0 {
      text += ", \(EvidenceText.count(event.connections, "connection"))"
    }
    if let why = event.why {
      let words = NotHeld(rawValue: why)?.text(event.why_detail) ?? why
      text += ": \(TerminalStyle.printable(words))"
    }
    if let why = event.keepalive_why {
      text += "; a segment passes now and then to keep it alive, since \(TerminalStyle.printable(why))"
    }
    if event.kind == .held {
      text +=
        event.exposure_is_minimum == true
        ? "; how many will still run is unknown: the prefetch was not seen" : "; \(event.exposure) will still run"
    }
    return text
  }
}
