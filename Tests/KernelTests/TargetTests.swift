import Glibc
import Pipeline
import Testing

@testable import Kernel

extension LiveKernel {
  /// Finding what belongs to the target. Runs as an unprivileged user as well, but for the tests that say otherwise.
  @Suite struct TargetTests {
    @Test func `a process in a shared cgroup is told from its neighbours`() throws {
      let peer = try Peer()
      let capture = try Capture(target: .processes([peer.id]))
      #expect(capture.discovery.status.isShared)
      let wire = try Wire(.v4)
      let neighbour = try Wire(connected: .v4)
      peer.connect(wire.port)
      peer.run("printf first >&3")
      try neighbour.send(pattern(100))
      peer.run("printf second >&3")
      let recorder = Recorder()
      recorder.record(capture)
      #expect(sent(recorder) == "firstsecond")
      #expect(recorder.streams.count == 1)
      #expect(recorder.segments.first?.flags == .syn)
      #expect(recorder.segments.allSatisfy { $0.process == peer.id })
    }

    @Test func `a connection that a process in a shared cgroup has open already is followed`() throws {
      let peer = try Peer()
      let wire = try Wire(.v4)
      let neighbour = try Wire(connected: .v4)
      peer.connect(wire.port)
      peer.run("printf before >&3")
      let capture = try Capture(target: .processes([peer.id]))
      peer.run("printf after >&3")
      try neighbour.send(pattern(100))
      let recorder = Recorder()
      recorder.record(capture)
      #expect(sent(recorder, by: peer.id) == "after")
      #expect(recorder.streams.count == 1)
      #expect(capture.discovery.status.unreached == [])
    }

    @Test func `a child that connects at once is followed from its first byte`() throws {
      let peer = try Peer()
      let capture = try Capture(target: .processes([peer.id]))
      let wire = try Wire(.v4)
      let recorder = Recorder()
      for round in 0..<5 {
        peer.start("( exec 4<>/dev/tcp/127.0.0.1/\(wire.port); printf child\(round) >&4; sleep 0.05 )")
        while !peer.isDone { recorder.record(capture, quiet_ms: 2) }
        recorder.record(capture)
      }
      #expect(sent(recorder) == "child0child1child2child3child4")
      #expect(recorder.segments.allSatisfy { $0.process != peer.id && $0.process > 0 })
      #expect(recorder.segments.first?.flags == .syn)
    }

    @Test func `a neighbour's new connections cost a look and are not handed on`() throws {
      let peer = try Peer()
      let capture = try Capture(target: .processes([peer.id]))
      let neighbour = try Peer()
      let wire = try Wire(.v4)
      neighbour.connect(wire.port)
      neighbour.run("printf secret >&3")
      let recorder = Recorder()
      recorder.record(capture)
      neighbour.run("printf more >&3")
      recorder.record(capture)
      #expect(recorder.segments.isEmpty)
    }

    @Test func `a descendant whose parent has ended stays the target's`() throws {
      let peer = try Peer()
      let capture = try Capture(target: .processes([peer.id]))
      let wire = try Wire(.v4)
      let recorder = Recorder()
      // The subshell between the peer and the one that connects is gone by then.
      peer.start("( (sleep 0.5; exec 5<>/dev/tcp/127.0.0.1/\(wire.port); printf orphan >&5; sleep 0.1) & sleep 0.25 )")
      for _ in 0..<16 {
        capture.discovery.refresh()
        recorder.record(capture, quiet_ms: 50)
      }
      #expect(sent(recorder) == "orphan")
    }

    @Test func `a process whose parent has ended between two looks is known by its session`() throws {
      let peer = try Peer()
      let wire = try Wire(.v4)
      peer.start(
        "setsid bash -c 'sleep 0.4; (sleep 1; exec 5<>/dev/tcp/127.0.0.1/\(wire.port); printf orphan >&5) & exit' &")
      var leader: Int32?
      for _ in 0..<100 where leader == nil {
        leader = ProcessTable.all().first { $0.value.parent == peer.id && $0.value.session == $0.key }?.key
        usleep(2000)
      }
      let target = try #require(leader)
      let capture = try Capture(target: .processes([target]))
      while ProcessTable.entry(target) != nil { usleep(10_000) }
      usleep(100_000)
      #expect(capture.discovery.refresh().processes > 0)
      let recorder = Recorder()
      for _ in 0..<30 where capture.discovery.refresh().processes > 0 { recorder.record(capture, quiet_ms: 50) }
      recorder.record(capture)
      #expect(sent(recorder) == "orphan")
    }

    @Test(.enabled(if: Live.isRootEnabled, "makes cgroups"))
    func `a daemon in a cgroup of the target's own is the target's`() throws {
      let (_, path) = try Arena.elsewhere {}
      let peer = try Peer()
      let wire = try Wire(.v4)
      peer.run("echo $BASHPID > \(path)/cgroup.procs")
      let capture = try Capture(target: .processes([peer.id]))
      #expect(capture.discovery.status.attached == [path] && !capture.discovery.status.isShared)
      peer.run("setsid bash -c 'sleep 1; exec 5<>/dev/tcp/127.0.0.1/\(wire.port); printf daemon >&5' &")
      kill(peer.id, SIGKILL)
      while ProcessTable.entry(peer.id) != nil { usleep(1000) }
      #expect(capture.discovery.refresh().processes > 0)
      let recorder = Recorder()
      for _ in 0..<30 where capture.discovery.refresh().processes > 0 { recorder.record(capture, quiet_ms: 50) }
      recorder.record(capture)
      #expect(sent(recorder) == "daemon")
      #expect(capture.discovery.refresh().processes == 0)
      rmdir(path)
    }

    @Test(.enabled(if: Live.isRootEnabled, "makes cgroups"))
    func `a process that is moved to another cgroup is followed there`() throws {
      let (inherited, path) = try Arena.elsewhere { try Wire(.v4) }
      let peer = try Peer()
      let home = try #require(Arena.path)
      let capture = try Capture(target: .processes([peer.id]))
      peer.run("echo $BASHPID > \(path)/cgroup.procs")
      #expect(capture.discovery.refresh().attached == [home, path])
      peer.connect(inherited.port)
      peer.run("printf moved >&3")
      let recorder = Recorder()
      recorder.record(capture)
      #expect(sent(recorder) == "moved")
      #expect(recorder.segments.first?.flags == .syn)
      // Back again, the programs are still there.
      peer.run("echo $BASHPID > \(home)/cgroup.procs")
      #expect(capture.discovery.refresh().attached == [home, path])
      peer.connect(inherited.port, as: 4)
      peer.run("printf back >&4")
      recorder.record(capture)
      #expect(sent(recorder) == "movedback")
      rmdir(path)
    }

    @Test func `the end of the target is seen`() throws {
      var peer: Peer? = try Peer()
      let capture = try Capture(target: .processes([try #require(peer?.id)]))
      #expect(capture.discovery.refresh().processes == 1)
      peer = nil
      #expect(capture.discovery.refresh().processes == 0)
    }

    @Test(.enabled(if: Live.isRootEnabled, "makes cgroups"))
    func `a process alone in its cgroup is traced by the cgroup`() throws {
      // Made before the command, so that the command's cgroup lies in it.
      let arena = try #require(Arena.path)
      let command = try CommandTarget(["sleep", "5"])
      #expect(command.sharedBecause == nil)
      let capture = try Capture(target: .processes([command.process]))
      let status = capture.discovery.status
      #expect(!status.isShared && status.attached.count == 1 && status.attached.first?.hasPrefix(arena) == true)
      capture.close()
      command.finish()
    }

    @Test(.enabled(if: Live.isRootEnabled, "makes cgroups"))
    func `sockets that another cgroup owns are followed there`() throws {
      let (wires, other) = try Arena.elsewhere { [try Wire(connected: .v4), try Wire(connected: .v6)] }
      defer { rmdir(other) }
      let capture = try Capture(target: Arena.target())
      let status = capture.discovery.status
      #expect(status.attached.contains(other) && status.isShared && status.unreached == [])
      let recorder = Recorder()
      for wire in wires {
        try wire.send(pattern(5000))
        recorder.record(capture)
        let cookie = try #require([wire.cookie, wire.serverCookie].first { recorder.streams[$0] != nil })
        #expect(recorder.bytes(cookie, cookie == wire.cookie ? .egress : .ingress) == pattern(5000))
      }
      // Once only, though the mirrors are there as well.
      let ends = wires.flatMap { [$0.cookie, $0.serverCookie] }
      #expect(ends.filter { recorder.streams[$0] != nil }.count == 2)
      // In our own cgroup everything is seen as before.
      let own = try Wire(connected: .v4)
      try own.send(pattern(10))
      recorder.record(capture)
      #expect(recorder.bytes(own.cookie, .egress) == pattern(10))
    }

    @Test(.enabled(if: Live.isRootEnabled, "makes cgroups"))
    func `sockets of a removed cgroup are named`() throws {
      let (wire, other) = try Arena.elsewhere { try Wire(connected: .v4) }
      rmdir(other)
      let capture = try Capture(target: Arena.target())
      let unreached = capture.discovery.status.unreached
      #expect(unreached.count == 2, "both ends")
      #expect(unreached.allSatisfy { $0.process == getpid() && $0.description.contains("removed") })
      withExtendedLifetime(wire) {}
    }

    @Test(.enabled(if: Live.isRootEnabled, "makes cgroups"), arguments: [true, false])
    func `a cgroup that is removed and made again is seen as before`(isMissed: Bool) throws {
      let (first, path) = try Arena.elsewhere { try Wire(connected: .v4) }
      defer { rmdir(path) }
      let capture = try Capture(target: Target.cgroup(path))
      try first.send(pattern(10))
      first.closeClient()
      first.closeServer()
      #expect(rmdir(path) == 0)
      if isMissed {
        let status = capture.discovery.refresh()
        #expect(status.unreached.map(\.description).contains { $0.hasPrefix("the cgroup \(path) has been removed") })
        #expect(status.attached.isEmpty)
      }
      #expect(mkdir(path, 0o755) == 0)
      #expect(capture.discovery.refresh().unreached.isEmpty)
      let (second, _) = try Arena.elsewhere { try Wire(connected: .v4) }
      try second.send(pattern(3000))
      let recorder = Recorder()
      recorder.record(capture)
      #expect(recorder.bytes(second.cookie, .egress) == pattern(3000))
      #expect(capture.discovery.status.attached == [path])
    }

    @Test(.enabled(if: Live.isRootEnabled, "makes cgroups"))
    func `a cgroup that is made again ends the rest before the next look`() throws {
      let (_, path) = try Arena.elsewhere {}
      defer { rmdir(path) }
      let capture = try Capture(target: Target.cgroup(path))
      capture.discovery.refresh()
      #expect(rmdir(path) == 0 && mkdir(path, 0o755) == 0)
      let before = ContinuousClock.now
      capture.discovery.rest()
      #expect(ContinuousClock.now - before < .milliseconds(90))
      #expect(capture.discovery.refresh().unreached.isEmpty)
    }

    @Test(.enabled(if: Live.isRootEnabled, "traces a cgroup that others use"))
    func `a target above the cgroups in use is recorded once`() throws {
      let path = try #require(Arena.path)
      let parent = String(path[..<(path.lastIndex(of: "/") ?? path.endIndex)])
      let capture = try Capture(target: Target.cgroup(parent))
      let wire = try Wire(connected: .v4)
      try wire.send(pattern(3000))
      let recorder = Recorder()
      recorder.record(capture)
      #expect(recorder.bytes(wire.cookie, .egress) == pattern(3000))
      #expect(
        recorder.segments.filter { $0.cookie == wire.cookie && $0.length > 0 }.reduce(0) { $0 + $1.length } == 3000)
    }

    @Test(arguments: [[], [0], [-1], [4_194_304]])
    func `processes that are not there are refused`(processes: [Int32]) {
      #expect(throws: KernelError.self) { try Target.processes(processes) }
    }

    @Test(arguments: ["", "/nowhere", "/tmp", "/proc/self"])
    func `what is no cgroup is refused`(path: String) throws {
      let error = #expect(throws: KernelError.self) { try Target.cgroup(path) }
      #expect(error?.kind == .noSuchTarget)
    }

    @Test func `a cgroup may be named by its path in the hierarchy`() throws {
      let path = try #require(Arena.path)
      let groups = try ControlGroups()
      let short = String(path.dropFirst(groups.mountPoint.count))
      for name in [path, path + "/", short, String(short.dropFirst())] {
        #expect(try Target.cgroup(name).kind == .cgroup(path))
      }
    }
  }
}
