#if os(Linux)
  import ArgumentParser
  import Kernel

  /// What to watch: `--pid N…`, `--cgroup PATH` or `-- COMMAND ARGS…`; exactly one of them.
  struct TargetOptions: ParsableArguments {
    @Option(
      name: .customLong("pid"), parsing: .upToNextOption,
      help: "Processes to watch, with their descendants, as in --pid 4711.")
    var processes: [Int32] = []

    @Option(
      name: .customLong("cgroup"),
      help: "A cgroup v2 directory to watch: a container's, a service's. As in --cgroup /sys/fs/cgroup/orders.slice.")
    var group: String?

    @Argument(parsing: .postTerminator, help: "A command to start and watch from its first byte on.")
    var command: [String] = []

    /// How a command that watches is written: its options come before `--`, behind which everything is the command's.
    static func usage(_ command: String) -> String {
      ["--pid N …", "--cgroup PATH", "-- COMMAND ARGS …"].map { "stormfuse \(command) [OPTIONS] \($0)" }
        .joined(separator: "\n")
    }

    /// Here rather than when it runs, so that the message comes with the usage of the command that was written.
    func validate() throws { _ = try choice }

    var choice: TargetChoice {
      get throws {
        switch (processes.isEmpty, group, command.isEmpty) {
        case (false, nil, true): .processes(processes)
        case (true, let group?, true): .cgroup(group)
        case (true, nil, false): .command(command)
        case (true, nil, true):
          throw ValidationError(
            """
            What is to be watched? Give one of
                 --pid 4711                             a running process and its descendants
                 --cgroup /sys/fs/cgroup/orders.slice   a service, a container
                 -- ./consumer --queue orders           a command to start
            """)
        default: throw ValidationError("Give one of --pid, --cgroup and -- COMMAND, not several.")
        }
      }
    }
  }

  enum TargetChoice: Sendable {
    case processes([Int32])
    case cgroup(String)
    case command([String])

    /// Starts the command, if it is one; it waits at the gate until it is released.
    func start() throws -> CommandTarget? {
      guard case .command(let arguments) = self else { return nil }
      return try CommandTarget(arguments)
    }

    func resolve() throws -> Target {
      switch self {
      case .processes(let processes): try .processes(processes)
      case .cgroup(let path): try .cgroup(path)
      case .command: throw Failure("the command was not started")
      }
    }
  }
#endif
