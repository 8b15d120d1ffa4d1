internal import CProbe
internal import Glibc
package import Pipeline

/// Holds a target's open TCP connections for a given time, without a sidecar: the hand brake. Sees no traffic and knows no
/// protocol; the connections are those that sock_diag lists.
///
/// In the kernel every hold ends with the duration, and all of it within two seconds of the last `tick`, whatever becomes of
/// this process. Belongs to one thread.
package final class OneShotHold {
  package struct Request: Sendable {
    package var target: Target
    /// Only connections to these; nil: all of the target's, those that others opened to it too.
    package var endpoints: [Endpoint]?
    package var action: HoldAction
    /// For `throttle`: payload bytes per second, for each connection.
    package var rate_bytes_s: UInt64
    /// 1 ms to an hour.
    package var duration_ns: Int64

    package init(
      target: Target, endpoints: [Endpoint]? = nil, action: HoldAction, rate_bytes_s: UInt64 = 0, duration_ns: Int64
    ) {
      self.target = target
      self.endpoints = endpoints
      self.action = action
      self.rate_bytes_s = rate_bytes_s
      self.duration_ns = duration_ns
    }
  }

  package struct Status: Sendable, Equatable {
    /// Open connections that are held.
    package var connections = 0
    /// Sums, connections that have ended included.
    package var counters = HoldCounters()
    package var left_ns: Int64 = 0
    /// The time is over, or the target is gone.
    package var isOver = false
    /// What could not be held and why, each once.
    package var problems: [String] = []
  }

  private let request: Request
  private let programs: EnforcePrograms
  private let groups: ControlGroups
  private var table: HoldTable
  private let nudger = Nudger()
  private var told = [UInt64: HoldTerms]()
  private var membership = Membership()
  private let until_ns: Int64
  private var searched_ns = Int64.min
  /// Where egress is decided, by path: never one below another.
  private var places = [String: Place]()
  private var refusing = Set<String>()
  /// Of connections that have ended.
  private var ended = HoldCounters()
  private var problems = [String]()
  private var isTargetGone = false
  private var isEnded = false

  private final class Place {
    let attachment: Int32
    let locks: HoldLocks
    init(_ attachment: Int32, _ locks: consuming HoldLocks) {
      self.attachment = attachment
      self.locks = locks
    }
  }

  /// Loads and attaches the programs and holds what is open. Throws with the reason if nothing can be held there, another
  /// stormfuse holds there already, or the request is impossible.
  ///
  /// - Parameter mayTranslate: False does in another PID namespace as kernels before 6.10 do; for tests.
  package init(_ request: Request, mayTranslate: Bool = true) throws(KernelError) {
    guard request.duration_ns >= Self.shortest_ns, request.duration_ns <= Self.longest_ns else {
      throw KernelError(.failed, "a hold must last between 1 ms and an hour")
    }
    self.request = request
    groups = try ControlGroups()
    programs = try EnforcePrograms(mayTranslate: mayTranslate)
    guard let holding = programs.holding else { throw KernelError(.failed, "the holding programs were closed") }
    table = HoldTable(holding, ConnectionLocks(groups), shows: false)
    let now_ns = Clock.monotonic_ns()
    until_ns = now_ns + request.duration_ns
    table.setLease(now_ns + HoldTable.lease_ns)
    try begin()
    search()
  }

  deinit { end() }

  /// Keeps the hold alive and holds new connections; to be called about every 250 ms.
  package func tick() -> Status {
    let now_ns = Clock.monotonic_ns()
    guard !isEnded else { return status(now_ns) }
    table.setLease(now_ns + HoldTable.lease_ns)
    nudger.step()
    if now_ns < until_ns, now_ns - searched_ns >= Self.search_ns { search() }
    return status(now_ns)
  }

  /// Lets everything go and detaches. Returns the last status.
  @discardableResult
  package func end() -> Status {
    guard !isEnded else { return status(Clock.monotonic_ns()) }
    let connections = table.count
    for cookie in table.cookies {
      if let counters = table.release(cookie) { ended += counters }
      nudger.leave(cookie, at_ns: 0)
    }
    table.releaseAll()
    nudger.step()
    isEnded = true
    programs.close()
    places = [:]
    var last = status(Clock.monotonic_ns())
    last.connections = connections
    return last
  }

  private func status(_ now_ns: Int64) -> Status {
    var status = Status(
      connections: table.count, counters: ended, left_ns: max(0, until_ns - now_ns),
      isOver: isEnded || isTargetGone || now_ns >= until_ns, problems: problems)
    guard !isEnded else { return status }
    for cookie in table.cookies { if let counters = table.counters(cookie) { status.counters += counters } }
    return status
  }

  private func begin() throws(KernelError) {
    var paths = [String]()
    switch request.target.kind {
    case .cgroup(let path): paths = [path]
    case .processes(let named):
      let all = ProcessTable.all()
      for process in named {
        guard let entry = all[process] else { throw KernelError(.noSuchTarget, "process \(process) has ended") }
        membership.insert(process, start: entry.start)
        paths.append(try groups.path(ofProcess: process))
      }
      _ = membership.update(all)
      programs.enter(membership.processes)
    }
    for path in Set(paths).sorted() {
      try holdEgress(in: path)
      if request.action == .block { try refuse(in: path) }
    }
    guard request.action == .block else { return }
    if let endpoints = request.endpoints {
      for endpoint in endpoints { try table.refuse(endpoint, until_ns: until_ns) }
    } else {
      try table.refuse(nil, until_ns: until_ns)
    }
  }

  /// Has a cgroup's egress decided, unless one above does it. What lies below is done by it from then on: two would decide
  /// about the same packets.
  private func holdEgress(in path: String) throws(KernelError) {
    guard !places.keys.contains(where: { ControlGroups.covers($0, path) }) else { return }
    let below = places.keys.filter { ControlGroups.covers(path, $0) }
    let locks = try HoldLocks(path, isExclusive: isOwn(path))
    places[path] = Place(try programs.attach(path, CPROBE_HOLD, in: groups), locks)
    for lower in below { if let place = places.removeValue(forKey: lower) { programs.detach(place.attachment) } }
  }

  private func refuse(in path: String) throws(KernelError) {
    guard refusing.insert(path).inserted else { return }
    _ = try programs.attach(path, isOwn(path) ? CPROBE_REFUSE : CPROBE_REFUSE_MEMBERS, in: groups)
  }

  private func isOwn(_ path: String) -> Bool { request.target.kind == .cgroup(path) }

  /// Finds the target's connections and holds the new ones.
  private func search() {
    searched_ns = Clock.monotonic_ns()
    let outsiders = programs.takeOutsiders()
    let processes = updateProcesses()
    var descriptors = [UInt32: (process: Int32, descriptor: Int32)]()
    for process in processes.sorted() {
      switch ProcessTable.sockets(process) {
      case .open(let sockets):
        for (inode, descriptor) in sockets { descriptors[inode] = (process, descriptor) }
      case .refused:
        note(
          "the connections of process \(process) can't be listed, since reading /proc/\(process)/fd was refused: grant "
            + "CAP_SYS_PTRACE or run as its user")
      case .gone: break
      }
    }
    var spaces = NetworkSpaces()
    let (sockets, error) = spaces.sockets(of: processes)
    if error != 0 { note("open sockets could not be listed (sock_diag): \(KernelError.text(error))") }
    for process in processes where !spaces.canEnter(process) {
      note("process \(process) is in a network namespace that can't be entered: grant CAP_SYS_ADMIN or run inside it")
    }
    var ownersByCookie = [UInt64: Int32]()
    for socket in sockets where socket.inode != 0 {
      if let owner = descriptors[socket.inode] { ownersByCookie[socket.cookie] = owner.process }
    }
    programs.learn(outsiders) { ownersByCookie[$0] }
    var seen = Set<UInt64>()
    var paths = [UInt64: String?]()
    for socket in sockets {
      // Without an inode its process has closed it: what it had still to send is let go.
      guard socket.inode != 0 else { continue }
      if let endpoints = request.endpoints, !endpoints.contains(socket.remote) { continue }
      let owner = descriptors[socket.inode]
      let path = path(of: socket, process: owner?.process, &paths)
      // A socket is the target's if its cgroup owns it, or if one of its processes has it open.
      guard owner != nil || path.map(isBelowTarget) == true else { continue }
      guard let path else {
        note("a connection belongs to a cgroup that has been removed or is not visible here: it is not held")
        continue
      }
      seen.insert(socket.cookie)
      let limits = owner.map { spaces.limits(of: socket, process: $0.process, descriptor: $0.descriptor) }
      hold(socket, in: path, limits: limits)
    }
    for cookie in table.cookies where !seen.contains(cookie) {
      guard error == 0, let counters = table.release(cookie) else { continue }
      ended += counters
      nudger.leave(cookie, at_ns: nil)
      told[cookie] = nil
    }
  }

  private func hold(_ socket: OpenSockets.Socket, in path: String, limits: SocketLimits?) {
    let limits = limits ?? .assumed
    let terms = HoldTerms(
      action: request.action,
      trickle_ns: Self.trickle_ns(limits, isNudged: nudger.keepAlive(socket.cookie, limits) == .nudge),
      rate_bytes_s: request.rate_bytes_s)
    guard told[socket.cookie] != terms else { return }
    do throws(KernelError) {
      try holdEgress(in: path)
      try table.hold(socket.cookie, terms, until_ns: until_ns, now_ns: Clock.monotonic_ns())
      told[socket.cookie] = terms
    } catch {
      nudger.leave(socket.cookie, at_ns: nil)
      note(error.description)
    }
  }

  private func updateProcesses() -> [Int32] {
    switch request.target.kind {
    case .cgroup(let path):
      guard let processes = groups.processes(below: path) else {
        isTargetGone = true
        return []
      }
      return Array(processes)
    case .processes:
      let (entered, left) = membership.update(ProcessTable.all())
      programs.enter(entered)
      programs.leave(left)
      if membership.isEmpty { isTargetGone = true }
      if request.action == .block {
        for process in entered {
          guard let path = try? groups.path(ofProcess: process) else { continue }
          do throws(KernelError) { try refuse(in: path) } catch { note(error.description) }
        }
      }
      return membership.processes
    }
  }

  private func path(of socket: OpenSockets.Socket, process: Int32?, _ paths: inout [UInt64: String?]) -> String? {
    // A kernel that does not tell (before 5.9): most likely its process never moved.
    if socket.cgroup == 0 { return process.flatMap { try? groups.path(ofProcess: $0) } }
    if let known = paths[socket.cgroup] { return known }
    let path = groups.path(id: socket.cgroup)
    paths[socket.cgroup] = path
    return path
  }

  private func isBelowTarget(_ path: String) -> Bool {
    if case .cgroup(let target) = request.target.kind { return ControlGroups.covers(target, path) }
    return false
  }

  private func note(_ problem: String) {
    if problems.count < Self.problemsMaximum, !problems.contains(problem) { problems.append(problem) }
  }

  /// How often payload passes. Besides the socket's own limits (its kernel gives a connection up after about half a second
  /// for each of its tries; one and a half trickles must fit in before that), which probes satisfy, heartbeats and session
  /// timeouts are unknown here: three seconds satisfy those of 10 s.
  static func trickle_ns(_ limits: SocketLimits, isNudged: Bool) -> Int64 {
    if isNudged { return min(.seconds(3), Trickle.forPeer(tcpRetries2: limits.tcpRetries2)) }
    var trickle_ns = min(.seconds(3), Int64(max(0, limits.tcpRetries2 - 2)) * .milliseconds(500) * 2 / 3)
    if limits.userTimeout_ms > 0 { trickle_ns = min(trickle_ns, .milliseconds(Int64(limits.userTimeout_ms)) / 2) }
    return max(trickle_ns, .milliseconds(100))
  }

  package static let shortest_ns: Int64 = .milliseconds(1)
  package static let longest_ns: Int64 = .seconds(3600)
  private static let search_ns: Int64 = .milliseconds(200)
  private static let problemsMaximum = 20
}
