import Admin
import AdminAPI
import Export
import Pipeline
import Synchronization

/// What one engine has published last, for all readers: the seam between the engine's thread and all others.
final class ReportBox: ReportSource {
  private let state: Mutex<State>

  private struct State {
    var target: String
    var report: Report
    var checks: [Readiness.Check] = [.init(name: "engine", ok: false, detail: "starting")]
    var processChecks: [@Sendable () -> Readiness.Check] = []
    var exports: [@Sendable () -> ExportCounters] = []
    var families: [@Sendable () -> [MetricFamily]] = []
  }

  /// `target`: its name, as far as that is known yet.
  init(_ report: Report, target: String = "") { state = Mutex(State(target: target, report: report)) }

  var target: String { state.withLock(\.target) }

  /// The target has been found.
  func named(_ target: String) { state.withLock { $0.target = target } }

  func publish(_ report: Report, checks: [Readiness.Check]) {
    state.withLock {
      $0.report = report
      $0.checks = checks
    }
  }

  func addExport(_ counters: @escaping @Sendable () -> ExportCounters) {
    state.withLock { $0.exports.append(counters) }
  }

  /// A check of the process's own, beside those of the engine.
  func addCheck(_ check: @escaping @Sendable () -> Readiness.Check) {
    state.withLock { $0.processChecks.append(check) }
  }

  func addFamilies(_ families: @escaping @Sendable () -> [MetricFamily]) {
    state.withLock { $0.families.append(families) }
  }

  func report() -> Report { state.withLock(\.report) }
  func readiness() -> Readiness { Readiness(checks: engineChecks + processChecks) }
  var engineChecks: [Readiness.Check] { state.withLock(\.checks) }
  var processChecks: [Readiness.Check] { state.withLock(\.processChecks).map { $0() } }

  func metrics() -> MetricsInput {
    let state = state.withLock(\.self)
    return MetricsInput(
      targets: [.init(name: state.target, report: state.report)], exports: state.exports.map { $0() },
      families: state.families.flatMap { $0() })
  }
}
