#if canImport(Darwin)
  import Darwin
#elseif canImport(Musl)
  import Musl
#else
  import Glibc
#endif

/// Why a trace can't be written.
package struct TraceWriteError: Error, Sendable, Equatable, CustomStringConvertible {
  package var path: String
  package var what: String
  package var advice: String

  package var description: String { "\(path): \(what); \(advice)" }
}

/// A file written from front to back through a buffer. It is readable by its owner alone: captures hold what people
/// send each other.
struct BufferedFile: ~Copyable {
  private let path: String
  private var descriptor: Int32
  private var buffer: [UInt8] = []
  private var failure: TraceWriteError?

  init(path: String) throws(TraceWriteError) {
    self.path = path
    descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0o600)
    guard descriptor >= 0 else {
      let advice = errno == ELOOP ? "it is a symbolic link: name the file itself" : "check the path and its permissions"
      throw TraceWriteError(
        path: path, what: "can't be created: \(String(cString: strerror(errno)))", advice: advice)
    }
    // A file that was there before keeps its mode; a pipe or device is left alone.
    var information = stat()
    if fstat(descriptor, &information) == 0, information.st_mode & S_IFMT == S_IFREG, fchmod(descriptor, 0o600) != 0 {
      let reason = String(cString: strerror(errno))
      _ = systemClose(descriptor)
      throw TraceWriteError(
        path: path, what: "can't be made private (mode 0600): \(reason)", advice: "remove it, or name another file")
    }
    buffer.reserveCapacity(Self.bufferSize)
  }

  deinit {
    if descriptor >= 0 { _ = systemClose(descriptor) }
  }

  mutating func append(_ bytes: [UInt8]) throws(TraceWriteError) {
    if let failure { throw failure }
    if buffer.count + bytes.count > Self.bufferSize { try flush() }
    if bytes.count >= Self.bufferSize {
      try put(bytes)
    } else {
      buffer.append(contentsOf: bytes)
    }
  }

  mutating func flush() throws(TraceWriteError) {
    if let failure { throw failure }
    guard !buffer.isEmpty else { return }
    try put(buffer)
    buffer.removeAll(keepingCapacity: true)
  }

  /// Flushes and closes; does nothing the second time.
  mutating func close() throws(TraceWriteError) {
    guard descriptor >= 0 else { return }
    let flushed = Result { () throws(TraceWriteError) in try flush() }
    let closed = systemClose(descriptor)
    let reason = errno
    descriptor = -1
    failure = failure ?? TraceWriteError(path: path, what: "is closed", advice: "open another")
    try flushed.get()
    // A network file system may tell only now that the disk is full.
    guard closed == 0 || reason == EINTR else { throw Self.writeError(path, reason) }
  }

  private mutating func put(_ bytes: [UInt8]) throws(TraceWriteError) {
    var offset = 0
    while offset < bytes.count {
      let written = bytes.withUnsafeBytes { write(descriptor, $0.baseAddress.map { $0 + offset }, $0.count - offset) }
      if written > 0 {
        offset += written
      } else if written == 0 || errno != EINTR {
        let error = Self.writeError(path, written == 0 ? EIO : errno)
        failure = error
        throw error
      }
    }
  }

  private static func writeError(_ path: String, _ number: Int32) -> TraceWriteError {
    let advice =
      switch number {
      case ENOSPC, EDQUOT: "make room, or set a smaller size limit; what was written before can be read"
      case EFBIG: "set a smaller size limit; what was written before can be read"
      default: "what was written before can be read"
      }
    return TraceWriteError(path: path, what: "can't be written: \(String(cString: strerror(number)))", advice: advice)
  }

  private static let bufferSize = 256 << 10
}

/// `close` of the system, which the method of that name hides.
private func systemClose(_ descriptor: Int32) -> Int32 { close(descriptor) }
