internal import AdminAPI

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#else
  internal import Darwin
#endif

/// What is known about standard output.
struct Terminal: Equatable, Sendable {
  var isTerminal: Bool
  var style: TerminalStyle
  static let none = Terminal(isTerminal: false, style: .plain)

  /// A line on standard error.
  static func say(_ line: String) { write(line + "\n") }

  /// Writes all of it to standard error. A reader that went away is not our error.
  static func write(_ text: String) {
    var rest = Array(text.utf8)[...]
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes { systemWrite(STDERR_FILENO, $0.baseAddress, $0.count) }
      if count < 0 && errno == EINTR { continue }
      guard count > 0 else { return }
      rest = rest.dropFirst(count)
    }
  }
}

private func systemWrite(_ descriptor: Int32, _ bytes: UnsafeRawPointer?, _ count: Int) -> Int {
  write(descriptor, bytes, count)
}
