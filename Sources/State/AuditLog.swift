internal import Synchronization

/// Who asked for what, and what became of it: `audit.jsonl` in the state directory, mode 0600, one command a line, only
/// ever appended to. At 16 MiB it becomes `audit.jsonl.1`, of which four are kept.
///
/// A line is one write. Half a line, left by a crash or a full disk, is ended by a line feed before the next one. Any
/// thread may call; calls may wait for the disk.
package final class AuditLog: Sendable {
  static let name = "audit.jsonl"
  static let largest_bytes = 16 << 20
  static let kept = 4

  private let directory: StateDirectory
  private let largest_bytes: Int
  private let state = Mutex(State())

  private struct State {
    var current: (file: Int32, size_bytes: Int, isInsideLine: Bool)?
    /// Lines, or the name of the file, may not be on disk.
    var isUnflushed = false
    var isNameUnflushed = false
  }

  /// Opens the file where that is possible now, and ends a torn last line; else the first `append` tells why not.
  package convenience init(in directory: StateDirectory) {
    self.init(in: directory, largest_bytes: Self.largest_bytes)
  }

  init(in directory: StateDirectory, largest_bytes: Int) {
    self.directory = directory
    self.largest_bytes = largest_bytes
    state.withLock { state in
      guard (try? open(&state)) != nil, let isInsideLine = state.current?.isInsideLine, isInsideLine else { return }
      try? write([UInt8(ascii: "\n")], &state)
    }
  }

  deinit {
    if let file = state.withLock({ $0.current?.file }) { directory.files.finish(file) }
  }

  /// Appends one line; durable after the next `flush`.
  package func append(_ entry: AuditEntry) throws(StateError) {
    try state.withLock { (state: inout State) throws(StateError) in
      guard var line = try? entry.line() else { throw StateError(.failed, "\(action): it is no JSON") }
      do throws(FileFailure) {
        try open(&state)
        if let size_bytes = state.current?.size_bytes, size_bytes > 0, size_bytes + line.count > largest_bytes {
          try rotate(&state)
          try open(&state)
        }
        if state.current?.isInsideLine == true { line.insert(UInt8(ascii: "\n"), at: 0) }
        try write(line, &state)
      } catch {
        throw StateError(action, error)
      }
    }
  }

  /// Waits until every line is on disk, and the file's name too.
  package func flush() throws(StateError) {
    try state.withLock { (state: inout State) throws(StateError) in
      do throws(FileFailure) {
        try flush(&state)
      } catch {
        throw StateError(action, error)
      }
    }
  }

  private var action: String { "the audit can't be written to \(directory.path)/\(Self.name)" }

  private func open(_ state: inout State) throws(FileFailure) {
    if state.current != nil { return }
    state.current = try directory.files.extend(Self.name)
    state.isNameUnflushed = true
  }

  /// After a failure the file is opened anew, which tells how far the bytes came.
  private func write(_ bytes: [UInt8], _ state: inout State) throws(FileFailure) {
    guard let file = state.current?.file else { return }
    state.isUnflushed = true
    do {
      try directory.files.append(bytes, to: file)
      state.current?.size_bytes += bytes.count
      state.current?.isInsideLine = false
    } catch {
      close(&state)
      throw error
    }
  }

  private func flush(_ state: inout State) throws(FileFailure) {
    if state.isUnflushed {
      try open(&state)
      if let file = state.current?.file { try directory.files.flush(file) }
      state.isUnflushed = false
    }
    if state.isNameUnflushed {
      try directory.files.flushDirectory()
      state.isNameUnflushed = false
    }
  }

  private func close(_ state: inout State) {
    if let file = state.current?.file { directory.files.finish(file) }
    state.current = nil
  }

  /// Where renaming fails the file grows on: a line lost is worse than a file too long.
  private func rotate(_ state: inout State) throws(FileFailure) {
    try flush(&state)
    close(&state)
    for number in stride(from: Self.kept - 1, through: 1, by: -1) {
      try? directory.files.move("\(Self.name).\(number)", to: "\(Self.name).\(number + 1)")
    }
    try? directory.files.move(Self.name, to: "\(Self.name).1")
  }
}
