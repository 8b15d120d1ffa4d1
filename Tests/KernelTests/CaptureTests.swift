import Glibc
import Pipeline
import Testing

@testable import Kernel

extension LiveKernel {
  /// What must hold with CAP_BPF and CAP_NET_ADMIN alone; `PrivilegeTests` runs this suite again as another user.
  @Suite struct CaptureTests {
    private static let sizes = [
      1, 2, 127, 128, 129, 511, 512, 513, 1535, 1536, 1537, 4095, 4096, 4097, 8192, 16383, 16384, 16385, 20480, 20481,
      65535, 65536, 65537, 100_000, 1_000_000,
    ]

    @Test(arguments: Wire.Family.allCases)
    func `both directions are byte-identical`(family: Wire.Family) throws {
      // One capture for all: to load it takes longer than all the rest.
      let capture = try Capture(target: Arena.target())
      for size in Self.sizes { try passes(size, family, capture) }
    }

    private func passes(_ size: Int, _ family: Wire.Family, _ capture: Capture) throws {
      let wire = try Wire(connected: family)
      let cookie = wire.cookie
      let (out, back) = (pattern(size), pattern(size, seed: 2))
      let recorder = Recorder()
      // By turns, so that neither side's window nor the ring is the limit.
      try wire.send(out)
      recorder.record(capture)
      try wire.send(back, from: .server)
      wire.closeClient()
      wire.closeServer()
      recorder.record(capture)

      #expect(recorder.bytes(cookie, .egress) == out, "\(size) bytes")
      #expect(recorder.bytes(cookie, .ingress) == back, "\(size) bytes")
      let streams = try #require(recorder.streams[cookie])
      #expect(streams[.egress]?.sawSYN == true && streams[.ingress]?.sawSYN == true)
      #expect(streams[.egress]?.sawFIN == true && streams[.ingress]?.sawFIN == true)
      #expect(recorder.losses.isEmpty)
      if size == 1_000_000 && Live.isBigTCP {
        #expect(recorder.segments.contains { $0.length == 65536 }, "no segment was above 64 KB")
      }
      let first = try #require(recorder.segments.first { $0.cookie == cookie })
      #expect(first.flags == .syn && first.direction == .egress)
      #expect(first.destination.port == wire.port)
      #expect(first.process == getpid())
      switch family {
      case .v4, .mapped: #expect(first.destination == Endpoint(v4: 0x7f00_0001, port: wire.port))
      case .v6: #expect(first.destination == Endpoint(high: 0, low: 1, port: wire.port))
      }
    }

    @Test(arguments: [100, 5000]) func `IP options and extension headers are passed over`(size: Int) throws {
      let capture = try Capture(target: Arena.target())
      let recorder = Recorder()
      // No-operation options of IPv4; extension headers of IPv6 need CAP_NET_RAW, which only root has here.
      var wires = [try Wire(connected: .v4)]
      var nothing: [UInt8] = [1, 1, 1, 1, 1, 1, 1, 1]
      #expect(setsockopt(wires[0].client, Int32(IPPROTO_IP), IP_OPTIONS, &nothing, 8) == 0)
      if geteuid() == 0 {
        wires.append(try Wire(connected: .v6))
        // Next header and length are filled in; PadN over the rest (RFC 8200 section 4.2).
        var padding: [UInt8] = [0, 0, 1, 4, 0, 0, 0, 0]
        for option in [IPV6_HOPOPTS, IPV6_DSTOPTS] {
          #expect(setsockopt(wires[1].client, Int32(IPPROTO_IPV6), option, &padding, 8) == 0)
        }
      }
      for wire in wires {
        try wire.send(pattern(size))
        recorder.record(capture)
        #expect(recorder.bytes(wire.cookie, .egress) == pattern(size))
      }
    }

    @Test func `segments in small writes arrive in order with the time they passed`() throws {
      let capture = try Capture(target: Arena.target())
      let wire = try Wire(connected: .v4)
      let recorder = Recorder()
      let before = Clock.wall
      for i in 0..<500 { try wire.send([UInt8(i & 0xff)]) }
      let after = Clock.wall
      recorder.record(capture)
      let data = recorder.segments.filter { $0.cookie == wire.cookie && $0.length > 0 }
      #expect(data.count == 500)
      #expect(zip(data, data.dropFirst()).allSatisfy { $0.sequence &+ 1 == $1.sequence && $0.at <= $1.at })
      // The offset between the clocks is known to a few microseconds.
      #expect(data.allSatisfy { $0.at - before > -1_000_000 && $0.at - after < 1_000_000 })
    }

    @Test(arguments: Wire.Family.allCases)
    func `a connection that was open before is seen from then on`(family: Wire.Family) throws {
      let wire = try Wire(connected: family)
      try wire.send(pattern(1000))
      let capture = try Capture(target: Arena.target())
      let recorder = Recorder()
      try wire.send(pattern(5000, seed: 3))
      try wire.send(pattern(7000, seed: 4), from: .server)
      recorder.record(capture)
      // Either end may be the one that was seen first.
      let cookies = Set(recorder.segments.map(\.cookie)).intersection([wire.cookie, wire.serverCookie])
      let cookie = try #require(cookies.first)
      #expect(cookies.count == 1)
      let isClient = cookie == wire.cookie
      #expect(recorder.bytes(cookie, isClient ? .egress : .ingress) == pattern(5000, seed: 3))
      #expect(recorder.bytes(cookie, isClient ? .ingress : .egress) == pattern(7000, seed: 4))
    }

    @Test func `the mirror of a connection with both ends in the cgroup is dropped`() throws {
      let capture = try Capture(target: Arena.target())
      let recorder = Recorder()
      for _ in 0..<20 {
        let wire = try Wire(connected: .v4)
        try wire.send(pattern(300))
        recorder.record(capture, quiet_ms: 1)
        try wire.send(pattern(300))
        let (own, mirror) = (wire.cookie, wire.serverCookie)
        wire.closeClient()
        wire.closeServer()
        recorder.record(capture)
        #expect(recorder.bytes(own, .egress)?.count == 600)
        #expect(recorder.streams[mirror] == nil)
      }
      #expect(capture.statistics.mirrored > 0)
    }

    @Test func `interest decides how much of a connection is seen`() throws {
      let capture = try Capture(target: Arena.target())
      let wire = try Wire(connected: .v4)
      let cookie = wire.cookie
      let recorder = Recorder()
      func seen(_ count: Int) throws -> (length: Int, captured: Int) {
        let (length, captured) = (recorder.covered(cookie, .egress), captured())
        try wire.send(pattern(count))
        recorder.record(capture)
        return (recorder.covered(cookie, .egress) - length, self.captured(recorder, cookie) - captured)
      }
      func captured() -> Int { self.captured(recorder, cookie) }
      #expect(try seen(5000) == (5000, 5000))
      capture.set(.headers, cookie: cookie)
      #expect(try seen(70_000) == (70_000, 0))
      capture.set(.ignore, cookie: cookie)
      #expect(try seen(5000) == (0, 0))
      capture.set(.full, cookie: cookie)
      #expect(try seen(300) == (300, 300))
      // Others are not touched by it.
      capture.set(.ignore, cookie: cookie)
      let other = try Wire(connected: .v4)
      try other.send(pattern(10))
      recorder.record(capture)
      #expect(recorder.bytes(other.cookie, .egress) == pattern(10))
    }

    private func captured(_ recorder: Recorder, _ cookie: UInt64) -> Int {
      recorder.streams[cookie]?[.egress]?.parts.reduce(0) { $0 + $1.bytes.count } ?? 0
    }

    @Test(arguments: [4096, 16384, 131_072])
    func `what does not fit into the ring is counted to the byte`(ringBytes: Int) throws {
      let capture = try Capture(target: Arena.target(), ringBytes: ringBytes)
      let wire = try Wire(connected: .v4)
      let cookie = wire.cookie
      let recorder = Recorder()
      recorder.record(capture)
      let total = 1_000_000
      try wire.send(pattern(total))
      recorder.record(capture, quiet_ms: 30)
      let lost = recorder.lost(cookie)
      #expect(lost.bytes > 0 && lost.segments > 0)
      #expect(recorder.covered(cookie, .egress) + Int(lost.bytes) == total)
      #expect(recorder.losses.allSatisfy { $0.cause == .ringFull })
      // Each loss is told once. (Others may use this cgroup too: the totals count theirs as well.)
      recorder.record(capture, quiet_ms: 30)
      #expect(recorder.lost(cookie) == lost)
      let counted = try #require(capture.statistics.lost[.ringFull])
      #expect(counted.bytes >= recorder.losses.reduce(0) { $0 + $1.bytes })
      #expect(counted.segments >= recorder.losses.reduce(0) { $0 + $1.segments })
      // And it recovers.
      try wire.send(pattern(100, seed: 9))
      recorder.record(capture)
      #expect(recorder.streams[cookie]?[.egress]?.parts.last?.bytes == pattern(100, seed: 9))
    }

    @Test func `the last segment before a pause does not wait`() throws {
      let capture = try Capture(target: Arena.target())
      let wire = try Wire(connected: .v4)
      let sender = Sender(wire.client)
      let rounds = 300
      sender.start(rounds)
      var delays_ns = [Int64]()
      while delays_ns.count < rounds {
        let before = delays_ns.count
        _ = capture.poll(
          timeout_ms: 500,
          body: { segment, _ in
            if segment.cookie == wire.cookie, segment.length == 1 { delays_ns.append(Clock.wall - segment.at) }
          }, loss: { _ in })
        if before == delays_ns.count && sender.isDone { break }
      }
      sender.join()
      #expect(delays_ns.count == rounds)
      delays_ns.sort()
      let p90_ns = delays_ns[delays_ns.count * 9 / 10]
      // On a machine with other work to do some waits are the scheduler's; none may last until the poll's time is over.
      #expect(p90_ns <= 2_000_000, "p90 \(p90_ns) ns")
      #expect((delays_ns.last ?? .max) < 200_000_000)
    }

    @Test func `a socket that connects again after it was refused is followed`() throws {
      let capture = try Capture(target: Arena.target())
      let recorder = Recorder()
      let wire = try Wire(.v4)
      let refused = try RetryingSocket()
      #expect(refused.connect(to: refused.closedPort) == ECONNREFUSED)
      recorder.record(capture)
      #expect(refused.connect(to: wire.port) == 0)
      try wire.accept()
      refused.send([1, 2, 3])
      recorder.record(capture)
      #expect(recorder.streams[refused.cookie]?[.egress]?.parts.last?.bytes == [1, 2, 3])
    }

    @Test func `closing leaves no program behind`() throws {
      let wire = try Wire(connected: .v4)
      let capture = try Capture(target: Arena.target())
      try wire.send([1])
      capture.close()
      try wire.send([2])
      let recorder = Recorder()
      recorder.record(capture)
      #expect(recorder.segments.isEmpty)
      #expect(capture.poll(timeout_ms: 1, body: { _, _ in }, loss: { _ in }) == 0)
      capture.set(.full, cookie: wire.cookie)
      capture.discovery.refresh()
    }

    @Test(arguments: [0, 100, (1 << 30) + 1])
    func `an impossible ring is refused`(ringBytes: Int) {
      #expect(throws: KernelError.self) { try Capture(target: Arena.target(), ringBytes: ringBytes) }
    }

    @Test func `doctor finds nothing missing`() {
      let checks = Doctor.checks()
      #expect(Doctor.isAble(checks), "\(checks.filter { $0.state == .missing })")
      #expect(checks.first { $0.name == "trial" }?.state == .ok)
      #expect(checks.allSatisfy { ($0.state == .ok) == ($0.cost == nil) })
    }
  }
}
