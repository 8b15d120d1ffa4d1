#if os(Linux)
  import Admin
  import AdminAPI
  import ArgumentParser
  import ConfigurationFile
  import Foundation
  import Synchronization
  import Testing
  import Traces

  @testable import Pipeline
  @testable import stormfuse

  /// Several targets: an engine each, one API for all.
  @Suite(.serialized, .timeLimit(.minutes(2))) struct SeveralTargetsTests {
    @Test(
      arguments: [
        ([], ["--pid", "1", "2"], 1), ([], ["--target", "pid:1,2", "--target", "cgroup:/a:b"], 2),
        (["--output", "x.pcapng"], ["--target", "pid:1"], 1),
      ] as [([String], [String], Int)])
    func `targets are told apart by their options`(record: [String], words: [String], count: Int) throws {
      let command = try Stormfuse.parseAsRoot([record.isEmpty ? "run" : "record"] + record + words)
      let options = (command as? RunCommand)?.target ?? (command as? RecordCommand)?.target
      #expect(try options?.choices.count == count)
    }

    @Test(arguments: [
      (["run", "--target", "pid:x"], "\"x\" is no list of process numbers: write pid:4711 or pid:4711,4712"),
      (["run", "--target", "4711"], "\"4711\" is no target: write pid:4711 or cgroup:/sys/fs/cgroup/orders.slice"),
      (["run", "--target", "cgroup:"], "is no target"),
      (["run", "--target", "pid:1", "--pid", "2"], "Give one of --pid"),
      (["record", "--output", "x.pcapng", "--target", "pid:1", "--target", "pid:2"], "A recording is of one target"),
    ])
    func `what names no target is refused with what to write`(words: [String], part: String) {
      let error = #expect(throws: (any Error).self) { try Stormfuse.parseAsRoot(words) }
      #expect(error.map { Stormfuse.fullMessage(for: $0).contains(part) } == true, "\(error as Any)")
    }

    // MARK: One source of several

    private func box(_ target: String) throws -> ReportBox {
      var engine = Engine(settings: Settings(), target: target, origin: .replay)
      try TraceReader(paths: [Captured.path]).forEachSegment { segment, payload in
        engine.ingest(segment, payload)
        return true
      }
      let box = ReportBox(engine.report(), target: target)
      box.publish(engine.report(), checks: [.init(name: "engine", ok: target != "two", detail: "running")])
      return box
    }

    @Test func `reports are merged, groups keep their target, and a key of both is ambiguous without it`() throws {
      let (one, two) = (try box("one"), try box("two"))
      let (alone, both) = (one.report(), JointSource(boxes: [one, two]).report())
      #expect(JointSource(boxes: [one]).report() == alone.addressed())
      #expect(both.groups.map(\.href) == BreakerReference.shortest(for: both.groups).map(\.href))
      #expect(both.capture.segments == 2 * alone.capture.segments && both.from == alone.from && both.to == alone.to)
      #expect(both.capture.decoded.bySystem[.rabbitmq] == 2 * alone.capture.connections)
      #expect(both.producers.map(\.published) == alone.producers.map { 2 * $0.published })
      #expect(both.groups.map(\.target) == ["one", "two"] && Set(both.groups.map(\.key)).count == 1)
      let key = both.groups[0].key
      #expect(BreakerReference(key).resolve(in: both.groups) == .several([0, 1]))
      #expect(BreakerReference(key, target: "two").resolve(in: both.groups) == .one(1))
      #expect(BreakerReference.shortest(for: both.groups).map(\.target) == ["one", "two"])
    }

    @Test func `checks and metrics bear the target's name`() throws {
      let (one, two) = (try box("one"), try box("two"))
      for box in [one, two] {
        let samples = [MetricFamily.Sample(1, labels: [.init("target", box.target)])]
        box.addFamilies { [.init(name: "stormfuse_x_total", kind: .counter, help: "X.", samples: samples)] }
      }
      let source = JointSource(boxes: [one, two])
      let readiness = source.readiness()
      #expect(readiness.checks.map(\.name) == ["engine of one", "engine of two"] && !readiness.ready)
      let metrics = source.metrics()
      #expect(metrics.targets.map(\.name) == ["one", "two"])
      #expect(metrics.families.map(\.name) == ["stormfuse_x_total"] && metrics.families[0].samples.count == 2)
    }

    @Test func `a command goes to the engine of its breaker's target`() async throws {
      let (one, two) = (try box("one"), try box("two"))
      let queues = [one, two].map { (box: $0, queue: CommandQueue()) }
      let router = CommandRouter(queues: queues)
      let note = OperatorNote(author: "ann", reason: "test")
      let name = BreakerName(key: "k", cluster: "c", target: "two")
      async let outcome = router.carryOut(.trip(), note: note, on: name, ifRevision: nil)
      var taken: [CommandQueue.Entry] = []
      while taken.isEmpty {
        taken = queues[1].queue.take()
        try await Task.sleep(for: .milliseconds(5))
      }
      taken[0].answer(.stale(revision: 7))
      #expect(await outcome == .stale(revision: 7) && queues[0].queue.take().isEmpty)
      let stranger = BreakerName(key: "k", cluster: "c", target: "three")
      #expect(await router.carryOut(.trip(), note: note, on: stranger, ifRevision: nil) == .unknown)
    }

    @Test func `an event's path leads to the breaker of its target`() throws {
      let (one, two) = (try box("one"), try box("two"))
      let groups = JointSource(boxes: [one, two]).report().groups
      let announcer = try Announcer(Configuration(), eventsPath: nil, quiet: true, box: one, namesTargets: true)
      let transition = Transition(revision: 1, at: .zero, from: .closed, to: .open, cause: .trip, verdict: nil)
      let event = announcer.named(TransitionEvent(group: groups[1], transition: transition))
      #expect(event.href == BreakerReference.shortest(for: groups)[1].href && event.href.hasSuffix("?target=two"))
    }

    // MARK: Beginning together

    @Test func `none goes on before all can, and what opens is called once before`() async {
      let events = Events()
      let gate = StartGate(count: 3) { events.add("open") }
      await withTaskGroup(of: Void.self) { tasks in
        for number in 1...3 {
          tasks.addTask {
            await onThread {
              usleep(UInt32(number) * 20_000)
              if gate.arrive() { events.add("go") }
            }
          }
        }
      }
      #expect(events.list == ["open", "go", "go", "go"])
      // Too late.
      gate.callOff()
    }

    @Test(arguments: [0, 30_000, 90_000])
    func `one that can't begin calls the others off, whenever they come`(delay_us: UInt32) async {
      let gate = StartGate(count: 3) { Issue.record("opened") }
      let began = await withTaskGroup(of: Bool.self) { tasks in
        for number in 1...2 {
          tasks.addTask {
            await onThread {
              usleep(UInt32(number) * 30_000)
              return gate.arrive()
            }
          }
        }
        usleep(delay_us)
        gate.callOff()
        return await tasks.contains(true)
      }
      #expect(!began)
    }

    @Test func `a state directory's name fits a file name and is the target's own`() {
      #expect(TargetBooks.directory(of: "cgroup /a") == "cgroup%20%2Fa")
      let long = ["x", "y"].map { TargetBooks.directory(of: "cgroup /" + $0 + String(repeating: "/pod", count: 100)) }
      #expect(long.allSatisfy { $0.utf8.count <= 255 } && long[0] != long[1])
    }

    // MARK: The program itself

    private func sleeper() throws -> Process {
      let process = Process()
      process.executableURL = URL(filePath: "/bin/sleep")
      process.arguments = ["60"]
      try process.run()
      return process
    }

    /// Not by SIGTERM: what other tests ignore in this process its children ignore, too.
    private func end(_ process: Process) { kill(process.processIdentifier, SIGKILL) }

    private func name(_ process: Process) -> String { "process \(process.processIdentifier) (sleep)" }

    @Test(.enabled(if: ReloadTests.isAble || ReloadTests.isRequired, "needs root and a mounted cgroup v2"))
    func `two targets are watched until both are gone, each with its own state, and one API serves both`() async throws
    {
      try await withTemporaryDirectory { directory in
        let targets = [try sleeper(), try sleeper()]
        defer { for target in targets where target.isRunning { end(target) } }
        let config = "\(directory)/stormfuse.yaml"
        try Data("window: 60s\n".utf8).write(to: URL(filePath: config))
        let binary = try Binary(
          ["run", "--config", config, "--state", "\(directory)/state", "--admin", "unix:\(directory)/s"]
            + targets.flatMap { ["--target", "pid:\($0.processIdentifier)"] })
        for target in targets { #expect(try await binary.says("watching \(name(target))"), "\(binary.text)") }
        #expect(binary.text.contains("admin API on unix:\(directory)/s"))

        let metrics = try Binary.get("/metrics", at: "\(directory)/s")
        let ready = try Binary.get("/readyz", at: "\(directory)/s")
        for target in targets {
          let path = "/v1/report?target=\(PercentEncoding.encode(name(target)))"
          #expect(try Binary.get(path, at: "\(directory)/s").hasPrefix("HTTP/1.1 200"))
          let series = "stormfuse_capture_segments_total{target=\"\(name(target))\"}"
          #expect(metrics.contains(series) && metrics.contains("stormfuse_state_failing{target=\"\(name(target))\"} 0"))
          #expect(ready.contains("\"engine of \(name(target))\""), "\(ready)")
          let state = "\(directory)/state/\(TargetBooks.directory(of: name(target)))/lock"
          #expect(FileManager.default.fileExists(atPath: state))
        }

        try Data("window: 30s\n".utf8).write(to: URL(filePath: config))
        binary.send(SIGHUP)
        for target in targets {
          #expect(try await binary.says("was read again for \(name(target)): window replaced"), "\(binary.text)")
        }

        end(targets[0])
        #expect(try await binary.says("processes are gone: \(name(targets[0]))"), "\(binary.text)")
        try await Task.sleep(for: .seconds(1))
        #expect(binary.process.isRunning)
        #expect(try Binary.get("/healthz", at: "\(directory)/s").contains("\"status\":\"ok\""))
        end(targets[1])
        #expect(try await binary.end() == 0, "\(binary.text)")
      }
    }

    @Test(.enabled(if: ReloadTests.isAble || ReloadTests.isRequired, "needs root and a mounted cgroup v2"))
    func `a target that can't be begun fails the start of all`() async throws {
      try await withTemporaryDirectory { directory in
        let target = try sleeper()
        defer { end(target) }
        let pid = "pid:\(target.processIdentifier)"
        let twice = "\(pid),\(target.processIdentifier)"
        for (other, words) in [
          ("pid:2147483647", "there is no process 2147483647"), (pid, "is given twice"), (twice, "is given twice"),
        ] {
          let binary = try Binary(["run", "--admin", "unix:\(directory)/s", "--target", pid, "--target", other])
          #expect(try await binary.end() == 1)
          #expect(binary.text.contains(words) && !binary.text.contains("admin API on"), "\(binary.text)")
        }
      }
    }
  }

  private final class Events: Sendable {
    private let state = Mutex<[String]>([])
    var list: [String] { state.withLock(\.self) }
    func add(_ event: String) { state.withLock { $0.append(event) } }
  }

  /// Runs what waits on a thread of its own.
  private func onThread<Result: Sendable>(_ body: @escaping @Sendable () -> Result) async -> Result {
    await withCheckedContinuation { continuation in
      Thread { continuation.resume(returning: body()) }.start()
    }
  }
#endif
