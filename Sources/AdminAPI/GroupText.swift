package import Pipeline

/// Parts of a group's report as lines of text, the same in `replay` and in `fusectl show`.
package enum GroupText {
  /// `406 basic.ack, 6 times: PRECONDITION_FAILED - …`
  package static func line(_ error: Report.BrokerErrorReport) -> String {
    let request = error.request.isEmpty ? "" : " " + TerminalStyle.printable(error.request)
    return "\(error.code)\(request), \(EvidenceText.count(Int(clamping: error.count), "time")): "
      + TerminalStyle.printable(error.text)
  }

  /// What is known of crashes, a name and a line each; empty where nothing crashed more than once.
  package static func crashes(_ group: Report.Group) -> [(name: String, text: String)] {
    guard let crashes = group.crashes, crashes.count > 1 else { return [] }
    func list(_ names: [String]) -> String {
      let more = names.count > mostNames ? " and \(names.count - mostNames) more" : ""
      return names.prefix(mostNames).map { TerminalStyle.printable($0) }.joined(separator: ", ") + more
    }
    var lines = [("crashes", "\(crashes.count) with hardly an ack between, the last at \(crashes.last)")]
    if !crashes.suspects.isEmpty { lines.append(("suspects", "in flight at each: \(list(crashes.suspects))")) }
    if !crashes.victims.isEmpty {
      let victims = crashes.victims.map {
        $0.message + ($0.given_up ? " (given up by the broker)" : " (\($0.returns_left) returns left)")
      }
      lines.append(("victims", "nearest to the delivery limit: \(list(victims))"))
    }
    return lines
  }

  /// `60 to prices.DQ, a retry: the target handed back what it got from there`
  package static func line(_ copies: Report.Copies) -> String {
    let kind = copies.kind == "dead_letter" ? "dead letters" : copies.kind == "retry" ? "retries" : copies.kind
    return "\(copies.count) to \(TerminalStyle.printable(copies.destination)), \(kind)"
      + (copies.why.map { ": " + (reasons[$0] ?? $0) } ?? "")
  }

  private static let reasons = [
    "name": "by its name", "configured": "by the configuration",
    "dead_letter_target": "the consumed queue's dead letters go there", "consumed": "they came from there",
    "declared": "declared to keep messages for a time and to return them", "came_back": "what was sent there came back",
    "handed_back": "the target handed back what it got from there",
  ]

  private static let mostNames = 16

  /// `6 ack timeout, 2 delayed`; nil where every requeue was the consumer's own.
  package static func requeueCauses(_ group: Report.Group) -> String? {
    guard !group.requeue_causes.isEmpty else { return nil }
    return group.requeue_causes.sorted { $0.key < $1.key }
      .map { "\($0.value) \($0.key.map { $0 == "_" ? " " : String($0) }.joined())" }.joined(separator: ", ")
  }
}
