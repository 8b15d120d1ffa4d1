#if os(Linux)
  import ArgumentParser
  import ConfigurationFile
  import Foundation
  import Pipeline

  /// A live run from its options to its exit status: the engine's thread, the admin API, the announcements.
  struct LiveRun {
    let choice: TargetChoice
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
      let box = ReportBox(Engine(settings: configuration.settings, target: "", origin: .live).report())
      let announcer = try Announcer(configuration, eventsPath: options.events, quiet: false, box: box)
      let memory = try (options.state ?? configuration.state).map { try Memory(path: $0) }
      if let memory { box.addFamilies { memory.families } }
      let commands = Commands(queue: CommandQueue(), memory: memory)
      let engine = LiveEngine(
        target: choice, settings: configuration.settings, ringBytes: configuration.capture.ring_bytes, box: box,
        announcer: announcer, recording: recording, commands: commands)
      // A command's signals are its own, SIGHUP included.
      var signals: [SignalHandler] = []
      defer { for signal in signals { signal.cancel() } }
      if case .command = choice {
      } else {
        signals.append(SignalHandler.stop { engine.stop() })
        if let path = options.config {
          let reloader = Reloader(
            path: path, mode: options.mode, started: configuration, engine: engine, memory: memory)
          box.addFamilies { [reloader.family] }
          signals.append(SignalHandler(SIGHUP) { reloader.reload() })
        }
      }
      // Before anything is started: better no run than one that nobody can ask.
      let serving = try await AdminService(
        source: box, commands: commands.queue, options: options.admin, settings: configuration.admin
      ).start()
      let announcing = Task { await announcer.run() }
      let result = await Result { try await engine.run { serving.announce() } }
      await Ending(serving: serving.task, announcer: announcer, announcing: announcing, commands: commands).run()
      let status = try result.get()
      if let report = options.report { try writeReport(box.report(), to: report) }
      return status
    }
  }

  extension Result where Failure == any Error {
    fileprivate init(_ body: () async throws -> Success) async {
      do { self = .success(try await body()) } catch { self = .failure(error) }
    }
  }
#endif
