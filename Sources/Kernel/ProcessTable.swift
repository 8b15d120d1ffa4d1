internal import Glibc

/// /proc, as far as it is needed to tell which processes are the target's and which sockets they have open.
enum ProcessTable {
  struct Entry: Equatable, Sendable {
    var parent: Int32
    /// In clock ticks since boot: with the process id it names a process for good.
    var start: UInt64
    var name: String
    /// The process that began it with setsid; 0 if that lies in another PID namespace.
    var session: Int32 = 0
    /// Its other threads still run; only they have its descriptors.
    var isMainThreadGone = false
  }

  /// Nil for one that has ended.
  static func entry(_ process: Int32) -> Entry? { Files.read("/proc/\(process)/stat").flatMap(parse) }

  /// /proc/PID/stat: pid (name) state parent group session …, the number of threads is field 20, the start time field 22 (man
  /// 5 proc). The name may hold anything.
  static func parse(_ text: String) -> Entry? {
    guard let open = text.firstIndex(of: "("), let close = text.lastIndex(of: ")"), open < close else { return nil }
    let fields = text[text.index(after: close)...].split(separator: " ")
    guard fields.count >= 20, let parent = Int32(fields[1]), let session = Int32(fields[3]),
      let start = UInt64(fields[19])
    else { return nil }
    // A zombie counts as ended: its sockets are closed. A zombie with threads is a process of which only the main thread ended.
    let isMainThreadGone = fields[0] == "Z" && (Int(fields[17]) ?? 0) > 1
    guard fields[0] != "Z" && fields[0] != "X" || isMainThreadGone else { return nil }
    return Entry(
      parent: parent, start: start, name: String(text[text.index(after: open)..<close]), session: session,
      isMainThreadGone: isMainThreadGone)
  }

  /// Why there may be no such process here, for people.
  static func isNotThere(_ process: Int32) -> String {
    let text = "there is no process \(process): it has ended, or lies in another pid namespace"
    guard let mounts = Files.read("/proc/self/mountinfo"), let option = hiding(mounts) else { return text }
    return "\(text), or is another user's: /proc is mounted with \(option), which hides those. Run as root or as its "
      + "user, or with the group that the mount option gid= names"
  }

  /// The option with which /proc is mounted so that other users' processes are hidden; nil if they are not. `mounts` is
  /// /proc/self/mountinfo (man 5 proc_pid_mountinfo, options in man 5 proc).
  static func hiding(_ mounts: String) -> String? {
    for line in mounts.split(separator: "\n") {
      // id, parent, device, root, mount point, options, optional fields…, "-", type, source, super options
      let fields = line.split(separator: " ")
      guard fields.count > 5, fields[4] == "/proc", let dash = fields.firstIndex(of: "-"), dash + 3 < fields.count,
        fields[dash + 1] == "proc"
      else { continue }
      return fields[dash + 3].split(separator: ",").map(String.init)
        .first { $0.hasPrefix("hidepid=") && $0 != "hidepid=0" && $0 != "hidepid=off" }
    }
    return nil
  }

  static func all() -> [Int32: Entry] {
    var entries = [Int32: Entry]()
    for name in Files.list("/proc").names {
      guard let process = Int32(name), let entry = entry(process) else { continue }
      entries[process] = entry
    }
    return entries
  }

  enum Sockets {
    /// A descriptor of each, by inode.
    case open([UInt32: Int32])
    case refused
    case gone
  }

  /// The sockets that a process has open: /proc/PID/fd/N is a link to `socket:[inode]`. Across users that takes
  /// CAP_SYS_PTRACE.
  static func sockets(_ process: Int32) -> Sockets {
    if entry(process)?.isMainThreadGone == true,
      let thread = Files.list("/proc/\(process)/task").names.first(where: { Int32($0) != process })
    {
      return sockets(in: "/proc/\(process)/task/\(thread)/fd")
    }
    return sockets(in: "/proc/\(process)/fd")
  }

  private static func sockets(in directory: String) -> Sockets {
    let (names, error) = Files.list(directory)
    if error != 0 { return error == EACCES || error == EPERM ? .refused : .gone }
    var descriptors = [UInt32: Int32]()
    for name in names {
      guard let link = Files.link("\(directory)/\(name)") else {
        // The directory may be read with less than its links.
        if errno == EACCES || errno == EPERM { return .refused }
        continue
      }
      guard link.hasPrefix("socket:["), let inode = UInt32(link.dropFirst(8).dropLast()) else { continue }
      if let descriptor = Int32(name) { descriptors[inode] = descriptor }
    }
    return .open(descriptors)
  }
}
