import Testing

@testable import Pipeline

/// Time, bounds and hostile input, through the whole path.
@Suite struct EngineTests {
  @Test func `of many addresses the smallest are kept, in whichever order they come`() {
    let ends = (1...9).map { Endpoint(v4: 0x0a00_0000 + UInt32($0 / 2), port: UInt16($0)) }
    for order in [ends, ends.reversed(), ends + ends] {
      var sample = ConnectionSample()
      for end in order { sample.add(end) }
      #expect(sample.ends == Array(ends.prefix(4)) && sample.count == order.count)
    }
  }

  // MARK: Time

  /// The same story, told with ticks every 100 ms and with none: what is passed over must not have mattered.
  @Test(arguments: [0, 1, 2, 3])
  func `evaluations that are passed over would have changed nothing`(story: Int) throws {
    let ticked = Self.tell(story, ticks: true)
    let silent = Self.tell(story, ticks: false)
    #expect(ticked.breaker.transitions == silent.breaker.transitions)
    #expect(ticked.episodes == silent.episodes)
    #expect(ticked.verdict == silent.verdict)
    #expect(ticked.totals == silent.totals)
    #expect(!silent.episodes.isEmpty)
  }

  private static func tell(_ story: Int, ticks: Bool) -> Report.Group {
    let bench = AMQPBench()
    let link = bench.connect()
    link.consume("q")
    func wait(_ seconds: Double) {
      let end = bench.now + Int64(seconds * 1e9)
      while ticks, bench.now + .milliseconds(100) < end {
        bench.now = bench.now + .milliseconds(100)
        bench.engine.ledger.groups.forEach { $0.quietUntil = .zero }
        bench.engine.tick(at: bench.now)
      }
      bench.now = end
    }
    switch story {
    case 0:
      // Rejected at the first try, then nothing.
      for i in 0..<80 {
        link.reject(link.deliver("m\(i)"), requeue: false)
        wait(0.25)
      }
      wait(900)
    case 1:
      // One delivery stays; acks before it came every other second.
      for i in 0..<40 {
        link.ack(link.deliver("m\(i)"))
        wait(2)
      }
      link.deliver("stuck")
      wait(4000)
    case 2:
      // Returned again and again, ever older, until the oldest in flight crosses the line.
      for round in 0..<6 {
        for i in 0..<12 { link.nack(link.deliver("m\(i)", redelivered: round > 0, .init(id: "id\(i)"))) }
        wait(9)
      }
      link.deliver("m0", redelivered: true, .init(id: "id0"))
      wait(700)
    default:
      // A window that empties pane by pane over an episode that flickers.
      for i in 0..<60 {
        let tag = link.deliver("m\(i)")
        if i % 3 == 0 { link.reject(tag, requeue: false) } else { link.ack(tag) }
        wait(Double(i % 7) * 0.9)
      }
      for _ in 0..<3 {
        link.deliver("late")
        wait(400)
      }
    }
    link.ack(link.deliver("end"))
    bench.engine.finish()
    return bench.reports[0]
  }

  @Test func `a timer is seen at the next evaluation, whoever is silent`() throws {
    let bench = AMQPBench { $0.breaker.jitter = 0 }
    let link = bench.connect()
    link.consume("q")
    for i in 0..<50 { link.reject(link.deliver("m\(i)"), requeue: false) }
    func state() throws -> BreakerState { try bench.group("rabbitmq:%2F:q").breaker.state }
    #expect(try state() == .open)
    _ = bench.engine.takeEffects()
    bench.pass(0.25)
    #expect(try state() == .halfOpen)
    #expect(bench.engine.takeEffects().count == 1)
  }

  @Test(.timeLimit(.minutes(1))) func `years of silence cost nothing`() throws {
    let bench = AMQPBench()
    let link = bench.connect()
    link.consume("q")
    for i in 0..<30 { link.ack(link.deliver("m\(i)")) }
    link.deliver("open")
    bench.pass(60 * 86_400 * 365)
    #expect(try bench.counts("q") == ["delivered": 31, "acked": 30, "in_flight": 1])
    #expect(try bench.group("rabbitmq:%2F:q").verdict.kind == .stalled)
  }

  /// The far future of a capture file with wrong time stamps.
  @Test(.timeLimit(.minutes(1)), arguments: [2_040_000_000, 2_400_000_000, 4_500_000_000] as [Int64])
  func `years of silence cost nothing in whichever century`(from_s: Int64) throws {
    let bench = AMQPBench()
    bench.now = Timestamp(ns: .seconds(from_s))
    let link = bench.connect()
    link.consume("q")
    for i in 0..<30 { link.ack(link.deliver("m\(i)")) }
    bench.pass(3 * 86_400 * 365)
    for i in 0..<30 { link.reject(link.deliver("n\(i)"), requeue: false) }
    bench.pass(60)
    #expect(try bench.counts("q") == ["delivered": 60, "acked": 30, "rejected": 30])
    #expect(try bench.group("rabbitmq:%2F:q").window.error_rate == 1)
  }

  @Test(.timeLimit(.minutes(1)), arguments: [.min, -1, 0, .max / 2 + 5, .max] as [Int64])
  func `no time stamp stops the clock`(ns: Int64) {
    let bench = AMQPBench()
    let link = bench.connect()
    link.consume("q")
    link.deliver("1")
    var odd = link.take(.server, [])
    odd.at = Timestamp(ns: ns)
    bench.ingest(odd, [])
    bench.engine.tick(at: Timestamp(ns: ns))
    bench.engine.lost(CaptureLoss(at: Timestamp(ns: ns), cookie: 0, segments: 1, bytes: 1, cause: .ringFull))
    link.ack(1)
    bench.engine.finish()
    #expect(bench.reports[0].totals.acked == 1)
  }

  @Test func `a capture that begins with an odd time stamp ends all the same`() {
    for ns: Int64 in [.min, .max] {
      let bench = AMQPBench()
      bench.now = Timestamp(ns: ns)
      let link = bench.connect()
      link.consume("q")
      link.deliver("1")
      bench.engine.finish()
      #expect(bench.reports[0].totals.delivered == 1)
    }
  }

  @Test func `time that goes back counts as now`() throws {
    let bench = AMQPBench()
    let link = bench.connect()
    link.consume("q")
    let tag = link.deliver("1")
    bench.now = bench.now + .seconds(-3600)
    link.ack(tag)
    link.deliver("2")
    #expect(try bench.counts("q") == ["delivered": 2, "acked": 1, "in_flight": 1])
    #expect(try bench.group("rabbitmq:%2F:q").settle_latency_s.max == 0)
  }

  @Test func `a group's silence begins when it is first seen`() throws {
    let bench = AMQPBench()
    let link = bench.connect()
    link.consume("q")
    link.deliver("1")
    let quiet = try bench.group("rabbitmq:%2F:q").verdict.evidence.first { $0.condition == "ack_gap" }
    #expect((quiet?.value ?? .infinity) < 1)
  }

  // MARK: Segments

  @Test func `segments out of order in both directions, and repeated, change no count`() throws {
    var random = SplitMix64(seed: 3)
    for _ in 0..<20 {
      let bench = AMQPBench()
      let link = bench.connect()
      link.consume("q")
      var segments: [(Segment, [UInt8])] = []
      for i in 1...30 {
        let body = Array(repeating: UInt8(i), count: 200)
        let delivery =
          AMQPWire.deliver(1, consumer: "c", tag: UInt64(i), key: "q") + AMQPWire.content(1, body, piece: 64)
        for start in stride(from: 0, to: delivery.count, by: 90) {
          let part = Array(delivery[start..<min(start + 90, delivery.count)])
          segments.append((link.take(.server, part), part))
        }
        let answer = i % 5 == 0 ? AMQPWire.nack(1, UInt64(i), requeue: true) : AMQPWire.ack(1, UInt64(i))
        segments.append((link.take(.client, answer), answer))
      }
      segments += segments.filter { _ in Int.random(in: 0..<8, using: &random) == 0 }
      let keyed = segments.enumerated().map { ($0.offset + Int.random(in: 0...6, using: &random), $0) }
      for (_, item) in keyed.sorted(by: { ($0.0, $0.1.offset) < ($1.0, $1.1.offset) }) {
        bench.ingest(item.element.0, item.element.1)
      }
      bench.pass(1)
      #expect(try bench.counts("q") == ["delivered": 30, "acked": 24, "requeued": 6])
    }
  }

  @Test func `a connection that was ruled out is looked at again when another one takes its ports`() throws {
    let bench = AMQPBench()
    let other = bench.connect(vhost: nil, port: 50_123)
    other.segment(.client, [], flags: .syn)
    other.segment(.server, [], flags: [.syn, .ack])
    other.fromClient(Array("GET / HTTP/1.1\r\nHost: x\r\n\r\n".utf8))
    other.finish(.client)
    bench.pass(0.5)
    let link = bench.connect(port: 50_123)
    link.consume("q")
    link.ack(link.deliver("1"))
    #expect(try bench.counts("q") == ["delivered": 1, "acked": 1])
    let capture = bench.engine.report().capture
    #expect(capture.connections == 2)
    #expect(capture.undecoded.map(\.connections) == [1])
    #expect(capture.undecoded.map(\.addresses) == [["10.0.0.255:5672"]])
  }

  /// The kernel forgets what it was told of a connection that says nothing for a minute, and hands on all of it again.
  @Test func `the kernel is told again that nothing is wanted of a connection that comes back to life`() {
    let bench = AMQPBench(origin: .live)
    let pooled = bench.connect(vhost: nil, cookie: 7)
    func ignored() -> Int {
      bench.engine.takeEffects().reduce(0) { count, effect in
        if case .interest(cookie: 7, .ignore) = effect { count + 1 } else { count }
      }
    }
    pooled.segment(.client, [], flags: .syn)
    pooled.segment(.server, [], flags: [.syn, .ack])
    pooled.fromClient(Array("GET / HTTP/1.1\r\nHost: x\r\n\r\n".utf8))
    #expect(ignored() == 1)
    // What was on its way to us meanwhile.
    for _ in 0..<20 { pooled.fromServer(Array("HTTP/1.1 200 OK\r\n\r\n".utf8)) }
    #expect(ignored() == 0)
    bench.pass(61)
    for _ in 0..<20 { pooled.fromClient(Array("GET / HTTP/1.1\r\nHost: x\r\n\r\n".utf8)) }
    #expect(ignored() == 1)
    bench.pass(61)
    pooled.fromServer(Array("HTTP/1.1 200 OK\r\n\r\n".utf8))
    #expect(ignored() == 1)
  }

  @Test func `past the bound of connections the one that was silent longest goes, and what it held is abandoned`()
    throws
  {
    let bench = AMQPBench { $0.limits.connections = 3 }
    let links = (0..<4).map { i in
      let link = bench.connect()
      link.consume("q\(i)")
      link.deliver("1", key: "q\(i)")
      return link
    }
    #expect(try bench.counts("q0") == ["delivered": 1, "abandoned": 1])
    for i in 1..<4 { #expect(try bench.counts("q\(i)") == ["delivered": 1, "in_flight": 1]) }
    #expect(bench.engine.report().capture.dropped["connections"] == 1)
    links[1].ack(1)
    #expect(try bench.counts("q1") == ["delivered": 1, "acked": 1])
  }

  @Test(.timeLimit(.minutes(5))) func `twenty thousand short connections that are nothing of ours are no burden`() {
    let bench = AMQPBench { $0.limits.connections = 1000 }
    for i in 0..<20_000 {
      let link = AMQPLink(
        bench, client: Endpoint(v4: 0x0a01_0000 + UInt32(i >> 12), port: UInt16(1024 + i & 0xfff)),
        server: Endpoint(v4: 0x0a02_0001, port: 80))
      link.segment(.client, [], flags: .syn)
      link.fromClient(Array("GET / HTTP/1.1\r\nHost: x\r\n\r\n".utf8))
    }
    bench.pass(1)
    let capture = bench.engine.report().capture
    #expect(capture.connections == 20_000)
    #expect(capture.undecoded.map(\.connections) == [20_000])
    #expect(capture.undecoded.map(\.addresses) == [["10.2.0.1:80"]])
    #expect(capture.dropped["connections"] == nil)
  }
}
