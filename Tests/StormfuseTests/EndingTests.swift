import Admin
import ConfigurationFile
import Dispatch
import Pipeline
import Testing

@testable import State
@testable import stormfuse

/// What hangs keeps nobody from ending.
@Suite(.timeLimit(.minutes(1))) struct EndingTests {
  @Test func `a command that waits for a disk that never answers is answered, and the run ends`() async throws {
    let disk = HangingDisk()
    let commands = Commands(queue: CommandQueue(), memory: Memory(StateDirectory(files: disk)))
    var engine = try Captured.engine()
    let group = try #require(engine.report().groups.first)
    let name = BreakerName(key: group.key, cluster: group.cluster, target: group.target)
    let asked = Task {
      await commands.queue.carryOut(
        .trip(), note: OperatorNote(author: "ann", reason: "test"), on: name, ifRevision: nil)
    }
    while !disk.isReached {
      commands.carryOut(&engine, at: .zero) { _ in }
      try await Task.sleep(for: .milliseconds(5))
    }
    let box = ReportBox(engine.report())
    let announcer = try Announcer(Configuration(), eventsPath: nil, quiet: true, box: box)
    let ending = Ending(
      serving: nil, announcer: announcer, announcing: Task { await announcer.run() }, commands: [commands],
      patience: .milliseconds(300))
    await ending.run()
    guard case .done(let tripped, saved: .failed(let why)) = await asked.value else {
      Issue.record("\(await asked.value)")
      return
    }
    #expect(tripped.breaker.state == .open)
    #expect(why == "the disk has not answered for 0.3 s: look at its file system")
    let again = await commands.memory?.close(within: .milliseconds(10))
    #expect(again?.hasPrefix("the disk has not answered since ") == true, "\(again ?? "saved")")
  }

  @Test func `of a task it is known in time whether it is over`() async {
    #expect(await Task<Void, Never> {}.isOver(within: .seconds(20)))
    let endless = Task<Void, Never> { try? await Task.sleep(for: .seconds(3600)) }
    #expect(!(await endless.isOver(within: .milliseconds(50))))
    endless.cancel()
    #expect(await endless.isOver(within: .seconds(20)))
  }
}

/// Takes every byte; what is to be flushed never is.
private final class HangingDisk: StateFiles {
  private let reached = DispatchSemaphore(value: 0)
  private let never = DispatchSemaphore(value: 0)

  var isReached: Bool { reached.wait(timeout: .now()) == .success }

  func names() -> [String] { [] }
  func contents(of name: String) -> [UInt8]? { nil }
  func create(_ name: String) -> Int32 { 3 }
  func extend(_ name: String) -> (file: Int32, size_bytes: Int, isInsideLine: Bool) { (3, 0, false) }
  func append(_ bytes: [UInt8], to file: Int32) {}
  func flush(_ file: Int32) {
    reached.signal()
    never.wait()
  }
  func cut(_ file: Int32, to size_bytes: Int) {}
  func finish(_ file: Int32) {}
  func move(_ name: String, to other: String) {}
  func delete(_ name: String) {}
  func flushDirectory() {}
  func lackOfRoom() -> String? { nil }
}
