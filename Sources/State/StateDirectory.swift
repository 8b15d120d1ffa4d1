package import Pipeline
internal import Synchronization

/// The directory with what outlives the process, and the only way to it.
///
/// | File | What |
/// |---|---|
/// | `lock` | locked (flock) while a process has the directory; its pid and host as text. The lock ends with the process, however it ends, and is not handed on to its children |
/// | `snapshot.a`, `snapshot.b` | the latest two generations of the breakers' state, see `SnapshotFile` |
/// | `snapshot.tmp` | one that is being written; removed when found |
/// | `snapshot.broken`, `.broken.2`, … | damaged ones that were set aside, the latest three |
/// | `snapshot.newer`, `.newer.2`, … | ones of a later version that were set aside, the latest three |
/// | `audit.jsonl`, `audit.jsonl.1` … `.4` | who asked for what, see `AuditLog` |
///
/// Two slots in turn rather than `snapshot` and `snapshot.previous`: a save is one rename, over the *older* generation.
/// Whatever stops it, and at whatever step, the file with the newest generation was not touched. Which one is the newest
/// is told by the generation in its header, not by name or time.
///
/// A save: `snapshot.tmp` written, fsync, renamed over the older slot, fsync of the directory. Only then is it said to be
/// saved. Any thread may call; one at a time gets on. All calls may wait for the disk: not for an engine's thread.
package final class StateDirectory: Sendable {
  package let path: String
  let files: any StateFiles
  /// Held open for its lock.
  private let lock: DirectoryLock?
  private let slots = Mutex(Slots())

  static let names = ["snapshot.a", "snapshot.b"]
  static let temporary = "snapshot.tmp"

  private struct Slots {
    /// Which slot has the newest snapshot that is surely on disk.
    var newest: Int?
    /// The highest generation seen or given out.
    var generation: UInt64 = 0
    var isLoaded = false
    /// Files that must not be written over and could not be set aside so far, with the suffix that they are to get.
    var inTheWay = [Int: String]()
  }

  /// What was found.
  package struct Loaded: Equatable, Sendable {
    /// Nil if there is none that can be read.
    package var snapshot: Snapshot?
    /// What the operator must know of it, a line each; empty when all is well, and when the directory is new.
    package var notices: [String]
  }

  /// Takes the directory for this process.
  /// - Parameter path: Made with mode 0700 if it is not there; the directory above it must be.
  /// - Throws: When it can't be used, others may write there, or another process has it.
  package init(path: String) throws(StateError) {
    self.path = path
    let directory = try DirectoryLock.open(path)
    files = SystemFiles(directory: directory)
    lock = try DirectoryLock(directory: directory, path: path)
  }

  /// Makes a directory for state directories, mode 0700, if it is not there.
  /// - Throws: When it can't be used, or others may write there.
  package static func makeParent(_ path: String) throws(StateError) {
    // It closes the directory again.
    _ = SystemFiles(directory: try DirectoryLock.open(path))
  }

  /// For tests: no lock.
  init(files: any StateFiles) {
    path = "the test's directory"
    self.files = files
    lock = nil
  }

  /// The newest snapshot that can be read. What can't be read is set aside and told.
  /// - Parameter now: The clock; tells whether it was set back since.
  package func load(at now: Timestamp) -> Loaded { slots.withLock { load(&$0, at: now) } }

  /// Saves a snapshot as the next generation. When it returns, the snapshot is on disk; when it throws, the one saved
  /// before still is.
  /// - Returns: Its generation, and how large the file is.
  @discardableResult
  package func save(_ snapshot: Snapshot) throws(StateError) -> (generation: UInt64, size_bytes: Int) {
    try slots.withLock { (slots: inout Slots) throws(StateError) in
      // Without having looked, the newest could be overwritten.
      if !slots.isLoaded { _ = load(&slots, at: .distantFuture) }
      let slot = slots.newest.map { 1 - $0 } ?? 0
      let action = "the breakers' state can't be saved in \(path)"
      do {
        if let suffix = slots.inTheWay[slot] {
          try setAside(slot, suffix)
          slots.inTheWay[slot] = nil
        }
        // Also after a failure: two different files never have the same generation.
        slots.generation += 1
        var snapshot = snapshot
        snapshot.generation = slots.generation
        guard let bytes = try? SnapshotFile.encode(snapshot), bytes.count <= SystemFiles.largest_bytes else {
          throw StateError(.failed, "\(action): it can't be written as JSON, or is larger than 256 MiB")
        }
        try write(bytes, to: Self.names[slot])
        slots.newest = slot
        return (slots.generation, bytes.count)
      } catch let failure as FileFailure {
        throw StateError(action, failure)
      } catch let error as StateError {
        throw error
      } catch {
        throw StateError(.failed, "\(action): \(error)")
      }
    }
  }

  private func write(_ bytes: [UInt8], to name: String) throws(FileFailure) {
    do {
      let file = try files.create(Self.temporary)
      do {
        defer { files.finish(file) }
        try files.append(bytes, to: file)
        try files.flush(file)
      }
      try files.move(Self.temporary, to: name)
    } catch {
      // Its space may be what is lacking.
      try? files.delete(Self.temporary)
      throw error
    }
    try files.flushDirectory()
  }
}

extension StateDirectory {
  private func load(_ slots: inout Slots, at now: Timestamp) -> Loaded {
    slots = Slots(generation: slots.generation, isLoaded: true)
    var loaded = Loaded(snapshot: nil, notices: [])
    var ownNotices = [String]()
    var lost = false
    try? files.delete(Self.temporary)
    for (slot, name) in Self.names.enumerated() {
      let reading: SnapshotFile.Reading?
      do {
        reading = try files.contents(of: name).map(SnapshotFile.decode)
      } catch {
        reading = .damaged("\(StateError.text(error.code)) while \(error.step)")
      }
      switch reading {
      case nil: break
      case .snapshot(let snapshot, let notices):
        slots.generation = max(slots.generation, snapshot.generation)
        if let other = loaded.snapshot, other.generation >= snapshot.generation { break }
        (loaded.snapshot, ownNotices, slots.newest) = (snapshot, notices, slot)
      case .damaged(let why):
        lost = true
        loaded.notices.append("\(path)/\(name) is damaged (\(why)); " + clear(slot, "broken", &slots))
      case .newer(let what):
        lost = true
        loaded.notices.append(
          "\(path)/\(name) was written by another version of stormfuse (\(what)) and can't be read by this one; "
            + clear(slot, "newer", &slots))
      }
    }
    if lost {
      loaded.notices.append(
        loaded.snapshot.map {
          "taken instead: the state saved at \(RFC3339(Timestamp(ns: $0.written_at_ns))), generation \($0.generation); "
            + "later changes may be lost: look at overrides"
        } ?? "no saved state can be read: every breaker begins closed, overrides must be given anew")
    }
    if let snapshot = loaded.snapshot, snapshot.written_at_ns > now.ns {
      ownNotices.append(
        "the state was saved at \(RFC3339(Timestamp(ns: snapshot.written_at_ns))), which is later than this clock's "
          + "\(RFC3339(now)): no deadline is taken as further off than it was then")
    }
    loaded.notices += ownNotices
    return loaded
  }

  /// Sets a slot aside; what was done, in words.
  private func clear(_ slot: Int, _ suffix: String, _ slots: inout Slots) -> String {
    do {
      return "set aside as \(try setAside(slot, suffix))"
    } catch {
      slots.inTheWay[slot] = suffix
      return "it could not be set aside (\(StateError.text(error.code))) and is left as it is"
    }
  }

  /// Renames a slot to a name of its own, and removes the oldest of more than three such.
  @discardableResult
  private func setAside(_ slot: Int, _ suffix: String) throws(FileFailure) -> String {
    let base = "snapshot.\(suffix)"
    var numbers = try files.names().compactMap { name -> Int? in
      if name == base { return 1 }
      guard name.hasPrefix(base + "."), let number = Int(name.dropFirst(base.count + 1)), number > 1 else { return nil }
      return number
    }
    numbers.sort()
    func name(_ number: Int) -> String { number == 1 ? base : "\(base).\(number)" }
    let own = name((numbers.last ?? 0) &+ 1)
    try files.move(Self.names[slot], to: own)
    for number in numbers.dropLast(2) { try? files.delete(name(number)) }
    try? files.flushDirectory()
    return own
  }
}
