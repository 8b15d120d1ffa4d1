internal import AdminAPI
internal import ArgumentParser
internal import NIOHTTP1
internal import Pipeline

#if canImport(FoundationEssentials)
  internal import FoundationEssentials
#else
  internal import Foundation
#endif

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#else
  internal import Darwin
#endif

/// A subcommand that moves a breaker and says whether traffic is really held.
protocol ChangeCommand: Command {
  var change: ChangeOptions { get }
  /// Method, last part of the path, body.
  func request() -> (method: HTTPMethod, action: String, body: CommandBody)
  /// Whether the breaker is as it was asked for.
  func isReached(_ state: BreakerState) -> Bool
  /// Whether it was asked for traffic to be held.
  var wantsHeld: Bool { get }
}

/// What every change takes.
struct ChangeOptions: ParsableArguments {
  @Argument(help: "The group's key as status shows it, or key@cluster where several clusters have it.")
  var key: String

  @Option(name: .long, help: "The target, where several targets consume that group.")
  var target: String?

  @Option(name: .long, help: "Why, for those who read the events later.")
  var reason: String

  @Option(name: .long, help: "Who asks; the user and this machine's name unless given.")
  var author: String?

  @Option(
    name: .long,
    help: ArgumentHelp("Only if the breaker is at this revision (show tells it).", valueName: "number"))
  var ifRevision: UInt64?

  /// `$SUDO_USER`, else `$USER`, else the number, at this machine.
  static func author(environment: [String: String], host: String) -> String {
    let named = [environment["SUDO_USER"], environment["USER"]].compactMap(\.self).first { !$0.isEmpty }
    return "\(named ?? "uid \(getuid())")@\(host)"
  }

  var body: CommandBody {
    let standard = Self.author(
      environment: ProcessInfo.processInfo.environment, host: ProcessInfo.processInfo.hostName)
    return CommandBody(reason: reason, author: author ?? standard)
  }
}

extension ChangeCommand {
  func output(_ client: AdminClient, _ terminal: Terminal) async throws(CommandFailure) -> String {
    try await outcome(client, terminal).text
  }

  func outcome(_ client: AdminClient, _ terminal: Terminal) async throws(CommandFailure) -> CommandOutput {
    let (method, action, body) = request()
    // The query, which names the target, stands behind the action.
    let whole = BreakerReference(change.key, target: change.target).href
    let path = whole.prefix { $0 != "?" }
    do throws(CommandFailure) {
      let bytes = try await client.send(
        method, "\(path)/\(action)\(whole.dropFirst(path.count))", body, ifRevision: change.ifRevision)
      guard let answer = try? JSON.decode(CommandAnswer.self, from: bytes) else {
        throw .strange(
          "\(client.address) answered something else than expected: is it a stormfuse of the same version?")
      }
      return outcome(answer, json: bytes, isLost: false, terminal)
    } catch {
      guard case .refused(let problem) = error, let answer = problem.in_force else { throw error }
      return outcome(answer, json: (try? JSON.encode(answer)) ?? [], isLost: true, terminal)
    }
  }

  /// - Parameter isLost: In force, but not on disk although it should be.
  private func outcome(_ answer: CommandAnswer, json: [UInt8], isLost: Bool, _ terminal: Terminal) -> CommandOutput {
    let exitCode: Int32 =
      switch (isReached(answer.breaker.group.breaker.state), wantsHeld && !answer.held, isLost) {
      case (false, _, _): 1
      case (true, true, _): 4
      case (true, false, true): 5
      case (true, false, false): 0
      }
    switch common.format {
    case .json: return CommandOutput(text: String(decoding: json, as: UTF8.self), exitCode: exitCode)
    case .table: return CommandOutput(text: words(answer, terminal), exitCode: exitCode)
    }
  }

  /// What is so now: the state and until when, whether traffic is really held and if not why, what comes then, how to hold
  /// longer, and what is not on disk.
  private func words(_ answer: CommandAnswer, _ terminal: Terminal) -> String {
    let group = answer.breaker.group
    let plain = TerminalStyle.printable
    let state = terminal.style.paint(
      group.breaker.state.name, .of(group.breaker.state, verdict: group.verdict.kind))
    let facts = [state] + ShowCommand.ends(answer.breaker) + ["revision \(group.breaker.revision)"]
    var lines = ["\(plain(group.key)): " + facts.joined(separator: ", ")]
    if let why = answer.unchanged_why { lines.append("nothing changed: \(plain(why))") }
    if answer.held {
      lines.append("traffic is held")
    } else if wantsHeld || answer.why != nil {
      lines.append("traffic is not held" + (answer.why.map { ": \(plain($0.text(group.breaker.why_detail)))" } ?? ""))
    } else {
      lines.append("traffic flows")
    }
    for note in answer.breaker.notes ?? [] {
      switch note.name {
      case "then": lines.append("then \(plain(note.text))")
      case "to hold longer" where answer.held: lines.append("\(note.name): \(plain(note.text))")
      default: break
      }
    }
    if answer.changed, let why = answer.saved_why { lines.append("not on disk: \(plain(why))") }
    return lines.joined(separator: "\n")
  }
}
