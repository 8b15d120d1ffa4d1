import Admin
import AdminAPI
import Export
import Pipeline
import Synchronization

/// What the engine has published last, for whoever asks: the seam between the engine's thread and all others.
final class ReportBox: ReportSource {
  private let state: Mutex<State>

  private struct State {
    var report: Report
    var checks: [Readiness.Check] = [.init(name: "engine", ok: false, detail: "starting")]
    var exports: [@Sendable () -> ExportCounters] = []
    var families: [@Sendable () -> [MetricFamily]] = []
  }

  init(_ report: Report) { state = Mutex(State(report: report)) }

  func publish(_ report: Report, checks: [Readiness.Check]) {
    state.withLock {
      $0.report = report
      $0.checks = checks
    }
  }

  func addExport(_ counters: @escaping @Sendable () -> ExportCounters) {
    state.withLock { $0.exports.append(counters) }
  }

  func addFamilies(_ families: @escaping @Sendable () -> [MetricFamily]) {
    state.withLock { $0.families.append(families) }
  }

  func report() -> Report { state.withLock(\.report) }
  func readiness() -> Readiness { Readiness(checks: state.withLock(\.checks)) }

  func metrics() -> MetricsInput {
    let (report, exports, families) = state.withLock { ($0.report, $0.exports, $0.families) }
    return MetricsInput(report: report, exports: exports.map { $0() }, families: families.flatMap { $0() })
  }
}
