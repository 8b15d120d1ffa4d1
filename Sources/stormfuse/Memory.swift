import Admin
import AdminAPI
import Foundation
import Pipeline
import State

/// What outlives the process: breakers' states in the state directory, and who asked for what.
///
/// Used on the engine's thread; what waits for the disk does so elsewhere.
final class Memory: Sendable {
  private let writer: SnapshotWriter
  private let loaded: Snapshot?

  /// Takes the state directory for this process. What is found wrong there is said.
  convenience init(path: String) throws(StateError) { self.init(try StateDirectory(path: path)) }

  init(_ directory: StateDirectory) {
    let found = directory.load(at: SnapshotWriter.clock())
    for notice in found.notices { Terminal.say("stormfuse: state: \(notice)") }
    loaded = found.snapshot
    writer = SnapshotWriter(directory: directory, audit: AuditLog(in: directory))
  }

  /// Puts the breakers back as they were.
  func restore(_ engine: inout Engine, at now: Timestamp) {
    guard let loaded else { return }
    engine.restore(loaded.breakers, at: now)
  }

  /// Has the state saved. `then` hears of it, on another thread.
  func save(_ engine: borrowing Engine, at now: Timestamp, then: @escaping SnapshotWriter.Completion = { _ in }) {
    writer.submit(Snapshot(at: now, breakers: engine.memory()), then: then)
  }

  func record(_ entry: AuditEntry) { writer.record(entry) }

  var status: SnapshotStatus { writer.status }

  /// Tries to save what is not saved. Who waits for it is answered by then.
  ///
  /// - Returns: Why not everything is on disk; nil if it is.
  func close(within limit: Duration) async -> String? {
    let isSaved = await withCheckedContinuation { continuation in
      // Waits, which no thread of the tasks' may.
      let thread = Thread { [writer] in
        continuation.resume(returning: writer.close(within_ns: Int64(limit / .nanoseconds(1))))
      }
      thread.name = "closing"
      thread.start()
    }
    return isSaved ? nil : problem(patience_ns: 0) ?? "the disk was too slow"
  }

  /// For `/metrics`.
  func families(target: String) -> [MetricFamily] {
    let status = status
    func family(_ name: String, _ kind: MetricFamily.Kind, _ help: String, _ value: Double) -> MetricFamily {
      MetricFamily(
        name: "stormfuse_state_\(name)", kind: kind, help: help,
        samples: [.init(value, labels: [.init("target", target)])])
    }
    return [
      family("saves_total", .counter, "Snapshots of the breakers' state that reached the disk.", Double(status.saves)),
      family("save_failures_total", .counter, "Tries to save a snapshot that failed.", Double(status.failures)),
      family("unsaved", .gauge, "1 while the newest state is not on disk.", status.isUnsaved ? 1 : 0),
      family(
        "failing", .gauge, "1 while saving fails, or would for lack of room.",
        status.failing == nil && status.full == nil ? 0 : 1),
      family("audit_lines_total", .counter, "Commands written to the audit file.", Double(status.auditLines)),
      family("audit_dropped_total", .counter, "Commands missing in the audit file.", Double(status.auditDropped)),
    ]
  }

  /// For `/readyz`.
  var check: Readiness.Check {
    let problem = problem(patience_ns: Self.slow_ns)
    return .init(
      name: "state", ok: problem == nil, detail: problem ?? "saved, generation \(status.generation)",
      onlyDegrades: true)
  }

  /// What is wrong with saving; nil if nothing is.
  private func problem(patience_ns: Int64) -> String? {
    let status = status
    if let since = status.busySince, SnapshotWriter.clock() - since >= patience_ns {
      return "the disk has not answered since \(RFC3339(since)): look at its file system"
    }
    if let failing = status.failing { return "not saved since \(RFC3339(failing.since)): \(failing.why)" }
    if let failing = status.auditFailing { return "no audit since \(RFC3339(failing.since)): \(failing.why)" }
    return status.full.map(\.why)
  }

  /// No disk that works takes this long.
  private static let slow_ns: Int64 = .seconds(5)
}
