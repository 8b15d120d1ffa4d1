import AdminAPI
import Pipeline
import State
import Traces

/// Runs the engine over capture files.
struct Replay {
  let settings: Settings
  let target: String
  let speed: Speed
  let box: ReportBox
  let announcer: Announcer
  let commands: Commands

  /// Returns when the files have been read to their end, or `isStopped`, and the last report is published; with the
  /// engine as it is then.
  func run(_ reader: TraceReader, isStopped: () -> Bool) async -> Engine {
    var engine = Engine(settings: settings, target: target, origin: .replay)
    if let first = reader.nextAt { commands.memory?.restore(&engine, at: first) }
    switch speed {
    case .max:
      var sinceEffects = 0
      reader.forEachSegment { segment, payload in
        engine.ingest(segment, payload)
        sinceEffects += 1
        if sinceEffects == Self.batch {
          sinceEffects = 0
          act(&engine)
          commands.carryOut(&engine, at: SnapshotWriter.clock(), act: act)
          return !isStopped()
        }
        return true
      }
    case .factor(let factor): await pace(reader, &engine, factor, isStopped)
    }
    engine.finish()
    act(&engine)
    publish(engine.report(), detail: "the capture was read to its end")
    return engine
  }

  /// Commands still apply after the end; the clock stands, and timers do not run. Returns when `isStopped`.
  func obey(_ engine: inout Engine, isStopped: () -> Bool) async {
    while !isStopped() {
      var isNews = false
      commands.carryOut(&engine, at: SnapshotWriter.clock()) {
        act(&$0)
        isNews = true
      }
      if isNews { publish(engine.report(), detail: "the capture was read to its end") }
      do { try await Task.sleep(for: .milliseconds(20)) } catch { return }
    }
  }

  /// Ingests each segment when its turn comes; time passes between them as it did.
  private func pace(_ reader: TraceReader, _ engine: inout Engine, _ factor: Double, _ isStopped: () -> Bool) async {
    guard let first = reader.nextAt else { return }
    let began = ContinuousClock.now
    while let next = reader.nextAt, !isStopped() {
      let elapsed = began.duration(to: .now)
      let elapsed_ns = Double(elapsed.components.seconds) * 1e9 + Double(elapsed.components.attoseconds) / 1e9
      let now = first + Int64(min(elapsed_ns * factor, 9e18))
      if next <= now {
        _ = reader.next { segment, payload in engine.ingest(segment, payload) }
        continue
      }
      engine.tick(at: now)
      act(&engine)
      commands.carryOut(&engine, at: SnapshotWriter.clock(), act: act)
      publish(engine.report(), detail: "replaying")
      let wait_ns = min(Double(next - now) / factor, 1e8)
      do { try await Task.sleep(for: .nanoseconds(Int64(wait_ns))) } catch { return }
    }
  }

  private func act(_ engine: inout Engine) {
    for case .transition(let transition, let group, let owner, let runbook) in engine.takeEffects() {
      announcer.announce(transition, group, owner: owner, runbook: runbook)
    }
  }

  private func publish(_ report: Report, detail: String) {
    box.publish(report, checks: [.init(name: "engine", ok: true, detail: detail)])
  }

  /// Segments between two looks at what the engine wants done.
  private static let batch = 4096
}
