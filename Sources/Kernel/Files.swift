internal import Glibc

/// Reading /proc and the cgroup file system. Nil and empty answers where something is gone by now: in both places that is
/// the ordinary case.
enum Files {
  /// The whole file, up to 16 MiB.
  static func read(_ path: String) -> String? {
    let file = open(path, O_RDONLY | O_CLOEXEC)
    guard file >= 0 else { return nil }
    defer { close(file) }
    var bytes = [UInt8]()
    var chunk = [UInt8](repeating: 0, count: 16384)
    while bytes.count < 16 << 20 {
      let count = Glibc.read(file, &chunk, chunk.count)
      if count < 0 && errno == EINTR { continue }
      guard count >= 0 else { return nil }
      if count == 0 { break }
      bytes.append(contentsOf: chunk[0..<count])
    }
    return String(decoding: bytes, as: UTF8.self)
  }

  /// 0 or the error number.
  static func write(_ text: String, to path: String) -> Int32 {
    let file = open(path, O_WRONLY | O_CLOEXEC)
    guard file >= 0 else { return errno }
    defer { close(file) }
    return Glibc.write(file, text, text.utf8.count) == text.utf8.count ? 0 : errno
  }

  /// Names in a directory, and the error number if it could not be read.
  static func list(_ path: String) -> (names: [String], error: Int32) {
    guard let directory = opendir(path) else { return ([], errno) }
    defer { closedir(directory) }
    var names = [String]()
    while let entry = readdir(directory) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: Int(NAME_MAX) + 1) { String(cString: $0) }
      }
      if name != "." && name != ".." { names.append(name) }
    }
    return (names, 0)
  }

  static func directories(_ path: String) -> [String] { list(path).names.filter { isDirectory("\(path)/\($0)") } }

  static func isDirectory(_ path: String) -> Bool {
    var status = stat()
    return lstat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
  }

  /// Without `//`, `.`, `..` and symbolic links; nil if there is no such file.
  static func realPath(_ path: String) -> String? {
    guard let found = realpath(path, nil) else { return nil }
    defer { free(found) }
    return String(cString: found)
  }

  static func inode(_ path: String) -> UInt64? {
    var status = stat()
    return stat(path, &status) == 0 ? UInt64(status.st_ino) : nil
  }

  /// Where a symbolic link points, up to 255 bytes of it.
  static func link(_ path: String) -> String? {
    withUnsafeTemporaryAllocation(of: CChar.self, capacity: 256) { buffer in
      guard let start = buffer.baseAddress else { return nil }
      let count = readlink(path, start, buffer.count)
      return count < 0 ? nil : String(decoding: UnsafeRawBufferPointer(start: start, count: count), as: UTF8.self)
    }
  }
}
