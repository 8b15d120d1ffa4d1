internal import Glibc

/// The cgroup v2 hierarchy as it is mounted here. Paths are absolute, in the file system, without a slash at the end.
struct ControlGroups: Sendable {
  /// Where it is mounted: /sys/fs/cgroup, or below it on a machine that still has version 1 as well.
  let mountPoint: String
  /// The cgroup that stands at the mount point, as /proc/PID/cgroup names it; `/` unless a part of the tree was mounted.
  private let mountedRoot: String

  /// Finds it in /proc/self/mountinfo (man 5 proc_pid_mountinfo).
  init() throws(KernelError) {
    guard let mounts = Files.read("/proc/self/mountinfo") else {
      throw KernelError(.unsupported, "/proc/self/mountinfo cannot be read: is /proc mounted?")
    }
    for line in mounts.split(separator: "\n") {
      // id, parent, device, root, mount point, options, optional fields…, "-", type, …
      let fields = line.split(separator: " ")
      guard let dash = fields.firstIndex(of: "-"), dash + 1 < fields.count, fields[dash + 1] == "cgroup2", dash >= 6
      else { continue }
      mountedRoot = String(fields[3])
      mountPoint = Self.unescaped(fields[4])
      return
    }
    throw KernelError(
      .unsupported,
      "no cgroup v2 is mounted, and traffic is captured by cgroup: mount it with "
        + "'mount -t cgroup2 none /sys/fs/cgroup/unified', or give the container a view of /sys/fs/cgroup")
  }

  /// The cgroup that a process is in.
  func path(ofProcess process: Int32) throws(KernelError) -> String {
    guard let text = Files.read("/proc/\(process)/cgroup") else {
      throw KernelError(.noSuchTarget, ProcessTable.isNotThere(process))
    }
    // Version 2 has the line "0::PATH".
    guard let line = text.split(separator: "\n").first(where: { $0.hasPrefix("0::") }) else {
      throw KernelError(.unsupported, "process \(process) is in no cgroup of version 2")
    }
    var name = String(line.dropFirst(3))
    if name.hasSuffix(" (deleted)") { name.removeLast(" (deleted)".count) }
    let path: String
    if mountedRoot == "/" {
      path = name == "/" ? mountPoint : mountPoint + name
    } else if name == mountedRoot {
      path = mountPoint
    } else if name.hasPrefix(mountedRoot + "/") {
      path = mountPoint + name.dropFirst(mountedRoot.count)
    } else {
      path = ""
    }
    guard !path.isEmpty, !name.hasPrefix("/.."), Files.isDirectory(path) else {
      throw KernelError(
        .unsupported,
        "process \(process) is in the cgroup \(name), which is outside of what is mounted at \(mountPoint): run in the "
          + "host's cgroup namespace, or name the cgroup's directory with --cgroup")
    }
    return path
  }

  /// Whether `path` is `ancestor` or lies below it.
  static func covers(_ ancestor: String, _ path: String) -> Bool { path == ancestor || path.hasPrefix(ancestor + "/") }

  /// The cgroups above one, the nearest first, as far as they are mounted.
  static func ancestors(of path: String) -> [String] {
    var ancestors = [String]()
    var path = Substring(path)
    while let slash = path.lastIndex(of: "/"), slash != path.startIndex {
      path = path[..<slash]
      guard access(path + "/cgroup.controllers", F_OK) == 0 else { break }
      ancestors.append(String(path))
    }
    return ancestors
  }

  /// The processes of a cgroup and those below it; nil where it is gone.
  func processes(below path: String) -> Set<Int32>? {
    guard let text = Files.read(path + "/cgroup.procs") else { return nil }
    // 0 is a process of another pid namespace.
    var processes = Set(text.split(separator: "\n").compactMap { Int32($0) }.filter { $0 > 0 })
    for name in Files.directories(path) { processes.formUnion(self.processes(below: "\(path)/\(name)") ?? []) }
    return processes
  }

  /// Whether it holds processes that we cannot see, those of another pid namespace.
  func hasForeigners(below path: String) -> Bool {
    guard let text = Files.read(path + "/cgroup.procs") else { return false }
    return text.split(separator: "\n").contains("0")
      || Files.directories(path).contains { hasForeigners(below: "\(path)/\($0)") }
  }

  /// The cgroup with this id, which is its directory's inode number; nil where there is none, or not in what is mounted
  /// (a removed cgroup lives on as long as it has sockets). Walks the tree.
  func path(id: UInt64) -> String? {
    var waiting = [mountPoint]
    var seen = 0
    while let path = waiting.popLast(), seen < Self.walk {
      seen += 1
      if Files.inode(path) == id { return path }
      waiting += Files.directories(path).map { "\(path)/\($0)" }
    }
    return nil
  }

  /// Opens the directory of a cgroup: attaching a program asks for no more than that. The caller closes it.
  func open(_ path: String) throws(KernelError) -> Int32 {
    let directory = Glibc.open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard directory >= 0 else {
      throw KernelError(
        errno == ENOENT ? .noSuchTarget : .failed, "the cgroup \(path) cannot be opened: \(KernelError.text(errno))")
    }
    return directory
  }

  /// The mount table writes space, tab, newline and backslash in octal.
  private static func unescaped(_ field: Substring) -> String {
    var bytes = [UInt8]()
    var rest = Array(field.utf8)[...]
    while let byte = rest.popFirst() {
      let digits = rest.prefix(3)
      if byte == UInt8(ascii: "\\"), digits.count == 3,
        let code = UInt8(String(decoding: digits, as: UTF8.self), radix: 8)
      {
        bytes.append(code)
        rest = rest.dropFirst(3)
      } else {
        bytes.append(byte)
      }
    }
    return String(decoding: bytes, as: UTF8.self)
  }

  /// Most directories that a search looks at.
  private static let walk = 100_000
}
