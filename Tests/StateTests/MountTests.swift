import Foundation
import Pipeline
import Synchronization
import Testing

@testable import State

#if os(Linux)
  /// A disk that is really full, and one that is really read-only: a tmpfs of 256 KB that a child mounts where nobody else
  /// sees it. Where that is not permitted this is skipped by name; STORMFUSE_REQUIRE_LIVE=1 runs it all the same.
  @Suite(.enabled(if: Mounts.isPermitted || Child.isRequired, "needs root, to mount a tmpfs in a mount namespace"))
  struct MountTests {
    @Test(
      "a full, a read-only and a forbidden directory: said in words, the last good file stays, and saving goes on",
      .timeLimit(.minutes(2)))
    func fullAndReadOnly() throws {
      let scratch = Scratch()
      let child = try Child(.mounts, scratch.path, wrapper: Mounts.wrapper(scratch.path))
      let (status, output) = child.end(killing: false)
      #expect(status == 0, "\(output.suffix(4000))")
      #expect(child.lines("full, read-only and forbidden were seen").count == 1, "\(output.suffix(4000))")
    }
  }

  private enum Mounts {
    /// Gives the program that follows a tmpfs over the path.
    static func wrapper(_ path: String) -> [String] {
      ["unshare", "-m", "sh", "-c", "mount -t tmpfs -o size=256k,mode=755 none '\(path)' && exec \"$@\"", "sh"]
    }

    static let isPermitted: Bool = {
      guard geteuid() == 0, !Child.isHere else { return false }
      let scratch = Scratch()
      let process = Process()
      process.executableURL = URL(filePath: "/usr/bin/env")
      process.arguments = wrapper(scratch.path) + ["true"]
      process.standardError = FileHandle.nullDevice
      guard (try? process.run()) != nil else { return false }
      process.waitUntilExit()
      return process.terminationStatus == 0
    }()
  }

  extension Roles {
    private static var path: String { Child.path + "/state" }

    @Test(.enabled(if: Child.role == .mounts)) func mounts() throws {
      try full()
      try readOnly()
      try forbidden()
      Child.say("full, read-only and forbidden were seen")
    }

    private final class Saver {
      let directory: StateDirectory
      let writer: SnapshotWriter

      init() throws {
        directory = try StateDirectory(path: Roles.path)
        writer = SnapshotWriter(directory: directory, audit: AuditLog(in: directory))
      }

      func submit(_ number: Int) -> StateError? {
        let done = DispatchSemaphore(value: 0)
        let answer = Mutex<StateError?>(nil)
        writer.record(Sample.entry(number))
        writer.submit(Sample.snapshot(number)) { result in
          if case .failure(let error) = result { answer.withLock { $0 = error } }
          done.signal()
        }
        done.wait()
        return answer.withLock(\.self)
      }

      func loaded() -> Int? { directory.load(at: .distantFuture).snapshot.map(Sample.number) }

      func names() throws -> [String] { try FileManager.default.contentsOfDirectory(atPath: Roles.path).sorted() }
    }

    private static let files = ["audit.jsonl", "lock", "snapshot.a", "snapshot.b"]

    /// Filled to the last byte.
    private func full() throws {
      let saver = try Saver()
      #expect(saver.submit(1) == nil && saver.submit(2) == nil)
      let filler = open(Child.path + "/filler", O_WRONLY | O_CREAT | O_CLOEXEC, 0o600)
      let page = [UInt8](repeating: 1, count: 1024)
      while write(filler, page, page.count) > 0 {}
      #expect(errno == ENOSPC)
      close(filler)
      // Known before anything has to be saved.
      saver.writer.look()
      #expect(
        saver.writer.status.full?.why
          == "no space left on the file system of \(Self.path): make room, or the next change can't be saved")
      let error = try #require(saver.submit(3))
      #expect(error.kind == .full && error.description.contains("no space left"), "\(error)")
      #expect(try saver.names() == Self.files)
      #expect(saver.loaded() == 2)
      #expect(saver.writer.status.failing?.why == error.description && saver.writer.status.isUnsaved)
      #expect(unlink(Child.path + "/filler") == 0)
      #expect(saver.submit(4) == nil && saver.loaded() == 4 && saver.writer.status.failing == nil)
      saver.writer.look()
      #expect(saver.writer.status.full == nil)
      #expect(saver.writer.close())
      let lines = try Data(contentsOf: URL(filePath: Self.path + "/audit.jsonl")).split(separator: 10)
      #expect(lines.compactMap { try? JSONDecoder().decode(AuditEntry.self, from: $0).revision } == [1, 2, 3, 4])
    }

    /// As after a restart on a disk that the kernel has made read-only.
    private func readOnly() throws {
      #expect(remount(readOnly: true))
      do {
        let saver = try Saver()
        #expect(saver.loaded() == 4)
        let error = try #require(saver.submit(5))
        #expect(error.kind == .readOnly && error.description.contains("read-only"), "\(error)")
        #expect(saver.writer.status.auditFailing?.why.contains("read-only") == true)
        #expect(saver.loaded() == 4)
        #expect(try saver.names() == Self.files)
        #expect(throws: StateError.self) { try StateDirectory(path: Roles.path) }
        #expect(!saver.writer.close())
      }
      let error = try #require(throws: StateError.self) { try StateDirectory(path: Child.path + "/other") }
      #expect(error.kind == .readOnly, "\(error)")
      #expect(remount(readOnly: false))
    }

    /// As a user who loses the right to write while running.
    private func forbidden() throws {
      let all =
        try FileManager.default.contentsOfDirectory(atPath: Self.path).map { "\(Self.path)/\($0)" } + [Self.path]
      for path in all { #expect(chown(path, 65534, 65534) == 0) }
      #expect(seteuid(65534) == 0)
      let saver = try Saver()
      #expect(saver.submit(6) == nil)
      #expect(chmod(Self.path, 0o500) == 0)
      let error = try #require(saver.submit(7))
      #expect(error.kind == .unusable && error.description.contains("may not write there"), "\(error)")
      #expect(saver.loaded() == 6)
      #expect(chmod(Self.path, 0o700) == 0)
      #expect(saver.submit(8) == nil && saver.loaded() == 8)
      #expect(saver.writer.close())
    }

    private func remount(readOnly: Bool) -> Bool {
      mount("none", Child.path, nil, UInt(MS_REMOUNT) | UInt(MS_BIND) | (readOnly ? UInt(MS_RDONLY) : 0), nil) == 0
    }
  }
#endif
