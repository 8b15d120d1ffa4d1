import Admin
import Pipeline
import State

/// Carries out operators' commands on the engine's thread, and answers each once it is on disk.
struct Commands {
  let queue: CommandQueue
  let memory: Memory?

  /// Everything that waits. `act` does what the engine wants done, before anything is answered: whether traffic is held
  /// is then known.
  func carryOut(_ engine: inout Engine, at now: Timestamp, act: (inout Engine) -> Void) {
    for entry in queue.take() { carryOut(entry, &engine, at: now, act) }
  }

  private func carryOut(
    _ entry: CommandQueue.Entry, _ engine: inout Engine, at now: Timestamp, _ act: (inout Engine) -> Void
  ) {
    let name = entry.name
    let result = engine.apply(
      entry.command, note: entry.note, key: name.key, cluster: name.cluster, ifRevision: entry.ifRevision)
    act(&engine)
    guard let result, let group = engine.group(key: name.key, cluster: name.cluster) else {
      return entry.answer(.unknown)
    }
    audit(entry, result, group, at: now)
    switch result {
    case .stale(let revision): entry.answer(.stale(revision: revision))
    case .unchanged(let why): entry.answer(.unchanged(group, why: why))
    case .changed, .rearmed:
      guard let memory else { return entry.answer(.done(group, saved: .notConfigured)) }
      memory.save(engine, at: now) { result in
        switch result {
        case .success: entry.answer(.done(group, saved: .yes))
        case .failure(let error): entry.answer(.done(group, saved: .failed(why: error.description)))
        }
      }
    }
  }

  private func audit(
    _ entry: CommandQueue.Entry, _ result: CommandResult, _ group: Report.Group, at now: Timestamp
  ) {
    var why = group.breaker.why?.text(group.breaker.why_detail)
    if case .unchanged(let reason) = result { why = reason }
    memory?.record(
      AuditEntry(
        at: now, note: entry.note, command: Self.name(entry.command), key: entry.name.key,
        cluster: entry.name.cluster, target: entry.name.target, revision: group.breaker.revision,
        result: Self.name(result), held: group.breaker.held, why: why))
  }

  private static func name(_ command: BreakerCommand) -> String {
    switch command {
    case .trip: "trip"
    case .reset: "reset"
    case .forceOpen: "override forced_open"
    case .forceClosed: "override forced_closed"
    case .clearOverride: "override cleared"
    case .rearm: "rearm"
    }
  }

  private static func name(_ result: CommandResult) -> String {
    switch result {
    case .changed: "changed"
    case .rearmed: "rearmed"
    case .unchanged: "unchanged"
    case .stale: "stale"
    }
  }
}
