import AdminAPI
import ArgumentParser
import ConfigurationFile
import Foundation
import Pipeline
import Synchronization
import Traces

struct ReplayCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "replay", abstract: "Shows what a capture would have led to.",
    discussion: """
      Reads pcapng and pcap; several files are one time line. The clock is the capture's and stops at its end. Nothing is \
      ever held: the breaker is a shadow. Of the configuration, webhook, events and state are the live run's and not used.
      """)

  enum Format: String, ExpressibleByArgument, CaseIterable { case text, json }

  @Argument(help: "Capture files.")
  var files: [String]
  @Option(help: "text or json: the report on standard output.")
  var format = Format.text
  @Option(help: "YAML configuration.")
  var config: String?
  @Option(
    help: "max, or how many times faster than it happened (1: as it happened).", transform: Speed.init(parsing:))
  var speed = Speed.max
  @Flag(help: "Serve the admin API during the replay and after it, until interrupted.")
  var serve = false
  @OptionGroup var admin: AdminOptions
  @Option(
    help: "With --serve: directory for what outlives the process; never the configuration's, which is the live one's.")
  var state: String?
  @Option(help: "Append each event as a JSON line to this file ('-': standard output).")
  var events: String?

  func validate() throws {
    if files.isEmpty { throw ValidationError("Name at least one capture file.") }
    if !serve, admin.admin != nil || admin.metrics != nil || admin.adminTokenFile != nil || state != nil {
      throw ValidationError("--admin, --admin-token-file, --metrics and --state go with --serve.")
    }
  }

  func run() async throws { try await orExit { try await replay() } }

  private func replay() async throws {
    var configuration = try load(config)
    // Nobody is to be called for what is past, nor the live run's files written.
    configuration.webhook = nil
    configuration.events = nil
    let reader = try TraceReader(paths: files)
    let target = files.map { $0.split(separator: "/").last.map(String.init) ?? $0 }.joined(separator: "+")
    let box = ReportBox(
      Engine(settings: configuration.settings, target: target, origin: .replay).report(), target: target)
    let announcer = try Announcer(configuration, eventsPath: events, quiet: format == .text && !serve, box: box)
    let memory = try serve ? state.map { try Memory(path: $0) } : nil
    if let memory { box.addFamilies { memory.families(target: target) } }
    let commands = Commands(queue: CommandQueue(), memory: memory)
    let replay = Replay(
      settings: configuration.settings, target: target, speed: speed, box: box, announcer: announcer,
      commands: commands, isServed: serve)
    let service = AdminService(
      source: box, families: box, commands: commands.queue, options: admin, settings: configuration.admin)
    let serving = serve ? try await service.start() : nil
    serving?.announce()
    let announcing = Task { await announcer.run() }
    let isStopped = StopFlag()
    // The socket must go with us, so an interruption ends serving in good order.
    let signals = serve ? SignalHandler(SIGINT, SIGTERM, SIGHUP) { isStopped.set() } : nil
    defer { signals?.cancel() }
    if let serving = serving?.task {
      // Without it nobody could say anything more to this run.
      Task {
        _ = await serving.result
        isStopped.set()
      }
    }
    var engine = await replay.run(reader) { isStopped.isSet }
    try show(reader, box.report())
    if serve, !isStopped.isSet {
      Terminal.say("stormfuse: the replay is over; the admin API stays up until interrupted")
      await replay.obey(&engine) { isStopped.isSet }
    }
    await Ending(serving: serving?.task, announcer: announcer, announcing: announcing, commands: [commands]).run()
    if reader.problems.contains(where: { !$0.isWarning }) { throw ExitCode(1) }
  }

  private func show(_ reader: TraceReader, _ report: Report) throws {
    for problem in reader.problems { Terminal.say("stormfuse: \(problem.isWarning ? "warning: " : "")\(problem)") }
    for statistics in reader.statistics {
      if let line = statistics.lateLine { Terminal.say("stormfuse: warning: \(statistics.path): \(line)") }
      for line in statistics.undecodedLines { Terminal.say("stormfuse: \(statistics.path): \(line)") }
    }
    if let line = ReportText.oneSided(report.capture) { Terminal.say("stormfuse: warning: \(line)") }
    switch format {
    case .json: Terminal.write(try JSON.encode(report, pretty: true) + [0x0a], to: 1)
    case .text: Terminal.print(ReportText(report: report, style: Terminal.output).text)
    }
  }
}

/// Set once, by whoever ends the run.
private final class StopFlag: Sendable {
  private let flag = Atomic<Bool>(false)
  var isSet: Bool { flag.load(ordering: .relaxed) }
  func set() { flag.store(true, ordering: .relaxed) }
}
