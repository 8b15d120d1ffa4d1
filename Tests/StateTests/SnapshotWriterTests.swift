import Dispatch
import Foundation
import Pipeline
import Synchronization
import Testing

@testable import State

struct SnapshotWriterTests {
  /// What was answered: how often each number, and what was on disk then.
  private final class Answers: Sendable {
    let list = Mutex([(number: Int, result: Result<Void, StateError>, onDisk: Int)]())
    private let disk: SimulatedDisk

    init(_ disk: SimulatedDisk) { self.disk = disk }

    func of(_ number: Int) -> SnapshotWriter.Completion {
      { result in
        let loaded = StateDirectory(files: SimulatedDisk(self.disk.image)).load(at: .distantFuture)
        let onDisk = loaded.snapshot.map(Sample.number) ?? 0
        self.list.withLock { $0.append((number, result, onDisk)) }
      }
    }
  }

  /// Retries that wait to be told that their time has come.
  private final class Timers: Sendable {
    let waiting = Mutex([(delay_ns: Int64, work: @Sendable () -> Void)]())

    func add(_ delay_ns: Int64, _ work: @escaping @Sendable () -> Void) {
      waiting.withLock { $0.append((delay_ns, work)) }
    }

    func fire(on queue: DispatchQueue) -> Int64? {
      guard let (delay_ns, work) = waiting.withLock({ $0.isEmpty ? nil : $0.removeFirst() }) else { return nil }
      queue.sync(execute: work)
      return delay_ns
    }
  }

  @Test("of those that wait only the newest is saved; each is answered once, after a save that has it")
  func coalescing() throws {
    let disk = SimulatedDisk()
    let (began, goOn) = (DispatchSemaphore(value: 0), DispatchSemaphore(value: 0))
    disk.observe { step in
      guard step == 1 else { return }
      began.signal()
      goOn.wait()
    }
    let answers = Answers(disk)
    let writer = SnapshotWriter(directory: StateDirectory(files: disk), audit: nil)
    writer.submit(Sample.snapshot(1), then: answers.of(1))
    began.wait()
    for number in 2...20 { writer.submit(Sample.snapshot(number), then: answers.of(number)) }
    #expect(writer.status.isUnsaved && writer.status.saves == 0)
    goOn.signal()
    #expect(writer.close())
    let list = answers.list.withLock(\.self)
    #expect(list.map(\.number) == Array(1...20))
    for (number, result, onDisk) in list {
      #expect(throws: Never.self) { try result.get() }
      #expect(onDisk >= number)
    }
    #expect(writer.status.saves == 2 && writer.status.generation == 2 && !writer.status.isUnsaved)
  }

  @Test("from several threads at once, each is answered once, after a save that has it")
  func threads() throws {
    let disk = SimulatedDisk()
    let writer = SnapshotWriter(directory: StateDirectory(files: disk), audit: nil)
    let submitted = Mutex(0)
    let answered = Mutex([Int: Int]())
    DispatchQueue.concurrentPerform(iterations: 400) { _ in
      submitted.withLock { number in
        number += 1
        let own = number
        writer.submit(Sample.snapshot(own, breakers: 1)) { result in
          guard case .success = result else { return }
          answered.withLock { $0[own, default: 0] += 1 }
        }
      }
    }
    #expect(writer.close())
    #expect(answered.withLock(\.self) == Dictionary(uniqueKeysWithValues: (1...400).map { ($0, 1) }))
    let loaded = StateDirectory(files: SimulatedDisk(disk.image)).load(at: .distantFuture)
    #expect(loaded.snapshot.map(Sample.number) == 400)
  }

  @Test("a full disk: answered at once with why, tried again ever later up to 5 s, saved when there is room")
  func retries() throws {
    let disk = SimulatedDisk()
    disk.fail(after: 1, code: ENOSPC)
    let (answers, timers) = (Answers(disk), Timers())
    let queue = DispatchQueue(label: "test")
    let clock = Mutex(Timestamp(ns: 0))
    let writer = SnapshotWriter(
      directory: StateDirectory(files: disk), audit: nil,
      now: {
        clock.withLock {
          $0 = $0 + 1; return $0
        }
      }, queue: queue, schedule: timers.add)
    writer.submit(Sample.snapshot(1), then: answers.of(1))
    queue.sync {}
    let failing = try #require(writer.status.failing)
    #expect(failing.why.contains("no space left") && writer.status.isUnsaved)
    let error = try #require(throws: StateError.self) { try answers.list.withLock { try $0[0].result.get() } }
    #expect(error.kind == .full)

    var delays = [Int64]()
    for _ in 0..<9 { delays.append(try #require(timers.fire(on: queue))) }
    #expect(delays == [100, 200, 400, 800, 1600, 3200, 5000, 5000, 5000].map(Int64.milliseconds))
    #expect(writer.status.failing?.since == failing.since && writer.status.failures == 10)
    // A new one is tried at once, and only one retry waits.
    writer.submit(Sample.snapshot(2), then: answers.of(2))
    queue.sync {}
    #expect(answers.list.withLock(\.count) == 2 && timers.waiting.withLock(\.count) == 1)

    disk.repair()
    _ = timers.fire(on: queue)
    #expect(writer.status.failing == nil && !writer.status.isUnsaved && writer.status.saves == 1)
    #expect(timers.fire(on: queue) == nil)
    let loaded = StateDirectory(files: SimulatedDisk(disk.image)).load(at: .distantFuture)
    #expect(loaded.snapshot.map(Sample.number) == 2)
    #expect(answers.list.withLock(\.count) == 2)
  }

  @Test("closing saves what waits, takes no more, and tells when it could not")
  func closing() throws {
    let disk = SimulatedDisk()
    let directory = StateDirectory(files: disk)
    let writer = SnapshotWriter(directory: directory, audit: AuditLog(in: directory))
    writer.record(Sample.entry(1))
    writer.submit(Sample.snapshot(1))
    #expect(writer.close())
    let answers = Answers(disk)
    writer.submit(Sample.snapshot(2), then: answers.of(2))
    writer.record(Sample.entry(2))
    let error = try #require(throws: StateError.self) { try answers.list.withLock { try $0[0].result.get() } }
    #expect(error.kind == .closed && writer.status.auditDropped == 1)
    #expect(directory.load(at: .distantFuture).snapshot.map(Sample.number) == 1)

    disk.fail(after: 0, code: EIO)
    let other = SnapshotWriter(directory: directory, audit: nil)
    other.submit(Sample.snapshot(3))
    #expect(!other.close())
    #expect(other.status.failing?.why.contains("input/output error") == true)
  }

  @Test("a disk that hangs: closing waits its time, answers whoever waits, each once, and says since when")
  func hanging() throws {
    let disk = SimulatedDisk()
    let (began, goOn) = (DispatchSemaphore(value: 0), DispatchSemaphore(value: 0))
    disk.observe { step in
      guard step == 1 else { return }
      began.signal()
      goOn.wait()
    }
    let answers = Answers(disk)
    let writer = SnapshotWriter(directory: StateDirectory(files: disk), audit: nil, now: { Timestamp(ns: 7) })
    writer.submit(Sample.snapshot(1), then: answers.of(1))
    began.wait()
    writer.submit(Sample.snapshot(2), then: answers.of(2))
    #expect(writer.status.busySince == Timestamp(ns: 7))
    #expect(!writer.close(within_ns: .milliseconds(100)))
    let list = answers.list.withLock(\.self)
    #expect(list.map(\.number) == [1, 2])
    for (_, result, _) in list {
      let error = try #require(throws: StateError.self) { try result.get() }
      #expect(error.kind == .hanging && error.description.contains("has not answered for 0.1 s"))
    }
    // It comes back after all: nobody is answered twice.
    goOn.signal()
    #expect(writer.close())
    #expect(answers.list.withLock(\.count) == 2 && writer.status.busySince == nil)
    let loaded = StateDirectory(files: SimulatedDisk(disk.image)).load(at: .distantFuture)
    #expect(loaded.snapshot.map(Sample.number) == 2)
  }

  @Test("an audit line given before a snapshot is on disk when that is answered")
  func auditFirst() throws {
    let disk = SimulatedDisk()
    let directory = StateDirectory(files: disk)
    let writer = SnapshotWriter(directory: directory, audit: AuditLog(in: directory))
    let seen = Mutex([Bool]())
    for number in 1...20 {
      writer.record(Sample.entry(number))
      writer.submit(Sample.snapshot(number)) { _ in
        // Whatever a power failure leaves.
        let isThere = disk.wreckages().allSatisfy { image in
          String(decoding: image.files["audit.jsonl"] ?? [], as: UTF8.self).contains("\"revision\":\(number),")
        }
        seen.withLock { $0.append(isThere) }
      }
    }
    #expect(writer.close())
    #expect(seen.withLock(\.self) == Array(repeating: true, count: 20))
    #expect(writer.status.auditLines == 20)
  }

  @Test(
    "audit lines that can't be written wait, in order, and are written when there is room; past 4096 they are counted")
  func auditRetries() throws {
    let disk = SimulatedDisk()
    let directory = StateDirectory(files: disk)
    let (timers, queue) = (Timers(), DispatchQueue(label: "test"))
    let writer = SnapshotWriter(
      directory: directory, audit: AuditLog(in: directory), now: { .zero }, queue: queue, schedule: timers.add)
    disk.fail(after: 0, code: ENOSPC)
    // All of them come before the first is tried.
    queue.suspend()
    for number in 1...4100 { writer.record(Sample.entry(number)) }
    queue.resume()
    queue.sync {}
    #expect(writer.status.auditFailing?.why.contains("no space left") == true)
    #expect(writer.status.auditDropped == 4 && writer.status.failing == nil)
    disk.repair()
    _ = timers.fire(on: queue)
    #expect(writer.status.auditFailing == nil && writer.status.auditLines == 4096)
    let lines = (disk.image.files["audit.jsonl"] ?? []).split(separator: 10)
    let revisions = try lines.map { try JSONDecoder().decode(AuditEntry.self, from: Data($0)).revision }
    #expect(revisions == Array(1...4096))
    #expect(timers.fire(on: queue) == nil)
  }

  @Test("a line whose fsync failed is not counted before it is on disk; one that is left at the end counts as lost")
  func auditFlush() throws {
    let disk = SimulatedDisk()
    let directory = StateDirectory(files: disk)
    let (timers, queue) = (Timers(), DispatchQueue(label: "test"))
    let writer = SnapshotWriter(
      directory: directory, audit: AuditLog(in: directory), now: { .zero }, queue: queue, schedule: timers.add)
    disk.fail(after: 1, code: EIO, isLasting: false)
    writer.record(Sample.entry(1))
    queue.sync {}
    #expect(writer.status.auditLines == 0 && writer.status.auditFailing?.why.contains("input/output error") == true)
    disk.repair()
    _ = timers.fire(on: queue)
    #expect(writer.status.auditLines == 1 && writer.status.auditFailing == nil)
    for image in disk.wreckages() {
      let lines = (image.files["audit.jsonl"] ?? []).split(separator: 10)
      #expect(try lines.map { try JSONDecoder().decode(AuditEntry.self, from: Data($0)).revision } == [1])
    }
    disk.fail(after: 1, code: EIO)
    writer.record(Sample.entry(2))
    queue.sync {}
    #expect(writer.status.auditDropped == 0)
    #expect(!writer.close())
    #expect(writer.status.auditLines == 1 && writer.status.auditDropped == 1)
  }
}
