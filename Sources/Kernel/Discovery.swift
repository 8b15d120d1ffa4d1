internal import CProbe
internal import Glibc
internal import Pipeline
internal import Synchronization

/// Finds the cgroups to attach to and keeps them right: new descendants of the target's processes, sockets that another
/// cgroup owns than the one their process is in.
///
/// A socket belongs to the cgroup of the process that created it, at that moment and for good. So the programs are
/// attached to the target's own cgroup, where every connection is recorded, and to every other cgroup that owns one of its
/// sockets, where only those sockets are. A process in a shared cgroup has its connections let through one by one: the open
/// ones found by sock_diag, the new ones recognised when they connect.
///
/// A cgroup that is removed takes its programs along. With each look the ones attached to are compared by inode, so one that
/// is made again under the same path is attached to anew.
///
/// May be used from several threads. `refresh` reads /proc and may take milliseconds: call it about every 100 ms, away from
/// the thread that polls.
package final class Discovery: Sendable {
  package let target: Target
  private let programs: Programs
  private let groups: ControlGroups
  /// Apart from the rest, since the polling thread asks while a search may be under way. Taken after `state`, never before.
  private let membership = Mutex(Membership())
  private let state: Mutex<State>
  /// Apart as well, and for the same reason.
  private let limits = Mutex(Limits())
  /// A socket that no search has found is waited for: the next `refresh` searches.
  private let isSearchDue = Atomic<Bool>(false)
  /// Finds the processes of connections that the kernel could not name as we do.
  let finder = ProcessFinder()
  /// Of the directory in which the target's cgroup lies: it may be removed and made again.
  private let watch = DirectoryWatch()

  private struct Limits {
    var byCookie = [UInt64: SocketLimits]()
    /// Of a connection that no search has found yet: its network namespace is one of those that the processes are in.
    var usual = SocketLimits.assumed
  }

  private struct State {
    /// By the cgroup's path.
    var attachments = [String: Attachment]()
    var unreached = [Unreached]()
    /// Cgroups that the target's processes are in and that could not be attached to: a cgroup that was removed, one that a
    /// process was moved to.
    var unattached = [Unreached]()
    var searched_ns = Int64.min
    var processes = 0
  }

  private struct Attachment {
    var number: Int32
    var mode: Programs.Mode
    /// The cgroup's: another one may have the same path later.
    var id: UInt64?
  }

  init(target: Target, programs: Programs) throws(KernelError) {
    self.target = target
    self.programs = programs
    groups = try ControlGroups()
    state = Mutex(State())
    try state.withLock { (state) throws(KernelError) in
      try attach(&state)
      search(&state)
    }
  }

  /// Looks for new and ended processes of the target, and every two seconds, or when processes came, for its sockets.
  @discardableResult
  package func refresh() -> Status {
    let asked = finder.takeAsked()
    let all: [Int32: ProcessTable.Entry]? = if case .processes = target.kind { ProcessTable.all() } else { nil }
    return state.withLock { state in
      state.unattached = []
      let isRenewed = renew(&state)
      let grown = update(&state, all)
      let isMoved = followMoved(&state)
      finder.keep(only: { Set(targetProcesses()) }, programs)
      finder.answer(asked, programs) { targetProcesses() }
      let isLong = Clock.monotonic_ns() - state.searched_ns >= Self.search_ns
      let isAsked = isSearchDue.exchange(false, ordering: .relaxed)
      if isRenewed || grown || isMoved || isLong || isAsked { search(&state) }
      return status(state)
    }
  }

  package var status: Status { state.withLock { status($0) } }

  /// Whether a process that made a connection in a shared cgroup is the target's.
  func owns(_ process: Int32) -> Bool {
    membership.withLock { membership in
      if membership.contains(process) { return true }
      guard process > 0, membership.adopt(process) else { return false }
      enter([process])
      return true
    }
  }

  /// Waits until the next `refresh` is due: 100 ms, or as soon as there is a process to be found, or a cgroup was made beside
  /// the target's.
  package func rest() { finder.rest(watch) }

  private func status(_ state: borrowing State) -> Status {
    Status(
      processes: state.processes, attached: state.attachments.keys.sorted(),
      isShared: state.attachments.values.contains { $0.mode != .all },
      unreached: state.unattached + state.unreached)
  }

  private func attach(_ state: inout State) throws(KernelError) {
    switch target.kind {
    case .cgroup(let path):
      state.attachments[path] = try attachment(path, .all)
      _ = update(&state, nil)
    case .processes(let named):
      let all = ProcessTable.all()
      for process in named {
        guard let entry = all[process] else {
          throw KernelError(.noSuchTarget, "process \(process) has ended")
        }
        _ = membership.withLock { $0.insert(process, start: entry.start) }
      }
      _ = membership.withLock { $0.update(all) }
      let members = membership.withLock { $0.processes }
      state.processes = members.count
      enter(members)
      // Parents first, so that a cgroup below one that is attached is left alone.
      var paths = Set<String>()
      for process in named { paths.insert(try groups.path(ofProcess: process)) }
      for path in paths.sorted() {
        let mode: Programs.Mode = isExclusive(path, members) ? .all : .listedConnecting
        guard !state.attachments.contains(where: { $0.value.mode == mode && ControlGroups.covers($0.key, path) }) else {
          continue
        }
        state.attachments[path] = try attachment(path, mode)
      }
    }
  }

  private func attachment(_ path: String, _ mode: Programs.Mode) throws(KernelError) -> Attachment {
    // Should the cgroup be made anew in between, this is the old one's, and `renew` finds that it has changed.
    let id = Files.inode(path)
    return Attachment(number: try programs.attach(path, mode, in: groups), mode: mode, id: id)
  }

  /// Lets go of cgroups that have been removed, and attaches to the target's own anew once it is there again: a service
  /// manager removes and makes it with each restart. Returns whether it has attached anew.
  private func renew(_ state: inout State) -> Bool {
    if case .cgroup(let path) = target.kind, path != groups.mountPoint { watch.watch(parentOf: path) }
    for (path, attachment) in state.attachments where Files.inode(path) != attachment.id {
      programs.detach(attachment.number)
      state.attachments[path] = nil
    }
    guard case .cgroup(let path) = target.kind, state.attachments[path] == nil else { return false }
    do throws(KernelError) {
      state.attachments[path] = try attachment(path, .all)
      return true
    } catch {
      state.unattached.append(
        Unreached(
          process: 0,
          description: error.kind == .noSuchTarget
            ? "the cgroup \(path) has been removed: nothing is seen until it is made again"
            : "the cgroup \(path) was made again, and its traffic is not seen: \(error)"))
      return false
    }
  }

  /// Attaches to cgroups that processes of the target have been moved to: what they connect there belongs there. A connection
  /// that is made between the move and the next look is found by the search that follows, as one that was open before.
  /// Returns whether it has attached to one.
  private func followMoved(_ state: inout State) -> Bool {
    guard case .processes = target.kind else { return false }
    var paths = [String: Int32]()
    for process in targetProcesses() {
      if let path = try? groups.path(ofProcess: process) { paths[path] = process }
    }
    var isNew = false
    for (path, process) in paths.sorted(by: { $0.key < $1.key }) {
      let above = state.attachments.filter { ControlGroups.covers($0.key, path) }
      if above.contains(where: { $0.value.mode != .listed }) { continue }
      do throws(KernelError) {
        // One that only lets the connections through that were found is replaced where it is.
        try attachShared(above.keys.first ?? path, .listedConnecting, &state)
        isNew = true
      } catch {
        state.unattached.append(
          Unreached(
            process: process,
            description:
              "process \(process) is in the cgroup \(path), where its new connections are not seen: \(error)"))
      }
    }
    return isNew
  }

  /// Attaches to a shared cgroup in place of what is attached at or below it: it covers that, and two would record twice.
  private func attachShared(_ path: String, _ least: Programs.Mode, _ state: inout State) throws(KernelError) {
    let former = state.attachments.filter { $0.value.mode != .all && ControlGroups.covers(path, $0.key) }
    let mode: Programs.Mode = former.contains { $0.value.mode == .listedConnecting } ? .listedConnecting : least
    // For a moment both see the same packets: better twice than not at all. But while something is held two would decide
    // about each, and one would record what the other drops: then a gap is better, which is found as one.
    let isGapBetter = programs.isHolding
    func detachFormer() {
      for (lower, attachment) in former {
        programs.detach(attachment.number)
        if state.attachments[lower]?.number == attachment.number { state.attachments[lower] = nil }
      }
    }
    if isGapBetter { detachFormer() }
    do throws(KernelError) {
      state.attachments[path] = try attachment(path, mode)
    } catch {
      for (lower, attachment) in former where state.attachments[lower] == nil {
        state.attachments[lower] = try? self.attachment(lower, attachment.mode)
      }
      throw error
    }
    if !isGapBetter { detachFormer() }
  }

  /// Whether nobody but the target is in a cgroup. Then all that passes there is the target's, and whoever joins it later
  /// counts as the target, as with `--cgroup`.
  private func isExclusive(_ path: String, _ members: [Int32]) -> Bool {
    guard path != groups.mountPoint, !groups.hasForeigners(below: path),
      let processes = groups.processes(below: path), !processes.isEmpty
    else { return false }
    return processes.isSubset(of: members)
  }

  /// Brings the processes up to date. Returns whether there are new ones.
  private func update(_ state: inout State, _ all: [Int32: ProcessTable.Entry]?) -> Bool {
    let before = state.processes
    guard let all else {
      guard case .cgroup(let path) = target.kind else { return false }
      state.processes = groups.processes(below: path)?.count ?? 0
      return state.processes > before
    }
    var (entered, left) = membership.withLock { $0.update(all) }
    // In a cgroup of its own all is the target's, also what a process has left behind that has ended.
    for path in state.attachments.filter({ $0.value.mode == .all }).keys {
      for process in groups.processes(below: path) ?? [] {
        guard let entry = all[process] ?? ProcessTable.entry(process) else { continue }
        if membership.withLock({ $0.insert(process, start: entry.start) }) { entered.append(process) }
      }
    }
    state.processes = membership.withLock { $0.processes.count }
    enter(entered)
    _ = programs.withMaps { maps, _ in
      for var process in left { _ = cprobe_map_delete(maps.members, &process) }
    }
    return !entered.isEmpty
  }

  /// Tells the kernel about members, where it numbers them as we do. (A number of ours may be a stranger's elsewhere.)
  private func enter(_ processes: [Int32]) {
    guard programs.numbersProcesses else { return }
    _ = programs.withMaps { maps, _ in
      var yes: UInt8 = 1
      for var process in processes { _ = cprobe_map_update(maps.members, &process, &yes, 0) }
    }
  }

  private func targetProcesses() -> [Int32] {
    switch target.kind {
    case .processes: membership.withLock { $0.processes }
    case .cgroup(let path): groups.processes(below: path).map(Array.init) ?? []
    }
  }

  /// Finds the target's open sockets and sees to it that each is recorded, or named.
  private func search(_ state: inout State) {
    state.searched_ns = Clock.monotonic_ns()
    state.unreached = []
    let processes = targetProcesses()
    var owners = [UInt32: (process: Int32, descriptor: Int32)]()
    var access = SocketAccess.unknown  // of a connection that is not found: it may be a refused process's
    for process in processes.sorted() {
      switch ProcessTable.sockets(process) {
      case .open(let sockets):
        for (inode, descriptor) in sockets where owners[inode] == nil { owners[inode] = (process, descriptor) }
      case .refused:
        state.unreached.append(refused(process, state))
        access = .refused(process: process, error: -EACCES)
      case .gone: break
      }
    }
    var spaces = NetworkSpaces()
    if let retries = processes.compactMap({ spaces.retries(of: $0) }).min() {
      limits.withLock { $0.usual.tcpRetries2 = retries }
    }
    limits.withLock { $0.usual.access = access }
    guard !owners.isEmpty else { return }
    let (sockets, error) = spaces.sockets(of: processes)
    if error != 0 {
      state.unreached.append(
        Unreached(process: 0, description: "open sockets could not be listed (sock_diag): \(KernelError.text(error))"))
    }
    var paths = [UInt64: String?]()
    var found = [UInt64: SocketLimits]()
    for socket in sockets {
      guard let owner = owners[socket.inode] else { continue }
      follow(socket, of: owner.process, &state, &paths)
      if found.count < Self.limitsMaximum {
        found[socket.cookie] = spaces.limits(of: socket, process: owner.process, descriptor: owner.descriptor)
      }
    }
    limits.withLock { limits in
      // What could be read once is not assumed again because its descriptor was not there for a moment.
      for (cookie, known) in limits.byCookie where found[cookie]?.isDefault == true && !known.isDefault {
        found[cookie] = known
      }
      limits.byCookie = found
    }
  }

  /// What its own kernel would end a connection for, as of the last search for sockets: at most two seconds old. For a
  /// connection that is newer: the least retries of the namespaces that the target's processes are in, and no user timeout.
  /// Ask again. Answers from memory.
  package func limits(cookie: UInt64) -> SocketLimits { limits.withLock { $0.byCookie[cookie] ?? $0.usual } }

  /// Has sockets searched for soon, rather than within two seconds.
  func hurry() { isSearchDue.store(true, ordering: .relaxed) }

  private func follow(
    _ socket: OpenSockets.Socket, of process: Int32, _ state: inout State, _ paths: inout [UInt64: String?]
  ) {
    let owner: String?
    if socket.cgroup == 0 {
      // A kernel that does not tell (before 5.9): most likely it never moved.
      owner = try? groups.path(ofProcess: process)
    } else if let known = paths[socket.cgroup] {
      owner = known
    } else {
      owner = groups.path(id: socket.cgroup)
      paths[socket.cgroup] = owner
    }
    guard let path = owner else {
      state.unreached.append(
        Unreached(
          process: process,
          description:
            "a connection of process \(process) belongs to cgroup \(socket.cgroup), which has been removed or is "
            + "not visible at \(groups.mountPoint): it is not seen until the process connects anew"))
      return
    }
    if state.attachments.contains(where: { $0.value.mode == .all && ControlGroups.covers($0.key, path) }) {
      enter(socket, process, listed: false)
      return
    }
    if !state.attachments.contains(where: { ControlGroups.covers($0.key, path) }) {
      do throws(KernelError) {
        try attachShared(path, .listed, &state)
      } catch {
        state.unreached.append(
          Unreached(
            process: process,
            description: "a connection of process \(process) belongs to the cgroup \(path) and is not seen: \(error)"))
        return
      }
    }
    enter(socket, process, listed: true)
  }

  /// Makes an entry for an open socket, unless it has one.
  private func enter(_ socket: OpenSockets.Socket, _ process: Int32, listed: Bool) {
    _ = programs.withMaps { maps, epoch in
      var cookie = socket.cookie
      var entry = connection(
        process: UInt32(process), epoch: epoch, interest: UInt8(INTEREST_FULL.rawValue),
        flags: listed ? UInt8(CONNECTION_LISTED.rawValue) : 0, reserved: 0)
      _ = cprobe_map_update(maps.connections, &cookie, &entry, 1)
    }
  }

  private func refused(_ process: Int32, _ state: borrowing State) -> Unreached {
    let grant = "Grant CAP_SYS_PTRACE or run as its user"
    if state.attachments.values.contains(where: { $0.mode == .all }) {
      return Unreached(
        process: process,
        description:
          "whether process \(process) has connections that another cgroup owns cannot be told, since reading "
          + "/proc/\(process)/fd was refused. \(grant)")
    }
    let later =
      programs.numbersProcesses
      ? "those that it opens from now on are"
      : "nor are those that it opens from now on, since this kernel can't name processes in a PID namespace (6.10 can)"
    return Unreached(
      process: process,
      description:
        "connections that process \(process) has open already are not seen, since reading /proc/\(process)/fd was "
        + "refused; \(later). \(grant)")
  }

  private static let search_ns: Int64 = .seconds(2)
  private static let limitsMaximum = Int(HELD_MAXIMUM.rawValue)  // as many as can be held
}
