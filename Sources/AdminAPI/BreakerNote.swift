package import Pipeline

/// One thing that a person should know of a breaker beside its numbers, in words: what a rule still lacks, what comes next,
/// what can be done. The server makes them, so that `fusectl` and the page say the same.
package struct BreakerNote: Codable, Equatable, Sendable {
  /// What it is about, as in `unmet`, `then` or `to hold longer`; a breaker has at most one note of a name.
  package var name: String
  package var text: String

  package init(name: String, text: String) {
    self.name = name
    self.text = text
  }

  /// What there is to say of a breaker, in the order in which it is shown; empty while it is closed by itself and its
  /// verdict is not `failing`.
  ///
  /// - Parameter reference: Names the breaker in commands.
  package static func all(_ group: Report.Group, _ reference: BreakerReference) -> [BreakerNote] {
    var notes: [BreakerNote] = []
    if group.verdict.kind == .failing, let unmet = EvidenceText.unmet(group.verdict.evidence) {
      notes.append(BreakerNote(name: "unmet", text: unmet))
    }
    guard let outlook = group.breaker.outlook else { return notes }
    if let then = then(group.breaker.state, outlook) { notes.append(BreakerNote(name: "then", text: then)) }
    // Where nothing is ever held there is nothing to choose.
    guard group.mode == Mode.enforce.rawValue else { return notes }
    let command = reference.words
    switch group.breaker.state {
    case .closed: break
    case .open, .halfOpen:
      notes.append(
        BreakerNote(name: "to hold longer", text: "fusectl override \(command) open --for 1h --reason \"…\""))
      notes.append(BreakerNote(name: "to let traffic flow", text: "fusectl reset \(command) --reason \"…\""))
    case .forcedOpen:
      notes.append(
        BreakerNote(name: "to hold longer", text: "fusectl override \(command) open --for 4h --reason \"…\""))
      notes.append(
        BreakerNote(name: "to let traffic flow", text: "fusectl override \(command) --clear --reason \"…\""))
    case .forcedClosed:
      notes.append(
        BreakerNote(name: "to let rules open it", text: "fusectl override \(command) --clear --reason \"…\""))
    }
    return notes
  }

  /// The same as an answer carries it: nil where there is nothing.
  static func list(_ group: Report.Group, href: String) -> [BreakerNote]? {
    let notes = all(group, BreakerReference(href: href) ?? BreakerReference(key: group.key))
    return notes.isEmpty ? nil : notes
  }

  private static func then(_ state: BreakerState, _ outlook: Report.Outlook) -> String? {
    let probing = "\(outlook.acks_to_close) acks in a row close it, a failure opens it again"
    switch (state, outlook.next) {
    case (.open, .halfOpen?): return "half-open: \(probing)"
    case (.open, _):
      return "closed, with an alarm: its episode is over (max_episode); no rule opens it until the verdict is healthy, "
        + "or failing for two minutes, or fusectl reset"
    case (.halfOpen, _): return probing
    case (.forcedOpen, .closed?), (.forcedClosed, .closed?):
      return "closed, with new windows: it opens again if a rule is met"
    case (.forcedOpen, _), (.forcedClosed, _), (.closed, _): return nil
    }
  }
}
