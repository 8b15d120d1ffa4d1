import Admin
import AdminAPI
import Pipeline

/// What several engines have published last, as one: reports are merged, metrics and checks bear the target's name.
struct JointSource: ReportSource {
  /// The first has what is the process's own: exports, and checks and families that belong to no target.
  let boxes: [ReportBox]

  func report() -> Report { Report.merged(boxes.map { $0.report() }).addressed() }

  func readiness() -> Readiness {
    let checks = boxes.flatMap { box in
      let target = box.target
      return box.engineChecks.map { check in
        var check = check
        check.name += " of \(target)"
        return check
      }
    }
    return Readiness(checks: checks + boxes.flatMap(\.processChecks))
  }

  func metrics() -> MetricsInput {
    let inputs = boxes.map { $0.metrics() }
    return MetricsInput(
      targets: inputs.flatMap(\.targets), exports: inputs.flatMap(\.exports),
      families: Self.joined(inputs.flatMap(\.families)))
  }

  /// A family is declared once, with the samples of all.
  private static func joined(_ families: [MetricFamily]) -> [MetricFamily] {
    var joined: [MetricFamily] = []
    for family in families {
      if let place = joined.firstIndex(where: { $0.name == family.name }) {
        joined[place].samples += family.samples
      } else {
        joined.append(family)
      }
    }
    return joined
  }
}

/// Sends each command to the engine of the breaker's target.
struct CommandRouter: CommandSink {
  let queues: [(box: ReportBox, queue: CommandQueue)]

  func carryOut(
    _ command: BreakerCommand, note: OperatorNote, on name: BreakerName, ifRevision: UInt64?
  ) async -> CommandOutcome {
    guard let queue = queues.first(where: { $0.box.target == name.target })?.queue else { return .unknown }
    return await queue.carryOut(command, note: note, on: name, ifRevision: ifRevision)
  }
}
