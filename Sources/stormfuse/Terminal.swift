import AdminAPI

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// Where text for people goes: the report to standard output, all else to standard error, so that a pipe gets only data.
enum Terminal {
  static let environment: [String: String] = {
    var found: [String: String] = [:]
    for name in ["NO_COLOR", "TERM"] { found[name] = getenv(name).map { String(cString: $0) } }
    return found
  }()
  static let output = TerminalStyle.detect(descriptor: STDOUT_FILENO, environment: environment)
  static let messages = TerminalStyle.detect(descriptor: STDERR_FILENO, environment: environment)

  /// There is a terminal that signals come from; false once it has hung up.
  static var isThere: Bool {
    let descriptor = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC)
    guard descriptor >= 0 else { return false }
    close(descriptor)
    return true
  }

  static func say(_ line: String) { write(line + "\n", to: STDERR_FILENO) }
  static func print(_ text: String) { write(text, to: STDOUT_FILENO) }

  /// Writes all of it, however often the system takes only part. A reader that went away is not our error.
  static func write(_ text: String, to descriptor: Int32) { write(Array(text.utf8), to: descriptor) }

  static func write(_ bytes: [UInt8], to descriptor: Int32) {
    var rest = bytes[...]
    while !rest.isEmpty {
      let written = rest.withUnsafeBytes { systemWrite(descriptor, $0.baseAddress, $0.count) }
      if written < 0 {
        if errno == EINTR { continue }
        return
      }
      rest = rest.dropFirst(written)
    }
  }

  private static func systemWrite(_ descriptor: Int32, _ bytes: UnsafeRawPointer?, _ count: Int) -> Int {
    #if canImport(Glibc)
      Glibc.write(descriptor, bytes, count)
    #else
      Darwin.write(descriptor, bytes, count)
    #endif
  }
}
