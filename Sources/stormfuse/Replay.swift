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
  /// Somebody may ask meanwhile.
  let isServed: Bool

  /// Returns when the files have been read to their end, or `isStopped`, and the last report is published; with the
  /// engine as it is then.
  func run(_ reader: TraceReader, isStopped: () -> Bool) async -> Engine {
    var engine = Engine(settings: settings, target: target, origin: .replay)
    if let first = reader.nextAt {
      commands.memory?.restore(&engine, at: first)
      await work(reader, &engine, from: first, isStopped)
    }
    engine.finish()
    act(&engine)
    publish(engine.report(), detail: Self.readToEnd)
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
      if isNews { publish(engine.report(), detail: Self.readToEnd) }
      do { try await Task.sleep(for: .milliseconds(20)) } catch { return }
    }
  }

  /// Ingests each segment when its turn comes, and as many at a time as are due; between them, however many are, whoever
  /// asks or commands gets a turn.
  private func work(
    _ reader: TraceReader, _ engine: inout Engine, from first: Timestamp, _ isStopped: () -> Bool
  ) async {
    let began = ContinuousClock.now
    var turn = Turn()
    while let next = reader.nextAt, !isStopped() {
      let due = speed.due(from: first, after: .now - began)
      if next <= due {
        ingest(reader, &engine, until: due)
      } else {
        engine.tick(at: due)
      }
      look(&engine, &turn)
      if let next = reader.nextAt, next > due {
        do { try await Task.sleep(for: speed.wait(next - due)) } catch { return }
      } else if turn.isLong {
        await Task.yield()
        turn.began = .now
      }
    }
  }

  /// A batch of those that are due.
  private func ingest(_ reader: TraceReader, _ engine: inout Engine, until due: Timestamp) {
    var left = Self.batch
    if due == .distantFuture {
      return reader.forEachSegment { segment, payload in
        engine.ingest(segment, payload)
        left -= 1
        return left > 0
      }
    }
    while left > 0, let next = reader.nextAt, next <= due {
      _ = reader.next { segment, payload in engine.ingest(segment, payload) }
      left -= 1
    }
  }

  private struct Turn {
    var began = ContinuousClock.now
    var published = ContinuousClock.now
    var pause = Replay.publishEvery
    var isLong: Bool { ContinuousClock.now - began >= Replay.longestTurn }
  }

  /// Does what is due besides segments.
  private func look(_ engine: inout Engine, _ turn: inout Turn) {
    var isNews = false
    act(&engine)
    commands.carryOut(&engine, at: SnapshotWriter.clock()) {
      act(&$0)
      isNews = true
    }
    let now = ContinuousClock.now
    guard isServed, isNews || now - turn.published >= turn.pause else { return }
    publish(engine.report(), detail: "replaying")
    turn.published = .now
    // Publishing may take a fiftieth of the time, however many groups there are.
    turn.pause = max(Self.publishEvery, (turn.published - now) * 50)
  }

  private func act(_ engine: inout Engine) {
    for effect in engine.takeEffects() {
      switch effect {
      case .transition(let transition, let group, let owner, let runbook):
        announcer.announce(transition, group, owner: owner, runbook: runbook)
      case .alert(let alert, let group, let owner, let runbook):
        announcer.announce(alert, group, owner: owner, runbook: runbook)
      case .holding, .interest: break
      }
    }
  }

  private func publish(_ report: Report, detail: String) {
    box.publish(report, checks: [.init(name: "engine", ok: true, detail: detail)])
  }

  private static let readToEnd = "the capture was read to its end"
  /// Segments between two looks at what the engine wants done.
  private static let batch = 512
  private static let publishEvery = Duration.milliseconds(250)
  /// Before others, who may have but one thread with us, get a turn.
  private static let longestTurn = Duration.milliseconds(10)
}

/// `max`, or a factor of real time.
enum Speed {
  case max
  case factor(Double)

  init(parsing text: String) throws {
    if text == "max" {
      self = .max
    } else if let factor = Double(text), factor > 0, factor.isFinite {
      self = .factor(factor)
    } else {
      throw Failure("write max, or a number above 0, as in 10 for ten times as fast")
    }
  }

  /// Up to which moment of the capture it is to have been read.
  func due(from first: Timestamp, after elapsed: Duration) -> Timestamp {
    switch self {
    case .max: .distantFuture
    case .factor(let factor): first + Int64(min(elapsed / .nanoseconds(1) * factor, 9e18))
    }
  }

  /// How long to wait for what comes `ns` later in the capture, commands aside.
  func wait(_ ns: Int64) -> Duration {
    switch self {
    case .max: .zero
    case .factor(let factor): .nanoseconds(Int64(min(Double(ns) / factor, 2e7)))
    }
  }
}
