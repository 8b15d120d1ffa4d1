#if os(Linux)
  import AdminAPI
  import ArgumentParser
  import Kernel

  struct DoctorCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "doctor",
      abstract: "Says what this machine and these privileges allow, and what to do about the rest.",
      discussion: "Exit status 0: live capture works here. 1: it does not.")

    enum Format: String, ExpressibleByArgument, CaseIterable { case text, json }

    @Option(help: "text or json.")
    var format = Format.text

    private struct Answer: Encodable {
      var schema = "stormfuse.doctor/1"
      var able: Bool
      var supported: String
      var checks: [Check]
    }

    func run() throws {
      let checks = Doctor.checks()
      let able = Doctor.isAble(checks)
      switch format {
      case .json:
        let answer = Answer(able: able, supported: Doctor.supported, checks: checks)
        Terminal.write(try JSON.encode(answer, pretty: true) + [0x0a], to: 1)
      case .text:
        for check in checks { Terminal.print(text(check)) }
        Terminal.print("\nSupported: \(Doctor.supported).\n")
        Terminal.print(
          able ? "Live capture works here.\n" : "Live capture does not work here; replaying captures does.\n")
      }
      if !able { throw ExitCode(1) }
    }

    private func text(_ check: Check) -> String {
      let style = Terminal.output
      let mark =
        switch check.state {
        case .ok: style.paint("ok      ", .green)
        case .limited: style.paint("limited ", .yellow)
        case .missing: style.paint("missing ", .red)
        }
      var text = "\(mark)\(check.name): \(check.finding)\n"
      if let cost = check.cost { text += "        cost: \(cost)\n" }
      if let remedy = check.remedy { text += "        do:   \(remedy)\n" }
      return text
    }
  }
#endif
