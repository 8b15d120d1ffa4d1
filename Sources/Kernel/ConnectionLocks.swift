internal import Glibc

/// Sees to it that a connection is held by one stormfuse at a time, where `HoldLocks` admits several to a shared cgroup: two
/// of the same process, by a sidecar and by hand, would decide about the same packets.
///
/// Each held connection is a lock on one byte (F_OFD_SETLK) of the cgroup hierarchy's root directory, at the offset given by
/// its cookie. Processes that have that directory mounted in the same cgroup namespace see it; the kernel drops it with the
/// process. The directory is not writable, so only read locks are possible, and they never conflict. After taking one, the
/// process asks with F_OFD_GETLK whether a write lock would conflict. If so, another process has the connection, and this
/// one unlocks. Two processes that ask at the same time may both unlock; both try again.
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
