import Testing

@testable import Pipeline

/// Which connections are held, on what terms, for how long; through the whole engine.
@Suite struct HoldPlannerTests {
  @Test func `an opening holds the connections that consume from the group, and no others`() throws {
    let hold = HoldBench()
    let consumer = hold.bench.connect(cookie: 7)
    consumer.consume("q")
    let other = hold.bench.connect(cookie: 8)
    other.consume("other")
    hold.flood(consumer)
    #expect(hold.held.keys.sorted() == [7])
    #expect(hold.held[7] == HoldTerms(action: .pause, trickle_ns: .seconds(24)))
    #expect(hold.transitions.map(\.to) == [.open])
    #expect(hold.heldAtTransition == [true])
    #expect(hold.events.map(\.kind) == [.held])
    let state = try hold.state()
    #expect(state.held && state.why == nil && state.hold?.connections == 1)
    #expect(try !hold.state("other").held)
  }

  @Test func `in mode observe nothing is held, and the reason says so`() throws {
    let hold = HoldBench { $0.mode = .observe }
    let link = hold.bench.connect(cookie: 7)
    link.consume("q")
    hold.flood(link)
    #expect(hold.held.isEmpty && hold.events.isEmpty)
    #expect(try hold.state().why == .observing)
  }

  @Test func `a replay holds nothing whatever the mode`() throws {
    let bench = AMQPBench { $0.mode = .enforce }
    let kernel = NotingSwitch()
    bench.engine.holdSwitch = kernel
    let link = bench.connect(cookie: 7)
    link.consume("q")
    for i in 0..<50 { link.reject(link.deliver("m\(i)"), requeue: false) }
    _ = bench.engine.takeEffects()
    #expect(kernel.held.isEmpty)
    #expect(try bench.group("rabbitmq:%2F:q").breaker.why == .replay)
  }

  @Test func `a client that comes back on a new connection is held as soon as it consumes`() throws {
    let hold = HoldBench { $0.breaker.openBase_ns = .seconds(20) }
    let link = hold.bench.connect(cookie: 7)
    link.consume("q")
    hold.flood(link)
    link.reset(.client)
    hold.pass(0.1)
    #expect(hold.held.isEmpty)
    let again = hold.bench.connect(cookie: 9)
    hold.settle()
    #expect(hold.held.isEmpty)
    again.consume("q")
    hold.settle()
    #expect(hold.held.keys.sorted() == [9])
  }

  @Test func `a connection that also publishes elsewhere is left alone, and said so`() throws {
    let hold = HoldBench()
    let link = hold.bench.connect(cookie: 7)
    link.consume("q")
    link.publish("an event", key: "elsewhere")
    hold.flood(link)
    #expect(hold.held.isEmpty)
    #expect(hold.events.map(\.kind) == [.notHeld])
    #expect(hold.events.first?.why == .not(.sharedPublishes))
    #expect(try hold.state().why == .sharedPublishes)
    #expect(hold.heldAtTransition == [false])
  }

  @Test func `a connection that has not published for a minute is only a consumer's, until it publishes again`() throws
  {
    let hold = HoldBench()
    let link = hold.bench.connect(cookie: 7)
    link.consume("q")
    link.publish("an event", key: "elsewhere")
    hold.pass(30)
    link.publish("an event", key: "elsewhere")
    _ = hold.command(.forceOpen())
    #expect(try hold.state().why == .sharedPublishes)
    for _ in 0..<59 { hold.pass(1) }
    #expect(hold.held.isEmpty)
    for _ in 0..<2 { hold.pass(1) }
    #expect(try hold.state().held && hold.held.keys.sorted() == [7])
    #expect(hold.events.map(\.kind) == [.notHeld, .held])
    // It is released for another minute as soon as it is seen to try.
    hold.peek(link, AMQPWire.publish(1, exchange: "events", key: "order.paid"))
    #expect(hold.held.isEmpty)
    #expect(try hold.state().why == .sharedPublishes)
    for _ in 0..<61 { hold.pass(1) }
    #expect(hold.held.keys.sorted() == [7])
  }

  @Test func `how long a publish makes a connection shared can be set`() throws {
    let hold = HoldBench { $0.holding.sharedAge_ns = .seconds(5) }
    let link = hold.bench.connect(cookie: 7)
    link.consume("q")
    link.publish("an event", key: "elsewhere")
    hold.pass(6)
    hold.flood(link)
    #expect(hold.held.keys.sorted() == [7])
  }

  @Test func `a publish to a dead-letter or retry destination does not make it shared`() throws {
    let hold = HoldBench()
    let link = hold.bench.connect(cookie: 7)
    link.consume("q")
    link.publish("a copy", key: "q.dlq")
    link.publish("a copy", key: "q.retry")
    hold.flood(link)
    #expect(hold.held.keys.sorted() == [7])
  }

  @Test func `a first publish while it is held lets it go`() throws {
    let hold = HoldBench { $0.breaker.openBase_ns = .seconds(20) }
    let link = hold.bench.connect(cookie: 7)
    link.consume("q")
    hold.flood(link)
    #expect(hold.held.keys.sorted() == [7])
    link.publish("an event", key: "elsewhere")
    hold.settle()
    #expect(hold.held.isEmpty)
    #expect(hold.events.map(\.kind) == [.held, .released, .notHeld])
  }

  @Test func `a connection with a consumer of a group that is not open is left alone until both are`() throws {
    let hold = HoldBench { $0.breaker.openBase_ns = .seconds(20) }
    let link = hold.bench.connect(cookie: 7)
    link.consume("q", tag: "a")
    link.consume("p", tag: "b")
    for i in 0..<50 { link.reject(link.deliver("m\(i)", to: "a"), requeue: false) }
    hold.settle()
    #expect(hold.held.isEmpty)
    #expect(try hold.state().why == .sharedGroup)
    #expect(hold.command(.trip(), "p") != nil)
    #expect(hold.held.keys.sorted() == [7])
  }

  @Test func `shared connections are held where that was asked for`() throws {
    let hold = HoldBench { $0.holding.sharedConnections = .hold }
    let link = hold.bench.connect(cookie: 7)
    link.consume("q")
    link.publish("an event", key: "elsewhere")
    hold.flood(link)
    #expect(hold.held.keys.sorted() == [7])
  }

  @Test(arguments: [true, false])
  func `a consumer that pause cannot hold is named when it is seen`(noAck: Bool) throws {
    let hold = HoldBench()
    let link = hold.bench.connect(cookie: 7)
    link.consume("q", prefetch: noAck ? 100 : 0, noAck: noAck)
    hold.settle()
    #expect(hold.events.isEmpty)
    #expect(hold.alerts.map(\.kind) == [.unholdable])
    #expect(hold.alerts.first?.why == (noAck ? .noAck : .unlimitedPrefetch))
    _ = hold.command(.trip())
    #expect(hold.held.isEmpty)
    #expect(try hold.state().why == (noAck ? .noAck : .unlimitedPrefetch))
  }

  @Test func `block holds all of the target's connections to that broker, acknowledgements of no-ack consumers too`()
    throws
  {
    let hold = HoldBench {
      var group = GroupSettings(match: "*:q")
      group.action = .block
      $0.groups = [group]
    }
    let link = hold.bench.connect(cookie: 7)
    link.consume("q", noAck: true)
    let publisher = hold.bench.connect(cookie: 8)
    publisher.publish("an event", key: "elsewhere")
    let elsewhere = hold.bench.connect(cluster: "rabbit@two", server: 0x0a00_00fe, cookie: 9)
    elsewhere.consume("other")
    _ = hold.command(.trip())
    #expect(hold.held.keys.sorted() == [7, 8])
    #expect(hold.held[7]?.holdsAcks == true && hold.held[8]?.holdsAcks == false)
    #expect(hold.refused == [Endpoint(v4: 0x0a00_00ff, port: 5672)])
    // Its consumer is gone: that changes nothing.
    link.reset(.client)
    hold.pass(0.05)
    #expect(hold.refused == [Endpoint(v4: 0x0a00_00ff, port: 5672)])
    #expect(hold.held.keys.sorted() == [8])
    _ = hold.command(.reset)
    #expect(hold.held.isEmpty && hold.refused.isEmpty)
  }

  @Test func `throttle carries its rate, and a standing rate holds while closed`() throws {
    let hold = HoldBench {
      var group = GroupSettings(match: "*:q")
      group.action = .throttle
      group.rate_bytes_s = 210
      group.standingRate_bytes_s = 2100
      $0.groups = [group]
    }
    let link = hold.bench.connect(cookie: 7)
    link.consume("q")
    hold.settle()
    #expect(hold.held[7]?.action == .throttle && hold.held[7]?.rate_bytes_s == 2100)
    #expect(try !hold.state().held)
    _ = hold.command(.trip())
    #expect(hold.held[7]?.rate_bytes_s == 210)
    #expect(try hold.state().held)
    _ = hold.command(.reset)
    #expect(hold.held[7]?.rate_bytes_s == 2100)
  }

  @Test func `a standing rate that lasted for long does not shorten the hold of a breaker`() throws {
    let hold = HoldBench {
      var group = GroupSettings(match: "*:q")
      group.standingRate_bytes_s = 2100
      $0.groups = [group]
    }
    hold.bench.connect(cookie: 7).consume("q")
    hold.pass(1000)
    _ = hold.command(.forceOpen())
    #expect(hold.held[7]?.action == .pause)
    hold.pass(599)
    #expect(hold.held[7]?.action == .pause)
    hold.pass(2)
    #expect(hold.held[7]?.action == .throttle)
    #expect(try hold.state().why == .holdLimit)
  }

  @Test(arguments: [(Keepalive.nudge, 600.0), (.trickle(why: "no rights"), 150)])
  func `held for the longest that was tested, traffic passes until the next opening`(
    keepalive: Keepalive, seconds: Double
  ) throws {
    let hold = HoldBench()
    hold.kernel.keepalives[7] = keepalive
    let link = hold.bench.connect(cookie: 7)
    link.consume("q")
    _ = hold.command(.forceOpen())
    #expect(hold.held.keys.sorted() == [7])
    hold.pass(seconds - 1)
    #expect(hold.held.keys.sorted() == [7])
    #expect(hold.events.map(\.keepalive) == [keepalive])
    hold.pass(2)
    #expect(hold.held.isEmpty)
    #expect(hold.events.map(\.kind) == [.held, .holdLimit, .released])
    let state = try hold.state()
    #expect(state.state == .forcedOpen && !state.held && state.why == .holdLimit)
    hold.pass(60)
    #expect(hold.held.isEmpty)
    _ = hold.command(.forceOpen())
    #expect(hold.held.keys.sorted() == [7])
  }

  @Test(arguments: [(0, Trickle.never_ns), (6, .milliseconds(2400)), (60, .seconds(24))])
  func `the trickle serves the heartbeat`(heartbeat_s: Int, trickle_ns: Int64) throws {
    let hold = HoldBench()
    let link = hold.bench.connect(cookie: 7)
    link.fromClient(
      AMQPWire.method(0, 10, 31, AMQPWire.u16(2047) + AMQPWire.u32(131_072) + AMQPWire.u16(heartbeat_s)))
    link.consume("q")
    _ = hold.command(.trip())
    #expect(hold.held[7]?.trickle_ns == trickle_ns)
  }

  @Test func `a trip of a half-open breaker that outlasted its episode is an opening like any other`() throws {
    let hold = HoldBench { $0.breaker.maxEpisode_ns = .seconds(6) }
    let link = hold.bench.connect(cookie: 7)
    link.consume("q")
    hold.flood(link)
    hold.pass(20)
    #expect(try hold.state().state == .halfOpen)
    _ = hold.command(.trip())
    hold.pass(0.15)
    #expect(try hold.state().state == .open)
    #expect(zip(hold.transitions, hold.transitions.dropFirst()).allSatisfy { $0.at <= $1.at })
  }

  @Test func `a consumer joined midway is held only once it was seen to acknowledge`() throws {
    let hold = HoldBench()
    let link = hold.bench.connect(vhost: nil, cookie: 7)
    for i in 0..<20 { link.deliver("m\(i)") }
    hold.pass(0.5)
    for i in 20..<40 { link.deliver("m\(i)") }
    hold.pass(0.5)
    _ = hold.command(.forceOpen())
    #expect(hold.held.isEmpty)
    #expect(try hold.state().why == .acksNotSeen)
    for tag in 1...10 as ClosedRange<UInt64> { link.ack(tag) }
    hold.pass(0.5)
    for tag in 11...20 as ClosedRange<UInt64> { link.ack(tag) }
    hold.pass(0.5)
    #expect(hold.held.keys.sorted() == [7])
  }

  @Test func `cancelling the last consumer releases`() throws {
    let hold = HoldBench { $0.breaker.openBase_ns = .seconds(20) }
    let link = hold.bench.connect(cookie: 7)
    link.consume("q")
    hold.flood(link)
    link.fromClient(AMQPWire.method(1, 60, 30, AMQPWire.short("c") + [0]))
    hold.settle()
    #expect(hold.held.isEmpty)
  }

  @Test func `what the kernel could not hold is said at once, and tried again a second later`() throws {
    let hold = HoldBench { $0.breaker.openBase_ns = .seconds(20) }
    let link = hold.bench.connect(cookie: 7)
    link.consume("q")
    hold.kernel.why = "another stormfuse holds here"
    hold.flood(link)
    #expect(hold.heldAtTransition == [false])
    #expect(hold.events.map(\.kind) == [.notHeld])
    let state = try hold.state()
    #expect(!state.held && state.why == .kernel && state.why_detail == "another stormfuse holds here")
    for _ in 0..<30 { hold.pass(0.1) }
    #expect(hold.events.map(\.kind) == [.notHeld])
    hold.kernel.why = nil
    for _ in 0..<12 { hold.pass(0.1) }
    #expect(try hold.state().held)
    #expect(hold.events.map(\.kind) == [.notHeld, .held])
  }

  @Test func `where nothing can be held the reason is that`() throws {
    let hold = HoldBench()
    hold.bench.engine.whyCannotHold = "an ancestor of the cgroup allows overrides"
    let link = hold.bench.connect(cookie: 7)
    link.consume("q")
    hold.flood(link)
    #expect(hold.held.isEmpty)
    let state = try hold.state()
    #expect(state.why == .kernel && state.why_detail == "an ancestor of the cgroup allows overrides")
    hold.bench.engine.whyCannotHold = nil
    hold.settle()
    #expect(hold.held.keys.sorted() == [7])
  }

  @Test func `a hold ends when too little of the traffic is seen`() throws {
    let hold = HoldBench { $0.breaker.openBase_ns = .seconds(20) }
    let link = hold.bench.connect(cookie: 7)
    link.consume("q")
    hold.flood(link)
    link.send(.server, [UInt8](repeating: 0, count: 60_000), isLost: true)
    hold.bench.engine.lost(
      CaptureLoss(at: hold.bench.now, cookie: 7, segments: 1, bytes: 60_000, cause: .ringFull))
    link.deliver("after")
    link.segment(.client, [])
    for _ in 0..<50 { hold.pass(0.1) }
    #expect(hold.held.isEmpty)
    #expect(try hold.state().why == .lowCoverage)
  }

  @Test func `counters of the kernel are summed over the connections of a group, released ones too`() throws {
    let hold = HoldBench { $0.breaker.openBase_ns = .seconds(20) }
    let links = [7, 8].map { hold.bench.connect(cookie: $0) }
    for link in links { link.consume("q") }
    hold.flood(links[0])
    hold.bench.engine.holdCounted(HoldCounters(held: .init(packets: 3, bytes: 30)), cookie: 7)
    hold.bench.engine.holdCounted(
      HoldCounters(held: .init(packets: 4, bytes: 50), passed: .init(packets: 1)), cookie: 8)
    #expect(try hold.state().hold?.held_packets == 7)
    hold.kernel.counters = [
      7: HoldCounters(held: .init(packets: 3, bytes: 30)),
      8: HoldCounters(held: .init(packets: 4, bytes: 50), passed: .init(packets: 1)),
    ]
    _ = hold.command(.reset)
    let report = try #require(try hold.state().hold)
    #expect((report.held_packets, report.held_bytes, report.passed_packets, report.connections) == (7, 80, 1, 0))
  }

  @Test(arguments: [HoldAction.pause, .block], [true, false])
  func `a run that is over releases everything and says so`(action: HoldAction, isTargetGone: Bool) throws {
    let hold = HoldBench {
      var group = GroupSettings(match: "*")
      group.action = action
      $0.groups = [group]
    }
    hold.bench.connect(cookie: 7).consume("q")
    _ = hold.command(.forceOpen())
    #expect(hold.held.keys.sorted() == [7] && hold.refused.isEmpty == (action == .pause))
    hold.bench.engine.endHolding(isTargetGone: isTargetGone)
    hold.settle()
    hold.bench.engine.finish()
    hold.settle()
    #expect(hold.held.isEmpty && hold.refused.isEmpty)
    #expect(hold.events.map(\.kind) == [.held, .released])
    let group = try #require(hold.bench.reports.first)
    #expect(group.breaker.state == .forcedOpen && !group.breaker.held && group.breaker.why == .runOver)
    #expect(group.target_ended == (isTargetGone ? true : nil))
  }
}
