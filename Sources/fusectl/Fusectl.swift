internal import AdminAPI
internal import ArgumentParser

/// The operator's remote control: asks a running sidecar through its admin API.
@main struct Fusectl: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "fusectl",
    abstract: "Shows what a running stormfuse sees, and moves its breakers.",
    discussion: """
      The sidecar is found at --admin, else at $STORMFUSE_ADMIN, else at /run/stormfuse.sock.

      Exit codes: 0 done; 1 the sidecar answered with an error or did not do it (no such breaker, several with that key, \
      another revision, not permitted, an override in the way); 3 the sidecar can't be reached; 4 done, but traffic is \
      not really held, or there is no connection to hold; 5 in force, but not on disk; 64 the command line is wrong.
      """,
    version: Version.current,
    subcommands: [
      StatusCommand.self, ShowCommand.self, ReportCommand.self, TripCommand.self, ResetCommand.self,
      OverrideCommand.self,
    ] + holding,
    defaultSubcommand: bare)
}

/// What every subcommand takes.
struct CommonOptions: ParsableArguments {
  @Option(
    name: .long,
    help: ArgumentHelp(
      "Where the sidecar's admin API is: unix:PATH, a bare path, or tcp:127.0.0.1:PORT.", valueName: "address"))
  var admin: String?

  @Option(
    name: .long,
    help: ArgumentHelp(
      "File of the token for a sidecar reached over TCP; else $STORMFUSE_TOKEN_FILE.", valueName: "path"))
  var tokenFile: String?

  @Option(name: .long, help: "table (for people; plain lines when not on a terminal) or json.")
  var format: Format = .table

  enum Format: String, ExpressibleByArgument, CaseIterable { case table, json }
}
