@testable import Admin
import AdminAPI
import ArgumentParser
import Foundation
import Testing

@testable import Pipeline
@testable import fusectl

/// `fusectl trip`, `reset`, `override` against the fake engine, over a real socket.
@Suite(.serialized, .timeLimit(.minutes(2))) struct FusectlChangeTests {
  private let key = "rabbitmq:%2F:orders"

  private func run(_ sink: FakeSink, _ arguments: [[String]]) async throws -> [CommandOutput] {
    try await withTemporaryDirectory { directory in
      try await withServer(.unix(path: directory + "/s"), source: sink, commands: sink) { listen in
        var outcomes: [CommandOutput] = []
        for words in arguments {
          let parsed = try Fusectl.parseAsRoot(words + ["--reason", "DLQ fills", "--author", "ann"])
          let command = try #require(parsed as? any fusectl.Command)
          let client = try AdminClient(option: listen.description, environment: [:])
          do throws(CommandFailure) {
            outcomes.append(try await command.outcome(client, .none))
          } catch {
            outcomes.append(CommandOutput(text: error.text, exitCode: error.exitCode))
          }
        }
        return outcomes
      }
    }
  }

  @Test func `what is held is 0 and says so`() async throws {
    let outcomes = try await run(
      FakeSink(),
      [
        ["trip", key], ["trip", key, "--for", "30s"], ["reset", key], ["override", key, "open", "--for", "15m"],
        ["trip", key],
        ["override", key, "closed"], ["override", key, "--clear"],
      ])
    // The trip within the override was not carried out.
    #expect(outcomes.map(\.exitCode) == [0, 0, 0, 0, 1, 0, 0])
    #expect(
      outcomes[0].text == """
        rabbitmq:%2F:orders: open, for another 60 s, until 2026-11-21T00:01:00Z, revision 1
        traffic is held
        then half-open: 5 acks in a row close it, a failure opens it again
        to hold longer: fusectl override rabbitmq:%2F:orders open --for 1h --reason "…"
        """)
    #expect(
      outcomes[1].text == """
        rabbitmq:%2F:orders: open, for another 60 s, until 2026-11-21T00:01:00Z, revision 1
        nothing changed: it is open already, and for longer
        traffic is held
        then half-open: 5 acks in a row close it, a failure opens it again
        to hold longer: fusectl override rabbitmq:%2F:orders open --for 1h --reason "…"
        """)
    #expect(outcomes[2].text == "rabbitmq:%2F:orders: closed, revision 2\ntraffic flows")
    #expect(
      outcomes[3].text == """
        rabbitmq:%2F:orders: forced-open, for another 15 min, until 2026-11-21T00:15:00Z, revision 3
        traffic is held
        then closed, with new windows: it opens again if a rule is met
        to hold longer: fusectl override rabbitmq:%2F:orders open --for 4h --reason "…"
        """)
    #expect(outcomes[5].text == "rabbitmq:%2F:orders: forced-closed, revision 4\ntraffic flows")
  }

  @Test func `what is open but not held is 4 with the reason, what closes is 0`() async throws {
    let outcomes = try await run(
      FakeSink(saved: .notConfigured, holds: false),
      [["trip", key], ["override", key, "open"], ["override", key, "closed"], ["override", key, "--clear"]])
    #expect(outcomes.map(\.exitCode) == [4, 4, 0, 0])
    #expect(
      outcomes[0].text == """
        rabbitmq:%2F:orders: open, for another 60 s, until 2026-11-21T00:01:00Z, revision 1
        traffic is not held: mode is observe
        then half-open: 5 acks in a row close it, a failure opens it again
        not on disk: no state directory is configured: it ends with the process
        """)
  }

  @Test func `the process ends with that status`() async throws {
    try await withTemporaryDirectory { directory in
      let sink = FakeSink(holds: false)
      try await withServer(.unix(path: directory + "/s"), source: sink, commands: sink) { listen in
        for (words, code) in [(["trip", key], Int32(4)), (["trip", "none"], 1), (["reset", key], 0)] {
          let arguments = words + ["--reason", "r", "--admin", listen.description]
          var command = try #require(try Fusectl.parseAsRoot(arguments) as? any AsyncParsableCommand)
          do {
            try await command.run()
            #expect(code == 0)
          } catch { #expect((error as? ExitCode)?.rawValue == code) }
        }
      }
    }
  }

  @Test(arguments: [true, false])
  func `a trip while the breaker is forced open is 1, held or not`(holds: Bool) async throws {
    let outcomes = try await run(FakeSink(holds: holds), [["override", key, "open"], ["trip", key]])
    #expect(outcomes[1].exitCode == 1)
    #expect(outcomes[1].text.contains("nothing changed: an override is in force"))
  }

  @Test func `what an override stands in the way of is 1`() async throws {
    let outcomes = try await run(
      FakeSink(), [["override", key, "closed"], ["trip", key], ["override", key, "open"], ["reset", key]])
    #expect(outcomes.map(\.exitCode) == [0, 1, 0, 1])
    #expect(outcomes[1].text.contains("nothing changed: an override is in force (forced-closed): clear it first"))
  }

  @Test func `what is in force but not on disk is 5, and 4 where it is not held either`() async throws {
    let failed = CommandOutcome.Saved.failed(why: "no space left on device")
    let held = try await run(FakeSink(saved: failed), [["trip", key], ["trip", key, "--format", "json"]])
    #expect(held[0].exitCode == 5 && held[0].text.hasSuffix("\nnot on disk: no space left on device"))
    #expect(held[0].text.contains("\ntraffic is held\n"))
    #expect(try await run(FakeSink(saved: failed, holds: false), [["trip", key]])[0].exitCode == 4)
  }

  @Test func `another revision, an unknown key and no engine are 1 with the reason`() async throws {
    let outcomes = try await run(
      FakeSink(),
      [["trip", key, "--if-revision", "3"], ["trip", "rabbitmq:%2F:order"], ["trip", key, "--if-revision", "0"]])
    #expect(outcomes.map(\.exitCode) == [1, 1, 0])
    #expect(
      outcomes[0].text
        == "the breaker is at revision 0, not 3; look at it again (fusectl show), then ask with --if-revision 0")
    #expect(outcomes[1].text.contains("did you mean rabbitmq:%2F:orders?"))
    let none = try await run(FakeSink(fixed: .unavailable(why: "the run is over")), [["trip", key]])
    #expect(none[0].exitCode == 1 && none[0].text.contains("the run is over"))
  }

  @Test func `a trip past the end of its episode says what comes then`() async throws {
    let sink = FakeSink()
    let outcome = try await run(sink, [["trip", key, "--for", "20m"]])[0]
    #expect(sink.calls[0].command == .trip(for_ns: 1_200_000_000_000))
    let lines = outcome.text.split(separator: "\n")
    #expect(lines[0] == "rabbitmq:%2F:orders: open, for another 10 min, until 2026-11-21T00:10:00Z, revision 1")
    #expect(
      lines[2].hasPrefix("then closed, with an alarm: its episode is over (max_episode), and no rule opens it until"))
  }

  @Test func `JSON is the API's own`() async throws {
    let sink = FakeSink(holds: false)
    let outcome = try await run(sink, [["override", key, "open", "--for", "90s", "--format", "json"]])[0]
    let answer = try JSON.decode(CommandAnswer.self, from: Array(outcome.text.utf8))
    #expect(outcome.exitCode == 4 && answer.command == .override && answer.why == .observing)
    #expect(sink.calls[0].command == .forceOpen(for_ns: 90_000_000_000))
    #expect(sink.calls[0].note == OperatorNote(author: "ann", reason: "DLQ fills"))
  }

  @Test func `cluster and target reach the breaker that is meant`() async throws {
    let sink = FakeSink([
      Sample.group("b%40c", cluster: "one"), Sample.group("b%40c", cluster: "two", target: "x y&z"),
      Sample.group("b%40c", cluster: "two", target: "é"),
    ])
    let outcomes = try await run(
      sink, [["trip", "b%40c"], ["trip", "b%40c@one"], ["reset", "b%40c@two", "--target", "x y&z"]])
    #expect(outcomes.map(\.exitCode) == [1, 0, 0])
    #expect(sink.calls.map(\.name.target) == ["pid:42", "x y&z"])
  }

  @Test func `over TCP the token's file permits it`() async throws {
    try await withTemporaryDirectory { directory in
      let path = directory + "/token"
      _ = FileManager.default.createFile(atPath: path, contents: Data("0123456789abcdef\n".utf8))
      chmod(path, 0o600)
      let token = try AccessToken.read(path: path)
      let sink = FakeSink()
      let policy = AccessPolicy(reach: .loopback, token: token)
      let codes = try await withServer(
        .tcp(host: "127.0.0.1", port: 0), source: sink, commands: sink, policy: policy
      ) { listen in
        var codes: [Int32] = []
        for (option, environment) in [(nil, [:]), (path, [:]), (nil, ["STORMFUSE_TOKEN_FILE": path])] {
          let parsed = try Fusectl.parseAsRoot(["trip", key, "--reason", "r"])
          let command = try #require(parsed as? any fusectl.Command)
          let client = try AdminClient(option: listen.description, tokenFile: option, environment: environment)
          do throws(CommandFailure) {
            codes.append(try await command.outcome(client, .none).exitCode)
          } catch {
            codes.append(error.exitCode)
          }
        }
        return codes
      }
      #expect(codes == [1, 0, 0])
      chmod(path, 0o644)
      #expect(throws: CommandFailure.self) { try AdminClient(option: "/s", tokenFile: path, environment: [:]) }
    }
  }

  @Test func `a sidecar that goes before its answer leaves open what was done, and that is said`() async throws {
    try await withTemporaryDirectory { directory in
      let path = directory + "/s"
      let listener = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
      defer { close(listener) }
      var address = sockaddr_un()
      address.sun_family = sa_family_t(AF_UNIX)
      withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
      let bound = withUnsafePointer(to: address) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
          bind(listener, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
        }
      }
      try #require(bound == 0 && listen(listener, 1) == 0)
      Thread.detachNewThread {
        let connection = accept(listener, nil, nil)
        var buffer = [UInt8](repeating: 0, count: 4096)
        _ = recv(connection, &buffer, buffer.count, 0)
        close(connection)
      }
      let command = try #require(try Fusectl.parseAsRoot(["trip", key, "--reason", "r"]) as? any fusectl.Command)
      let client = try AdminClient(option: path, environment: [:])
      let failure = await #expect(throws: CommandFailure.self) { _ = try await command.outcome(client, .none) }
      #expect(failure?.exitCode == 3)
      #expect(failure?.text.hasSuffix("Whether the command was carried out is not known: fusectl show tells.") == true)
    }
  }

  @Test func `who asks is the user before sudo, at this machine`() {
    for (environment, author) in [
      (["SUDO_USER": "ann", "USER": "root"], "ann@h"), (["USER": "bob"], "bob@h"),
      (["SUDO_USER": "", "USER": "c"], "c@h"),
      ([:], "uid \(getuid())@h"),
    ] as [([String: String], String)] {
      #expect(ChangeOptions.author(environment: environment, host: "h") == author)
    }
  }

  @Test(arguments: [
    ["override", "k", "--reason", "r"], ["override", "k", "open", "--clear", "--reason", "r"],
    ["override", "k", "ajar", "--reason", "r"], ["override", "k", "--clear", "--for", "1m", "--reason", "r"],
    ["trip", "k"], ["reset", "--reason", "r"],
    ["trip", "k", "--reason", "r", "--if-revision", "x"],
  ])
  func `a command line that can't be meant is refused`(arguments: [String]) {
    #expect(throws: (any Error).self) { try Fusectl.parseAsRoot(arguments) }
  }

  @Test(arguments: [("90s", 90.0), ("15m", 900), ("1d", 86_400), ("1.5m", 90)])
  func `an override and a trip end after a time with a unit`(text: String, seconds: Double) throws {
    let trip = try Fusectl.parseAsRoot(["trip", "k", "--for", text, "--reason", "r"])
    #expect((trip as? TripCommand)?.request().body.limit_s == seconds)
    let parsed = try Fusectl.parseAsRoot(["override", "k", "open", "--for", text, "--reason", "r"])
    #expect((parsed as? OverrideCommand)?.request().body.limit_s == seconds)
  }

  @Test(arguments: [
    ("25h", "\"25h\" is too long: it must be between 1s and 1d"), ("15", "\"15\" has no unit: did you mean 15s?"),
    ("0s", "\"0s\" is too short"), ("soon", "write a number and a unit"),
  ])
  func `a time that can't be meant is refused with why`(text: String, why: String) {
    let error = #expect(throws: (any Error).self) {
      try Fusectl.parseAsRoot(["override", "k", "open", "--for", text, "--reason", "r"])
    }
    #expect(error.map { Fusectl.message(for: $0).contains(why) } == true, "\(error as Any)")
  }
}
