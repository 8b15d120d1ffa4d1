import Admin
import Pipeline
import Synchronization

/// Operators' commands on their way to the thread that owns the engine.
///
/// In: `carryOut`, from any task. Out: `take`, on the engine's thread. Each command is answered once, by whoever took it
/// or, at the end, by `close`. Bound: 256 that wait; past it the answer is that nobody takes them.
final class CommandQueue: CommandSink {
  struct Entry: Sendable {
    var command: BreakerCommand
    var note: OperatorNote
    var name: BreakerName
    var ifRevision: UInt64?
    var answer: @Sendable (CommandOutcome) -> Void
  }

  private let state = Mutex(State())

  private struct State {
    var entries: [Entry] = []
    var isClosed = false
    /// Interrupts the owner's wait for traffic.
    var wake: @Sendable () -> Void = {}
  }

  func carryOut(_ command: BreakerCommand, note: OperatorNote, on name: BreakerName, ifRevision: UInt64?) async
    -> CommandOutcome
  {
    await withCheckedContinuation { continuation in
      let entry = Entry(command: command, note: note, name: name, ifRevision: ifRevision) {
        continuation.resume(returning: $0)
      }
      let (refusal, wake) = state.withLock { state -> (String?, @Sendable () -> Void) in
        if state.isClosed { return ("the run is over", state.wake) }
        if state.entries.count >= Self.bound { return ("\(Self.bound) commands wait already: try again", state.wake) }
        state.entries.append(entry)
        return (nil, state.wake)
      }
      if let refusal { entry.answer(.unavailable(why: refusal)) } else { wake() }
    }
  }

  func onArrival(_ wake: @escaping @Sendable () -> Void) { state.withLock { $0.wake = wake } }

  /// What has come since the last call, oldest first.
  func take() -> [Entry] {
    state.withLock { state in
      defer { state.entries = [] }
      return state.entries
    }
  }

  /// No command is taken any more; those that wait are answered so. Returns how many.
  @discardableResult
  func close() -> Int {
    let left = state.withLock { state in
      state.isClosed = true
      state.wake = {}
      defer { state.entries = [] }
      return state.entries
    }
    for entry in left { entry.answer(.unavailable(why: "the run is over")) }
    return left.count
  }

  private static let bound = 256
}
