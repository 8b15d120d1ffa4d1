package import AdminAPI
internal import Synchronization

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#else
  internal import Darwin
#endif

/// Events as JSON lines, appended to a file (mode 0640 if it is new) or written to standard output.
///
/// In: events, from any thread. Out: one whole line each, in one write where the system takes it. A file that was moved
/// away or removed (log rotation) is opened anew. What can't be written is lost and counted, never fatal; after half a line
/// the next one begins on a line of its own. `look` finds a full disk before an event is lost, `retry` whether writing
/// works again. A write may wait for the disk: not for the engine's thread.
package final class EventLog: Sendable {
  private let path: String
  private let state: Mutex<State>

  private struct State {
    var descriptor: Int32
    var file: (dev_t, ino_t)?
    var afterHalfALine = false
    var counters = ExportCounters(name: "event_log")
    /// Why the latest event was not written, or the next one will not be; nil if it was.
    var failing: String?
  }

  package struct OpenError: Error, Equatable, CustomStringConvertible {
    package var description: String
  }

  /// - Parameter path: The file; `-` is standard output.
  /// - Throws: When the file can't be opened, with what to do.
  package init(path: String) throws(OpenError) {
    self.path = path
    if path == "-" {
      state = Mutex(State(descriptor: STDOUT_FILENO))
      return
    }
    guard let (descriptor, file) = Self.open(path) else {
      let reason =
        switch errno {
        case ENOENT: "its directory does not exist: create it"
        case EACCES, EPERM: "this user may not write there: grant it, or choose another path"
        case EISDIR: "that is a directory: name a file in it"
        case EROFS: "the file system is read-only: choose another path"
        case ENXIO: "nobody reads from that pipe: start the reader first"
        case let code: String(cString: strerror(code))
        }
      throw OpenError(description: "events can't be written to \(path): \(reason)")
    }
    state = Mutex(State(descriptor: descriptor, file: file))
  }

  deinit {
    let descriptor = state.withLock { $0.descriptor }
    if descriptor > STDERR_FILENO { close(descriptor) }
  }

  package var counters: ExportCounters { state.withLock(\.counters) }

  /// Why the latest event was not written, or the next one will not be, as a sentence; nil if it was written.
  package var failing: String? { state.withLock(\.failing) }

  /// Asks the file system for room. Without any, `failing` says so before an event is lost.
  package func look() {
    state.withLock { state in
      var status = statvfs()
      // One that counts no blocks has no such limit. Root may use what is reserved.
      guard state.failing == nil, state.file != nil, fstatvfs(state.descriptor, &status) == 0, status.f_blocks > 0,
        (geteuid() == 0 ? status.f_bfree : status.f_bavail) == 0
      else { return }
      state.failing = "no space left on the file system of \(path): make room, or events are lost"
    }
  }

  /// Writes one line, or counts it as failed: the event is lost.
  package func write(_ event: some ExportedEvent) {
    guard let line = try? JSON.encode(event) else { return state.withLock { $0.counters.failed += 1 } }
    if !append(line) { state.withLock { $0.counters.failed += 1 } }
  }

  /// Writes one line if that works again, and answers whether it did; if not, nothing is lost.
  package func retry(_ event: some ExportedEvent) -> Bool { (try? JSON.encode(event)).map(append) ?? false }

  /// Whether all of it was written.
  private func append(_ bytes: [UInt8]) -> Bool {
    var line = bytes
    line.append(UInt8(ascii: "\n"))
    return state.withLock { state in
      reopenIfMoved(&state)
      if state.afterHalfALine { line.insert(UInt8(ascii: "\n"), at: 0) }
      let written = Self.write(line, to: state.descriptor)
      if written == line.count {
        state.afterHalfALine = false
        state.counters.sent += 1
        state.failing = nil
        return true
      } else {
        state.failing = "events can't be written to \(path): \(Self.reason(errno))"
        // A written line feed alone has already ended the half line.
        state.afterHalfALine = written == 0 ? state.afterHalfALine : !(state.afterHalfALine && written == 1)
        return false
      }
    }
  }

  private static func reason(_ code: Int32) -> String {
    code == EAGAIN ? "nobody reads from that pipe" : String(cString: strerror(code))
  }

  /// Bytes that were taken.
  private static func write(_ line: [UInt8], to descriptor: Int32) -> Int {
    line.withUnsafeBytes { bytes in
      var written = 0
      while written < bytes.count, let base = bytes.baseAddress {
        let count = systemWrite(descriptor, base + written, bytes.count - written)
        if count < 0, errno == EINTR { continue }
        guard count > 0 else { break }
        written += count
      }
      return written
    }
  }

  private func reopenIfMoved(_ state: inout State) {
    guard let file = state.file else { return }
    var status = stat()
    if stat(path, &status) == 0, (status.st_dev, status.st_ino) == file { return }
    guard let (descriptor, file) = Self.open(path) else { return }
    close(state.descriptor)
    state.descriptor = descriptor
    state.file = file
    state.afterHalfALine = false
  }

  /// Not waiting: a pipe that nobody reads must not hang the sidecar.
  private static func open(_ path: String) -> (Int32, (dev_t, ino_t)?)? {
    let descriptor = systemOpen(path)
    guard descriptor >= 0 else { return nil }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { return (descriptor, nil) }
    return (descriptor, status.st_mode & S_IFMT == S_IFREG ? (status.st_dev, status.st_ino) : nil)
  }
}

private func systemOpen(_ path: String) -> Int32 {
  open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0o640)
}

private func systemWrite(_ descriptor: Int32, _ bytes: UnsafeRawPointer, _ count: Int) -> Int {
  write(descriptor, bytes, count)
}
