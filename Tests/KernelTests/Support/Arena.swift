import Glibc

@testable import Kernel

/// A cgroup for this test process alone, so that nobody else's traffic is captured. Made when first asked for and removed
/// when the process exits, whatever became of the tests; what a killed process left behind is removed by the next.
enum Arena {
  /// Nil where none can be made.
  static let path: String? = {
    if let given = getenv("STORMFUSE_TEST_CGROUP") { return String(cString: given) }
    guard geteuid() == 0, let groups = try? ControlGroups(), let own = try? groups.path(ofProcess: getpid()) else {
      return nil
    }
    for name in Files.directories(own) where name.hasPrefix(prefix) {
      let process = name.dropFirst(prefix.count).prefix { $0.isNumber }
      if let process = Int32(process), kill(process, 0) != 0 { rmdir("\(own)/\(name)") }
    }
    let path = "\(own)/\(prefix)\(getpid())"
    guard mkdir(path, 0o755) == 0 || errno == EEXIST else { return nil }
    guard Files.write("\(getpid())", to: path + "/cgroup.procs") == 0 else {
      rmdir(path)
      return nil
    }
    atexit {
      guard let groups = try? ControlGroups(), let path = try? groups.path(ofProcess: getpid()),
        let slash = path.lastIndex(of: "/")
      else { return }
      // Whatever else was started by this process and still runs goes along.
      for process in groups.processes(below: path) ?? [] {
        _ = Files.write("\(process)", to: path[..<slash] + "/cgroup.procs")
      }
      rmdir(path)
    }
    return path
  }()

  private static let prefix = "stormfuse-tests-"

  static func target() throws -> Target { try Target.cgroup(path ?? "/there-is-no-arena") }

  /// Runs `body` while this process is in another cgroup, next to the arena. Returns that one's path as well; the caller
  /// removes it.
  static func elsewhere<Value>(_ body: () throws -> Value) throws -> (value: Value, path: String) {
    guard let path, let slash = path.lastIndex(of: "/") else { throw KernelError(.failed, "there is no arena") }
    let other = "\(path[..<slash])/\(prefix)\(getpid())-other"
    guard mkdir(other, 0o755) == 0 || errno == EEXIST, Files.write("\(getpid())", to: other + "/cgroup.procs") == 0
    else {
      throw KernelError(.failed, "no second cgroup: \(KernelError.text(errno))")
    }
    defer { _ = Files.write("\(getpid())", to: path + "/cgroup.procs") }
    do { return (try body(), other) } catch {
      _ = Files.write("\(getpid())", to: path + "/cgroup.procs")
      rmdir(other)
      throw error
    }
  }
}
