internal import Glibc

/// A small file that says which process holds what by hand, so that `fusectl release` finds it. In /run/stormfuse, or, where
/// that can't be written, in $XDG_RUNTIME_DIR/stormfuse. One left by a process that was killed is recognised by the time
/// that its process started, and removed by who finds it; nothing is held by it any more.
package struct HoldRecord: Sendable, Equatable {
  package var process: Int32
  /// In clock ticks since boot; with `process` it names a process for good.
  package var start: UInt64
  /// Nil for processes.
  package var cgroup: String?
  package var processes: [Int32]
  package var action: String

  /// Of this process.
  package init?(target: Target, action: String) {
    guard let entry = ProcessTable.entry(getpid()) else { return nil }
    process = getpid()
    start = entry.start
    self.action = action
    switch target.kind {
    case .cgroup(let path): (cgroup, processes) = (path, [])
    case .processes(let named): (cgroup, processes) = (nil, named)
    }
  }

  /// Writes it; throws if there is no directory for it.
  package func write() throws(KernelError) {
    var reason = "neither /run/stormfuse nor $XDG_RUNTIME_DIR/stormfuse can be written"
    for directory in Self.directories {
      _ = mkdir(directory, 0o755)
      guard Self.isTrusted(directory) else { continue }
      let path = "\(directory)/\(Self.prefix)\(process)"
      unlink(path)
      let file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o644)
      guard file >= 0 else {
        reason = "\(path) can't be written: \(KernelError.text(errno))"
        continue
      }
      defer { close(file) }
      let text = self.text
      guard Glibc.write(file, text, text.utf8.count) == text.utf8.count else {
        unlink(path)
        continue
      }
      return
    }
    throw KernelError(.failed, reason)
  }

  package func remove() {
    for directory in Self.directories where unlink("\(directory)/\(Self.prefix)\(process)") == 0 {
      // The last one takes the directory along.
      rmdir(directory)
    }
  }

  /// Whether the process that wrote it still runs.
  package var isAlive: Bool { ProcessTable.entry(process)?.start == start }

  /// Those that are alive; what the others left is removed.
  package static func all() -> [HoldRecord] {
    var records = [HoldRecord]()
    for directory in directories where isTrusted(directory) {
      for name in Files.list(directory).names where name.hasPrefix(prefix) {
        let path = "\(directory)/\(name)"
        guard isTrusted(path), let record = Files.read(path).flatMap({ HoldRecord(text: $0) }), record.isAlive else {
          unlink(path)
          rmdir(directory)
          continue
        }
        records.append(record)
      }
    }
    return records
  }

  /// The target of a hold that is in the way of one of this target; nil if there is none.
  package static func conflict(_ target: Target) -> HoldRecord? {
    all().first { record in
      guard record.process != getpid() else { return false }
      switch target.kind {
      case .cgroup(let path):
        return record.cgroup.map { ControlGroups.covers($0, path) || ControlGroups.covers(path, $0) } ?? false
      case .processes(let named): return record.processes.contains { named.contains($0) }
      }
    }
  }

  private init?(text: String) {
    var fields = [Substring: Substring]()
    for line in text.split(separator: "\n") {
      guard let space = line.firstIndex(of: " ") else { return nil }
      fields[line[..<space]] = line[line.index(after: space)...]
    }
    guard let process = fields["process"].flatMap({ Int32($0) }), process > 1,
      let start = fields["start"].flatMap({ UInt64($0) }), let action = fields["action"]
    else { return nil }
    self.process = process
    self.start = start
    self.action = String(action)
    cgroup = fields["cgroup"].map { String($0) }
    processes = fields["target"].map { $0.split(separator: ",").compactMap { Int32($0) } } ?? []
  }

  private var text: String {
    var text = "process \(process)\nstart \(start)\naction \(action)\n"
    // A line feed in a cgroup's name would make another field of the rest.
    if let cgroup { text += "cgroup \(cgroup.split(separator: "\n").joined(separator: " "))\n" }
    if !processes.isEmpty { text += "target \(processes.map(String.init).joined(separator: ","))\n" }
    return text
  }

  /// Root's or our own, and not open to others: what it says is acted upon with a signal.
  private static func isTrusted(_ path: String) -> Bool {
    var status = stat()
    guard lstat(path, &status) == 0, status.st_mode & S_IFMT != S_IFLNK else { return false }
    return (status.st_uid == 0 || status.st_uid == geteuid()) && status.st_mode & 0o022 == 0
  }

  private static var directories: [String] {
    var directories = ["/run/stormfuse"]
    if let runtime = getenv("XDG_RUNTIME_DIR") { directories.append(String(cString: runtime) + "/stormfuse") }
    return directories
  }

  private static let prefix = "hold-"
}
