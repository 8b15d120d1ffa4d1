internal import CProbe
internal import Glibc

/// A command that is started to be traced: in a cgroup of its own where this process may make one, else in ours, told
/// apart by its processes. It is held at a gate until `release`, so that capture can begin before its first byte.
///
/// Signals that this process gets go on to it, except those that a terminal has sent to both. What it leaves behind is not
/// killed. Belongs to one thread.
package final class CommandTarget {
  package let target: Target
  package let process: Int32
  /// Nil if the command has a cgroup of its own; else why not.
  package let sharedBecause: String?
  private let command: String
  private let group: String?
  private let parent: String
  private var gate: Int32
  private var report: Int32
  private var exit: Exit?
  private var isFinished = false

  package enum Exit: Sendable, Equatable {
    case status(Int32)
    case signal(Int32)

    /// What a shell would report: 128 + n for a signal.
    package var code: Int32 {
      switch self {
      case .status(let status): status
      case .signal(let number): 128 + number
      }
    }
  }

  /// What is left when the command is over.
  package struct Remains: Sendable, Equatable {
    /// Its processes that still run. They have been moved to our own cgroup and are no longer traced.
    package var processes: [Int32] = []
    /// The cgroup, if it could not be removed.
    package var cgroup: String?
  }

  /// Forks and waits until the child stands at the gate. `arguments` are the command, searched in PATH, and its arguments.
  package init(_ arguments: [String]) throws(KernelError) {
    guard let command = arguments.first, !command.isEmpty else {
      throw KernelError(.cannotStart(status: 127), "there is no command to start: give it after '--'")
    }
    self.command = command
    let groups = try ControlGroups()
    parent = try groups.path(ofProcess: getpid())
    let made = Self.makeGroup(below: parent)
    var started = cprobe_command()
    var error = made.procs < 0 ? -EPERM : Self.start(arguments, made.procs, &started)
    var reason = made.reason
    if made.procs >= 0 {
      close(made.procs)
      if error != 0, let path = made.path {
        reason = "the command could not enter the cgroup \(path): \(KernelError.text(error))"
        rmdir(path)
      }
    }
    let isOwn = error == 0
    if !isOwn { error = Self.start(arguments, -1, &started) }
    guard error == 0 else {
      throw KernelError(.cannotStart(status: 126), "\(command) could not be started: \(KernelError.text(error))")
    }
    group = isOwn ? made.path : nil
    sharedBecause = isOwn ? nil : reason ?? "no cgroup could be made"
    process = started.process
    gate = started.gate
    report = started.report
    let kind: Target.Kind = if let group { .cgroup(group) } else { .processes([started.process]) }
    target = Target(kind: kind, name: "command \(command)")
  }

  deinit { finish() }

  /// Lets the command run and forwards signals to it from now on. Throws `cannotStart` if it can't be executed.
  package func release() throws(KernelError) {
    guard gate >= 0 else { return }
    _ = cprobe_forward_signals(process)
    var go: UInt8 = 1
    _ = write(gate, &go, 1)
    close(gate)
    gate = -1
    var error: Int32 = 0
    let failed = Self.receive(report, &error)
    close(report)
    report = -1
    guard failed else { return }
    _ = wait()
    // A directory in PATH that may not be searched hides that the command is in none of them.
    if error == EACCES && !Self.isAnywhere(command) { error = ENOENT }
    throw KernelError(
      .cannotStart(status: error == ENOENT ? 127 : 126),
      "the command could not be started (\(target.name)): \(KernelError.text(error)). "
        + (error == ENOENT ? "Is it in PATH?" : "Is it executable?"))
  }

  /// How the command ended; nil while it runs. Does not wait.
  package func poll() -> Exit? { reap(WNOHANG) }

  /// Waits for the command's end. Its descendants may run on.
  package func wait() -> Exit {
    while true { if let exit = reap(0) { return exit } }
  }

  /// Removes the cgroup. Processes that are still in it are moved to ours and named. A command that never passed the gate
  /// ends here; one that still runs is left running.
  @discardableResult
  package func finish() -> Remains {
    guard !isFinished else { return Remains() }
    isFinished = true
    if gate >= 0 {
      close(gate)
      close(report)
      gate = -1
      report = -1
      _ = wait()
    }
    if exit == nil { _ = cprobe_forward_signals(0) }
    return group.map { removeGroup($0) } ?? Remains()
  }

  private func removeGroup(_ path: String) -> Remains {
    var remains = Remains()
    // A process that forks meanwhile is found in the next round.
    for _ in 0..<20 {
      let left = (Files.read(path + "/cgroup.procs") ?? "").split(separator: "\n").compactMap { Int32($0) }
      for process in left where Files.write("\(process)", to: parent + "/cgroup.procs") == 0 {
        if !remains.processes.contains(process) { remains.processes.append(process) }
      }
      if rmdir(path) == 0 || errno == ENOENT { return remains }
      // Busy as well while the last process is a zombie that its parent has not collected.
      usleep(5_000)
    }
    remains.cgroup = path
    return remains
  }

  private func reap(_ options: Int32) -> Exit? {
    if let exit { return exit }
    // Looks without collecting first: once it is collected its number may go to another process, and no signal must.
    var information = siginfo_t()
    while waitid(P_PID, id_t(process), &information, WEXITED | WNOWAIT | options) != 0 {
      if errno != EINTR {
        // Somebody else has collected it, which this program never does.
        exit = .status(0)
        _ = cprobe_forward_signals(0)
        return exit
      }
    }
    guard information.si_signo != 0 else { return nil }
    _ = cprobe_forward_signals(0)
    var status: Int32 = 0
    while waitpid(process, &status, 0) < 0 && errno == EINTR {}
    // WIFSIGNALED, WTERMSIG and WEXITSTATUS, which Swift does not import.
    exit = status & 0x7f == 0 ? .status(status >> 8 & 0xff) : .signal(status & 0x7f)
    return exit
  }

  private static func makeGroup(below parent: String) -> (path: String?, procs: Int32, reason: String?) {
    removeLeftGroups(below: parent)
    let path = "\(parent)/stormfuse-\(getpid())"
    // One of that name is left from a process of our number, killed before it could clean up.
    if mkdir(path, 0o755) != 0 && !(errno == EEXIST && rmdir(path) == 0 && mkdir(path, 0o755) == 0) {
      return (nil, -1, "the cgroup \(path) cannot be made: \(KernelError.text(errno))")
    }
    let procs = open(path + "/cgroup.procs", O_WRONLY | O_CLOEXEC)
    if procs < 0 {
      let reason = KernelError.text(errno)
      rmdir(path)
      return (nil, -1, "processes cannot be put into the cgroup \(path): \(reason)")
    }
    return (path, procs, nil)
  }

  /// Removes cgroups that were left by processes killed before they could clean up. Those with a process in them, of
  /// whatever kind, can't be removed and stay.
  private static func removeLeftGroups(below parent: String) {
    for name in Files.directories(parent) where name.hasPrefix("stormfuse-") {
      // stormfuse-PID, and the doctor's trials.
      let number = name.dropFirst("stormfuse-".count).split(separator: "-").last.flatMap { Int32($0) }
      guard let process = number, name == "stormfuse-\(process)" || name == "stormfuse-doctor-\(process)",
        process > 0, kill(process, 0) != 0, errno == ESRCH
      else { continue }
      rmdir("\(parent)/\(name)")
    }
  }

  /// Starts the child and waits until it stands at the gate. 0 or a negated error number.
  private static func start(_ arguments: [String], _ procs: Int32, _ started: inout cprobe_command) -> Int32 {
    let copies = arguments.map { strdup($0) }
    defer { for copy in copies { free(copy) } }
    let error = (copies + [nil]).withUnsafeBufferPointer { list in
      list.baseAddress.map { cprobe_start($0, procs, &started) } ?? -EINVAL
    }
    guard error == 0 else { return error }
    var inside: Int32 = 0
    if receive(started.report, &inside) && inside == 0 { return 0 }
    close(started.gate)
    close(started.report)
    var status: Int32 = 0
    while waitpid(started.process, &status, 0) < 0 && errno == EINTR {}
    return inside == 0 ? -EPIPE : inside
  }

  private static func isAnywhere(_ command: String) -> Bool {
    if command.contains("/") { return true }
    guard let path = getenv("PATH") else { return false }
    return String(cString: path).split(separator: ":").contains { access("\($0)/\(command)", F_OK) == 0 }
  }

  /// False at the end of the file.
  private static func receive(_ descriptor: Int32, _ value: inout Int32) -> Bool {
    while true {
      let count = read(descriptor, &value, MemoryLayout<Int32>.size)
      if count < 0 && errno == EINTR { continue }
      return count == MemoryLayout<Int32>.size
    }
  }
}
