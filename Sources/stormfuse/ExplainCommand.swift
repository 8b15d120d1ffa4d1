import AdminAPI
import ArgumentParser
import ConfigurationFile
import Pipeline
import Traces

struct ExplainCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "explain", abstract: "Tells what happened to a message in a capture, step by step.",
    discussion: """
      Without --message: lists the messages to which something other than one delivery and its acknowledgement \
      happened. With it: each delivery, settlement and copy of that message, what was concluded and by which rule. It \
      prints no bodies, and of headers only ids.
      """)

  @Argument(help: "Capture files.")
  var files: [String]
  @Option(help: "A message: its id, TOPIC/PARTITION/OFFSET, or a name from the list.")
  var message: String?
  @Option(help: "text or json.")
  var format = ReplayCommand.Format.text
  @Option(help: "YAML configuration.")
  var config: String?

  func validate() throws {
    if files.isEmpty { throw ValidationError("Name at least one capture file.") }
  }

  func run() async throws { try await orExit { try explain() } }

  private func explain() throws {
    let settings = try load(config).settings
    let reader = try TraceReader(paths: files)
    let explanation = Self.explanation(of: message, reader, settings)
    for problem in reader.problems { Terminal.say("stormfuse: \(problem.isWarning ? "warning: " : "")\(problem)") }
    if let message, explanation.messages.isEmpty {
      let seen = EvidenceText.count(explanation.messages_seen, "message")
      throw Failure(
        "there is no message \(TerminalStyle.printable(message)) among the \(seen) of the capture"
          + "; without --message those are listed to which something happened")
    }
    switch format {
    case .json: Terminal.write(try JSON.encode(explanation, pretty: true) + [0x0a], to: 1)
    case .text: Terminal.print(ExplanationText(explanation: explanation, style: Terminal.output).text)
    }
    if reader.problems.contains(where: { !$0.isWarning }) { throw ExitCode(1) }
  }

  static func explanation(of message: String?, _ reader: TraceReader, _ settings: Settings) -> Explanation {
    var engine = Engine(settings: settings, target: "", origin: .replay)
    engine.keepJournal(limit: mostFacts)
    reader.forEachSegment { segment, payload in
      engine.ingest(segment, payload)
      return true
    }
    engine.finish()
    var explanation = engine.explanation(of: message)
    if explanation.messages_seen == 0 { explanation.why_none = ReportText.whyNoGroup(engine.report()) }
    return explanation
  }

  /// Some 100 MB of memory, and the messages' ids.
  private static let mostFacts = 1_000_000
}
