#if os(Linux)
  import Foundation
  import Kernel
  import Synchronization

  /// Sends the probes that keep held connections alive, on a thread of its own: one may have to wait for a socket that the
  /// consumer is using.
  final class NudgeThread: Sendable {
    private let nudger: Nudger
    private let stopping = Atomic<Bool>(false)
    private let done = DispatchSemaphore(value: 0)

    init(_ nudger: Nudger) { self.nudger = nudger }

    func start() {
      let thread = Thread { [self] in
        while !stopping.load(ordering: .relaxed) { nudger.rest(until: nudger.step()) }
        // What was let go at last is woken.
        nudger.step()
        done.signal()
      }
      thread.name = "nudges"
      thread.start()
    }

    /// Returns once the thread touches nothing any more.
    func stop() {
      stopping.store(true, ordering: .relaxed)
      nudger.wake()
      done.wait()
    }
  }
#endif
