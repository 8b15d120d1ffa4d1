internal import Glibc

/// Sees to it that a connection is held by one stormfuse at a time, where `HoldLocks` admits several to a shared cgroup: two
/// of the same process, by a sidecar and by hand, would decide about the same packets.
///
/// Each held connection is a lock on one byte of the cgroup hierarchy's root directory, at the place that its cookie names
/// (fcntl, open file description locks): seen by everybody who has that directory mounted in the same cgroup namespace,
/// gone with the process, however it ends. The directory can't be written, so all locks are read locks, which exclude
/// nobody: whoever has taken one asks whether another one stands in the way of a write lock, and if so gives his own back.
/// Of two who ask at the same time both may give way; both try again.
final class ConnectionLocks {
  private let directory: Int32
  private let problem: String?

  init(_ groups: ControlGroups) {
    directory = open(groups.mountPoint, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    problem =
      directory < 0
      ? "\(groups.mountPoint) cannot be opened (\(KernelError.text(errno))), so whether another stormfuse holds this "
        + "connection cannot be told" : nil
  }

  deinit { if directory >= 0 { close(directory) } }

  /// Takes a connection. Throws if somebody else holds it, or if that can't be told.
  func take(_ cookie: UInt64) throws(KernelError) {
    if let problem { throw KernelError(.failed, problem) }
    guard let mine = Self.control(directory, Self.set, F_RDLCK, cookie), mine == F_RDLCK,
      let others = Self.control(directory, Self.get, F_WRLCK, cookie)
    else { throw KernelError(.failed, "a connection cannot be locked: \(KernelError.text(errno))") }
    guard others != F_UNLCK else { return }
    giveBack(cookie)
    throw KernelError(
      .failed,
      "another stormfuse or 'fusectl hold' holds this connection, and two would decide about the same packets: end that one "
        + "first ('fusectl release' ends those made by hand)")
  }

  func giveBack(_ cookie: UInt64) { _ = Self.control(directory, Self.set, F_UNLCK, cookie) }

  /// The kind of lock that the kernel answers with; nil if it refuses.
  private static func control(_ directory: Int32, _ command: Int32, _ kind: Int32, _ cookie: UInt64) -> Int32? {
    var lock = flock()
    lock.l_type = Int16(kind)
    lock.l_whence = Int16(SEEK_SET)
    lock.l_start = off_t(cookie & UInt64(Int64.max >> 1))
    lock.l_len = 1
    return fcntl(directory, command, &lock) == 0 ? Int32(lock.l_type) : nil
  }

  /// F_OFD_GETLK and F_OFD_SETLK of fcntl.h.
  private static let get: Int32 = 36
  private static let set: Int32 = 37
}
