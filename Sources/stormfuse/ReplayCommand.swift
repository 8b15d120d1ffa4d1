import AdminAPI
import ArgumentParser
import ConfigurationFile
import Pipeline
import Traces

struct ReplayCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "replay", abstract: "Shows what a capture would have led to.",
    discussion: """
      Reads pcapng and pcap; several files are one time line. The clock is the capture's and stops at its end. Nothing is \
      ever held: the breaker is a shadow.
      """)

  enum Format: String, ExpressibleByArgument, CaseIterable { case text, json }

  @Argument(help: "Capture files.")
  var files: [String]
  @Option(help: "text or json: the report on standard output.")
  var format = Format.text
  @Option(help: "YAML configuration.")
  var config: String?
  @Option(help: "max, or how many times faster than it happened (1: as it happened).")
  var speed = Speed.max
  @Flag(help: "Serve the admin API during the replay and after it, until interrupted.")
  var serve = false
  @OptionGroup var admin: AdminOptions
  @Option(
    help: "With --serve: directory for what outlives the process; never the configuration's, which is the live one's.")
  var state: String?
  @Option(help: "Append every transition as a JSON line to this file ('-': standard output).")
  var events: String?

  func validate() throws {
    if files.isEmpty { throw ValidationError("Name at least one capture file.") }
    if !serve, admin.admin != nil || admin.metrics != nil || admin.adminTokenFile != nil || state != nil {
      throw ValidationError("--admin, --admin-token-file, --metrics and --state go with --serve.")
    }
  }

  func run() async throws {
    let configuration = try load(config)
    let reader: TraceReader
    do { reader = try TraceReader(paths: files) } catch {
      Terminal.say("stormfuse: \(error)")
      throw ExitCode(1)
    }
    let target = files.map { $0.split(separator: "/").last.map(String.init) ?? $0 }.joined(separator: "+")
    let box = ReportBox(Engine(settings: configuration.settings, target: target, origin: .replay).report())
    let announcer = try Announcer(configuration, eventsPath: events, quiet: format == .text && !serve, box: box)
    let memory = serve ? try openMemory(state) : nil
    if let memory { box.addFamilies { memory.families } }
    let commands = Commands(queue: CommandQueue(), memory: memory)
    let replay = Replay(
      settings: configuration.settings, target: target, speed: speed, box: box, announcer: announcer,
      commands: commands)
    let announcing = Task { await announcer.run() }
    let service = AdminService(
      source: box, commands: commands.queue, options: admin, settings: configuration.admin)
    let serving = serve ? Task { try await service.run() } : nil
    // The socket must go with us, so an interruption ends serving in good order.
    let signals = serving.map { task in StopSignals { task.cancel() } }
    defer { signals?.cancel() }
    var engine = await replay.run(reader) { serving?.isCancelled ?? false }
    var failed = false
    for problem in reader.problems {
      Terminal.say("stormfuse: \(problem.isWarning ? "warning: " : "")\(problem)")
      if !problem.isWarning { failed = true }
    }
    for statistics in reader.statistics {
      for line in statistics.undecodedLines { Terminal.say("stormfuse: \(statistics.path): \(line)") }
    }
    switch format {
    case .json: Terminal.write(try JSON.encode(box.report(), pretty: true) + [0x0a], to: 1)
    case .text: Terminal.print(ReportText(report: box.report(), style: Terminal.output).text)
    }
    if let serving {
      Terminal.say("stormfuse: the replay is over; the admin API stays up until interrupted")
      await replay.obey(&engine) { serving.isCancelled }
    }
    commands.queue.close()
    announcer.close()
    await announcing.value
    closeMemory(memory)
    if let serving { do { try await serving.value } catch is CancellationError {} }
    if failed { throw ExitCode(1) }
  }
}

/// `max`, or a factor of real time.
enum Speed: ExpressibleByArgument {
  case max
  case factor(Double)

  init?(argument: String) {
    if argument == "max" {
      self = .max
    } else if let factor = Double(argument), factor > 0, factor.isFinite {
      self = .factor(factor)
    } else {
      return nil
    }
  }
}
