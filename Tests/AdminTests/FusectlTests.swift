import Admin
import AdminAPI
import ArgumentParser
import Foundation
import Testing

@testable import Pipeline
@testable import fusectl

@Suite(.serialized, .timeLimit(.minutes(2))) struct FusectlTests {
  #if os(Linux)
    @Test(arguments: [["tirp", "key", "--reason", "x"], ["wat"], ["--version"], ["--admin", "x", "status"]])
    func `a command line that is nobody's is refused`(words: [String]) {
      #expect(throws: ValidationError.self) { try HoldCommand.refuseOtherWords(words) }
    }

    @Test(arguments: [["--pid"], ["--pid", "1"], ["--cgroup"]])
    func `a hold that lacks something is shown one`(words: [String]) {
      let error = #expect(throws: (any Error).self) { try Fusectl.parseAsRoot(words) }
      let part = "--action pause --duration 30s"
      #expect(error.map { Fusectl.fullMessage(for: $0).contains(part) } == true, "\(error as Any)")
    }

    @Test func `no word at all asks for help, and hold's own lacks are hold's to tell`() throws {
      #expect(throws: CleanExit.self) { try HoldCommand.refuseOtherWords([]) }
      try HoldCommand.refuseOtherWords(["hold", "--detach"])
    }
  #endif

  private let loopback = Listen.tcp(host: "127.0.0.1", port: 0)

  private func output(_ arguments: [String], _ listen: Listen, _ terminal: Terminal = .none) async throws -> String {
    let parsed = try Fusectl.parseAsRoot(arguments + ["--admin", listen.description])
    let command = try #require(parsed as? any Command)
    let client = try AdminClient(option: command.common.admin, environment: [:])
    return try await command.output(client, terminal)
  }

  private func refusal(_ arguments: [String], _ listen: Listen) async -> CommandFailure? {
    do {
      _ = try await output(arguments, listen)
      return nil
    } catch { return error as? CommandFailure }
  }

  @Test func `status shows a line for each group, over a Unix socket`() async throws {
    try await withTemporaryDirectory { directory in
      let text = try await withServer(.unix(path: directory + "/s")) { try await output(["status"], $0) }
      #expect(
        text == """
          KEY\tVERDICT\tBREAKER\tHELD\tERROR RATE\tDEAD LETTERS\tRETRIES P95\tDELAY P95\tIN FLIGHT\tCOVERAGE
          rabbitmq:%2F:orders\tstorm (dead-letter-storm)\topen\tno\t41.2 %\t~15.6 %\t5\t73 s\t4\t100 %
          """)
    }
  }

  @Test func `status warns on standard error of what is wrong with the sidecar`() async throws {
    var source = Sample.Source()
    source.degraded = "no space left"
    source.lost = 1
    let outcome = try await withServer(loopback, source: source) { listen in
      let command = try #require(try Fusectl.parseAsRoot(["status"]) as? any Command)
      return try await command.outcome(try AdminClient(option: listen.description, environment: [:]), .none)
    }
    #expect(
      outcome.warnings == [
        "the sidecar is degraded: events: no space left",
        "the sidecar is degraded: 1 event lost since the start (event_log)",
      ])
    #expect(!outcome.text.contains("degraded") && outcome.exitCode == 0)
  }

  @Test func `on a terminal the columns are aligned`() async throws {
    var second = Sample.group("kafka:a", verdict: .healthy, state: .closed)
    second.verdict.evidence = []
    let source = Sample.Source(groups: [Sample.group(), second])
    let text = try await withServer(loopback, source: source) {
      try await output(["status"], $0, Terminal(isTerminal: true, style: .plain))
    }
    #expect(
      text == """
        KEY                  VERDICT                    BREAKER  HELD  ERROR RATE  DEAD LETTERS  RETRIES P95  DELAY P95  IN FLIGHT  COVERAGE
        rabbitmq:%2F:orders  storm (dead-letter-storm)  open     no        41.2 %       ~15.6 %            5       73 s          4     100 %
        kafka:a              healthy                    closed   no       ~90.6 %       ~15.6 %           ~5      ~73 s          4     100 %
        """)
  }

  @Test func `a failing group is amber, never green, with what its rule still lacks`() async throws {
    let source = Sample.Source(groups: [Sample.failingGroup()])
    let terminal = Terminal(isTerminal: true, style: .colour)
    let (status, show, plain) = try await withServer(loopback, source: source) { listen in
      (
        try await output(["status"], listen, terminal),
        try await output(["show", "rabbitmq:%2F:orders"], listen, terminal), try await output(["status"], listen)
      )
    }
    let unmet = "dead-letter-storm: retries p95 0 of 3, delay p95 1.3 s of 60 s"
    for text in [status, show] {
      #expect(text.contains("\u{1b}[33mfailing"), "\(text)")
      #expect(!text.contains("\u{1b}[32m"), "\(text)")
      #expect(text.contains(unmet), "\(text)")
    }
    #expect(plain.contains("\tfailing (\(unmet))\tclosed\t"), "\(plain)")
  }

  @Test func `show names the rule of each condition and says whether it is over its threshold`() async throws {
    let text = try await withServer(loopback, source: Sample.Source(groups: [Sample.failingGroup()])) {
      try await output(["show", "rabbitmq:%2F:orders"], $0)
    }
    let lines = text.split(separator: "\n")
    for line in [
      "dead-letter-storm\tover      settlements 120 ≥ 20",
      "dead-letter-storm\tover      error rate 71.7 % > 5 % of 120",
      "dead-letter-storm\tnot over  delay p95 1.3 s ≤ 60 s", "dead-letter-flood\tnot over  ends 34 < 50",
      "every rule\tover      coverage 100 % ≥ 95 %",
    ] { #expect(lines.contains(Substring(line)), "\(line)\n\(text)") }
    #expect(lines.filter { $0.contains("settlements") }.count == 1, "\(text)")
  }

  @Test func `a restored breaker shows no evidence of nothing`() async throws {
    var group = Sample.group(verdict: .insufficient)
    group.verdict.evidence = [
      Sample.evidence("settlements", 0, 20, "1", samples: 0, met: false),
      Sample.evidence("error_rate", nil, 0.05, "ratio", samples: 0, met: false),
      Sample.evidence("ack_gap", 3, 300, "s", samples: 0, met: false),
      Sample.evidence("coverage", nil, 0.95, "ratio", samples: 0),
    ]
    (group.error_rate, group.dead_letter_rate, group.attempts) = (nil, nil, .init(max: 0, p95: 0, source: ""))
    #expect(EvidenceText.line(group.verdict.evidence).isEmpty)
    let text = try await withServer(loopback, source: Sample.Source(groups: [group])) {
      try await output(["show", "rabbitmq:%2F:orders"], $0)
    }
    #expect(text.contains("verdict\tinsufficient\n\tnothing was seen of it in the window\n"), "\(text)")
    for words in ["settlements", "without samples", "attempts", "error rate 0", "100 %"] {
      #expect(
        !text.replacing("closed → open  dead-letter-storm: error rate 41.2 %", with: "").contains(words), "\(text)")
    }
    #expect(text.contains("coverage\tnothing was seen in the window"), "\(text)")
  }

  @Test func `show says what the probes met, how long the episode may last, and what can be done`() async throws {
    var group = Sample.group("rabbitmq:%2F:invoices")
    group.mode = "enforce"
    group.destinations = ["invoices"]
    let end = RFC3339(Timestamp(ns: 1_795_219_200_000_000_000 + .seconds(420)))
    group.breaker.outlook = .init(next: .halfOpen, episode_until: end, acks_to_close: 5)
    group.breaker.probes = .init(
      latest_settled: 5, latest_failed: 3, failed_messages: ["17", "18", "21"], settled: 43, failed: 41)
    let text = try await withServer(loopback, source: Sample.Source(groups: [group])) {
      try await output(["show", "rabbitmq:%2F:invoices"], $0)
    }
    for line in [
      "then\thalf-open: 5 acks in a row close it, a failure opens it again",
      "probes\t3 of 5 failed: invoices 17, 18, 21; in this episode 41 of 43",
      "episode\tuntil 2026-11-21T00:07:00Z at the latest (max_episode): then traffic flows, with an alarm, and no rule "
        + "opens the breaker until the verdict is healthy, or failing for two minutes, or 'fusectl reset' is run",
      "to close it\trepair the consumer, or take the failing messages out of invoices: 5 acks in a row close it",
      "to hold longer\tfusectl override rabbitmq:%2F:invoices open --for 1h --reason \"…\"",
      "to let traffic flow\tfusectl reset rabbitmq:%2F:invoices --reason \"…\"; it opens again if the storm goes on. "
        + "fusectl override rabbitmq:%2F:invoices closed --for 30m --reason \"…\" keeps it closed",
    ] { #expect(text.split(separator: "\n").contains(Substring(line)), "\(line)\n\(text)") }
  }

  @Test func `a breaker that no rule opens says so, and how to arm it`() async throws {
    var group = Sample.group(state: .closed)
    group.mode = "enforce"
    group.breaker.disarmed = true
    let text = try await withServer(loopback, source: Sample.Source(groups: [group])) {
      try await output(["show", "rabbitmq:%2F:orders"], $0)
    }
    #expect(
      text.contains("disarmed\tits last episode reached max_episode: no rule opens it until the verdict is"), "\(text)")
    #expect(text.contains("to let rules open it\tfusectl reset rabbitmq:%2F:orders --reason"), "\(text)")
  }

  @Test func `show explains a breaker`() async throws {
    let text = try await withServer(loopback) {
      try await output(["show", "rabbitmq:%2F:orders"], $0, Terminal(isTerminal: true, style: .plain))
    }
    for line in [
      "key                rabbitmq:%2F:orders", "breaker            open, not held (mode is observe)",
      "revision           1",
      "verdict            storm (dead-letter-storm)",
      "dead-letter-storm  over      error rate 41.2 % > 5 % of 312",
      "                   over      retries p95 5 > 3",
      "deliveries         132 = 12 acked + 96 requeued + 20 rejected + 4 in flight; 72 redelivered",
      "error rate         41.2 % in the window, 90.6 % of the run", "dead letters       15.6 % of the run",
      "attempts           p95 6, max 6, of the run (x-delivery-count)",
      "delay              p50 12 s, p95 73 s, max 90.3 s, of the run (timestamp_in_ms)",
      "coverage           100 % of the window's bytes",
    ] { #expect(text.split(separator: "\n").contains(Substring(line)), "\(line)\n\(text)") }
    #expect(
      text.contains("1  2026-11-20T23:59:59.123456789Z  closed → open  dead-letter-storm: error rate 41.2 % > 5 %"))
  }

  @Test func `show tells until when an override holds, whose it is, and why`() async throws {
    var group = Sample.group(state: .forcedOpen)
    group.breaker.until = RFC3339(Timestamp(ns: 1_795_219_200_000_000_000 + .seconds(90)))
    group.breaker.transitions[0].to = .forcedOpen
    group.breaker.transitions[0].cause = .override
    group.breaker.transitions[0].rule = nil
    group.breaker.transitions[0].evidence = []
    group.breaker.transitions[0].author = "ann@desk"
    group.breaker.transitions[0].reason = "DLQ fills"
    let text = try await withServer(loopback, source: Sample.Source(groups: [group])) {
      try await output(["show", "rabbitmq:%2F:orders"], $0)
    }
    #expect(
      text.contains("breaker\tforced-open, not held (mode is observe), for another 90 s, until 2026-11-21T00:01:30Z\n"))
    #expect(text.contains("closed → forced-open  override by ann@desk (DLQ fills)"), "\(text)")
  }

  @Test func `states and causes are written as the log line writes them`() async throws {
    var group = Sample.group(state: .halfOpen)
    group.breaker.transitions[0].from = .open
    group.breaker.transitions[0].to = .halfOpen
    group.breaker.transitions[0].cause = .openTimeElapsed
    group.breaker.transitions[0].rule = nil
    group.breaker.transitions[0].evidence = []
    let source = Sample.Source(groups: [group])
    let (show, status) = try await withServer(loopback, source: source) { listen in
      (try await output(["show", "rabbitmq:%2F:orders"], listen), try await output(["status"], listen))
    }
    #expect(show.contains("breaker\thalf-open, "), "\(show)")
    #expect(show.contains("open → half-open  open time elapsed"), "\(show)")
    #expect(status.contains("\thalf-open\t"), "\(status)")
  }

  @Test func `an exposure without the prefetch is unknown`() async throws {
    var group = Sample.group()
    let seen = try await withServer(loopback, source: Sample.Source(groups: [group])) {
      try await output(["show", "rabbitmq:%2F:orders"], $0)
    }
    #expect(seen.contains("exposure\t4 would still run if it were held now"), "\(seen)")
    group.exposure_is_minimum = true
    let unseen = try await withServer(loopback, source: Sample.Source(groups: [group])) {
      try await output(["show", "rabbitmq:%2F:orders"], $0)
    }
    #expect(unseen.contains("exposure\tunknown: the prefetch was not seen"), "\(unseen)")
  }

  @Test func `report counts one connection as one`() async throws {
    let text = try await withServer(loopback) { try await output(["report"], $0) }
    #expect(text.contains("1 connection not decoded: tls"), "\(text)")
  }

  @Test func `report shows totals, JSON is the API's own`() async throws {
    let (text, json) = try await withServer(loopback) { listen in
      (try await output(["report"], listen), try await output(["report", "--format", "json"], listen))
    }
    #expect(text.contains("rabbitmq:%2F:orders\tstorm (dead-letter-storm)\t132\t12\t96\t20\t0\t0\t0\t0\t4\t1"))
    #expect(text.contains("orders\tnormal\t60"))
    #expect(try JSON.decode(Report.self, from: Array(json.utf8)) == Sample.Source().report().addressed())
  }

  @Test func `an unknown key names the nearest and fails with 1`() async throws {
    let failure = try await withServer(loopback) { await refusal(["show", "rabbitmq:/:order"], $0) }
    #expect(failure?.exitCode == 1)
    #expect(
      failure?.text == """
        there is no breaker "rabbitmq:/:order"; fusectl status shows all that there are
        did you mean rabbitmq:%2F:orders?
        """)
  }

  @Test func `an error that quotes names from outside can't steer a terminal`() {
    let problem = Problem(kind: .noSuchBreaker, detail: "the key exists in cluster \u{1b}[2J")
    let text = CommandFailure.refused(problem).text
    #expect(text == "the key exists in cluster \\u{1b}[2J; fusectl status shows all that there are")
  }

  @Test(arguments: Problem.Kind.allCases)
  func `what to do is said in fusectl's words, not in HTTP's`(kind: Problem.Kind) {
    let problem = Problem(kind: kind, detail: "no", hint: "ask with If-Match", revision: 7)
    let text = CommandFailure.refused(problem).text
    switch kind {
    // What is meant there is in no header, and the hint comes from who knows.
    case .badRequest, .readOnly, .tooLarge, .failed, .unavailable, .notSaved: #expect(text == "no; ask with If-Match")
    case .stale: #expect(text == "no; look at it again (fusectl show), then ask with --if-revision 7")
    default: #expect(text.hasPrefix("no; ") && !text.contains("If-Match"), "\(text)")
    }
    var later = problem
    later.type = "tag:stormfuse,2027:unheard-of"
    #expect(later.kind == nil && CommandFailure.refused(later).text == "no; ask with If-Match")
  }

  @Test func `an ambiguous key lists what to write instead`() async throws {
    let source = Sample.Source(groups: [
      Sample.group("b", cluster: "one"), Sample.group("b", cluster: "two", target: "x"),
      Sample.group("b", cluster: "two", target: "y"),
    ])
    try await withServer(loopback, source: source) { (listen: Listen) async throws -> Void in
      let text = await refusal(["show", "b"], listen)?.text ?? ""
      #expect(text.contains("b@one\nb@two"), "\(text)")
      let one = try await output(["show", "b@one"], listen)
      #expect(one.contains("cluster\tone"))
      let two = try await output(["show", "b@two", "--target", "y"], listen)
      #expect(two.contains("target\ty"))
    }
  }

  @Test func `a sidecar that can't be reached is 3 with what to do`() async throws {
    try await withTemporaryDirectory { directory in
      let none = await refusal(["status"], .unix(path: directory + "/none"))
      #expect(none?.exitCode == 3 && none?.text.contains("is stormfuse running?") == true)
      _ = FileManager.default.createFile(atPath: directory + "/file", contents: nil)
      let file = await refusal(["status"], .unix(path: directory + "/file"))
      #expect(file?.exitCode == 3 && file?.text.contains("is not a socket") == true)
      // Bound, and its owner gone.
      let linked = try await withServer(.unix(path: directory + "/s")) { _ in
        link(directory + "/s", directory + "/stale")
      }
      #expect(linked == 0)
      let refused = await refusal(["status"], .unix(path: directory + "/stale"))
      #expect(refused?.exitCode == 3 && refused?.text.contains("nobody listens") == true, "\(refused?.text ?? "")")
    }
    let port = try await withServer(loopback) { $0 }
    let closed = await refusal(["status"], port)
    #expect(
      closed?.exitCode == 3 && closed?.text.contains("nobody listens on tcp:127.0.0.1:") == true,
      "\(closed?.text ?? "")")
  }

  @Test func `the address comes from the option, else the environment, else is the standard one`() throws {
    let environment = ["STORMFUSE_ADMIN": "tcp:127.0.0.1:1"]
    #expect(try AdminClient(option: "/a", environment: environment).address == .unix(path: "/a"))
    #expect(try AdminClient(option: nil, environment: environment).address == .tcp(host: "127.0.0.1", port: 1))
    #expect(try AdminClient(option: nil, environment: [:]).address == .unix(path: "/run/stormfuse.sock"))
    #expect(throws: CommandFailure.self) { try AdminClient(option: "tcp:8.8.8.8:1", environment: [:]) }
  }
}
