package import Pipeline

/// A sentence about a breaker for display beside its numbers: a rule's unmet conditions, the next state, outcomes of the
/// probes, an operator's choices. The server makes them, so that `fusectl` and the page show the same.
package struct BreakerNote: Codable, Equatable, Sendable {
  /// What it is about, as in `unmet`, `then` or `to hold longer`; a breaker has at most one note of a name.
  package var name: String
  package var text: String

  package init(name: String, text: String) {
    self.name = name
    self.text = text
  }

  /// What there is to say of a breaker, in the order in which it is shown; empty while it is closed by itself, armed, and
  /// its verdict is not `failing`.
  ///
  /// - Parameter reference: Names the breaker in commands.
  package static func all(_ group: Report.Group, _ reference: BreakerReference) -> [BreakerNote] {
    let breaker = group.breaker
    var notes: [(name: String, text: String?)] = []
    if group.verdict.kind == .failing { notes.append(("unmet", EvidenceText.unmet(group.verdict.evidence))) }
    if breaker.disarmed == true {
      notes.append(("disarmed", "its last episode reached max_episode: no rule opens it \(untilArmed)"))
    }
    if let outlook = breaker.outlook { notes.append(("then", then(breaker.state, outlook))) }
    notes.append(("probes", breaker.probes.map { probes($0, group) }))
    if let end = breaker.outlook?.episode_until, breaker.outlook?.next != .closed || breaker.state == .halfOpen {
      notes.append(
        (
          "episode",
          "until \(moment(end)) at the latest (max_episode): then traffic flows, with an alarm, and no rule opens the "
            + "breaker \(untilArmed)"
        ))
    }
    // Where nothing is ever held there is nothing to choose.
    if group.mode == Mode.enforce.rawValue { notes += choices(group, reference.words) }
    return notes.compactMap { note in note.text.map { BreakerNote(name: note.name, text: $0) } }
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
      return "closed, with an alarm: its episode is over (max_episode), and no rule opens it \(untilArmed)"
    case (.halfOpen, _): return probing
    case (.forcedOpen, .closed?), (.forcedClosed, .closed?):
      return "closed, with new windows: it opens again if a rule is met"
    case (.forcedOpen, _), (.forcedClosed, _), (.closed, _): return nil
    }
  }

  /// `3 of 5 failed: invoices 17, 18, 21; in this episode 41 of 43`
  private static func probes(_ probes: Report.Probes, _ group: Report.Group) -> String {
    var text = "\(probes.latest_failed) of \(probes.latest_settled) failed"
    if !probes.failed_messages.isEmpty { text += ": \(messages(probes.failed_messages, group))" }
    if probes.settled > UInt64(probes.latest_settled) {
      text += "; in this episode \(probes.failed) of \(probes.settled)"
    }
    return text
  }

  /// The destination first, unless each of the names tells it.
  private static func messages(_ names: [String], _ group: Report.Group) -> String {
    let list = names.joined(separator: ", ")
    guard group.destinations.count == 1, !names.allSatisfy({ $0.hasPrefix(group.destinations[0]) }) else { return list }
    return "\(group.destinations[0]) \(list)"
  }

  /// What can be done, each with its command.
  private static func choices(_ group: Report.Group, _ command: String) -> [(name: String, text: String?)] {
    let reason = #"--reason "…""#
    switch group.breaker.state {
    case .closed:
      return group.breaker.disarmed == true ? [("to let rules open it", "fusectl reset \(command) \(reason)")] : []
    case .open, .halfOpen:
      var choices: [(name: String, text: String?)] = []
      if let probes = group.breaker.probes, probes.latest_failed > 0, let outlook = group.breaker.outlook {
        choices.append(
          (
            "to close it",
            "repair the consumer, or take the failing messages out of \(group.destinations.joined(separator: ", ")): "
              + "\(outlook.acks_to_close) acks in a row close it"
          ))
      }
      return choices + [
        ("to hold longer", "fusectl override \(command) open --for 1h \(reason)"),
        (
          "to let traffic flow",
          "fusectl reset \(command) \(reason); it opens again if the storm goes on. "
            + "fusectl override \(command) closed --for 30m \(reason) keeps it closed"
        ),
      ]
    case .forcedOpen:
      return [
        ("to hold longer", "fusectl override \(command) open --for 4h \(reason)"),
        ("to let traffic flow", "fusectl override \(command) --clear \(reason)"),
      ]
    case .forcedClosed: return [("to let rules open it", "fusectl override \(command) --clear \(reason)")]
    }
  }

  private static func moment(_ at: RFC3339) -> String { at.description.prefix(19) + "Z" }

  private static let untilArmed = "until the verdict is healthy, or failing for two minutes, or 'fusectl reset' is run"
}
