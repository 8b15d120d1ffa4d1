internal import CProbe
internal import Glibc
internal import Pipeline
internal import Synchronization

/// Keeps held connections alive without letting anything of theirs pass: has each socket send a window probe now and then
/// (`cprobe_nudge`). The peer acknowledges it, and an acknowledgement that comes in sets back what the socket's own kernel
/// counts before it gives the connection up.
///
/// A probe has no payload and a sequence number that the peer has acknowledged before (RFC 9293, 3.8.6.1), so it changes
/// nothing in either stream. Linux answers such segments at most twice a second (`tcp_invalid_ratelimit`).
///
/// May be used from several threads: one holds and asks, another calls `step` and `rest`. Bound: one entry for each
/// held connection. Cost: four system calls a probe, some microseconds, and never on the thread that captures: a socket that
/// its process is using is waited for.
package final class Nudger: Sendable {
  private let state = Mutex(State())
  private let alarm = Alarm()
  /// Grows whenever some connection's `health` changes.
  private let changes = Atomic<Int>(0)

  private struct State {
    var entries = [UInt64: Entry]()
  }

  private struct Entry {
    var process: Int32
    var descriptor: Int32
    var every_ns: Int64
    var due_ns: Int64
    /// Probes until it is forgotten; nil: it is held.
    var left: Int?
    var sent_ns: Int64?
    var unanswered = 0
    var health = Health.untried
  }

  package enum Health: Sendable, Equatable {
    /// No probe was sent yet, or it is not kept alive at all.
    case untried
    case well
    /// Why probes do not keep it alive.
    case failing(String)
  }

  /// Begins to nudge a connection, at once and then every `every_ns`, or goes on under other terms.
  private func keep(_ cookie: UInt64, process: Int32, descriptor: Int32, every_ns: Int64) {
    let isNew = state.withLock { state in
      var entry = Entry(process: process, descriptor: descriptor, every_ns: every_ns, due_ns: Clock.monotonic_ns())
      if let known = state.entries[cookie], known.left == nil {
        if known.process == process, known.descriptor == descriptor, known.every_ns == every_ns { return false }
        (entry.sent_ns, entry.unanswered, entry.health) = (known.sent_ns, known.unanswered, known.health)
      }
      state.entries[cookie] = entry
      return true
    }
    if isNew { alarm.ring() }
  }

  /// Begins or goes on to keep a held connection alive by probes, if its socket can be reached. Answers how it is kept alive.
  func keepAlive(_ cookie: UInt64, _ limits: SocketLimits) -> Keepalive {
    switch limits.access {
    case .unknown: return .trickle(why: "its socket was not found yet")
    case .refused(let process, let error): return .trickle(why: Self.reason(error, process))
    case .open(let process, let descriptor):
      keep(cookie, process: process, descriptor: descriptor, every_ns: limits.probes_ns)
      if case .failing(let why) = health(cookie) { return .trickle(why: why) }
      return .nudge
    }
  }

  /// Ends it; with `at_ns` after some last probes from that time on: an acknowledgement makes the socket send what it has.
  func leave(_ cookie: UInt64, at_ns: Int64?) {
    let isDue = state.withLock { state in
      guard let at_ns, state.entries[cookie] != nil else {
        state.entries[cookie] = nil
        return false
      }
      state.entries[cookie]?.left = Self.lastProbes
      state.entries[cookie]?.due_ns = at_ns
      return true
    }
    if isDue { alarm.ring() }
  }

  func health(_ cookie: UInt64) -> Health { state.withLock { $0.entries[cookie]?.health ?? .untried } }

  /// Changes when some connection's health has.
  package var revision: Int { changes.load(ordering: .relaxed) }

  /// Sends the probes that are due. Answers when the next one is, CLOCK_MONOTONIC; nil if none is.
  @discardableResult
  package func step() -> Int64? {
    let now_ns = Clock.monotonic_ns()
    let due = state.withLock { state in
      let due = state.entries.filter { $0.value.due_ns <= now_ns }
      for cookie in due.keys { state.entries[cookie]?.due_ns = .max }
      return due
    }
    for (cookie, entry) in due { nudge(cookie, entry) }
    return state.withLock { $0.entries.values.map(\.due_ns).min() }
  }

  /// Ends a `rest`.
  package func wake() { alarm.ring() }

  /// Waits until the next probe is due, something is asked for, or `wake`; a minute at most.
  package func rest(until due_ns: Int64?) {
    let wait_ns = min(.seconds(60), max(0, (due_ns ?? .max) - Clock.monotonic_ns()))
    if cprobe_wait(-1, alarm.descriptor, Int32((wait_ns + 999_999) / 1_000_000)) > 0 { alarm.take() }
  }

  private func nudge(_ cookie: UInt64, _ entry: Entry) {
    var heard_ms: UInt32 = 0
    let sent_ns = Clock.monotonic_ns()
    let error = cprobe_nudge(entry.process, entry.descriptor, cookie, &heard_ms)
    state.withLock { state in
      guard var now = state.entries[cookie] else { return }
      if let left = now.left, now.due_ns == .max {
        now.left = left - 1
        now.due_ns = sent_ns + Self.lastProbes_ns
        state.entries[cookie] = left > 1 && error == 0 ? now : nil
        return
      }
      let before = now.health
      if error == 0 {
        let isAnswered = entry.sent_ns.map { sent_ns - $0 + Self.slack_ns >= .milliseconds(Int64(heard_ms)) } ?? true
        now.unanswered = isAnswered ? 0 : now.unanswered + 1
        now.health =
          now.unanswered < Self.unansweredMaximum ? .well : .failing("its peer does not acknowledge probes")
        now.sent_ns = sent_ns
      } else {
        now.health = .failing(Self.reason(error, entry.process))
        now.sent_ns = nil
      }
      if now.due_ns == .max { now.due_ns = sent_ns + now.every_ns }
      state.entries[cookie] = now
      if now.health != before { changes.add(1, ordering: .relaxed) }
    }
  }

  /// Why a socket can't be reached, and what to do.
  static func reason(_ error: Int32, _ process: Int32) -> String {
    switch -error {
    case EPERM, EACCES:
      "the sockets of process \(process) may not be reached (\(KernelError.text(error))): grant CAP_SYS_PTRACE or run as its "
        + "user"
    case ENOSYS: "this kernel has no pidfd_getfd (5.6 has)"
    case ESTALE, EBADF, ESRCH: "its socket was not found in process \(process) any more"
    case ENOTCONN: "it is closing"
    default: "its socket could not be reached: \(KernelError.text(error))"
    }
  }

  /// Time stamps of acknowledgements are as coarse as the kernel's tick.
  private static let slack_ns: Int64 = .milliseconds(20)
  /// They span half a second, within which peers answer one probe: the first, or a later one if another probe was answered
  /// shortly before. By then the socket has tried again by itself.
  private static let lastProbes = 4
  private static let lastProbes_ns: Int64 = .milliseconds(140)
  /// One may be lost on the way.
  private static let unansweredMaximum = 2
}
