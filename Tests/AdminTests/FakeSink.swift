import Admin
import AdminAPI
import Synchronization

@testable import Pipeline

/// A fake engine for tests: real breakers behind the reports, nothing held, an outcome to order.
final class FakeSink: CommandSink, ReportSource {
  struct Call: Equatable {
    var command: BreakerCommand
    var note: OperatorNote
    var name: BreakerName
    var ifRevision: UInt64?
  }

  private struct State {
    var groups: [Report.Group]
    var breakers: [BreakerName: Breaker] = [:]
    var calls: [Call] = []
  }

  private let state: Mutex<State>
  private let saved: CommandOutcome.Saved
  private let holds: Bool
  private let fixed: CommandOutcome?

  /// - Parameters:
  ///   - holds: Whether the fake says that open breakers hold traffic.
  ///   - fixed: What every command comes to, whatever the breaker says.
  init(
    _ groups: [Report.Group] = [Sample.group(state: .closed)], saved: CommandOutcome.Saved = .yes, holds: Bool = true,
    fixed: CommandOutcome? = nil
  ) {
    var state = State(groups: [])
    for group in groups {
      var group = group
      group.breaker.revision = 0
      group.mode = holds ? "enforce" : "observe"
      state.groups.append(group)
      state.breakers[Self.name(group)] = Breaker(settings: BreakerSettings(), seed: 1, at: Timestamp(ns: 0))
    }
    self.state = Mutex(state)
    self.saved = saved
    self.holds = holds
    self.fixed = fixed
  }

  var calls: [Call] { state.withLock { $0.calls } }
  var groups: [Report.Group] { state.withLock { $0.groups } }

  func carryOut(
    _ command: BreakerCommand, note: OperatorNote, on name: BreakerName, ifRevision: UInt64?
  ) async -> CommandOutcome {
    state.withLock { state in
      state.calls.append(Call(command: command, note: note, name: name, ifRevision: ifRevision))
      if let fixed { return fixed }
      guard let index = state.groups.firstIndex(where: { Self.name($0) == name }) else { return .unknown }
      let now = Timestamp(ns: Int64(state.calls.count))
      let result = state.breakers[name]?.apply(command, note: note, ifRevision: ifRevision, at: now)
      if let breaker = state.breakers[name] {
        let isOpen = breaker.state == .open || breaker.state == .forcedOpen
        state.groups[index].breaker.state = breaker.state
        state.groups[index].breaker.revision = breaker.revision
        // The fake's time begins where its report ends.
        let wall = { (at: Timestamp) in RFC3339(Sample.report([]).to.timestamp + at.ns) }
        state.groups[index].breaker.until = breaker.endsAt.map(wall)
        state.groups[index].breaker.outlook = breaker.state == .closed ? nil : Report.Outlook(breaker, wall: wall)
        state.groups[index].breaker.held = isOpen && holds
        state.groups[index].breaker.why = isOpen && !holds ? .observing : nil
      }
      switch result {
      case .changed, .rearmed: return .done(state.groups[index], saved: saved)
      case .unchanged(let why): return .unchanged(state.groups[index], why: why)
      case .stale(let revision): return .stale(revision: revision)
      case nil: return .unknown
      }
    }
  }

  func report() -> Report { Sample.report(groups) }
  func metrics() -> MetricsInput { MetricsInput(targets: [.init(name: "pid:42", report: report())]) }
  func readiness() -> Readiness { Readiness(checks: []) }

  private static func name(_ group: Report.Group) -> BreakerName {
    BreakerName(key: group.key, cluster: group.cluster, target: group.target)
  }
}
