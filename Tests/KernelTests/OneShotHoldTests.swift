import Foundation
import Glibc
import Pipeline
import Testing

@testable import Kernel

extension LiveKernel {
  /// The hand brake. Runs as an unprivileged user as well.
  @Suite struct OneShotHoldTests {
    private static func request(
      _ action: HoldAction, to endpoints: [Endpoint]? = nil, target: Target? = nil, seconds: Double = 30
    ) throws -> OneShotHold.Request {
      OneShotHold.Request(
        target: try target ?? Arena.target(), endpoints: endpoints, action: action,
        rate_bytes_s: action == .throttle ? 50_000 : 0, duration_ns: Int64(seconds * 1e9))
    }

    @Test(arguments: Wire.Family.allCases)
    func `a one-shot hold holds the connections to an endpoint, and nothing else`(family: Wire.Family) throws {
      let wire = try Wire(connected: family)
      let other = try Wire(connected: family)
      let endpoint =
        family == .v6 ? Endpoint(high: 0, low: 1, port: wire.port) : Endpoint(v4: 0x7f00_0001, port: wire.port)
      let hold = try OneShotHold(Self.request(.pause, to: [endpoint]))
      #expect(hold.tick().connections == 1)
      wire.write(pattern(100))
      try other.send(pattern(100))
      try wire.send(pattern(100), from: .server)
      #expect(wire.receive(wait_ms: 300).isEmpty)
      let status = hold.end()
      #expect(status.connections == 1 && status.problems == [])
      #expect(status.counters.held.packets > 0)
      #expect(wire.receive(100, wait_ms: 2000) == pattern(100))
      #expect(hold.tick().isOver && hold.end().isOver)
    }

    @Test func `a connection that is opened meanwhile is held as well`() throws {
      let wire = try Wire(.v4)
      let hold = try OneShotHold(Self.request(.pause, to: [Endpoint(v4: 0x7f00_0001, port: wire.port)]))
      #expect(hold.tick().connections == 0)
      try wire.connect()
      usleep(250_000)
      #expect(hold.tick().connections == 1)
      wire.write([1])
      #expect(wire.receive(wait_ms: 200).isEmpty)
      // One that its process closes is let go with what it had still to send, and counted on.
      wire.closeClient()
      usleep(250_000)
      let status = hold.tick()
      #expect(status.connections == 0)
      #expect(status.counters.held.packets > 0)
      #expect(wire.receive(1, wait_ms: 1000) == [1])
    }

    @Test func `blocking refuses new connections, to one endpoint or to all`() throws {
      let (wire, other) = (try Wire(.v4), try Wire(.v6))
      var hold = try OneShotHold(Self.request(.block, to: [Endpoint(v4: 0x7f00_0001, port: wire.port)]))
      #expect(#expect(throws: WireError.self) { try wire.connect() }?.error == EPERM)
      try other.connect()
      hold.end()
      hold = try OneShotHold(Self.request(.block))
      for wire in [wire, other] {
        wire.closeClient()
        #expect(#expect(throws: WireError.self) { try wire.connect() }?.error == EPERM)
      }
      hold.end()
      for wire in [wire, other] {
        wire.closeClient()
        try wire.connect()
      }
    }

    @Test func `a process is held, its neighbours are not`() throws {
      let peer = try Peer()
      let wire = try Wire(.v4)
      peer.connect(wire.port)
      try wire.accept()
      let neighbour = try Wire(connected: .v4)
      let hold = try OneShotHold(Self.request(.block, target: .processes([peer.id])))
      #expect(hold.tick().connections == 1)
      peer.run("printf held >&3")
      #expect(wire.receive(wait_ms: 300).isEmpty)
      try neighbour.send(pattern(10))
      peer.run("{ exec 5<>/dev/tcp/127.0.0.1/\(wire.port); } 2>/dev/null && printf through >&3")
      let another = try Wire(connected: .v4)
      try another.send(pattern(10))
      hold.end()
      #expect(wire.receive(4, wait_ms: 2000) == Array("held".utf8))
      #expect(wire.receive(wait_ms: 200).isEmpty)
    }

    @Test func `it ends by itself in the kernel, by its duration and without ticks`() throws {
      for (seconds, patience_ms) in [(1.5, 4000), (60, 4000)] {
        let wire = try Wire(connected: .v4)
        let hold = try OneShotHold(
          Self.request(.pause, to: [Endpoint(v4: 0x7f00_0001, port: wire.port)], seconds: seconds))
        wire.write([1, 2])
        #expect(wire.receive(wait_ms: 300).isEmpty)
        #expect(wire.receive(2, wait_ms: patience_ms) == [1, 2])
        #expect(hold.tick().isOver == (seconds < 2))
      }
    }

    @Test func `a second one, or a sidecar that holds, is refused, and nothing is left behind`() throws {
      let path = try #require(Arena.path)
      let before = try #require(Coexistence.programs(path))
      let wire = try Wire(connected: .v4)
      do {
        let first = try OneShotHold(Self.request(.pause))
        let error = #expect(throws: KernelError.self) { try OneShotHold(Self.request(.pause)) }
        #expect(error?.description.contains("another stormfuse") == true)
        let capture = try Capture(target: Arena.target())
        #expect(capture.whyCannotHold?.contains("fusectl release") == true)
        first.end()
        #expect(capture.whyCannotHold == nil)
        try capture.hold(wire.cookie, HoldTerms(action: .pause, trickle_ns: .seconds(1)), for_ns: .seconds(10))
        #expect(throws: KernelError.self) { try OneShotHold(Self.request(.pause)) }
      }
      #expect(Coexistence.programs(path) == before)
      try wire.send(pattern(100))
    }

    @Test func `in a shared cgroup a connection is held by one at a time, and neighbours' are free to others`() throws {
      let (peer, neighbour) = (try Peer(), try Peer())
      let (wire, other) = (try Wire(.v4), try Wire(.v4))
      peer.connect(wire.port)
      try wire.accept()
      neighbour.connect(other.port)
      try other.accept()
      let capture = try Capture(target: .processes([peer.id]))
      peer.run("printf a >&3")
      let recorder = Recorder()
      recorder.record(capture)
      let cookie = try #require(recorder.segments.last { $0.process == peer.id }?.cookie)
      #expect(wire.receive(1, wait_ms: 500) == Array("a".utf8))
      let terms = HoldTerms(action: .pause, trickle_ns: .seconds(60))
      try capture.hold(cookie, terms, for_ns: .seconds(60))
      let second = try OneShotHold(Self.request(.pause, target: .processes([peer.id])))
      var status = second.tick()
      #expect(status.connections == 0)
      #expect(status.problems.count == 1 && status.problems[0].contains("another stormfuse"))
      let beside = try OneShotHold(Self.request(.pause, target: .processes([neighbour.id])))
      #expect(beside.tick().connections == 1 && beside.tick().problems == [])
      beside.end()
      // Let go by the one, it is the other's at its next look; then the one is refused.
      capture.release(cookie)
      usleep(250_000)
      status = second.tick()
      #expect(status.connections == 1)
      let error = #expect(throws: KernelError.self) { try capture.hold(cookie, terms, for_ns: .seconds(60)) }
      #expect(error?.description.contains("another stormfuse") == true)
      #expect(capture.heldConnections == 0)
      second.end()
      try capture.hold(cookie, terms, for_ns: .seconds(60))
      // Whoever is gone holds nothing.
      capture.close()
      let third = try OneShotHold(Self.request(.pause, target: .processes([peer.id])))
      #expect(third.tick().connections == 1)
    }

    @Test(arguments: [0.0, 3601])
    func `an impossible duration is refused`(seconds: Double) {
      #expect(throws: KernelError.self) { try OneShotHold(Self.request(.pause, seconds: seconds)) }
    }

    @Test func `it is over when its target is gone`() throws {
      var peer: Peer? = try Peer()
      let hold = try OneShotHold(Self.request(.pause, target: .processes([#require(peer).id])))
      #expect(!hold.tick().isOver)
      peer = nil
      usleep(250_000)
      #expect(hold.tick().isOver)
    }

    @Test func `a hold by hand leaves a note that is found, and one that is stale is removed`() throws {
      let directory = NSTemporaryDirectory() + "stormfuse-runtime-\(getpid())"
      #expect(mkdir(directory, 0o700) == 0)
      setenv("XDG_RUNTIME_DIR", directory, 1)
      defer {
        unsetenv("XDG_RUNTIME_DIR")
        rmdir(directory)
      }
      let target = try Arena.target()
      let record = try #require(HoldRecord(target: target, action: "pause"))
      try record.write()
      #expect(HoldRecord.all().contains(record))
      #expect(HoldRecord.conflict(target) == nil)
      var stale = record
      stale.start += 1
      try stale.write()
      #expect(!stale.isAlive)
      #expect(!HoldRecord.all().contains { $0.process == getpid() })
      try record.write()
      record.remove()
      #expect(!HoldRecord.all().contains(record))
      #expect(!Files.isDirectory(directory + "/stormfuse"))
    }

    @Test func `the trickle stays clear of what ends a connection`() {
      func trickle_ns(_ retries: Int, _ timeout_ms: Int) -> Int64 {
        OneShotHold.trickle_ns(
          SocketLimits(tcpRetries2: retries, userTimeout_ms: timeout_ms, isDefault: false), isNudged: false)
      }
      #expect(trickle_ns(15, 0) == .seconds(3))
      #expect(trickle_ns(5, 0) == .seconds(1))
      #expect(trickle_ns(15, 1000) == .milliseconds(500))
      #expect(trickle_ns(1, 0) == .milliseconds(100))
    }
  }
}
