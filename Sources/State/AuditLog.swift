internal import Synchronization

/// Who asked for what, and what became of it: `audit.jsonl` in the state directory, mode 0600, one command a line, only
/// ever appended to. At 16 MiB it becomes `audit.jsonl.1`, of which four are kept.
///
/// A line is one write. Half a line, left by a crash or a full disk, is ended by a line feed before the next one.
///
/// A line counts as written once an fsync of it succeeded. Linux reports a failed write-back to one fsync and then takes
/// the pages for clean (https://lwn.net/Articles/752063): a second fsync succeeds although the lines are not on disk.
/// After a failed one the file is therefore opened anew and cut back to the last confirmed length, and the caller writes
/// the lines again. Any thread may call; calls may wait for the disk.
package final class AuditLog: Sendable {
  static let name = "audit.jsonl"
  static let largest_bytes = 16 << 20
  static let kept = 4

  private let directory: StateDirectory
  private let largest_bytes: Int
  private let state = Mutex(State())

  private struct State {
    var current: (file: Int32, size_bytes: Int, isInsideLine: Bool)?
    /// Length of the file that is certainly on disk; nil before it was opened first.
    var confirmed_bytes: Int?
    /// What lies behind `confirmed_bytes` may not be on disk, whatever reading it says, and is to be written again.
    var isDoubtful = false
    /// Lines, or the name of the file, may not be on disk.
    var isUnflushed = false
    var isNameUnflushed = false
    /// Of the lines of the current call: those on disk, and those written since the last good fsync.
    var confirmedLines = 0
    var unconfirmedLines = 0
  }

  /// Opens the file where that is possible now, and ends a torn last line; else the first `write` tells why not.
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

  /// Appends lines, and waits until they and the file's name are on disk.
  /// - Returns: How many of the first lines are on disk, and what kept the others from it. Those are to be given again;
  ///   each is then in the file once.
  package func write(_ entries: [AuditEntry]) -> (confirmed: Int, problem: StateError?) {
    state.withLock { state in
      (state.confirmedLines, state.unconfirmedLines) = (0, 0)
      var problem: StateError?
      do throws(StateError) {
        for entry in entries { try append(entry, &state) }
      } catch {
        problem = error
      }
      // Also after a failure: what came before it is to be on disk.
      do throws(FileFailure) { try flush(&state) } catch { problem = problem ?? StateError(action, error) }
      return (state.confirmedLines, problem)
    }
  }

  private var action: String { "the audit can't be written to \(directory.path)/\(Self.name)" }

  private func append(_ entry: AuditEntry, _ state: inout State) throws(StateError) {
    guard var line = try? entry.line() else { throw StateError(.failed, "\(action): it is no JSON") }
    do throws(FileFailure) {
      try open(&state)
      if let size_bytes = state.current?.size_bytes, size_bytes > 0, size_bytes + line.count > largest_bytes {
        try rotate(&state)
        try open(&state)
      }
      if state.current?.isInsideLine == true { line.insert(UInt8(ascii: "\n"), at: 0) }
      try write(line, &state)
      state.unconfirmedLines += 1
    } catch {
      throw StateError(action, error)
    }
  }

  private func open(_ state: inout State) throws(FileFailure) {
    if state.current != nil { return }
    if state.isDoubtful { try cutBack(&state) }
    let opened = try directory.files.extend(Self.name)
    state.current = opened
    if state.confirmed_bytes == nil { state.confirmed_bytes = opened.size_bytes }
    state.isNameUnflushed = true
  }

  /// Takes away what may not be on disk. A file of which nothing is confirmed goes as a whole, since its name may not be
  /// on disk either.
  private func cutBack(_ state: inout State) throws(FileFailure) {
    if let confirmed_bytes = state.confirmed_bytes, confirmed_bytes > 0 {
      let (file, _, _) = try directory.files.extend(Self.name)
      defer { directory.files.finish(file) }
      try directory.files.cut(file, to: confirmed_bytes)
    } else {
      try directory.files.delete(Self.name)
    }
    state.isDoubtful = false
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
    do {
      if state.isUnflushed { try open(&state) }
    } catch {
      // They are given again.
      if state.unconfirmedLines > 0 { doubt(&state) }
      throw error
    }
    do {
      if state.isUnflushed, let file = state.current?.file { try directory.files.flush(file) }
      state.isUnflushed = false
      if state.isNameUnflushed { try directory.files.flushDirectory() }
      state.isNameUnflushed = false
    } catch {
      doubt(&state)
      throw error
    }
    if let current = state.current { state.confirmed_bytes = current.size_bytes }
    state.confirmedLines += state.unconfirmedLines
    state.unconfirmedLines = 0
  }

  private func doubt(_ state: inout State) {
    close(&state)
    state.isDoubtful = true
    state.unconfirmedLines = 0
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
    // Of the new file, or of the old one where renaming failed.
    state.confirmed_bytes = nil
  }
}
