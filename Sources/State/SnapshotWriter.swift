internal import Dispatch
package import Pipeline
internal import Synchronization

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#else
  internal import Darwin
#endif

/// Saves snapshots and audit lines on a queue of its own, so that an engine's thread never waits for the disk.
///
/// Snapshots are whole: while one is being saved those that come wait, and of these only the newest is saved. Each
/// `submit` is answered once, after its own snapshot or a later one was saved, or when that failed. A failure is answered
/// at once; the newest snapshot is tried again after 100 ms, then ever later up to every 5 s, until it or a newer one is
/// saved. Calls never wait, but for `close`.
package final class SnapshotWriter: Sendable {
  /// Called on the writer's queue: must not wait.
  package typealias Completion = @Sendable (Result<Void, StateError>) -> Void

  /// Runs work after a delay in nanoseconds, on the writer's queue.
  typealias Schedule = @Sendable (_ delay_ns: Int64, _ work: @escaping @Sendable () -> Void) -> Void

  static let firstRetry_ns = Int64.milliseconds(100)
  static let longestRetry_ns = Int64.seconds(5)
  /// How often the file system is asked for room: a full disk is to be known before a change has to be saved.
  static let look_ns = Int64.seconds(1)
  /// Audit lines that may wait for a disk that takes none; later ones are counted as dropped.
  static let waitingLines = 4096

  private let directory: StateDirectory
  private let audit: AuditLog?
  private let now: @Sendable () -> Timestamp
  private let schedule: Schedule
  private let queue: DispatchQueue
  private let state = Mutex(State())

  private struct State {
    /// The newest snapshot that is not on disk, and how many came before it.
    var newest: (snapshot: Snapshot, number: UInt64)?
    var submitted: UInt64 = 0
    var completions = [Completion]()
    /// Those of the snapshot that is being saved.
    var underWay = [Completion]()
    /// Those that are not on disk.
    var lines = [AuditEntry]()
    /// Work is on the queue that has not begun.
    var isQueued = false
    var isRetrying = false
    var failuresInARow = 0
    var isClosed = false
    var status = SnapshotStatus()
  }

  /// - Parameters:
  ///   - audit: In the same directory; nil for none.
  ///   - now: The clock for `status`.
  package convenience init(
    directory: StateDirectory, audit: AuditLog?, now: @escaping @Sendable () -> Timestamp = SnapshotWriter.clock
  ) {
    let queue = DispatchQueue(label: "stormfuse.state")
    self.init(directory: directory, audit: audit, now: now, queue: queue) { delay_ns, work in
      queue.asyncAfter(deadline: .now() + .nanoseconds(Int(delay_ns)), execute: work)
    }
    keepLooking()
  }

  init(
    directory: StateDirectory, audit: AuditLog?, now: @escaping @Sendable () -> Timestamp,
    queue: DispatchQueue = DispatchQueue(label: "stormfuse.state"), schedule: @escaping Schedule
  ) {
    self.directory = directory
    self.audit = audit
    self.now = now
    self.queue = queue
    self.schedule = schedule
  }

  package var status: SnapshotStatus { state.withLock(\.status) }

  /// Has a snapshot saved.
  package func submit(_ snapshot: Snapshot, then completion: @escaping Completion = { _ in }) {
    let isAccepted = state.withLock { state in
      guard !state.isClosed else { return false }
      state.submitted += 1
      state.newest = (snapshot, state.submitted)
      state.status.isUnsaved = true
      state.completions.append(completion)
      enqueue(&state)
      return true
    }
    guard !isAccepted else { return }
    completion(.failure(StateError(.closed, "the state is no longer saved: stormfuse is ending")))
  }

  /// Has an audit line written. Given before `submit`, it is on disk (or counted as failing) before that is answered: of
  /// an answered command there is a line.
  package func record(_ entry: AuditEntry) {
    guard audit != nil else { return }
    state.withLock { state in
      guard !state.isClosed, state.lines.count < Self.waitingLines else {
        state.status.auditDropped += 1
        return
      }
      state.lines.append(entry)
      enqueue(&state)
    }
  }

  /// Takes no more, and tries once more to save what is not saved. Whoever still waits then is answered that it is not.
  /// Call it from any thread but the completions'.
  /// - Parameter within_ns: How long to wait for the disk.
  /// - Returns: Whether everything is on disk.
  @discardableResult
  package func close(within_ns: Int64 = .seconds(5)) -> Bool {
    state.withLock { $0.isClosed = true }
    let done = DispatchSemaphore(value: 0)
    queue.async {
      self.work()
      done.signal()
    }
    guard done.wait(timeout: .now() + .nanoseconds(Int(within_ns))) == .success else {
      let error = StateError(
        .hanging, "the disk has not answered for \(Double(within_ns / 1_000_000) / 1000) s: look at its file system")
      let waiting = state.withLock { state in
        defer { (state.underWay, state.completions) = ([], []) }
        return state.underWay + state.completions
      }
      for completion in waiting { completion(.failure(error)) }
      return false
    }
    // Until the queue has let go of this object: who closes it and the directory may open that anew at once.
    queue.sync {}
    return state.withLock { state in
      // Nothing writes them any more.
      defer {
        state.status.auditDropped += UInt64(state.lines.count)
        state.lines = []
      }
      return state.newest == nil && state.lines.isEmpty
    }
  }

  /// The system's wall clock.
  package static let clock: @Sendable () -> Timestamp = {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    return Timestamp(ns: Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec))
  }

  private func enqueue(_ state: inout State) {
    guard !state.isQueued else { return }
    state.isQueued = true
    queue.async { self.work() }
  }

  /// On the queue: saves all that waits.
  private func work() {
    let began = now()
    let (newest, lines) = state.withLock { state in
      defer {
        state.isQueued = false
        state.underWay = state.completions
        state.completions = []
        state.lines = []
      }
      state.status.busySince = began
      return (state.newest, state.lines)
    }
    if !lines.isEmpty { write(lines) }
    var result = Result<Void, StateError>.success(())
    if let newest { result = save(newest.snapshot, number: newest.number) }
    state.withLock { state in
      guard state.newest != nil || !state.lines.isEmpty else {
        state.failuresInARow = 0
        return
      }
      // What is here now has failed, or has come since, and is then on the queue already.
      guard state.status.failing != nil || state.status.auditFailing != nil else { return }
      let delay_ns = min(Self.longestRetry_ns, Self.firstRetry_ns << Int64(min(state.failuresInARow, 10)))
      state.failuresInARow += 1
      guard !state.isRetrying, !state.isClosed else { return }
      state.isRetrying = true
      // A closed writer is not kept, nor with it the lock of its directory.
      schedule(delay_ns) { [weak self] in self?.retry() }
    }
    // Unless `close` has answered them.
    let completions = state.withLock { state in
      defer { state.underWay = [] }
      state.status.busySince = nil
      return state.underWay
    }
    for completion in completions { completion(result) }
  }

  private func keepLooking() {
    schedule(Self.look_ns) { [weak self] in
      guard let self, !state.withLock(\.isClosed) else { return }
      look()
      keepLooking()
    }
  }

  /// On the queue: asks the file system for room.
  func look() {
    let began = now()
    state.withLock { $0.status.busySince = began }
    let lack = directory.files.lackOfRoom()
    state.withLock { state in
      state.status.busySince = nil
      state.status.full = lack.map {
        .init(
          since: state.status.full?.since ?? began,
          why: "\($0) on the file system of \(directory.path): make room, or the next change can't be saved")
      }
    }
  }

  private func retry() {
    let isClosed = state.withLock { state in
      state.isRetrying = false
      return state.isClosed
    }
    if !isClosed { work() }
  }

  private func save(_ snapshot: Snapshot, number: UInt64) -> Result<Void, StateError> {
    let began = now()
    let result = Result { () throws(StateError) in try directory.save(snapshot) }
    let ended = now()
    state.withLock { state in
      switch result {
      case .success(let saved):
        if state.newest?.number == number {
          state.newest = nil
          state.status.isUnsaved = false
        }
        state.status.failing = nil
        state.status.saves += 1
        state.status.generation = saved.generation
        state.status.size_bytes = saved.size_bytes
        state.status.lastSaved = ended
        state.status.lastSave_ns = max(0, ended - began)
      case .failure(let error):
        state.status.failures += 1
        state.status.failing = .init(since: state.status.failing?.since ?? ended, why: error.description)
      }
    }
    return result.map { _ in }
  }

  /// Lines that are not on disk wait again, before those that came since.
  private func write(_ lines: [AuditEntry]) {
    guard let audit else { return }
    let (confirmed, problem) = audit.write(lines)
    let at = now()
    state.withLock { state in
      state.status.auditLines += UInt64(confirmed)
      state.lines = lines.dropFirst(confirmed) + state.lines
      state.status.auditFailing = problem.map {
        .init(since: state.status.auditFailing?.since ?? at, why: $0.description)
      }
    }
  }
}
