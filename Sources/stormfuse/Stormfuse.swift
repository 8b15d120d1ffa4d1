import AdminAPI
import ArgumentParser

@main
struct Stormfuse: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "stormfuse",
    abstract:
      "Watches a message consumer's broker traffic and opens a breaker before failures flood the dead-letter queue.",
    discussion: """
      Beside a consumer:   stormfuse run -- COMMAND ARGS…     stormfuse run --pid N     stormfuse run --cgroup PATH
      On last night's capture:   stormfuse replay FILE…
      """,
    version: Version.current, subcommands: subcommands)

  private static var subcommands: [any ParsableCommand.Type] {
    #if os(Linux)
      [
        RunCommand.self, ReplayCommand.self, ExplainCommand.self, RecordCommand.self, DoctorCommand.self,
        ConfigCommand.self,
      ]
    #else
      [ReplayCommand.self, ExplainCommand.self, ConfigCommand.self]
    #endif
  }
}
