import Admin
import Synchronization

/// Ends what runs beside the engine, in good order and in bounded time: a disk or a receiver that hangs keeps nobody.
struct Ending {
  let serving: Task<Void, any Error>?
  let announcer: Announcer
  let announcing: Task<Void, Never>
  /// Of each engine.
  let commands: [Commands]
  /// For each step.
  var patience = Duration.seconds(5)

  /// First the breakers' state, on which answers to commands may wait, then the announcements, then the admin API.
  func run() async {
    var isAnswered = false
    for commands in commands where commands.queue.close() > 0 { isAnswered = true }
    for why in await problems() {
      Terminal.say("stormfuse: the last state of the breakers is not on disk: \(why)")
      isAnswered = true
    }
    announcer.close()
    // The webhook has its own time within.
    if !(await announcing.isOver(within: patience + Announcer.drain)) {
      Terminal.say("stormfuse: the last events are not all written: the event log does not take them; look at its disk")
    }
    guard let serving else { return }
    // Whoever was answered just now is to hear it.
    if isAnswered { try? await Task.sleep(for: .milliseconds(100)) }
    serving.cancel()
    if await serving.isOver(within: patience) { await reportEnd(of: serving) }
  }

  /// What keeps states from the disk; all are tried at once.
  private func problems() async -> [String] {
    await withTaskGroup(of: String?.self) { tasks in
      for commands in commands { tasks.addTask { await commands.memory?.close(within: patience) } }
      return await tasks.reduce(into: []) { if let why = $1 { $0.append(why) } }
    }
  }

  private func reportEnd(of serving: Task<Void, any Error>) async {
    do { try await serving.value } catch is CancellationError {} catch {
      Terminal.say("stormfuse: the admin API had ended before: \(error)")
    }
  }
}

extension Task {
  /// Whether it ends in time; if not it is left alone, for what hangs can't be ended.
  func isOver(within limit: Duration) async -> Bool {
    let (endings, end) = AsyncStream<Bool>.makeStream(bufferingPolicy: .bufferingOldest(1))
    let waiting = Task<Void, Never> {
      _ = await result
      end.yield(true)
    }
    let timer = Task<Void, Never> {
      if (try? await Task<Never, Never>.sleep(for: limit)) != nil { end.yield(false) }
    }
    defer {
      waiting.cancel()
      timer.cancel()
    }
    for await isOver in endings { return isOver }
    return false
  }
}
