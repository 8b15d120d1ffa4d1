internal import AdminAPI
internal import ArgumentParser
internal import Pipeline

/// `fusectl report`: the whole report.
struct ReportCommand: Command {
  static let configuration = CommandConfiguration(
    commandName: "report", abstract: "Shows the whole run: capture, totals of every group, producers.",
    discussion: "With --format json, the report as GET /v1/report and stormfuse replay --format json give it.")

  @OptionGroup var common: CommonOptions

  @Option(name: .long, help: "Only that target's, where stormfuse watches several.")
  var target: String?

  func output(_ client: AdminClient, _ terminal: Terminal) async throws(CommandFailure) -> String {
    let path = "/v1/report" + (target.map { "?target=\(PercentEncoding.encode($0))" } ?? "")
    switch common.format {
    case .json: return String(decoding: try await client.get(path), as: UTF8.self)
    case .table: return Self.text(try await client.get(Report.self, path), terminal)
    }
  }

  /// What was delivered, but counts for no group.
  private static func strays(_ destinations: [Report.Destination], _ what: String) -> [String] {
    destinations.map { "\($0.delivered) delivered, \(what): \(TerminalStyle.printable($0.destination))" }
  }

  static func text(_ report: Report, _ terminal: Terminal) -> String {
    let capture = report.capture
    var lines = [
      "from \(report.from) to \(report.to)",
      "\(capture.segments) segments, \(capture.bytes) bytes, \(capture.lost_bytes) lost, "
        + EvidenceText.count(capture.connections, "connection"),
    ]
    lines += strays(report.unattributed, "to which group is not known")
    lines += strays(report.ungrouped, "outside of every group")
    lines += capture.undecoded.map {
      "\(EvidenceText.count($0.connections, "connection")) not decoded: \(TerminalStyle.printable($0.reason))"
        + ($0.addresses.isEmpty ? "" : " (\($0.addresses.joined(separator: ", ")))")
    }
    var groups = Table(columns: [
      .init("KEY"), .init("VERDICT"), .init("DELIVERED", .right), .init("ACKED", .right), .init("REQUEUED", .right),
      .init("REJECTED", .right), .init("DEAD-LETTERED", .right), .init("CRASHED", .right), .init("ABANDONED", .right),
      .init("EXPIRED", .right), .init("IN FLIGHT", .right), .init("EPISODES", .right),
    ])
    for group in report.groups {
      let totals = group.totals
      let counts = [
        totals.delivered, totals.acked, totals.requeued, totals.rejected, totals.dead_lettered, totals.crashed,
        totals.abandoned, totals.expired,
      ]
      groups.add(
        [
          .init(group.key),
          .init(StatusCommand.verdict(group.verdict.kind, group.verdict.rule), .of(group.verdict.kind)),
        ] + counts.map { .init("\($0)") } + [.init("\(group.in_flight)"), .init("\(group.episodes.count)")])
    }
    if !report.groups.isEmpty { lines += ["", groups.text(terminal)] }
    if !report.producers.isEmpty {
      var producers = Table(columns: [.init("PUBLISHED TO"), .init("KIND"), .init("MESSAGES", .right)])
      for producer in report.producers {
        producers.add([.init(producer.destination), .init(producer.kind), .init("\(producer.published)")])
      }
      lines += ["", producers.text(terminal)]
    }
    return lines.joined(separator: "\n")
  }
}
