#if os(Linux)
  import Foundation
  import Kernel
  import Synchronization

  /// Keeps discovery going on a thread of its own: new processes and sockets of the target, every 100 ms.
  final class Watcher: Sendable {
    private let discovery: Discovery
    private let status: Mutex<Discovery.Status>
    private let stopping = Atomic<Bool>(false)
    private let done = DispatchSemaphore(value: 0)

    init(_ discovery: Discovery) {
      self.discovery = discovery
      status = Mutex(discovery.status)
    }

    func start() {
      let thread = Thread { [self] in
        while !stopping.load(ordering: .relaxed) {
          let found = discovery.refresh()
          status.withLock { $0 = found }
          discovery.rest()
        }
        done.signal()
      }
      thread.name = "discovery"
      thread.start()
    }

    /// Returns once the thread touches nothing any more.
    func stop() {
      stopping.store(true, ordering: .relaxed)
      done.wait()
    }

    /// The target has no process any more.
    var isGone: Bool {
      let found = status.withLock { $0 }
      if case .cgroup = discovery.target.kind { return false }
      return found.processes == 0
    }

    var unreached: [String] { status.withLock { $0.unreached.map(\.description) } }
    var attached: [String] { status.withLock { $0.attached } }
  }
#endif
