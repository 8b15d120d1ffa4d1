internal import AdminAPI
internal import ArgumentParser

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

/// A subcommand that asks one thing and prints one text.
protocol Command: AsyncParsableCommand {
  var common: CommonOptions { get }
  /// What goes to standard output, without the last line feed.
  func output(_ client: AdminClient, _ terminal: Terminal) async throws(CommandFailure) -> String
  /// The same with the exit code that goes with it; 0 unless the subcommand says otherwise.
  func outcome(_ client: AdminClient, _ terminal: Terminal) async throws(CommandFailure) -> CommandOutput
}

/// What a subcommand came to.
struct CommandOutput: Equatable, Sendable {
  var text: String
  /// Lines for standard error, so that a pipe gets only the text.
  var warnings: [String] = []
  var exitCode: Int32 = 0
}

extension Command {
  func outcome(_ client: AdminClient, _ terminal: Terminal) async throws(CommandFailure) -> CommandOutput {
    CommandOutput(text: try await output(client, terminal))
  }

  func run() async throws {
    let environment = ProcessInfo.processInfo.environment
    let terminal = Terminal(
      isTerminal: isatty(STDOUT_FILENO) == 1,
      style: TerminalStyle.detect(descriptor: STDOUT_FILENO, environment: environment))
    let outcome: CommandOutput
    do throws(CommandFailure) {
      let client = try AdminClient(option: common.admin, tokenFile: common.tokenFile, environment: environment)
      outcome = try await self.outcome(client, terminal)
    } catch {
      Terminal.say("fusectl: \(error.text)")
      throw ExitCode(error.exitCode)
    }
    print(outcome.text)
    for line in outcome.warnings { Terminal.say("fusectl: \(line)") }
    if outcome.exitCode != 0 { throw ExitCode(outcome.exitCode) }
  }
}
