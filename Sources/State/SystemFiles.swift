#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#else
  internal import Darwin
#endif

/// The files of a real directory, by its descriptor: should somebody put another directory in its place, ours stays ours.
/// Symbolic links are not followed.
final class SystemFiles: StateFiles {
  /// A snapshot or line is never larger; stops a reader from filling the memory.
  static let largest_bytes = 256 << 20

  private let directory: Int32

  /// Takes over an open directory, and closes it in the end.
  init(directory: Int32) { self.directory = directory }

  deinit { close(directory) }

  func names() throws(FileFailure) -> [String] {
    // A stream of its own: reading moves the offset of a shared one.
    let descriptor = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard descriptor >= 0 else { throw FileFailure(step: "listing", code: errno) }
    guard let stream = fdopendir(descriptor) else {
      let code = errno
      close(descriptor)
      throw FileFailure(step: "listing", code: code)
    }
    defer { closedir(stream) }
    var names = [String]()
    while let entry = readdir(stream) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: Int(NAME_MAX) + 1) { String(cString: $0) }
      }
      if name != ".", name != ".." { names.append(name) }
    }
    return names
  }

  func contents(of name: String) throws(FileFailure) -> [UInt8]? {
    // Not waiting: somebody may have put a pipe there.
    let file = openat(directory, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)
    guard file >= 0 else {
      if errno == ENOENT { return nil }
      throw FileFailure(step: "opening \(name)", code: errno)
    }
    defer { close(file) }
    var status = stat()
    guard fstat(file, &status) == 0 else { throw FileFailure(step: "opening \(name)", code: errno) }
    guard status.st_mode & S_IFMT == S_IFREG, status.st_size <= Self.largest_bytes else {
      throw FileFailure(step: "opening \(name)", code: status.st_mode & S_IFMT == S_IFREG ? EFBIG : EINVAL)
    }
    var bytes = [UInt8](repeating: 0, count: Int(status.st_size))
    var length = 0
    while length < bytes.count {
      let count = bytes[length...].withUnsafeMutableBytes { read(file, $0.baseAddress, $0.count) }
      if count < 0, errno == EINTR { continue }
      guard count >= 0 else { throw FileFailure(step: "reading \(name)", code: errno) }
      if count == 0 { break }
      length += count
    }
    bytes.removeLast(bytes.count - length)
    return bytes
  }

  func create(_ name: String) throws(FileFailure) -> Int32 {
    let file = openat(directory, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0o600)
    guard file >= 0 else { throw FileFailure(step: "creating \(name)", code: errno) }
    return file
  }

  func extend(_ name: String) throws(FileFailure) -> (file: Int32, size_bytes: Int, isInsideLine: Bool) {
    let file = openat(directory, name, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0o600)
    guard file >= 0 else { throw FileFailure(step: "opening \(name)", code: errno) }
    var status = stat()
    guard fstat(file, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
      close(file)
      throw FileFailure(step: "opening \(name)", code: EINVAL)
    }
    var last = UInt8(ascii: "\n")
    if status.st_size > 0, pread(file, &last, 1, status.st_size - 1) != 1 {
      let code = errno
      close(file)
      throw FileFailure(step: "reading \(name)", code: code)
    }
    return (file, Int(status.st_size), last != UInt8(ascii: "\n"))
  }

  func append(_ bytes: [UInt8], to file: Int32) throws(FileFailure) {
    var written = 0
    while written < bytes.count {
      let count = bytes[written...].withUnsafeBytes { write(file, $0.baseAddress, $0.count) }
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { throw FileFailure(step: "writing", code: count == 0 ? ENOSPC : errno) }
      written += count
    }
  }

  func flush(_ file: Int32) throws(FileFailure) {
    #if canImport(Darwin)
      // There, fsync leaves the bytes in the drive's cache.
      guard fcntl(file, F_FULLFSYNC) == 0 || fsync(file) == 0 else { throw FileFailure(step: "fsync", code: errno) }
    #else
      guard fsync(file) == 0 else { throw FileFailure(step: "fsync", code: errno) }
    #endif
  }

  func cut(_ file: Int32, to size_bytes: Int) throws(FileFailure) {
    while ftruncate(file, off_t(size_bytes)) != 0 {
      if errno != EINTR { throw FileFailure(step: "truncating", code: errno) }
    }
  }

  func finish(_ file: Int32) { close(file) }

  func move(_ name: String, to other: String) throws(FileFailure) {
    guard renameat(directory, name, directory, other) == 0 else {
      throw FileFailure(step: "renaming \(name) to \(other)", code: errno)
    }
  }

  func delete(_ name: String) throws(FileFailure) {
    guard unlinkat(directory, name, 0) == 0 || errno == ENOENT else {
      throw FileFailure(step: "removing \(name)", code: errno)
    }
  }

  func flushDirectory() throws(FileFailure) {
    guard fsync(directory) == 0 else { throw FileFailure(step: "fsync of the directory", code: errno) }
  }

  /// A file system that counts no blocks or no inodes (0 in all) has no such limit. Root may use what is reserved.
  func lackOfRoom() -> String? {
    var status = statvfs()
    guard fstatvfs(directory, &status) == 0 else { return nil }
    let isRoot = geteuid() == 0
    if status.f_blocks > 0, (isRoot ? status.f_bfree : status.f_bavail) == 0 { return "no space left" }
    if status.f_files > 0, (isRoot ? status.f_ffree : status.f_favail) == 0 { return "no inodes left" }
    return nil
  }
}
