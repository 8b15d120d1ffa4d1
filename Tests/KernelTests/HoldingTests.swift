import Foundation
import Glibc
import Pipeline
import Testing

@testable import Kernel

extension LiveKernel {
  /// Holding on a real kernel. Runs as an unprivileged user as well.
  @Suite struct HoldingTests {
    /// Passes nothing by itself within a test.
    private static let pause = HoldTerms(action: .pause, trickle_ns: .seconds(60))
    private static let long_ns: Int64 = .seconds(60)

    @Test(arguments: Wire.Family.allCases)
    func `while a connection is paused nothing passes but the trickle, and released it loses nothing`(
      family: Wire.Family
    ) throws {
      let capture = try Capture(target: Arena.target())
      let wire = try Wire(connected: family)
      let other = try Wire(connected: family)
      try wire.send(pattern(1000))
      try capture.hold(wire.cookie, HoldTerms(action: .pause, trickle_ns: .milliseconds(700)), for_ns: Self.long_ns)
      let data = pattern(50_000, seed: 7)
      #expect(wire.write(Array(data[..<300])) == 300)
      // Within one packet. (Should this thread have waited long, it was tried again meanwhile.)
      let first = try #require(capture.holdCounters(wire.cookie))
      #expect(first.held.packets > 0 && first.held.bytes == 300 * first.held.packets)
      #expect(first.passed.bytes == 0)
      #expect(wire.receive(wait_ms: 200).isEmpty)
      // The other way, and another connection, are free.
      try wire.send(pattern(2000), from: .server)
      try other.send(pattern(2000))
      // The trickle passes a segment whole, however long it is.
      #expect(wire.write(Array(data[300...])) == data.count - 300)
      capture.renewLease()
      var arrived = wire.receive(1, wait_ms: 1900)
      #expect(!arrived.isEmpty)
      let counters = try #require(capture.release(wire.cookie))
      arrived += wire.receive(data.count - arrived.count, wait_ms: 5000)
      #expect(arrived == data)
      #expect(counters.passed.bytes > 0 && counters.passed.bytes <= UInt64(data.count))
      #expect(counters.held.packets > 0)
      #expect(capture.holdCounters(wire.cookie) == nil && capture.release(wire.cookie) == nil)
    }

    @Test func `of what would be sent as several segments at once the trickle passes the first alone`() throws {
      let capture = try Capture(target: Arena.target())
      let wire = try Wire(connected: .v4, segmentSize: 1000)
      try wire.send(pattern(100))
      var terms = HoldTerms(action: .pause, trickle_ns: .milliseconds(1), whole_ns: .seconds(60))
      try capture.hold(wire.cookie, terms, for_ns: Self.long_ns)
      let data = pattern(8000, seed: 3)
      #expect(wire.write(data) == data.count)
      var arrived: [UInt8] = []
      for _ in 0..<4 {
        capture.renewLease()
        arrived += wire.receive(1, wait_ms: 1000)
        // Less than a segment's size: the options of TCP take their part of it.
        let counters = try #require(capture.holdCounters(wire.cookie))
        #expect(counters.passed.bytes <= counters.passed.packets * 1000)
      }
      #expect(arrived.count >= 900 && arrived.count < data.count)
      // But not for ever, should it never be tried alone.
      terms.whole_ns = terms.trickle_ns
      try capture.hold(wire.cookie, terms, for_ns: Self.long_ns)
      arrived += wire.receive(data.count - arrived.count, wait_ms: 2000)
      #expect(arrived == data)
    }

    @Test func `bytes that are held are shown once, and are facts when they pass`() throws {
      let capture = try Capture(target: Arena.target())
      let wire = try Wire(connected: .v4)
      try wire.send(pattern(100))
      let recorder = Recorder()
      recorder.record(capture)
      try capture.hold(wire.cookie, Self.pause, for_ns: Self.long_ns)
      let data = pattern(10_000, seed: 5)
      wire.write(Array(data[..<300]))
      recorder.record(capture)
      #expect(recorder.held[wire.cookie] == Array(data[..<300]))
      wire.write(Array(data[300..<700]))
      recorder.record(capture)
      #expect(recorder.held[wire.cookie] == Array(data[..<700]))
      // Above 4096 bytes the rest is shown at the next tries; none is shown twice.
      wire.write(Array(data[700...]))
      for _ in 0..<14 {
        capture.renewLease()
        recorder.record(capture, quiet_ms: 200)
      }
      let shown = try #require(recorder.held[wire.cookie])
      #expect(shown.count > 4096 && shown == Array(data[..<shown.count]))
      #expect(recorder.bytes(wire.cookie, .egress) == pattern(100))
      capture.release(wire.cookie)
      #expect(wire.receive(data.count, wait_ms: 5000) == data)
      recorder.record(capture)
      #expect(recorder.bytes(wire.cookie, .egress) == pattern(100) + data)
      #expect(recorder.held[wire.cookie] == shown)
      #expect(recorder.losses.isEmpty)
    }

    @Test func `what is shown of one hold is bounded`() throws {
      let capture = try Capture(target: Arena.target())
      let wire = try Wire(connected: .v4)
      try wire.send(pattern(1))
      let recorder = Recorder()
      recorder.record(capture)
      try capture.hold(wire.cookie, Self.pause, for_ns: Self.long_ns)
      // Each write pushes, and so shows the next part.
      for _ in 0..<200 { wire.write(pattern(600)) }
      for _ in 0..<10 {
        wire.write([1])
        recorder.record(capture)
      }
      let shown = recorder.held[wire.cookie]?.count ?? 0
      #expect(shown > 10_000 && shown <= 65_536)
    }

    @Test func `without its lease a hold lets go`() throws {
      let capture = try Capture(target: Arena.target())
      let wire = try Wire(connected: .v4)
      try capture.hold(wire.cookie, Self.pause, for_ns: Self.long_ns)
      wire.write([1, 2, 3])
      #expect(wire.receive(wait_ms: 500).isEmpty)
      #expect(wire.receive(3, wait_ms: 4000) == [1, 2, 3])
      // Renewed, it holds again.
      capture.renewLease()
      wire.write([4])
      #expect(wire.receive(wait_ms: 300).isEmpty)
    }

    @Test func `a hold lets go when its time is over`() throws {
      let capture = try Capture(target: Arena.target())
      let wire = try Wire(connected: .v4)
      try capture.hold(wire.cookie, Self.pause, for_ns: .milliseconds(1500))
      wire.write([1, 2, 3])
      #expect(wire.receive(wait_ms: 300).isEmpty)
      capture.renewLease()
      #expect(wire.receive(3, wait_ms: 4000) == [1, 2, 3])
      #expect(capture.heldConnections == 1)
      #expect(capture.release(wire.cookie)?.passed.bytes == 3)
    }

    @Test func `bare acknowledgements pass, or are held where that is asked for`() throws {
      let capture = try Capture(target: Arena.target())
      for holdsAcks in [false, true] {
        let wire = try Wire(connected: .v4)
        var terms = Self.pause
        terms.holdsAcks = holdsAcks
        try capture.hold(wire.cookie, terms, for_ns: Self.long_ns)
        wire.write(pattern(1000), from: .server)
        #expect(wire.receive(1000, at: .client, wait_ms: 500) == pattern(1000))
        usleep(300_000)
        #expect((wire.unacknowledged(.server) > 0) == holdsAcks)
        let counters = try #require(capture.release(wire.cookie))
        #expect((counters.held.packets > 0) == holdsAcks)
        #expect(counters.held.bytes == 0)
      }
    }

    @Test func `held acknowledgements trickle too`() throws {
      let capture = try Capture(target: Arena.target())
      let wire = try Wire(connected: .v4)
      try capture.hold(
        wire.cookie, HoldTerms(action: .pause, trickle_ns: .milliseconds(300), holdsAcks: true), for_ns: Self.long_ns)
      wire.write(pattern(1000), from: .server)
      // The sender's retransmissions are answered.
      for _ in 0..<20 where wire.unacknowledged(.server) > 0 {
        capture.renewLease()
        usleep(100_000)
      }
      #expect(wire.unacknowledged(.server) == 0)
    }

    @Test(arguments: [20_000, 400_000])
    func `a throttled connection keeps to its rate, and to at most a second's worth more`(rate: Int) throws {
      let capture = try Capture(target: Arena.target())
      let wire = try Wire(connected: .v4)
      let terms = HoldTerms(action: .throttle, trickle_ns: .seconds(5), rate_bytes_s: UInt64(rate))
      let began = ContinuousClock.now
      try capture.hold(wire.cookie, terms, for_ns: Self.long_ns)
      var received = 0
      let block = pattern(20_000)
      while ContinuousClock.now - began < .seconds(5) {
        wire.write(block)
        received += wire.receive(wait_ms: 20).count
        capture.renewLease()
      }
      let seconds = (ContinuousClock.now - began) / .seconds(1)
      // The last segment may be larger than what was left: 64 KB at most here.
      #expect(Double(received) <= Double(rate) * (seconds + 1) + 65_536)
      // Tried every half second: a segment may wait that long though it may pass.
      #expect(Double(received) >= Double(rate) * seconds * 0.5)
      let counters = try #require(capture.release(wire.cookie))
      #expect(counters.held.packets > 0)
      #expect(Int(counters.passed.bytes) >= received)
    }

    @Test func `terms change in place, and counts go on`() throws {
      let capture = try Capture(target: Arena.target())
      let wire = try Wire(connected: .v4)
      try capture.hold(wire.cookie, Self.pause, for_ns: Self.long_ns)
      wire.write(pattern(100))
      let before = try #require(capture.holdCounters(wire.cookie))
      #expect(before.held == .init(packets: 1, bytes: 100))
      try capture.hold(
        wire.cookie, HoldTerms(action: .throttle, trickle_ns: .seconds(60), rate_bytes_s: 1_000_000),
        for_ns: Self.long_ns)
      #expect(wire.receive(100, wait_ms: 1500).count == 100)
      try capture.hold(wire.cookie, Self.pause, for_ns: Self.long_ns)
      wire.write(pattern(50))
      #expect(wire.receive(wait_ms: 200).isEmpty)
      let after = try #require(capture.release(wire.cookie))
      #expect(after.passed.bytes == 100)
      #expect(after.held.bytes >= 150)
    }

    @Test(arguments: Wire.Family.allCases)
    func `a refused endpoint is refused at once, by it alone, and until it is allowed`(family: Wire.Family) throws {
      let capture = try Capture(target: Arena.target())
      let wire = try Wire(family)
      let other = try Wire(family)
      let endpoint =
        family == .v6 ? Endpoint(high: 0, low: 1, port: wire.port) : Endpoint(v4: 0x7f00_0001, port: wire.port)
      try capture.refuse(endpoint, for_ns: Self.long_ns)
      let error = #expect(throws: WireError.self) { try wire.connect() }
      #expect(error?.error == EPERM)
      try other.connect()
      capture.allow(endpoint)
      wire.closeClient()
      try wire.connect()
      try wire.send(pattern(10))
      // And it ends with the lease.
      try capture.refuse(endpoint, for_ns: Self.long_ns)
      usleep(2_200_000)
      wire.closeClient()
      try wire.connect()
    }

    @Test func `a thousand holds and releases under load lose no record and no byte`() throws {
      let capture = try Capture(target: Arena.target(), ringBytes: 64 << 20)
      let (free, held) = (try Wire(connected: .v4), try Wire(connected: .v6))
      let recorder = Recorder()
      let count = 5000
      let loads = [free, held].map { ByteLoad($0, count: count) }
      recorder.record(capture, quiet_ms: 0)
      for load in loads { load.start() }
      var counters = HoldCounters()
      for _ in 0..<1000 {
        try capture.hold(held.cookie, Self.pause, for_ns: Self.long_ns)
        recorder.record(capture, quiet_ms: 1)
        if let counted = capture.release(held.cookie) { counters += counted }
        recorder.record(capture, quiet_ms: 0)
      }
      #expect(counters.held.packets > 20)
      for load in loads {
        load.join()
        #expect(load.received == load.sent)
      }
      recorder.record(capture, quiet_ms: 50)
      #expect(recorder.losses.isEmpty)
      for load in loads {
        #expect(recorder.bytes(load.wire.cookie, .egress) == load.sent, "\(load.wire.cookie)")
      }
    }

    @Test func `the table's end is an error, and nothing is lost by it`() throws {
      let capture = try Capture(target: Arena.target())
      for cookie in 1...4096 { try capture.hold(1 << 40 + UInt64(cookie), Self.pause, for_ns: Self.long_ns) }
      let error = #expect(throws: KernelError.self) { try capture.hold(5, Self.pause, for_ns: Self.long_ns) }
      #expect(error?.description.contains("4096") == true)
      try capture.hold(1 << 40 + 1, Self.pause, for_ns: Self.long_ns)
      #expect(capture.heldConnections == 4096)
      #expect(capture.release(1 << 40 + 7) != nil)
      try capture.hold(5, Self.pause, for_ns: Self.long_ns)
      capture.releaseAll()
      #expect(capture.heldConnections == 0)
      for port in 1...1024 { try capture.refuse(Endpoint(v4: 0x0a00_0001, port: UInt16(port)), for_ns: Self.long_ns) }
      #expect(throws: KernelError.self) {
        try capture.refuse(Endpoint(v4: 0x0a00_0002, port: 1), for_ns: Self.long_ns)
      }
      capture.releaseAll()
    }

    @Test func `impossible terms are refused and hold nothing`() throws {
      let capture = try Capture(target: Arena.target())
      let wire = try Wire(connected: .v4)
      for terms in [
        HoldTerms(action: .pause, trickle_ns: 0), HoldTerms(action: .pause, trickle_ns: .seconds(86_401)),
        HoldTerms(action: .throttle, trickle_ns: .seconds(1)),
      ] {
        #expect(throws: KernelError.self) { try capture.hold(wire.cookie, terms, for_ns: Self.long_ns) }
      }
      #expect(capture.heldConnections == 0)
      try wire.send(pattern(100))
    }

    @Test func `closing lets go and leaves no program behind`() throws {
      let path = try #require(Arena.path)
      let before = try #require(Coexistence.programs(path))
      let wire = try Wire(connected: .v4)
      let capture = try Capture(target: Arena.target())
      try capture.hold(wire.cookie, Self.pause, for_ns: Self.long_ns)
      wire.write([1, 2, 3])
      #expect(wire.receive(wait_ms: 100).isEmpty)
      capture.close()
      #expect(wire.receive(3, wait_ms: 2000) == [1, 2, 3])
      #expect(Coexistence.programs(path) == before)
      #expect(throws: KernelError.self) { try capture.hold(wire.cookie, Self.pause, for_ns: Self.long_ns) }
      #expect(capture.release(wire.cookie) == nil)
      #expect(capture.whyCannotHold != nil)
    }

    @Test func `a second holder at the same place or above is refused with the reason`() throws {
      let wire = try Wire(connected: .v4)
      var upper = try #require(Arena.path)
      let lower = upper + "/lower"
      // Nobody else holds in what is ours; an unprivileged user's parent is the arena of who started this.
      if mkdir(lower, 0o755) != 0 { upper = try #require(ControlGroups.ancestors(of: upper).first) }
      defer { rmdir(lower) }
      let inner = try Capture(target: Files.isDirectory(lower) ? .cgroup(lower) : Arena.target())
      let outer = try [0, 1].map { _ in try Capture(target: .cgroup(upper)) }
      let captures = [inner] + outer
      for (holder, others) in [(0, [1, 2]), (2, [0, 1])] {
        #expect(captures.allSatisfy { $0.whyCannotHold == nil })
        try captures[holder].hold(wire.cookie, Self.pause, for_ns: Self.long_ns)
        #expect(captures[holder].whyCannotHold == nil)
        for other in others {
          let error = #expect(throws: KernelError.self) {
            try captures[other].hold(wire.cookie, Self.pause, for_ns: Self.long_ns)
          }
          #expect(error?.description.contains("another stormfuse") == true)
          #expect(captures[other].whyCannotHold?.contains("another stormfuse") == true)
          #expect(captures[other].heldConnections == 0)
        }
        captures[holder].release(wire.cookie)
      }
      try wire.send(pattern(100))
      for capture in captures { capture.close() }
    }

    @Test func `a socket's limits are read, and assumed where it is not known`() throws {
      let wire = try Wire(connected: .v4)
      var timeout_ms: UInt32 = 7000
      #expect(setsockopt(wire.client, Int32(IPPROTO_TCP), TCP_USER_TIMEOUT, &timeout_ms, 4) == 0)
      let capture = try Capture(target: Arena.target())
      let retries = try #require(Files.read("/proc/sys/net/ipv4/tcp_retries2").flatMap { Int($0.dropLast()) })
      for (descriptor, cookie, timeout_ms) in [(wire.client, wire.cookie, 7000), (wire.server, wire.serverCookie, 0)] {
        let access = SocketAccess.open(process: getpid(), descriptor: descriptor)
        let read = SocketLimits(tcpRetries2: retries, userTimeout_ms: timeout_ms, isDefault: false, access: access)
        #expect(capture.socketLimits(cookie: cookie) == read)
      }
      // One that no search has found yet.
      #expect(
        capture.socketLimits(cookie: 1) == SocketLimits(tcpRetries2: retries, userTimeout_ms: 0, isDefault: true))
    }

    @Test(.enabled(if: Live.isRootEnabled, "makes a cgroup"))
    func `where two levels are attached each packet is decided once`() throws {
      let path = try #require(Arena.path)
      let inner = path + "/inner"
      #expect(mkdir(inner, 0o755) == 0)
      let peer = try Peer()
      defer {
        _ = Files.write("\(peer.id)", to: path + "/cgroup.procs")
        rmdir(inner)
      }
      let wire = try Wire(.v4)
      peer.connect(wire.port)
      #expect(Files.write("\(peer.id)", to: inner + "/cgroup.procs") == 0)
      // Its old socket belongs to the shared cgroup, its new one to that below.
      let capture = try Capture(target: .processes([peer.id]))
      #expect(capture.discovery.status.attached == [path, inner])
      peer.connect(wire.port, as: 4)
      peer.run("printf first >&3; printf second >&4")
      let recorder = Recorder()
      recorder.record(capture)
      let cookies = Set(recorder.segments.map(\.cookie))
      #expect(cookies.count == 2)
      // What passes is tried once, so it counts once, or twice if two programs decide.
      let open = HoldTerms(action: .throttle, trickle_ns: .seconds(60), rate_bytes_s: 1 << 30)
      for cookie in cookies { try capture.hold(cookie, open, for_ns: Self.long_ns) }
      peer.run("printf a >&3; printf bcd >&4")
      var counters = cookies.compactMap { capture.holdCounters($0) }
      #expect(Set(counters.map(\.passed.bytes)) == [1, 3])
      #expect(counters.allSatisfy { $0.held.packets == 0 })
      for cookie in cookies { try capture.hold(cookie, Self.pause, for_ns: Self.long_ns) }
      peer.run("printf third >&3; printf fourth >&4")
      counters = cookies.compactMap { capture.holdCounters($0) }
      #expect(counters.allSatisfy { $0.held.packets > 0 && $0.passed.bytes <= 3 })
      recorder.record(capture)
      let shown = cookies.compactMap { recorder.held[$0] }.map { String(decoding: $0, as: UTF8.self) }
      #expect(Set(shown) == ["third", "fourth"])
      capture.releaseAll()
      counters = cookies.compactMap { capture.holdCounters($0) }
      #expect(counters.isEmpty)
    }
  }
}
