#if os(Linux)
  import ArgumentParser
  import Pipeline

  struct RunCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "run", abstract: "Watches a consumer live.",
      usage: TargetOptions.usage("run"),
      discussion: """
        Needs CAP_BPF and CAP_NET_ADMIN ('stormfuse doctor' says whether they are there). Transitions go to standard \
        error, one line each. With -- COMMAND its exit status is passed on, and signals go to it. Otherwise SIGHUP reads \
        the configuration file again: rules, windows, groups, mode and destinations are replaced at once, breakers keep \
        their state; a file with a mistake changes nothing.
        """)

    @OptionGroup var target: TargetOptions
    @OptionGroup var watching: WatchOptions

    func run() async throws {
      try await LiveRun(choices: try target.choices, options: watching, recording: nil).run()
    }
  }

  enum ModeOption: String, ExpressibleByArgument, CaseIterable {
    case observe, enforce

    func apply(to settings: inout Settings) {
      switch self {
      case .observe:
        settings.mode = .observe
        for i in settings.groups.indices { settings.groups[i].mode = nil }
      case .enforce: settings.mode = .enforce
      }
    }
  }

  /// What `run` and `record` have in common.
  struct WatchOptions: ParsableArguments {
    @Option(help: "YAML configuration; 'stormfuse config check FILE' checks one.")
    var config: String?
    @Option(help: "Write the report as JSON to this file when the run ends.")
    var report: String?
    @Option(help: "Append each event as a JSON line to this file ('-': standard output).")
    var events: String?
    @Option(help: "Directory for what outlives the process: breakers, overrides, who asked for them.")
    var state: String?
    @Option(
      help: "observe: whatever the configuration says, nothing is held. enforce: groups for which it says nothing are.")
    var mode: ModeOption?
    @OptionGroup var admin: AdminOptions
  }
#endif
