#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#else
  internal import Darwin
#endif

/// A file's bytes, by the plain system calls.
enum FileBytes {
  /// At most `largest_bytes` and one buffer more, so that a device or an endless pipe can't fill the memory.
  static func read(_ path: String, atMost largest_bytes: Int) throws(ConfigurationError) -> [UInt8] {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw unreadable(path) }
    defer { close(descriptor) }
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 1 << 16)
    while bytes.count <= largest_bytes {
      let count = buffer.withUnsafeMutableBytes { systemRead(descriptor, $0.baseAddress, $0.count) }
      if count < 0, errno == EINTR { continue }
      guard count >= 0 else { throw unreadable(path) }
      if count == 0 { break }
      bytes += buffer[..<count]
    }
    return bytes
  }

  private static func unreadable(_ path: String) -> ConfigurationError {
    switch errno {
    case ENOENT: SourceText.refused(path, "no such file: check the path")
    case EACCES: SourceText.refused(path, "may not be read: grant this user read permission")
    case EISDIR: SourceText.refused(path, "is a directory: name the file in it")
    case let code: SourceText.refused(path, "can't be read: \(String(cString: strerror(code)))")
    }
  }
}

/// `read` by itself would mean the method.
private func systemRead(_ descriptor: Int32, _ buffer: UnsafeMutableRawPointer?, _ count: Int) -> Int {
  read(descriptor, buffer, count)
}
