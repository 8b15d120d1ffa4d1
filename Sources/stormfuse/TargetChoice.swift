#if os(Linux)
  import ArgumentParser
  import Kernel

  /// What to watch: `--pid N…`, `--cgroup PATH` or `-- COMMAND ARGS…`, exactly one of them; or `--target` for each of several.
  struct TargetOptions: ParsableArguments {
    @Option(
      name: .customLong("pid"), parsing: .upToNextOption,
      help: "Processes to watch, with their descendants, as in --pid 4711.")
    var processes: [Int32] = []

    @Option(
      name: .customLong("cgroup"),
      help: "A cgroup v2 directory to watch: a container's, a service's. As in --cgroup /sys/fs/cgroup/orders.slice.")
    var group: String?

    @Option(
      name: .customLong("target"),
      help: ArgumentHelp(
        "One of several targets, each with an engine of its own: pid:4711, pid:4711,4712 (one target of two processes) or "
          + "cgroup:PATH. To be given for each.", valueName: "kind:value"),
      transform: { try TargetChoice(parsing: $0) })
    var several: [TargetChoice] = []

    @Argument(parsing: .postTerminator, help: "A command to start and watch from its first byte on.")
    var command: [String] = []

    /// How a command that watches is written: its options come before `--`, behind which everything is the command's.
    static func usage(_ command: String) -> String {
      ["--pid N …", "--cgroup PATH", "--target KIND:VALUE …", "-- COMMAND ARGS …"]
        .map { "stormfuse \(command) [OPTIONS] \($0)" }.joined(separator: "\n")
    }

    /// Here rather than when it runs, so that the message comes with the usage of the command that was written.
    func validate() throws { _ = try choices }

    /// At least one.
    var choices: [TargetChoice] {
      get throws {
        switch (processes.isEmpty, group, command.isEmpty, several.isEmpty) {
        case (false, nil, true, true): [.processes(processes)]
        case (true, let group?, true, true): [.cgroup(group)]
        case (true, nil, false, true): [.command(command)]
        case (true, nil, true, false): several
        case (true, nil, true, true):
          throw ValidationError(
            """
            What is to be watched? Give one of
                 --pid 4711                             a running process and its descendants
                 --cgroup /sys/fs/cgroup/orders.slice   a service, a container
                 -- ./consumer --queue orders           a command to start
            """)
        default:
          throw ValidationError(
            "Give one of --pid, --cgroup and -- COMMAND, not several. Several targets are --target pid:4711 "
              + "--target cgroup:PATH.")
        }
      }
    }
  }

  enum TargetChoice: Sendable {
    case processes([Int32])
    case cgroup(String)
    case command([String])

    /// Reads `pid:N`, `pid:N,N…` or `cgroup:PATH`.
    init(parsing text: String) throws {
      let value = text.drop { $0 != ":" }.dropFirst()
      switch text.prefix(while: { $0 != ":" }) {
      case "pid":
        let numbers = value.split(separator: ",", omittingEmptySubsequences: false).map { Int32($0) }
        let processes = numbers.compactMap(\.self).filter { $0 > 0 }
        guard processes.count == numbers.count else {
          throw ValidationError("\"\(value)\" is no list of process numbers: write pid:4711 or pid:4711,4712")
        }
        self = .processes(processes)
      case "cgroup" where !value.isEmpty: self = .cgroup(String(value))
      default: throw ValidationError("\"\(text)\" is no target: write pid:4711 or cgroup:/sys/fs/cgroup/orders.slice")
      }
    }

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
