import Admin
import AdminAPI
import ArgumentParser
import Pipeline
import State

/// What outlives the process: breakers' states in the state directory, and who asked for what.
///
/// Used on the engine's thread; what waits for the disk does so elsewhere.
final class Memory: Sendable {
  private let writer: SnapshotWriter
  private let loaded: Snapshot?

  /// Takes the state directory for this process. What it found wrong there is said.
  init(path: String, say: (String) -> Void) throws(StateError) {
    let directory = try StateDirectory(path: path)
    let found = directory.load(at: SnapshotWriter.clock())
    for notice in found.notices { say(notice) }
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

  /// Tries to save what is not saved, up to five seconds; answers whether everything is.
  func close() -> Bool { writer.close() }

  /// For `/metrics`.
  var families: [MetricFamily] {
    let status = status
    func family(_ name: String, _ kind: MetricFamily.Kind, _ help: String, _ value: Double) -> MetricFamily {
      MetricFamily(name: "stormfuse_state_\(name)", kind: kind, help: help, samples: [.init(value)])
    }
    return [
      family("saves_total", .counter, "Snapshots of the breakers' state that reached the disk.", Double(status.saves)),
      family("save_failures_total", .counter, "Tries to save a snapshot that failed.", Double(status.failures)),
      family("unsaved", .gauge, "1 while the newest state is not on disk.", status.isUnsaved ? 1 : 0),
      family("failing", .gauge, "1 while saving fails.", status.failing == nil ? 0 : 1),
      family("audit_lines_total", .counter, "Commands written to the audit file.", Double(status.auditLines)),
      family("audit_dropped_total", .counter, "Commands missing in the audit file.", Double(status.auditDropped)),
    ]
  }

  /// For `/readyz`.
  var check: Readiness.Check {
    let status = status
    if let failing = status.failing {
      return .init(name: "state", ok: false, detail: "not saved since \(RFC3339(failing.since)): \(failing.why)")
    }
    if let failing = status.auditFailing {
      return .init(name: "state", ok: false, detail: "no audit since \(RFC3339(failing.since)): \(failing.why)")
    }
    return .init(name: "state", ok: true, detail: "saved, generation \(status.generation)")
  }
}

/// Nil where no directory is named.
///
/// - Throws: `ExitCode` after saying why it can't be used: better no run than one whose overrides are lost.
func openMemory(_ path: String?) throws -> Memory? {
  guard let path else { return nil }
  do throws(StateError) {
    return try Memory(path: path) { Terminal.say("stormfuse: state: \($0)") }
  } catch {
    Terminal.say("stormfuse: \(error)")
    throw ExitCode(1)
  }
}

/// Sees to it that everything is on disk, or says that it is not.
func closeMemory(_ memory: Memory?) {
  guard let memory, !memory.close() else { return }
  Terminal.say("stormfuse: the last state of the breakers is not on disk: \(memory.check.detail)")
}
