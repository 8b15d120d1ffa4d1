internal import AdminAPI
package import Pipeline
internal import Synchronization

/// Counts what becomes of the commands on their way to the real sink, for `stormfuse_commands_total`.
package final class CountingSink: CommandSink {
  private let sink: any CommandSink
  private let counts = Mutex<[Name: UInt64]>([:])

  private struct Name: Hashable {
    var command: String
    var result: String
  }

  package init(_ sink: any CommandSink) { self.sink = sink }

  package func carryOut(
    _ command: BreakerCommand, note: OperatorNote, on name: BreakerName, ifRevision: UInt64?
  ) async -> CommandOutcome {
    let outcome = await sink.carryOut(command, note: note, on: name, ifRevision: ifRevision)
    let counted = Name(command: Self.name(command), result: Self.name(outcome))
    counts.withLock { $0[counted, default: 0] += 1 }
    return outcome
  }

  /// For `MetricsInput.families`: at most six commands times six results.
  package var family: MetricFamily {
    let samples = counts.withLock { $0 }.sorted { ($0.key.command, $0.key.result) < ($1.key.command, $1.key.result) }
    return MetricFamily(
      name: "stormfuse_commands_total", kind: .counter, help: "Operators' commands that reached the engine, by result.",
      samples: samples.map {
        .init(Double($0.value), labels: [.init("command", $0.key.command), .init("result", $0.key.result)])
      })
  }

  private static func name(_ command: BreakerCommand) -> String {
    switch command {
    case .trip: "trip"
    case .reset: "reset"
    case .forceOpen: "force_open"
    case .forceClosed: "force_closed"
    case .clearOverride: "clear_override"
    case .rearm: "rearm"
    }
  }

  private static func name(_ outcome: CommandOutcome) -> String {
    switch outcome {
    case .done(_, .failed): "not_saved"
    case .done: "done"
    case .unchanged: "unchanged"
    case .stale: "stale"
    case .unknown: "unknown"
    case .unavailable: "unavailable"
    }
  }
}
