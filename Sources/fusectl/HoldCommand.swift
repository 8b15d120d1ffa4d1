#if os(Linux)
  internal import AdminAPI
  internal import ArgumentParser
  internal import Glibc
  internal import Kernel
  internal import Pipeline

  extension HoldAction: ExpressibleByArgument {}

  /// `fusectl hold`: the hand brake, without a sidecar. Also what `fusectl --cgroup …` without a subcommand does.
  struct HoldCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "hold", abstract: "Holds a target's broker traffic for a while, without a running stormfuse.",
      discussion: """
        pause: requests for more are held, and everything else that is sent on these connections; throttle: at most --rate \
        on each; block: as pause, and new connections are refused.

        Without --to every open TCP connection of the target is held, also those that others opened to it: health checks \
        among them. Connections stay alive: a segment passes at least every three seconds. What is received is never held.

        It ends after --duration, on SIGINT and SIGTERM, and, whatever happens to this process, within seconds of its end. \
        Needs CAP_BPF and CAP_NET_ADMIN.

        Exit codes: 0 held and let go; 1 it could not be held; 4 there was no connection to hold (with --detach: there is \
        none yet; what the target opens is held, with block it is refused); 64 the command line is wrong.
        """)

    @OptionGroup var target: HoldTargetOptions

    @Option(name: .customLong("to"), help: ArgumentHelp("Only connections to this broker.", valueName: "host:port"))
    var destinations: [String] = []

    @Option(help: "pause, throttle or block.")
    var action: HoldAction?

    @Option(
      help: ArgumentHelp("With throttle: payload per second and connection, as in 10kB/s.", valueName: "rate"),
      transform: { try Quantity.rate_bytes_s($0) })
    var rate: UInt64?

    @Option(
      help: ArgumentHelp("How long, at most 1h, as in 30s or 5m.", valueName: "duration"),
      transform: { try Quantity.duration_ns($0, in: OneShotHold.shortest_ns...OneShotHold.longest_ns) })
    var duration: Int64?

    @Flag(help: "Leave a small guard process behind and return; 'fusectl release' ends it.")
    var detach = false

    @Flag(name: .customLong("guard"), help: .hidden)
    var isGuard = false

    func validate() throws {
      if !target.isGiven, action == nil, duration == nil, destinations.isEmpty, rate == nil {
        try Self.refuseOtherWords(Array(CommandLine.arguments.dropFirst()))
      }
      guard target.isGiven else {
        throw ValidationError("Whose traffic? Give --cgroup PATH or --pid N\(Self.example).")
      }
      guard let action else { throw ValidationError("Give --action: pause, throttle or block\(Self.example).") }
      guard duration != nil else {
        throw ValidationError("Give --duration, as in 30s: a hold without an end would be the next storm.")
      }
      if let wrong = destinations.first(where: { BrokerAddress.parts($0) == nil }) {
        throw ValidationError("--to: \(BrokerAddress.wrong(wrong)).")
      }
      switch (action, rate) {
      case (.throttle, nil): throw ValidationError("--action throttle needs --rate, as in 10kB/s.")
      case (.throttle, _), (_, nil): break
      case (_, _?): throw ValidationError("--rate goes with --action throttle only.")
      }
    }

    /// A command line that is none of `hold`'s comes here as well: it must not pass for one that was carried out.
    static func refuseOtherWords(_ words: [String]) throws {
      guard let first = words.first else { throw CleanExit.helpRequest(Fusectl.self) }
      if first == configuration.commandName { return }
      if first.hasPrefix("-") {
        throw ValidationError("The command comes first and its options behind it, as in: fusectl status --format json.")
      }
      throw ValidationError(
        "There is no command '\(TerminalStyle.printable(first))': there are status, show, report, trip, reset, override, "
          + "hold and release.")
    }

    func run() throws {
      do {
        if detach && !isGuard {
          let hasConnections = try HoldGuard.start()
          if !hasConnections { throw ExitCode(Self.nothingHeld) }
          return
        }
        let hasHeld = try HoldRun(request()).run(isGuard: isGuard)
        if !hasHeld { throw ExitCode(Self.nothingHeld) }
      } catch let error as KernelError {
        Terminal.say("fusectl: \(error)")
        throw ExitCode(1)
      }
    }

    private func request() throws -> OneShotHold.Request {
      guard let action, let duration else { throw ExitCode(64) }
      var endpoints: [Endpoint]?
      for destination in destinations { endpoints = try (endpoints ?? []) + BrokerAddress.endpoints(destination) }
      return OneShotHold.Request(
        target: try target.resolve(), endpoints: endpoints, action: action,
        rate_bytes_s: rate ?? 0, duration_ns: duration)
    }

    private static let example = ", as in: fusectl hold --pid 4711 --action pause --duration 30s"

    /// As of changes by the admin API: done, but nothing is held.
    private static let nothingHeld: Int32 = 4
  }

  extension Fusectl {
    static let holding: [any ParsableCommand.Type] = [HoldCommand.self, ReleaseCommand.self]
    /// The bare form of runbooks: `fusectl --cgroup PATH --action block --duration 30s`.
    static let bare: (any ParsableCommand.Type)? = HoldCommand.self
  }
#else
  internal import ArgumentParser

  extension Fusectl {
    static let holding: [any ParsableCommand.Type] = []
    static let bare: (any ParsableCommand.Type)? = nil
  }
#endif
