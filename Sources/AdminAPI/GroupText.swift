package import Pipeline

/// Parts of a group's report as lines for people, the same in `replay` and in `fusectl show`.
package enum GroupText {
  /// `406 basic.ack, 6 times: PRECONDITION_FAILED - …`
  package static func line(_ error: Report.BrokerErrorReport) -> String {
    let request = error.request.isEmpty ? "" : " " + TerminalStyle.printable(error.request)
    return "\(error.code)\(request), \(EvidenceText.count(Int(clamping: error.count), "time")): "
      + TerminalStyle.printable(error.text)
  }

  /// `6 ack timeout, 2 delayed`; nil where every requeue was the consumer's own.
  package static func requeueCauses(_ group: Report.Group) -> String? {
    guard !group.requeue_causes.isEmpty else { return nil }
    return group.requeue_causes.sorted { $0.key < $1.key }
      .map { "\($0.value) \($0.key.map { $0 == "_" ? " " : String($0) }.joined())" }.joined(separator: ", ")
  }
}
