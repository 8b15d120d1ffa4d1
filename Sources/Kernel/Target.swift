internal import Glibc

/// What is traced: processes with their descendants, or a cgroup. A started command is a `CommandTarget`, which has one of
/// these.
package struct Target: Sendable, Equatable {
  package enum Kind: Sendable, Equatable {
    case processes([Int32])
    /// The absolute path of the cgroup's directory.
    case cgroup(String)
  }

  package let kind: Kind
  /// For people: `process 4711 (python3)`, `cgroup /system.slice/orders.service`, `command python3`.
  package let name: String

  init(kind: Kind, name: String) {
    self.kind = kind
    self.name = name
  }

  /// `run --pid N…`; the order does not matter, nor one that is named twice. Throws `noSuchTarget` if one of them does not
  /// exist.
  package static func processes(_ processes: [Int32]) throws(KernelError) -> Target {
    guard !processes.isEmpty else { throw KernelError(.noSuchTarget, "no process was named") }
    let processes = Set(processes).sorted()
    var names = [String]()
    for process in processes {
      guard process > 0, let entry = ProcessTable.entry(process) else {
        throw KernelError(
          .noSuchTarget, "\(ProcessTable.isNotThere(process)); see 'ps -e' for those there are")
      }
      names.append("\(process) (\(entry.name))")
    }
    let word = processes.count == 1 ? "process" : "processes"
    return Target(kind: .processes(processes), name: "\(word) \(names.joined(separator: ", "))")
  }

  /// `run --cgroup PATH`: the directory's path, or the path inside the hierarchy as in /proc/PID/cgroup.
  package static func cgroup(_ path: String) throws(KernelError) -> Target {
    let groups = try ControlGroups()
    guard !path.isEmpty else { throw KernelError(.noSuchTarget, "no cgroup was named; '/' is the root") }
    var trimmed = path
    while trimmed.count > 1 && trimmed.hasSuffix("/") { trimmed.removeLast() }
    let inside = trimmed == "/" ? groups.mountPoint : groups.mountPoint + (trimmed.hasPrefix("/") ? "" : "/") + trimmed
    for candidate in [trimmed, inside] where candidate.hasPrefix("/") {
      // Every cgroup of version 2 has this file, the root included; a directory of version 1 has not.
      if Files.isDirectory(candidate), access(candidate + "/cgroup.controllers", F_OK) == 0 {
        let candidate = Files.realPath(candidate) ?? candidate
        let short =
          candidate.hasPrefix(groups.mountPoint) ? String(candidate.dropFirst(groups.mountPoint.count)) : candidate
        return Target(kind: .cgroup(candidate), name: "cgroup \(short.isEmpty ? "/" : short)")
      }
    }
    throw KernelError(
      .noSuchTarget,
      "there is no cgroup v2 directory \(path), neither as a path nor below \(groups.mountPoint); "
        + "'cat /proc/PID/cgroup' names the one of a process")
  }

  /// Whether the two are known to share processes: a process that both name, a cgroup within the other. (A process that
  /// descends from another target's, or is in its cgroup, is not looked for.)
  package func overlaps(_ other: Target) -> Bool {
    switch (kind, other.kind) {
    case (.processes(let mine), .processes(let others)): !Set(mine).isDisjoint(with: others)
    case (.cgroup(let mine), .cgroup(let others)):
      mine == others || mine.hasPrefix(Self.inside(others)) || others.hasPrefix(Self.inside(mine))
    default: false
    }
  }

  private static func inside(_ path: String) -> String { path.hasSuffix("/") ? path : path + "/" }
}
