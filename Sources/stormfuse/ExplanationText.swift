import AdminAPI
import Pipeline

/// What happened to messages, as text: a table of messages, or the story of each, its columns aligned.
struct ExplanationText {
  let explanation: Explanation
  let style: TerminalStyle

  var text: String {
    var lines: [String] = []
    let stories = explanation.messages.filter { $0.events != nil }
    if stories.isEmpty {
      lines += list
    } else {
      for message in stories { lines += (lines.isEmpty ? [] : [""]) + story(message) }
    }
    if explanation.dropped > 0 {
      lines.append(
        style.paint("\(explanation.dropped) facts are missing: there were more than are kept in memory", .yellow))
    }
    return lines.joined(separator: "\n") + "\n"
  }

  // MARK: The list

  private var list: [String] {
    let messages = explanation.messages
    let seen = EvidenceText.count(explanation.messages_seen, "message")
    if messages.isEmpty {
      return [
        explanation.messages_seen == 0
          ? "No message was delivered" + (explanation.why_none ?? ".") : "\(seen): each delivered once, none failed."
      ]
    }
    let shown = messages.prefix(Self.mostShown)
    var rows = [["MESSAGE", "DELIVERED", "ATTEMPTS", "FAILED", "COPIES", "ENDED", "GROUP"]]
    for message in shown {
      rows.append([
        TerminalStyle.printable(message.id), String(message.deliveries), String(message.attempts),
        String(message.failures), String(message.copies), Self.words(message.ended),
        message.groups.map(TerminalStyle.printable).joined(separator: ", "),
      ])
    }
    var lines = ["\(seen), \(messages.count) of them to explain", ""]
    lines += aligned(rows, right: [1, 2, 3, 4]).enumerated().map {
      $0.offset == 0 ? style.paint($0.element, .bold) : $0.element
    }
    if messages.count > shown.count {
      lines.append("… and \(messages.count - shown.count) more: --format json has them")
    }
    if shown.contains(where: { !$0.is_identified }) {
      lines += ["", "hash:… are messages without an id; those that look alike are told as one."]
    }
    return lines
  }

  // MARK: A story

  private func story(_ message: Explanation.Message) -> [String] {
    var lines = [
      style.paint(TerminalStyle.printable(message.id), .bold) + " in "
        + message.groups.map(TerminalStyle.printable).joined(separator: ", ")
    ]
    if !message.other_ids.isEmpty {
      lines.append("published again as " + message.other_ids.map(TerminalStyle.printable).joined(separator: ", "))
    }
    if !message.is_identified { lines.append("without a message id: messages that look like it are told as one") }
    let deliveries = EvidenceText.count(message.deliveries, "time")
    lines.append(
      "delivered \(deliveries), \(EvidenceText.count(message.attempts, "attempt")), ended as "
        + style.paint(Self.words(message.ended), Self.colour(message.ended)))
    lines.append("")
    let events = message.events ?? []
    var rows: [[String]] = []
    for event in events {
      rows.append([
        rows.isEmpty ? event.at.description : "", Self.elapsed(event.at.timestamp - message.first_at.timestamp),
        Self.what(event),
        details(event, isOneGroup: message.groups.count == 1),
      ])
    }
    for (row, event) in zip(aligned(rows, right: [1]), events) {
      lines.append(style.paint(row, Self.colour(event.settlement ?? "")))
    }
    return lines
  }

  /// `+0.000970 s`: always microseconds, so that one looks down a column.
  private static func elapsed(_ ns: Int64) -> String {
    let us = max(0, ns) / 1000
    let fraction = String(us % 1_000_000)
    return "+\(us / 1_000_000).\(String(repeating: "0", count: 6 - fraction.count))\(fraction) s"
  }

  private static func what(_ event: Explanation.Event) -> String {
    switch event.event {
    case .delivered: "delivered"
    case .settled: words(event.settlement ?? "")
    case .copy_acknowledged: "acked"
    case .copied: "copied"
    case .revised: "revised"
    case .inferred: "concluded"
    case .handed_back: "handed back"
    case .returned: "returned"
    case .withdrawn: "withdrawn"
    }
  }

  private func details(_ event: Explanation.Event, isOneGroup: Bool) -> String {
    var parts: [String] = []
    switch event.event {
    case .delivered:
      if let attempt = event.attempt {
        parts.append("attempt \(attempt)" + (attempt > 1 ? " (\(event.attempt_source ?? ""))" : ""))
      }
      if event.returned_copy == true { parts.append("a copy that was published comes back") }
      if event.duplicate == true { parts.append("a duplicate") }
      if let connection = event.connection { parts.append("to \(connection), consumer \(event.consumer ?? 0)") }
    case .settled: break
    case .copy_acknowledged: parts.append("its copy had ended it")
    case .copied:
      let kind = event.kind == "dead_letter" ? " (dead letter)" : event.kind == "retry" ? " (retry)" : ""
      parts.append("to \(TerminalStyle.printable(event.destination ?? ""))\(kind)")
    case .revised: parts.append("was \(Self.words(event.was ?? "")), is \(Self.words(event.settlement ?? ""))")
    case .inferred: break
    case .handed_back: parts.append("to the group that it came from")
    case .returned: parts.append("published as it was to where it came from")
    case .withdrawn: parts.append("there was no such message")
    }
    if let cause = event.cause { parts.append("because of \(cause)") }
    if let rule = event.inference { parts.append("by \(rule)") }
    if !isOneGroup { parts.append("in \(TerminalStyle.printable(event.group))") }
    return parts.joined(separator: ", ")
  }

  private static func words(_ name: String) -> String {
    switch name {
    case "dead_lettered": "dead-lettered"
    case "in_flight": "in flight"
    default: name
    }
  }

  private static func colour(_ settlement: String) -> TerminalStyle.Colour? {
    switch settlement {
    case "acked": .green
    case "requeued", "abandoned", "expired", "in_flight": .yellow
    case "rejected", "dead_lettered", "crashed": .red
    default: nil
    }
  }

  /// Rows with columns as wide as needed; `right`: those that are aligned to the right.
  private func aligned(_ rows: [[String]], right: Set<Int>) -> [String] {
    guard let columns = rows.first?.count else { return [] }
    let widths = (0..<columns).map { column in rows.map { $0[column].count }.max() ?? 0 }
    return rows.map { row in
      let cells = row.indices.map { column in
        let pad = String(repeating: " ", count: widths[column] - row[column].count)
        return right.contains(column) ? pad + row[column] : row[column] + pad
      }
      let line = cells.joined(separator: "  ")
      return String(line[..<(line.lastIndex { $0 != " " }.map { line.index(after: $0) } ?? line.startIndex)])
    }
  }

  private static let mostShown = 50
}
