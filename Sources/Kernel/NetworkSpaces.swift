internal import CProbe
internal import Glibc

/// Network namespaces of a target's processes, for one look around: /proc and sock_diag show only our own, another has to be
/// entered for a moment (by a thread of its own, with CAP_SYS_ADMIN).
struct NetworkSpaces {
  /// The inode of /proc/PID/ns/net, by process.
  private var byProcess = [Int32: UInt64]()
  private var retries = [UInt64: Int]()
  private var entered = Set<UInt64>()
  private let own = Files.inode("/proc/self/ns/net") ?? 0

  /// 0 if it can't be told, which is taken for our own.
  mutating func space(of process: Int32) -> UInt64 {
    if let known = byProcess[process] { return known }
    let space = Files.inode("/proc/\(process)/ns/net") ?? 0
    byProcess[process] = space
    return space
  }

  func isOwn(_ space: UInt64) -> Bool { space == 0 || space == own }

  /// net.ipv4.tcp_retries2; nil where it can't be read.
  mutating func retries(of process: Int32) -> Int? {
    let space = space(of: process)
    if let known = retries[space] { return known < 0 ? nil : known }
    let value = Self.entering(process, isOwn: isOwn(space)) { Int(cprobe_retries($0)) } ?? -1
    retries[space] = space == 0 ? -1 : value
    return value < 0 || space == 0 ? nil : value
  }

  /// The sockets of all namespaces that these processes are in, as far as they can be entered; the error is our own's.
  mutating func sockets(of processes: [Int32]) -> (sockets: [OpenSockets.Socket], error: Int32) {
    var seen = Set<UInt64>()
    var result: (sockets: [OpenSockets.Socket], error: Int32) = ([], 0)
    for process in processes {
      let space = space(of: process)
      let isOwn = isOwn(space)
      guard seen.insert(isOwn ? own : space).inserted else { continue }
      guard let found = Self.entering(process, isOwn: isOwn, { OpenSockets.list($0) }) else { continue }
      if found.error == 0 { entered.insert(space) }
      result.sockets += found.sockets
      if isOwn { result.error = found.error }
    }
    return result
  }

  /// Whether its sockets can be listed.
  mutating func canEnter(_ process: Int32) -> Bool {
    let space = space(of: process)
    return isOwn(space) || entered.contains(space)
  }

  mutating func limits(of socket: OpenSockets.Socket, process: Int32, descriptor: Int32) -> SocketLimits {
    var limits = SocketLimits.assumed
    let retries = retries(of: process)
    let timeout_ms = cprobe_user_timeout(process, descriptor, socket.cookie)
    let isRead = timeout_ms >= 0
    limits.access =
      isRead ? .open(process: process, descriptor: descriptor) : .refused(process: process, error: timeout_ms)
    limits.tcpRetries2 = retries ?? limits.tcpRetries2
    limits.userTimeout_ms = isRead ? Int(timeout_ms) : 0
    limits.isDefault = retries == nil || !isRead
    return limits
  }

  private static func entering<Value>(_ process: Int32, isOwn: Bool, _ body: (Int32) -> Value) -> Value? {
    if isOwn { return body(-1) }
    let descriptor = open("/proc/\(process)/ns/net", O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    return body(descriptor)
  }
}
