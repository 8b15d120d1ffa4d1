internal import AdminAPI
internal import ArgumentParser
internal import Pipeline

/// `fusectl status`: all groups, a line each.
struct StatusCommand: Command {
  static let configuration = CommandConfiguration(
    commandName: "status", abstract: "Shows every consumer group, its verdict, breaker and rates.",
    discussion: "Rates are those of the rules' window; ~ marks one of the whole run, where the window has none.")

  @OptionGroup var common: CommonOptions

  func output(_ client: AdminClient, _ terminal: Terminal) async throws(CommandFailure) -> String {
    try await outcome(client, terminal).text
  }

  func outcome(_ client: AdminClient, _ terminal: Terminal) async throws(CommandFailure) -> CommandOutput {
    switch common.format {
    case .json: return CommandOutput(text: String(decoding: try await client.get("/v1/breakers"), as: UTF8.self))
    case .table:
      let list = try await client.get(BreakerList.self, "/v1/breakers")
      return CommandOutput(
        text: Self.table(list, terminal),
        warnings: (list.troubles ?? []).map { "the sidecar is degraded: \(TerminalStyle.printable($0))" })
    }
  }

  static func table(_ list: BreakerList, _ terminal: Terminal) -> String {
    if list.breakers.isEmpty, terminal.isTerminal { return "no consumer group has been seen yet" }
    var table = Table(columns: [
      .init("KEY"), .init("VERDICT"), .init("BREAKER"), .init("HELD"), .init("ERROR RATE", .right),
      .init("DEAD LETTERS", .right), .init("RETRIES P95", .right), .init("DELAY P95", .right),
      .init("IN FLIGHT", .right), .init("COVERAGE", .right),
    ])
    for (index, breaker) in list.breakers.enumerated() {
      table.add([
        .init(name(index, in: list)),
        .init(verdict(breaker.verdict, breaker.rule, unmet: breaker.notes), .of(breaker.verdict)),
        .init(
          breaker.state.name + (breaker.target_ended == true ? " (target ended)" : ""),
          .of(breaker.state, verdict: breaker.verdict)),
        .init(breaker.held ? "yes" : "no", breaker.held ? .red : nil),
        .init(rate(breaker, \.error_rate, "ratio")),
        .init(rate(breaker, \.dead_letter_rate, "ratio")),
        .init(rate(breaker, \.retries_p95, "1")),
        .init(rate(breaker, \.consumption_delay_p95_s, "s")),
        .init("\(breaker.in_flight)"),
        .init(EvidenceText.quantity(breaker.coverage, "ratio")),
      ])
    }
    return table.text(terminal)
  }

  /// `storm (dead-letter-storm)`; `failing (dead-letter-storm: delay p95 1.3 s of 60 s)`, with the unmet conditions.
  static func verdict(_ kind: Verdict.Kind, _ rule: Rule?, unmet notes: [BreakerNote]? = nil) -> String {
    let more = rule?.rawValue ?? notes?.first { $0.name == "unmet" }?.text
    return more.map { "\(kind.rawValue) (\($0))" } ?? kind.rawValue
  }

  /// The name that `fusectl show` takes: with the cluster where the key alone is ambiguous, with the target where that
  /// still is.
  private static func name(_ index: Int, in list: BreakerList) -> String {
    let breaker = list.breakers[index]
    let same = list.breakers.filter { $0.key == breaker.key }
    if same.count == 1 { return breaker.key }
    let inCluster = same.count { $0.cluster == breaker.cluster }
    return "\(breaker.key)@\(breaker.cluster)" + (inCluster > 1 ? " (target \(breaker.target))" : "")
  }

  private static func rate(
    _ breaker: BreakerSummary, _ path: KeyPath<Report.Rates, Double?>, _ unit: String
  ) -> String {
    if let value = breaker.window[keyPath: path] { return EvidenceText.quantity(value, unit) }
    return breaker.total[keyPath: path].map { "~" + EvidenceText.quantity($0, unit) } ?? "–"
  }
}
