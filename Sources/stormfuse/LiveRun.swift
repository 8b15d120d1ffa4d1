#if os(Linux)
  import AdminAPI
  import ArgumentParser
  import ConfigurationFile
  import Foundation
  import Kernel
  import Pipeline
  import State
  import Traces

  /// A live run from its options to its exit status: the engine's thread, the admin API, the announcements.
  struct LiveRun {
    let choice: TargetChoice
    let options: WatchOptions
    let recording: Recording?

    func run() async throws {
      signal(SIGPIPE, SIG_IGN)
      var configuration = try load(options.config)
      options.mode?.apply(to: &configuration.settings)
      let box = ReportBox(Engine(settings: configuration.settings, target: "", origin: .live).report())
      let announcer = try Announcer(configuration, eventsPath: options.events, quiet: false, box: box)
      let memory = try openMemory(options.state ?? configuration.state)
      if let memory { box.addFamilies { memory.families } }
      let commands = Commands(queue: CommandQueue(), memory: memory)
      let engine = LiveEngine(
        target: choice, settings: configuration.settings, ringBytes: configuration.capture.ring_bytes, box: box,
        announcer: announcer, recording: recording, commands: commands)
      let signals: StopSignals? = if case .command = choice { nil } else { StopSignals { engine.stop() } }
      defer { signals?.cancel() }
      let status: Int32
      // However the run ends: what was answered last must be on disk.
      defer { closeMemory(memory) }
      do {
        status = try await serve(engine, announcer, box, commands.queue, configuration.admin)
      } catch let error as KernelError {
        Terminal.say("stormfuse: \(error)")
        if case .cannotStart(let code) = error.kind { throw ExitCode(code) }
        throw ExitCode(1)
      } catch let error as Failure {
        Terminal.say("stormfuse: \(error)")
        throw ExitCode(1)
      } catch let error as TraceWriteError {
        Terminal.say("stormfuse: \(error)")
        throw ExitCode(1)
      }
      if let report = options.report { try writeReport(box.report(), to: report) }
      if status != 0 { throw ExitCode(status) }
    }

    /// The engine decides when it is over; the admin API and the announcements end after it.
    private func serve(
      _ engine: LiveEngine, _ announcer: Announcer, _ box: ReportBox, _ commands: CommandQueue,
      _ settings: AdminSettings
    ) async throws -> Int32 {
      let announcing = Task { await announcer.run() }
      let serving = Task {
        do {
          try await AdminService(source: box, commands: commands, options: options.admin, settings: settings).run()
        } catch is CancellationError {
        } catch {
          // An address that was asked for can't be served: better no run than one that nobody can ask.
          engine.stop()
          throw error
        }
      }
      let result = await Result { try await engine.run() }
      announcer.close()
      await announcing.value
      serving.cancel()
      let status = try result.get()
      try await serving.value
      return status
    }
  }

  extension Result where Failure == any Error {
    fileprivate init(_ body: () async throws -> Success) async {
      do { self = .success(try await body()) } catch { self = .failure(error) }
    }
  }
#endif
