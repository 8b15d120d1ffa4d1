internal import AdminAPI
internal import Synchronization

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#else
  internal import Darwin
#endif

/// The file of a listening Unix socket, from nothing to mode 0660 without a moment in which others could connect.
///
/// The socket is bound inside a new directory of mode 0700, gets its mode there, and is renamed to its path: neither the
/// umask, which belongs to the whole process, nor a window between bind and chmod matters. What lies at the path before
/// is replaced only if it is a socket without a listener; two sidecars that start at once are kept apart by a
/// `StartLock`, held from `prepare` to `publish`.
final class UnixSocket: Sendable {
  /// Where to bind.
  let temporaryPath: String
  private let path: String
  private let temporaryDirectory: String
  private let state: Mutex<State>

  private struct State {
    /// Nil once unlocked.
    var lock: StartLock?
    /// Device and inode of the published socket, so that only this one is removed.
    var published: (dev_t, ino_t)?
  }

  /// - Throws: `AdminError`: somebody listens there, something else lies there, the directory can't be used.
  static func prepare(_ path: String) async throws -> UnixSocket {
    let listen = Listen.unix(path: path)
    let directory = AdminError.directory(of: path)
    let lock = try await StartLock.take(path)
    do {
      try refuseIfTaken(path)
      // mkdtemp replaces the six X by what makes the name unique.
      var template = Array((directory == "/" ? "" : directory).utf8) + Array("/.sf-XXXXXX".utf8) + [0]
      let made = template.withUnsafeMutableBytes { bytes in
        bytes.baseAddress.map { mkdtemp($0.assumingMemoryBound(to: CChar.self)) != nil } ?? false
      }
      guard made else { throw AdminError(errno: errno, doing: "making a directory", listen: listen) }
      return UnixSocket(path, in: String(decoding: template.dropLast(), as: UTF8.self), lock: lock)
    } catch {
      lock.release()
      throw error
    }
  }

  private init(_ path: String, in temporaryDirectory: String, lock: StartLock) {
    self.path = path
    self.temporaryDirectory = temporaryDirectory
    temporaryPath = temporaryDirectory + "/s"
    state = Mutex(State(lock: lock, published: nil))
  }

  /// Gives the bound socket its mode and its name.
  func publish() throws {
    let listen = Listen.unix(path: path)
    guard chmod(temporaryPath, 0o660) == 0 else { throw AdminError(errno: errno, doing: "chmod", listen: listen) }
    guard rename(temporaryPath, path) == 0 else { throw AdminError(errno: errno, doing: "rename", listen: listen) }
    var status = stat()
    let found = lstat(path, &status) == 0
    rmdir(temporaryDirectory)
    state.withLock {
      $0.published = found ? (status.st_dev, status.st_ino) : nil
      $0.lock?.release()
      $0.lock = nil
    }
  }

  /// Removes what is left: the socket, if the path still leads to it, and before `publish` the temporary directory.
  func remove() {
    state.withLock {
      var status = stat()
      if let published = $0.published, lstat(path, &status) == 0, (status.st_dev, status.st_ino) == published {
        unlink(path)
      }
      $0.published = nil
      if let lock = $0.lock {
        unlink(temporaryPath)
        rmdir(temporaryDirectory)
        lock.release()
        $0.lock = nil
      }
    }
  }

  private static func refuseIfTaken(_ path: String) throws {
    let listen = Listen.unix(path: path)
    var status = stat()
    guard lstat(path, &status) == 0 else {
      if errno == ENOENT { return }
      throw AdminError(errno: errno, doing: "looking at it", listen: listen)
    }
    guard status.st_mode & S_IFMT == S_IFSOCK else {
      throw AdminError(
        description: "the admin API can't listen on \(listen): something that is not a socket lies there; remove it or "
          + "choose another path with --admin unix:PATH")
    }
    switch connectError(path) {
    case ECONNREFUSED, ENOENT: return
    case 0, EAGAIN:
      throw AdminError(
        description: "another process listens on \(listen): stop it, or choose another path with --admin unix:PATH")
    case let code: throw AdminError(errno: code, doing: "finding out whether somebody listens", listen: listen)
    }
  }

  /// 0 if a connection is accepted, else errno.
  private static func connectError(_ path: String) -> Int32 {
    #if canImport(Glibc)
      let kind = Int32(SOCK_STREAM.rawValue)
    #else
      let kind = SOCK_STREAM
    #endif
    let descriptor = socket(AF_UNIX, kind, 0)
    guard descriptor >= 0 else { return errno }
    defer { close(descriptor) }
    // Not waiting: a listener with a full backlog answers EAGAIN.
    _ = fcntl(descriptor, F_SETFL, O_NONBLOCK)
    _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8.prefix($0.count - 1)) }
    let size = socklen_t(MemoryLayout<sockaddr_un>.size)
    let answer = withUnsafePointer(to: address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { connect(descriptor, $0, size) }
    }
    return answer == 0 ? 0 : errno
  }
}
