import Dispatch
import Synchronization

/// Lets several engines begin together: none goes on before all can, and none at all if one can't.
final class StartGate: Sendable {
  private let state: Mutex<State>
  private let opened = DispatchSemaphore(value: 0)

  private struct State {
    /// Those that are still to arrive.
    var missing: Int
    var waiting = 0
    var isOff = false
    var open: @Sendable () -> Void
  }

  /// - Parameters:
  ///   - count: Of engines.
  ///   - open: Called once, by the last that arrives, before any goes on.
  init(count: Int, open: @escaping @Sendable () -> Void) { state = Mutex(State(missing: count, open: open)) }

  /// The caller can begin. Waits for the others. False: the start is called off.
  func arrive() -> Bool {
    let open = state.withLock { state -> (@Sendable () -> Void)? in
      state.missing -= 1
      state.waiting += 1
      return state.missing == 0 && !state.isOff ? state.open : nil
    }
    if let open {
      open()
      release()
    } else if state.withLock({ $0.isOff }) {
      release()
    }
    opened.wait()
    return state.withLock { !$0.isOff }
  }

  /// One can't begin, so that none does. Nothing once all have.
  func callOff() {
    let isLate = state.withLock { state in
      if state.missing == 0 { return true }
      state.isOff = true
      return false
    }
    if !isLate { release() }
  }

  private func release() {
    let waiting = state.withLock { state in
      defer { state.waiting = 0 }
      return state.waiting
    }
    for _ in 0..<waiting { opened.signal() }
  }
}
