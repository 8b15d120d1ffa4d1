#if os(Linux)
  import Admin
  import ArgumentParser
  import ConfigurationFile
  import Foundation
  import Pipeline

  /// A live run from its options to its exit status: an engine's thread for each target, one admin API, the announcements.
  struct LiveRun {
    /// At least one.
    let choices: [TargetChoice]
    let options: WatchOptions
    let recording: Recording?

    func run() async throws {
      signal(SIGPIPE, SIG_IGN)
      let status = try await orExit { try await watch() }
      if status != 0 { throw ExitCode(status) }
    }

    /// The exit status to pass on.
    private func watch() async throws -> Int32 {
      var configuration = try load(options.config)
      options.mode?.apply(to: &configuration.settings)
      if let report = options.report { try checkReport(report) }
      let books = try TargetBooks.open(choices, configuration.settings, state: options.state ?? configuration.state)
      let announcer = try Announcer(
        configuration, eventsPath: options.events, quiet: false, box: books[0].box, namesTargets: books.count > 1)
      let engines = books.map { books in
        LiveEngine(
          target: books.choice, settings: configuration.settings, ringBytes: configuration.capture.ring_bytes,
          box: books.box, announcer: announcer, recording: recording, commands: books.commands)
      }
      let signals = signals(engines, books, configuration)
      defer { for signal in signals { signal.cancel() } }
      let source: any ReportSource = books.count == 1 ? books[0].box : JointSource(boxes: books.map(\.box))
      // Before anything is started: better no run than one that nobody can ask.
      let serving = try await AdminService(
        source: source, families: books[0].box, commands: sink(books), options: options.admin,
        settings: configuration.admin
      ).start()
      let announcing = Task { await announcer.run() }
      let gate = StartGate(count: engines.count) { serving.announce() }
      let result = await Result { try await Self.run(engines, gate) }
      await Ending(
        serving: serving.task, announcer: announcer, announcing: announcing, commands: books.map(\.commands)
      ).run()
      let status = try result.get()
      if let report = options.report { try writeReport(source.report(), to: report) }
      return status
    }

    private func sink(_ books: [TargetBooks]) -> any CommandSink {
      books.count == 1
        ? books[0].commands.queue : CommandRouter(queues: books.map { ($0.box, $0.commands.queue) })
    }

    /// A command's signals are its own, SIGHUP included.
    private func signals(
      _ engines: [LiveEngine], _ books: [TargetBooks], _ configuration: Configuration
    ) -> [SignalHandler] {
      if case .command = choices[0] { return [] }
      let stop = SignalHandler.stop { for engine in engines { engine.stop() } }
      guard let path = options.config else { return [stop, Self.hangup { for engine in engines { engine.stop() } }] }
      let reloader = Reloader(
        path: path, mode: options.mode, started: configuration,
        engines: zip(engines, books).map { ($0, $1.box, $1.commands.memory) })
      books[0].box.addFamilies { [reloader.family] }
      return [stop, SignalHandler(SIGHUP) { reloader.reload() }]
    }

    /// SIGHUP where there is no configuration to read again: ends the run if the terminal that it was started from is gone,
    /// and changes nothing else.
    private static func hangup(_ end: @escaping @Sendable () -> Void) -> SignalHandler {
      let endsWithTerminal = Terminal.isThere && !SignalHandler.isIgnored(SIGHUP)
      return SignalHandler(SIGHUP) {
        if endsWithTerminal, !Terminal.isThere { return end() }
        Terminal.say("stormfuse: SIGHUP: there is no configuration to read again (--config names one); the run goes on")
      }
    }

    /// Until all are over. What one throws ends the others.
    private static func run(_ engines: [LiveEngine], _ gate: StartGate) async throws -> Int32 {
      try await withThrowingTaskGroup(of: Int32.self) { tasks in
        for engine in engines {
          tasks.addTask {
            do { return try await engine.run { gate.arrive() } } catch {
              gate.callOff()
              throw error
            }
          }
        }
        do {
          return try await tasks.reduce(0) { $0 == 0 ? $1 : $0 }
        } catch {
          for engine in engines { engine.stop() }
          throw error
        }
      }
    }
  }

  extension Result where Failure == any Error {
    fileprivate init(_ body: () async throws -> Success) async {
      do { self = .success(try await body()) } catch { self = .failure(error) }
    }
  }
#endif
