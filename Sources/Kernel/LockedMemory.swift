internal import Glibc

/// RLIMIT_MEMLOCK, against which the memory of BPF programs and maps counts before Linux 5.11.
enum LockedMemory {
  struct Limit {
    var bytes: UInt64
    var finding: String {
      "RLIMIT_MEMLOCK is \(bytes / 1024) kB, and before Linux 5.11 the memory of BPF programs counts against it"
    }
  }

  /// Raises it as far as this process may. Does nothing where it does not matter.
  static func raise() {
    guard KernelVersion.current < KernelVersion(5, 11) else { return }
    var limit = rlimit(rlim_cur: rlim_t.max, rlim_max: rlim_t.max)
    if setrlimit(resource, &limit) == 0 { return }
    guard getrlimit(resource, &limit) == 0 else { return }
    limit.rlim_cur = limit.rlim_max
    _ = setrlimit(resource, &limit)
  }

  /// The limit, if it matters and is too low for the tables and the ring at its usual size; nil else.
  static var limit: Limit? {
    guard KernelVersion.current < KernelVersion(5, 11) else { return nil }
    var limit = rlimit()
    guard getrlimit(resource, &limit) == 0, limit.rlim_cur < needed_bytes else { return nil }
    return Limit(bytes: UInt64(limit.rlim_cur))
  }

  static let remedy =
    "set LimitMEMLOCK=infinity in the systemd unit, start it by 'prlimit --memlock=unlimited', or grant CAP_SYS_RESOURCE"
  /// The ring of 16 MiB, the tables when they are full, and some room.
  private static let needed_bytes: rlim_t = 64 << 20
  private static let resource = __rlimit_resource_t(__RLIMIT_MEMLOCK.rawValue)
}

/// Major and minor of a kernel release.
struct KernelVersion: Comparable {
  var major: Int
  var minor: Int

  init(_ major: Int, _ minor: Int) { (self.major, self.minor) = (major, minor) }

  /// As in "6.1.0-57-cloud-amd64"; nil if it begins otherwise.
  init?(_ release: String) {
    let numbers = release.split { !$0.isNumber }.prefix(2).compactMap { Int($0) }
    guard numbers.count == 2 else { return nil }
    self.init(numbers[0], numbers[1])
  }

  static func < (a: Self, b: Self) -> Bool { (a.major, a.minor) < (b.major, b.minor) }

  static let release =
    Files.read("/proc/sys/kernel/osrelease")?.split(separator: "\n").first.map(String.init) ?? "unknown"
  /// Of this machine. A release that can't be read counts as a new one.
  static let current = KernelVersion(release) ?? KernelVersion(.max, 0)
}
