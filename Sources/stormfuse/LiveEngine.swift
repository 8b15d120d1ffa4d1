#if os(Linux)
  import AdminAPI
  import Foundation
  import Kernel
  import Pipeline
  import Synchronization
  import Traces

  /// The engine of a live run on a thread of its own: polls the ring, ingests, ticks, tells the kernel what is wanted,
  /// publishes the report. Everything else only reads what it publishes.
  final class LiveEngine: Sendable {
    private let target: TargetChoice
    private let settings: Settings
    private let ringBytes: Int
    private let box: ReportBox
    private let announcer: Announcer
    private let recording: Recording?
    private let commands: Commands
    private let stopping = Atomic<Bool>(false)
    private let replacement = Mutex<Replacement?>(nil)

    private struct Replacement {
      var settings: Settings
      var then: @Sendable (SettingsChange, _ target: String) -> Void
    }

    init(
      target: TargetChoice, settings: Settings, ringBytes: Int, box: ReportBox, announcer: Announcer,
      recording: Recording?, commands: Commands
    ) {
      self.recording = recording
      self.commands = commands
      self.target = target
      self.settings = settings
      self.ringBytes = ringBytes
      self.box = box
      self.announcer = announcer
    }

    /// Ends the run soon, in good order.
    func stop() { stopping.store(true, ordering: .relaxed) }

    /// Has the settings replaced at the engine's next turn. Of several that wait only the last is taken. `then` is told of
    /// it on the engine's thread, with the target's name.
    func replace(settings: Settings, then: @escaping @Sendable (SettingsChange, _ target: String) -> Void) {
      replacement.withLock { $0 = Replacement(settings: settings, then: then) }
    }

    /// Runs until the target is gone or `stop`. Returns the exit status to pass on: the command's, or 0.
    ///
    /// - Parameter begun: Called on the engine's thread once nothing can keep the run from going on. It may wait; false
    ///   calls the run off.
    func run(begun: @escaping @Sendable () -> Bool) async throws -> Int32 {
      try await withCheckedThrowingContinuation { continuation in
        let thread = Thread { [self] in
          do { continuation.resume(returning: try work(begun)) } catch { continuation.resume(throwing: error) }
        }
        thread.name = "engine"
        thread.stackSize = 8 << 20
        thread.start()
      }
    }

    private func work(_ begun: () -> Bool) throws -> Int32 {
      defer { commands.queue.close() }
      let recorder = try recording.map {
        try Recorder(path: $0.path, limit_bytes: $0.limit_bytes, withBodies: $0.withBodies)
      }
      let command = try target.start()
      defer { report(command?.finish()) }
      let watched = try command?.target ?? target.resolve()
      let capture = try Capture(target: watched, ringBytes: ringBytes)
      defer { capture.close() }
      if let command, let reason = command.sharedBecause {
        Terminal.say("stormfuse: the command shares its cgroup, so it is followed by its processes: \(reason)")
      }
      let seed = SystemRandomNumberGenerator.pair()
      var engine = Engine(settings: settings, target: watched.name, origin: .live, hashKey: seed)
      engine.whyCannotHold = capture.whyCannotHold
      let holds = CaptureSwitch(capture, longest_ns: settings.holding.limit_ns)
      engine.holdSwitch = holds
      commands.memory?.restore(&engine, at: capture.now)
      commands.queue.onArrival { [alarm = capture.alarm] in alarm.ring() }
      let watcher = Watcher(capture.discovery)
      watcher.start()
      defer { watcher.stop() }
      let nudges = NudgeThread(capture.nudger)
      nudges.start()
      defer { nudges.stop() }
      if let command { try command.release() }
      box.named(watched.name)
      guard begun() else { return 0 }
      announceTarget(watched, capture)
      if let why = engine.whyCannotHold,
        settings.mode == .enforce || settings.groups.contains(where: { $0.mode == .enforce })
      {
        Terminal.say("stormfuse: nothing can be held here: \(why)")
      }
      let status = loop(&engine, capture, holds, watcher, command, recorder)
      capture.releaseAll()
      if let recorder, let recording {
        try recorder.close(at: capture.now)
        let summary = RecordSummary(
          path: recording.path, bytes: recorder.bytes_written, withBodies: recording.withBodies,
          limit_bytes: recorder.isFull ? recording.limit_bytes : nil, leftOut: recorder.leftOut,
          capture: engine.report().capture)
        Terminal.say("stormfuse: \(summary.text)")
      }
      return status
    }

    private func loop(
      _ engine: inout Engine, _ capture: Capture, _ holds: CaptureSwitch, _ watcher: Watcher,
      _ command: CommandTarget?, _ recorder: Recorder?
    ) -> Int32 {
      var published = ContinuousClock.now - .seconds(1)
      var renewed = published
      var nudged = capture.nudger.revision
      var pause = Self.publishEvery
      var status: Int32?
      var ended: ContinuousClock.Instant?
      var emptyPolls = 0
      var losses = LossWatch()
      var stateAlerts = Alerts()
      while true {
        let segments = capture.poll(timeout_ms: status == nil ? Self.patience_ms : 2) { segment, payload in
          engine.ingest(segment, payload)
          recorder?.take(segment, payload)
        } loss: { loss in
          engine.lost(loss)
          recorder?.lost(loss)
        } held: { segment, payload in
          engine.peek(segment, payload)
        }
        // A tick behind the ring's patience, so that a segment under way is not overtaken by its clock.
        engine.tick(at: capture.now + -.milliseconds(3))
        engine.wallAhead_ns = capture.wallAhead_ns
        replaceSettings(&engine, holds, capture)
        var isNews = act(&engine, capture)
        commands.carryOut(&engine, at: Clock.wall) { if act(&$0, capture) { isNews = true } }
        // Whoever is stopped, hung or blind renews nothing: then the kernel lets everything pass.
        if ContinuousClock.now - renewed >= Self.renewEvery {
          capture.renewLease()
          holds.followLimits()
          renewed = .now
          // Whoever stood in the way may have gone, or come.
          let why = capture.heldConnections == 0 ? capture.whyCannotHold : capture.leftOut
          if let why, capture.heldConnections > 0, engine.whyCannotHold != why {
            Terminal.say("stormfuse: not everything is held: \(why)")
          }
          engine.whyCannotHold = why
        } else if nudged != capture.nudger.revision {
          nudged = capture.nudger.revision
          holds.followLimits()
        }
        if isNews || ContinuousClock.now - published >= pause {
          let began = ContinuousClock.now
          publish(&engine, capture, watcher, &losses)
          watchState(&stateAlerts)
          recorder?.tick(at: capture.now)
          published = .now
          // Publishing may take a fiftieth of the thread's time, however many groups there are.
          pause = max(Self.publishEvery, (published - began) * 50)
        }
        if status == nil { status = end(command, watcher) }
        if status != nil {
          if ended == nil {
            ended = .now
            engine.endHolding(isTargetGone: !stopping.load(ordering: .relaxed))
            capture.releaseAll()
          }
          emptyPolls = segments == 0 ? emptyPolls + 1 : 0
          if emptyPolls >= Self.emptyPollsAtEnd || ContinuousClock.now - (ended ?? .now) >= Self.longestEnd { break }
        }
      }
      engine.finish()
      _ = act(&engine, capture)
      engine.droppedByCapture = capture.statistics.dropped
      box.publish(
        engine.report(),
        checks: [.init(name: "engine", ok: true, detail: "over")] + (commands.memory.map { [$0.check] } ?? []))
      return status ?? 0
    }

    private func replaceSettings(_ engine: inout Engine, _ holds: CaptureSwitch, _ capture: Capture) {
      let waiting = replacement.withLock { waiting in
        defer { waiting = nil }
        return waiting
      }
      guard let waiting else { return }
      let change = engine.replace(settings: waiting.settings)
      holds.extend(longest_ns: engine.longestHold_ns)
      waiting.then(change, capture.discovery.target.name)
    }

    /// The exit status once the run is over, nil before.
    private func end(_ command: CommandTarget?, _ watcher: Watcher) -> Int32? {
      if let command { return command.poll()?.code }
      if stopping.load(ordering: .relaxed) { return 0 }
      if watcher.isGone {
        Terminal.say("stormfuse: the target's processes are gone: \(box.target)")
        return 0
      }
      return nil
    }

    /// Does what the engine wants done; whether something is worth telling at once.
    private func act(_ engine: inout Engine, _ capture: Capture) -> Bool {
      let effects = engine.takeEffects()
      guard !effects.isEmpty else { return false }
      var isNews = false
      for effect in effects {
        switch effect {
        case .transition(let transition, let group, let owner, let runbook):
          announcer.announce(transition, group, owner: owner, runbook: runbook)
          isNews = true
        case .holding(let event, let group, let owner, let runbook):
          announcer.announce(event, group, owner: owner, runbook: runbook)
          isNews = true
        case .alert(let alert, let group, let owner, let runbook):
          announcer.announce(alert, group, owner: owner, runbook: runbook)
          isNews = true
        case .interest(let cookie, let interest): capture.set(interest, cookie: cookie)
        }
      }
      if isNews { commands.memory?.save(engine, at: Clock.wall) }
      return isNews
    }

    private func publish(
      _ engine: inout Engine, _ capture: Capture, _ watcher: Watcher, _ losses: inout LossWatch
    ) {
      for cookie in engine.heldCookies {
        if let counters = capture.holdCounters(cookie) { engine.holdCounted(counters, cookie: cookie) }
      }
      let statistics = capture.statistics
      engine.droppedByCapture = statistics.dropped
      let faults =
        watcher.unreached + (losses.look(statistics, now_ns: Clock.monotonic_ns()).map { [$0] } ?? [])
      box.publish(
        engine.report(),
        checks: [
          .init(name: "engine", ok: true, detail: "running"),
          .init(
            name: "capture", ok: faults.isEmpty,
            detail: faults.isEmpty
              ? "attached to \(watcher.attached.joined(separator: ", "))" : faults.joined(separator: "; ")),
          .init(name: "holding", ok: capture.leftOut == nil, detail: capture.leftOut ?? engine.whyCannotHold ?? "able"),
        ] + (commands.memory.map { [$0.check] } ?? []))
    }

    /// Tells when the breakers' state can't be saved, and when it can again.
    private func watchState(_ alerts: inout Alerts) {
      guard let check = commands.memory?.check else { return }
      guard let alert = alerts.update(.state, check.ok ? .gone : .holds, at: Clock.wall) else { return }
      announcer.announce(alert, target: box.target, why: check.ok ? nil : check.detail)
    }

    private func announceTarget(_ target: Target, _ capture: Capture) {
      Terminal.say("stormfuse: watching \(target.name)")
      for unreached in capture.discovery.status.unreached { Terminal.say("stormfuse: not seen: \(unreached)") }
    }

    private func report(_ remains: CommandTarget.Remains?) {
      guard let remains else { return }
      if !remains.processes.isEmpty {
        Terminal.say("stormfuse: the command left processes running, no longer watched: \(remains.processes)")
      }
      if let cgroup = remains.cgroup {
        Terminal.say("stormfuse: the cgroup \(cgroup) could not be removed: remove it by hand")
      }
    }

    private static let publishEvery = Duration.milliseconds(250)
    /// The kernel's lease is four times as long.
    private static let renewEvery = Duration.milliseconds(500)
    /// Longest wait for traffic: timers are judged every 100 ms.
    private static let patience_ms = 50
    /// The ring hands on a last segment within 2 ms; this many empty polls of 2 ms mean that nothing is left.
    private static let emptyPollsAtEnd = 5
    /// Traffic that never pauses does not keep us.
    private static let longestEnd = Duration.milliseconds(500)
  }

  extension SystemRandomNumberGenerator {
    fileprivate static func pair() -> (UInt64, UInt64) {
      var generator = SystemRandomNumberGenerator()
      return (generator.next(), generator.next())
    }
  }
#endif
