import Glibc
import Pipeline
import Testing

@testable import Kernel

extension LiveKernel {
  /// As an unprivileged user, who can't make a cgroup, the same holds with the processes told apart in ours.
  @Suite struct CommandTests {
    @Test func `a command is traced from its first byte and its status is passed on`() throws {
      let wire = try Wire(.v4)
      let neighbour = try Wire(connected: .v4)
      let command = try CommandTarget([
        "bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/\(wire.port); printf hello >&3; exit 7",
      ])
      #expect((command.sharedBecause == nil) == !Live.isUnprivileged)
      let capture = try Capture(target: command.target)
      #expect(command.poll() == nil)
      try command.release()
      #expect(command.wait() == .status(7))
      #expect(command.wait().code == 7)
      try neighbour.send([1])
      let recorder = Recorder()
      recorder.record(capture)
      #expect(sent(recorder) == "hello")
      #expect(recorder.segments.first?.flags == .syn)
      #expect(recorder.segments.first?.process == command.process)
      #expect(recorder.streams.count == 1)
      #expect(command.finish() == CommandTarget.Remains())
      #expect(leftovers().isEmpty)
    }

    @Test func `descendants of a command are traced`() throws {
      let wire = try Wire(.v4)
      let command = try CommandTarget([
        "bash", "-c", "for i in 1 2 3; do ( exec 3<>/dev/tcp/127.0.0.1/\(wire.port); printf $i >&3; sleep 0.05 ); done",
      ])
      let capture = try Capture(target: command.target)
      try command.release()
      let recorder = Recorder()
      while command.poll() == nil { recorder.record(capture, quiet_ms: 2) }
      recorder.record(capture)
      #expect(sent(recorder) == "123")
      #expect(recorder.streams.count == 3)
    }

    @Test(arguments: [SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2])
    func `signals are passed on`(number: Int32) throws {
      let command = try CommandTarget([
        "bash", "-c", "trap 'exit 9' \(number); echo > /dev/null; while :; do sleep 0.02; done",
      ])
      try command.release()
      // The shell needs a moment to set its trap; until then the signal ends it.
      usleep(200_000)
      #expect(kill(getpid(), number) == 0)
      #expect(command.wait() == .status(9))
    }

    @Test func `death by a signal is told as a shell would`() throws {
      let command = try CommandTarget(["sleep", "10"])
      try command.release()
      #expect(kill(getpid(), SIGTERM) == 0)
      #expect(command.wait() == .signal(SIGTERM))
      #expect(command.wait().code == 143)
    }

    @Test(arguments: [("/no/such/command", 127), ("no-such-command-here", 127), ("/etc/passwd", 126), ("", 127)])
    func `a command that can't be executed is told`(name: String, status: Int32) throws {
      let error = #expect(throws: KernelError.self) { try CommandTarget([name]).release() }
      #expect(error?.kind == .cannotStart(status: status))
      #expect(leftovers().isEmpty)
    }

    @Test func `a command that never passed the gate ends with its target`() throws {
      var command: CommandTarget? = try CommandTarget(["sleep", "10"])
      let process = try #require(command?.process)
      #expect(kill(process, 0) == 0)
      command = nil
      #expect(kill(process, 0) != 0)
      #expect(leftovers().isEmpty)
    }

    @Test(.enabled(if: Live.isRootEnabled, "makes cgroups"))
    func `what a command leaves running is named and not killed`() throws {
      let command = try CommandTarget(["bash", "-c", "sleep 20 & sleep 0.1; exit 0"])
      try command.release()
      #expect(command.wait() == .status(0))
      let remains = command.finish()
      #expect(remains.processes.count == 1 && remains.cgroup == nil)
      for process in remains.processes {
        #expect(ProcessTable.entry(process)?.name == "sleep")
        kill(process, SIGKILL)
      }
      #expect(leftovers().isEmpty)
    }

    @Test(.enabled(if: Live.isRootEnabled, "makes cgroups"))
    func `cgroups that were left by killed ones are removed, others are not`() throws {
      let path = try #require(Arena.path)
      var ended: [Int32] = []
      for _ in 0..<2 { ended.append(try Peer().id) }
      let peer = try Peer()
      let busy = "stormfuse-\(ended[1])"
      let others = [busy, "stormfuse-\(peer.id)", "stormfuse-of-somebody-\(ended[0])"]
      let made = others + ["stormfuse-\(ended[0])", "stormfuse-doctor-\(ended[0])"]
      for name in made { #expect(mkdir("\(path)/\(name)", 0o755) == 0) }
      defer {
        _ = Files.write("\(peer.id)", to: path + "/cgroup.procs")
        for name in made { rmdir("\(path)/\(name)") }
      }
      #expect(Files.write("\(peer.id)", to: "\(path)/\(busy)/cgroup.procs") == 0)
      let command = try CommandTarget(["true"])
      try command.release()
      #expect(command.wait() == .status(0))
      #expect(command.finish() == CommandTarget.Remains())
      #expect(leftovers().sorted() == others.sorted())
    }

    /// Cgroups of commands that are still there.
    private func leftovers() -> [String] {
      Files.directories(Arena.path ?? "/").filter { $0.hasPrefix("stormfuse-") }
    }
  }
}
