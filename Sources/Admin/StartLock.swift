internal import AdminAPI

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#else
  internal import Darwin
#endif

/// Keeps two sidecars that start at once from publishing the same Unix socket.
///
/// The lock is an flock on a file beside the socket (its path with `.lock` appended), mode 0600: only this user and root
/// can open it. Any process that can read the directory could lock the directory itself. The holder removes the file
/// when it is done; a process that waited for it then finds that its file is no longer at the path, and takes the new one.
/// The lock ends with the process.
struct StartLock: Sendable {
  private let file: Int32
  private let path: String

  /// Waits for another sidecar to be done, at most two seconds.
  ///
  /// - Parameter socket: The path of the socket.
  /// - Throws: `AdminError` if the file can't be made or belongs to another user, or is still locked after that time.
  static func take(_ socket: String) async throws -> StartLock {
    let listen = Listen.unix(path: socket)
    let path = socket + ".lock"
    for attempt in 1...Self.attempts {
      let file = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0o600)
      guard file >= 0 else { throw problem(errno, path, listen) }
      do {
        try refuseIfOthers(file, path, listen)
      } catch {
        close(file)
        throw error
      }
      if flock(file, LOCK_EX | LOCK_NB) == 0 {
        if isAt(path, file) { return StartLock(file: file, path: path) }
      } else if errno != EWOULDBLOCK, errno != EINTR {
        let code = errno
        close(file)
        throw AdminError(errno: code, doing: "locking \(path)", listen: listen)
      }
      close(file)
      if attempt < Self.attempts { try await Task.sleep(for: Self.pause) }
    }
    throw AdminError(
      description: "the admin API can't listen on \(listen): another stormfuse is starting there and keeps \(path) "
        + "locked; try again, or choose another path with --admin unix:PATH")
  }

  func release() {
    unlink(path)
    close(file)
  }

  /// One that another user made, or may open, could be locked by that user for good.
  private static func refuseIfOthers(_ file: Int32, _ path: String, _ listen: Listen) throws {
    var status = stat()
    guard fstat(file, &status) == 0 else { throw AdminError(errno: errno, doing: "looking at \(path)", listen: listen) }
    guard status.st_uid == geteuid(), status.st_mode & 0o077 == 0, status.st_mode & S_IFMT == S_IFREG else {
      throw foreign(path, listen)
    }
  }

  private static func problem(_ code: Int32, _ path: String, _ listen: Listen) -> AdminError {
    var status = stat()
    if code != EROFS, lstat(path, &status) == 0 { return foreign(path, listen) }
    return AdminError(errno: code, doing: "opening \(path)", listen: listen)
  }

  private static func foreign(_ path: String, _ listen: Listen) -> AdminError {
    AdminError(
      description: "the admin API can't listen on \(listen): its lock \(path) is no file that this user alone may "
        + "open: remove it, or choose another path with --admin unix:PATH")
  }

  private static func isAt(_ path: String, _ file: Int32) -> Bool {
    var (named, own) = (stat(), stat())
    guard lstat(path, &named) == 0, fstat(file, &own) == 0 else { return false }
    return named.st_dev == own.st_dev && named.st_ino == own.st_ino
  }

  private static let attempts = 100
  private static let pause = Duration.milliseconds(20)
}
