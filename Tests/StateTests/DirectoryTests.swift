import Foundation
import Pipeline
import Testing

@testable import State

/// A real directory: what it must be like, and whose it is.
struct DirectoryTests {
  @Test("a new directory is made with mode 700, loads as nothing, and gives back what was saved, across openings")
  func roundTrip() throws {
    let scratch = Scratch()
    var status = stat()
    for number in 1...5 {
      let directory = try StateDirectory(path: scratch.state)
      let before = directory.load(at: .distantFuture)
      #expect(before.notices.isEmpty)
      #expect(
        before.snapshot?.breakers == (number == 1 ? nil : Sample.snapshot(number - 1, breakers: number - 1).breakers))
      let (generation, size_bytes) = try directory.save(Sample.snapshot(number, breakers: number))
      #expect(generation == UInt64(number))
      #expect(size_bytes == scratch.bytes(number % 2 == 1 ? "snapshot.a" : "snapshot.b").count)
      #expect(directory.load(at: .distantFuture).snapshot?.generation == UInt64(number))
    }
    #expect(stat(scratch.state, &status) == 0 && status.st_mode & 0o7777 == 0o700)
    #expect(stat("\(scratch.state)/snapshot.a", &status) == 0 && status.st_mode & 0o7777 == 0o600)
    #expect(scratch.names() == ["lock", "snapshot.a", "snapshot.b"])
  }

  @Test("saving without having loaded does not write over the newest generation")
  func saveFirst() throws {
    let scratch = Scratch()
    for number in 1...2 { try StateDirectory(path: scratch.state).save(Sample.snapshot(number)) }
    let newest = scratch.bytes("snapshot.b")
    #expect(try StateDirectory(path: scratch.state).save(Sample.snapshot(3)).generation == 3)
    #expect(scratch.bytes("snapshot.b") == newest)
  }

  @Test("numbers at their ends and text of every kind come back as they were")
  func extremes() throws {
    let scratch = Scratch()
    var breaker = Sample.breaker(1)
    breaker.revision = .max
    breaker.since_ns = .min
    breaker.until = .init(at_ns: .max, remaining_ns: .min)
    breaker.openings = .max
    breaker.destination = "\u{0}\u{1f}\u{7f}\u{2028}\"\\/😀\r\n"
    breaker.transitions[0].evidence[0].value = .infinity
    breaker.transitions[0].evidence[0].threshold = -.infinity
    let directory = try StateDirectory(path: scratch.state)
    try directory.save(Snapshot(at: .zero, breakers: [breaker]))
    #expect(directory.load(at: .distantFuture).snapshot?.breakers == [breaker])
  }

  @Test("a leftover of an interrupted save is removed")
  func leftover() throws {
    let scratch = Scratch()
    try StateDirectory(path: scratch.state).save(Sample.snapshot(1))
    try scratch.put([1, 2, 3], "snapshot.tmp")
    let loaded = try StateDirectory(path: scratch.state).load(at: .distantFuture)
    #expect(loaded.snapshot != nil && loaded.notices.isEmpty)
    #expect(!scratch.names().contains("snapshot.tmp"))
  }

  @Test("a pipe or a link in a snapshot's place is set aside unread, without waiting")
  func strange() throws {
    let scratch = Scratch()
    try StateDirectory(path: scratch.state).save(Sample.snapshot(1))
    let bytes = scratch.bytes("snapshot.a")
    try scratch.put(bytes, "elsewhere")
    #expect(unlink("\(scratch.state)/snapshot.a") == 0)
    #expect(
      symlink("elsewhere", "\(scratch.state)/snapshot.a") == 0 && mkfifo("\(scratch.state)/snapshot.b", 0o600) == 0)
    let loaded = try StateDirectory(path: scratch.state).load(at: .distantFuture)
    #expect(loaded.snapshot == nil && loaded.notices.count == 3)
    #expect(scratch.bytes("elsewhere") == bytes)
  }

  @Test("a directory that others may write is refused, with the way out", arguments: [0o777, 0o770, 0o702, 0o1777])
  func openToOthers(mode: Int) throws {
    let scratch = Scratch()
    #expect(mkdir(scratch.state, 0o700) == 0 && chmod(scratch.state, mode_t(mode)) == 0)
    let error = try #require(throws: StateError.self) { try StateDirectory(path: scratch.state) }
    #expect(error.kind == .unusable && error.description.contains("chmod go-w"), "\(error)")
    #expect(chmod(scratch.state, 0o755) == 0)
    _ = try StateDirectory(path: scratch.state)
  }

  @Test("another user's directory is refused", .enabled(if: geteuid() == 0 || Child.isRequired, "needs root"))
  func foreign() throws {
    let scratch = Scratch()
    #expect(mkdir(scratch.state, 0o700) == 0 && chown(scratch.state, 65534, 65534) == 0)
    let error = try #require(throws: StateError.self) { try StateDirectory(path: scratch.state) }
    #expect(error.kind == .unusable && error.description.contains("belongs to user 65534"), "\(error)")
  }

  @Test("a path without a directory above it, or to a file, is refused in words")
  func noDirectory() throws {
    let scratch = Scratch()
    let orphan = try #require(throws: StateError.self) { try StateDirectory(path: scratch.path + "/no/state") }
    #expect(orphan.kind == .unusable && orphan.description.contains("the directory above it does not exist"))
    let file = scratch.path + "/file"
    #expect(FileManager.default.createFile(atPath: file, contents: nil))
    let error = try #require(throws: StateError.self) { try StateDirectory(path: file) }
    #expect(error.kind == .unusable && error.description.contains("is no directory"), "\(error)")
  }

  @Test("a second opening in the same process is refused, and works once the first is gone")
  func lockedHere() throws {
    let scratch = Scratch()
    var first: StateDirectory? = try StateDirectory(path: scratch.state)
    let error = try #require(throws: StateError.self) { try StateDirectory(path: scratch.state) }
    #expect(error.kind == .locked && error.description.contains("process \(getpid()) on "), "\(error)")
    #expect(first?.path == scratch.state)
    first = nil
    _ = try StateDirectory(path: scratch.state)
  }

  @Test("a lock file that others could open and lock is closed to them")
  func lockMode() throws {
    let scratch = Scratch()
    _ = try StateDirectory(path: scratch.state)
    #expect(chmod("\(scratch.state)/lock", 0o644) == 0)
    let directory = try StateDirectory(path: scratch.state)
    var status = stat()
    #expect(stat("\(scratch.state)/lock", &status) == 0 && status.st_mode & 0o7777 == 0o600)
    withExtendedLifetime(directory) {}
  }

  @Test("another process is refused and told who has the directory; the lock ends with its process")
  func lockedElsewhere() throws {
    let scratch = Scratch()
    let own = try StateDirectory(path: scratch.state)
    let refused = try Child(.take, scratch.state)
    let line = try #require(refused.line("refused: "))
    #expect(line.contains("is in use by process \(getpid()) on ") && line.contains("state directory of its own"))
    _ = consume own

    let holder = try Child(.hold, scratch.state)
    _ = try #require(holder.line("opened "))
    let error = try #require(throws: StateError.self) { try StateDirectory(path: scratch.state) }
    #expect(error.description.contains("process \(holder.pid) on "), "\(error)")
    _ = holder.end(killing: true)
    _ = try StateDirectory(path: scratch.state)
  }

  #if os(Linux)
    @Test("no descriptor of the directory goes on to a child")
    func closeOnExec() throws {
      let scratch = Scratch()
      let directory = try StateDirectory(path: scratch.state)
      let audit = AuditLog(in: directory)
      var seen = 0
      for name in try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd") {
        guard let file = Int32(name),
          let path = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/fd/\(name)"),
          path.hasPrefix(scratch.state)
        else { continue }
        seen += 1
        #expect(fcntl(file, F_GETFD) & FD_CLOEXEC != 0, "\(path)")
      }
      #expect(seen == 3)
      withExtendedLifetime((directory, audit)) {}
    }
  #endif
}
