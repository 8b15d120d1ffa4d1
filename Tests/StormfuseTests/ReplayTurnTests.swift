import Admin
import ConfigurationFile
import Pipeline
import Synchronization
import Testing
import Traces

@testable import stormfuse

@Suite(.timeLimit(.minutes(1))) struct ReplayTurnTests {
  /// A replay that is late, as one always is that can't keep up with its speed, has something due at every moment.
  @Test(arguments: [Speed.max, .factor(1e12)])
  func `commands are answered while segments are due`(speed: Speed) async throws {
    let group = try #require(try Captured.engine().report().groups.first)
    let settings = Settings()
    let box = ReportBox(Engine(settings: settings, target: "t", origin: .replay).report())
    let announcer = try Announcer(Configuration(), eventsPath: nil, quiet: true, box: box)
    let queue = CommandQueue()
    let replay = Replay(
      settings: settings, target: "t", speed: speed, box: box, announcer: announcer,
      commands: Commands(queue: queue, memory: nil), isServed: true)
    // Each segment 200 times: more than one turn's worth from the moment on that the group is there.
    let reader = try TraceReader(paths: Array(repeating: Captured.path, count: 200))
    let last = try #require(try lastMoment())
    let answer = Answer()
    let name = BreakerName(key: group.key, cluster: group.cluster, target: "t")
    var isAsked = false
    _ = await replay.run(reader) {
      guard let next = reader.nextAt else { return true }
      if !isAsked, last - next < .milliseconds(200) {
        isAsked = true
        Task { await answer.ask(queue, name) }
      }
      return answer.outcome != nil
    }
    #expect(reader.nextAt != nil)
    guard case .done(let tripped, saved: .notConfigured)? = answer.outcome else {
      Issue.record("\(answer.outcome as Any)")
      return
    }
    #expect(tripped.breaker.state == .open)
    #expect(box.report().groups.first?.breaker.state == .open)
  }

  private final class Answer: Sendable {
    private let state = Mutex<CommandOutcome?>(nil)
    var outcome: CommandOutcome? { state.withLock(\.self) }

    func ask(_ queue: CommandQueue, _ name: BreakerName) async {
      let outcome = await queue.carryOut(
        .trip(), note: OperatorNote(author: "ann", reason: "test"), on: name, ifRevision: nil)
      state.withLock { $0 = outcome }
    }
  }

  private func lastMoment() throws -> Timestamp? {
    let reader = try TraceReader(paths: [Captured.path])
    var last: Timestamp?
    while let next = reader.nextAt {
      last = next
      _ = reader.next { _, _ in }
    }
    return last
  }
}
