import Foundation
import Pipeline
import Synchronization
import Testing

@testable import State

/// What is on disk when the power goes, at every step of saving and for everything that may be left.
struct PowerFailureTests {
  @Test("a save is file, fsync, rename, fsync of the directory, and touches only the older generation")
  func order() throws {
    let disk = SimulatedDisk()
    let directory = StateDirectory(files: disk)
    for number in 1...3 { try directory.save(Sample.snapshot(number)) }
    #expect(
      disk.steps == Array(repeating: ["create", "append", "flush", "move", "flushDirectory"], count: 3).flatMap(\.self))
    let before = disk.image.files
    try directory.save(Sample.snapshot(4))
    #expect(disk.image.files["snapshot.a"] == before["snapshot.a"])
    #expect(disk.image.files["snapshot.b"] != before["snapshot.b"])
    #expect(Set(disk.image.files.keys) == ["snapshot.a", "snapshot.b"])
  }

  @Test("whatever a power failure leaves, at every step of ten saves, the last answered snapshot or the next one loads")
  func everyStep() throws {
    let (worst, looked) = try losses(SimulatedDisk(), saves: 10)
    #expect(worst.isEmpty, "\(worst.prefix(3))")
    #expect(looked > 100)
  }

  /// Few saves: what is left undecided doubles with each change.
  @Test(
    "the simulation notices a save that leaves out an fsync",
    arguments: [SimulatedDisk.Forgotten.file, .directory])
  func teeth(forgotten: SimulatedDisk.Forgotten) throws {
    #expect(try !losses(SimulatedDisk(forgotten: forgotten), saves: 3).worst.isEmpty)
  }

  /// Loads every wreckage after every step; what was lost or wrong, and how many were looked at.
  private func losses(_ disk: SimulatedDisk, saves: Int) throws -> (worst: [String], looked: Int) {
    let answered = Mutex(0)
    let found = Mutex((worst: [String](), looked: 0))
    // The observer must not keep its own disk alive.
    disk.observe { [unowned disk] step in
      let least = answered.withLock(\.self)
      for image in disk.wreckages() {
        let loaded = StateDirectory(files: SimulatedDisk(image)).load(at: .distantFuture)
        let number = loaded.snapshot.map { Int(($0.written_at_ns - Sample.start_ns) / Sample.second) } ?? 0
        let isRight = loaded.snapshot.map { $0.breakers == Sample.snapshot(number).breakers } ?? true
        found.withLock {
          $0.looked += 1
          if !isRight || !(least...(least + 1)).contains(number) || !loaded.notices.isEmpty {
            $0.worst.append("after step \(step): \(number) where \(least) was answered; \(loaded.notices)")
          }
        }
      }
    }
    let directory = StateDirectory(files: disk)
    for number in 1...saves {
      try directory.save(Sample.snapshot(number))
      answered.withLock { $0 = number }
    }
    disk.observe(nil)
    return found.withLock(\.self)
  }

  @Test("a failure of any step leaves the last good file, no temporary one, and later saves work", arguments: 0..<5)
  func failures(step: Int) throws {
    let disk = SimulatedDisk()
    let directory = StateDirectory(files: disk)
    try directory.save(Sample.snapshot(1))
    try directory.save(Sample.snapshot(2))
    let good = try #require(disk.image.files["snapshot.b"])
    for code in [ENOSPC, EIO, EROFS, EDQUOT] {
      disk.fail(after: step, code: code, isLasting: false)
      #expect(throws: StateError.self) { try directory.save(Sample.snapshot(3)) }
      disk.repair()
      #expect(disk.image.files["snapshot.b"] == good)
      #expect(disk.image.files["snapshot.tmp"] == nil)
      for image in disk.wreckages() {
        let loaded = StateDirectory(files: SimulatedDisk(image)).load(at: .distantFuture)
        let breakers = try #require(loaded.snapshot?.breakers)
        #expect([Sample.snapshot(2).breakers, Sample.snapshot(3).breakers].contains(breakers))
      }
    }
    try directory.save(Sample.snapshot(4))
    #expect(
      StateDirectory(files: SimulatedDisk(disk.image)).load(at: .distantFuture).snapshot?.breakers
        == Sample.snapshot(4).breakers)
  }

  @Test(
    "what failed is said in words",
    arguments: [
      (ENOSPC, .full, "no space left"), (EDQUOT, .full, "quota"), (EROFS, .readOnly, "read-only"),
      (EIO, .failed, "input/output error"), (EACCES, .unusable, "may not write"), (EMFILE, .failed, "open files"),
      (ETIMEDOUT, .failed, "timed out"),
    ] as [(Int32, StateError.Kind, String)])
  func words(code: Int32, kind: StateError.Kind, part: String) throws {
    let disk = SimulatedDisk()
    disk.fail(after: 1, code: code)
    let error = try #require(throws: StateError.self) {
      try StateDirectory(files: disk).save(Sample.snapshot(1))
    }
    #expect(error.kind == kind)
    #expect(error.description.contains(part), "\(error)")
  }
}
