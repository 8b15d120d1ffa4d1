#if os(Linux)
  import ArgumentParser

  struct RunCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "run", abstract: "Watches a consumer live.",
      discussion: """
        Needs CAP_BPF and CAP_NET_ADMIN ('stormfuse doctor' says whether they are there). Transitions go to standard \
        error, one line each. With -- COMMAND its exit status is passed on.
        """)

    @OptionGroup var target: TargetOptions
    @OptionGroup var watching: WatchOptions

    func run() async throws {
      try await LiveRun(choice: try target.choice, options: watching, recording: nil).run()
    }
  }

  /// What `run` and `record` have in common.
  struct WatchOptions: ParsableArguments {
    @Option(help: "YAML configuration; 'stormfuse config check FILE' checks one.")
    var config: String?
    @Option(help: "Write the report as JSON to this file when the run ends.")
    var report: String?
    @Option(help: "Append every transition as a JSON line to this file ('-': standard output).")
    var events: String?
    @Option(help: AdminOption.help)
    var admin: AdminOption?
  }
#endif
