#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#else
  internal import Darwin
#endif

/// One process to a state directory: flock on the file `lock` in it, which the kernel lets go with the process. Close on
/// exec, so that no child holds it on.
final class DirectoryLock: Sendable {
  private let file: Int32

  /// - Parameters:
  ///   - directory: Open; not taken over.
  ///   - path: For the error.
  init(directory: Int32, path: String) throws(StateError) {
    var file = openat(directory, "lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0o600)
    if file < 0, errno == EROFS {
      // After a restart on a disk that has failed, what was saved on it is still to be loaded.
      file = openat(directory, "lock", O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)
      if file < 0, errno == ENOENT { errno = EROFS }
    }
    guard file >= 0 else { throw StateError("\(path) can't be locked", FileFailure(step: "opening lock", code: errno)) }
    // Made so by us; one that was copied here may be open to other users, which could lock it.
    _ = fchmod(file, 0o600)
    while flock(file, LOCK_EX | LOCK_NB) != 0 {
      let code = errno
      if code == EINTR { continue }
      let holder = Self.text(file)
      close(file)
      guard code == EWOULDBLOCK else {
        throw StateError("\(path) can't be locked", FileFailure(step: "flock", code: code))
      }
      throw StateError(
        .locked,
        "\(path) is in use by \(holder.map { "process \($0)" } ?? "another process"): end that one, or give this one a "
          + "state directory of its own")
    }
    // For whoever finds it locked; the lock itself does not need it, so a full disk is no reason to stop.
    let text = "\(getpid()) on \(Self.host)\n"
    _ = ftruncate(file, 0)
    _ = pwrite(file, text, text.utf8.count, 0)
    self.file = file
  }

  deinit {
    _ = ftruncate(file, 0)
    close(file)
  }

  /// Opens the directory, and makes it if it is not there; refuses one in which others could put files.
  static func open(_ path: String) throws(StateError) -> Int32 {
    if mkdir(path, 0o700) == 0 {
      flushParent(of: path)
    } else if errno == ENOENT {
      throw StateError(.unusable, "the state directory \(path) can't be made: the directory above it does not exist")
    } else if errno != EEXIST {
      throw StateError("the state directory \(path) can't be made", FileFailure(step: "mkdir", code: errno))
    }
    let directory = openDirectory(path)
    guard directory >= 0 else {
      if errno == ENOTDIR {
        throw StateError(.unusable, "\(path) is no directory: name one for the state, or a path where none is yet")
      }
      throw StateError("the state directory \(path) can't be opened", FileFailure(step: "open", code: errno))
    }
    var status = stat()
    let user = geteuid()
    let problem: String? =
      if fstat(directory, &status) != 0 {
        "can't be looked at: \(StateError.text(errno))"
      } else if status.st_uid != user, status.st_uid != 0 {
        "belongs to user \(status.st_uid), not to this process's user \(user): give it to user \(user)"
      } else if status.st_mode & 0o022 != 0 {
        "may be written by others (mode \(String(status.st_mode & 0o7777, radix: 8))), who could put a state there: "
          + "take that away (chmod go-w), or name a subdirectory, which is then made with mode 700"
      } else {
        nil
      }
    if let problem {
      close(directory)
      throw StateError(.unusable, "the state directory \(path) \(problem)")
    }
    return directory
  }

  /// So that a new directory outlives a power failure. Best effort: the directory above may be unreadable.
  private static func flushParent(of path: String) {
    let parent = openDirectory(path + "/..")
    guard parent >= 0 else { return }
    _ = fsync(parent)
    close(parent)
  }

  private static func text(_ file: Int32) -> String? {
    var bytes = [UInt8](repeating: 0, count: 128)
    let count = pread(file, &bytes, bytes.count, 0)
    guard count > 0 else { return nil }
    // It is printed: nothing but what we write ourselves.
    let text = bytes[..<count].prefix { $0 >= 0x20 && $0 < 0x7f }
    return text.isEmpty ? nil : String(decoding: text, as: UTF8.self)
  }

  private static var host: String {
    withUnsafeTemporaryAllocation(of: CChar.self, capacity: 256) { buffer in
      guard let start = buffer.baseAddress, gethostname(start, 255) == 0 else { return "an unnamed host" }
      buffer[255] = 0
      return String(cString: start)
    }
  }
}

private func openDirectory(_ path: String) -> Int32 {
  open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
}
