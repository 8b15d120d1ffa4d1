import Testing

@testable import Pipeline

/// `block`: everything to a cluster is held and new connections are refused, for as long as the breaker asks for it.
@Suite struct BlockHoldTests {
  private func bench(_ change: (inout Settings) -> Void = { _ in }) -> HoldBench {
    HoldBench {
      var group = GroupSettings(match: "*:q*")
      group.action = .block
      $0.groups = [group]
      change(&$0)
    }
  }

  private static let broker = Endpoint(v4: 0x0a00_00ff, port: 5672)

  @Test func `a publisher counts for the blocked groups of its own cluster alone`() throws {
    let hold = bench()
    hold.bench.connect(cookie: 7).consume("q1")
    hold.bench.connect(cluster: "rabbit@two", server: 0x0a00_00fe, cookie: 8).consume("q2")
    hold.bench.connect(cookie: 9).publish("an event", key: "elsewhere")
    _ = hold.command(.trip(), "q1")
    _ = hold.command(.trip(), "q2")
    #expect(hold.held.keys.sorted() == [7, 8, 9])
    #expect(try hold.state("q1").hold?.connections == 2)
    #expect(try hold.state("q2").hold?.connections == 1)
  }

  @Test func `a consumer of another group on a blocked cluster counts for both`() throws {
    let hold = bench()
    hold.bench.connect(cookie: 7).consume("q")
    hold.bench.connect(cookie: 8).consume("paused")
    _ = hold.command(.forceOpen(), "paused")
    _ = hold.command(.forceOpen(), "q")
    #expect(hold.held.values.allSatisfy { $0.action == .block } && hold.held.count == 2)
    #expect(try hold.state("q").hold?.connections == 2)
    #expect(try hold.state("paused").hold?.connections == 1)
  }

  @Test func `new connections are refused for as long as the override lasts, beyond what the kernel was told at first`()
    throws
  {
    let hold = bench()
    let link = hold.bench.connect(cookie: 7)
    link.consume("q")
    link.finish(.client)
    link.finish(.server)
    _ = hold.command(.forceOpen(for_ns: .seconds(600)))
    for second in 1...599 {
      hold.pass(1)
      #expect(hold.refused == [Self.broker], "after \(second) s")
      guard hold.refused == [Self.broker] else { return }
    }
    hold.pass(2)
    #expect(try hold.state().state == .closed)
    #expect(hold.refused.isEmpty)
    #expect(hold.events.map(\.kind) == [.held, .released])
  }

  @Test func `a group whose new connections are refused is held, also without a connection`() throws {
    let hold = bench()
    let link = hold.bench.connect(cookie: 7)
    link.consume("q")
    link.reset(.client)
    _ = hold.command(.forceOpen())
    let state = try hold.state()
    #expect(state.held && state.why == nil)
    #expect(state.hold?.connections == 0 && state.hold?.refused == 1)
    #expect(hold.events.map(\.kind) == [.held] && hold.events.first?.why == .action(.block))
    #expect(hold.events.first?.connections == 0)
  }

  @Test func `the hold limit ends the refusals as well, and says so`() throws {
    let hold = bench()
    hold.bench.connect(cookie: 7).consume("q")
    _ = hold.command(.forceOpen())
    for _ in 0..<599 { hold.pass(1) }
    #expect(hold.refused == [Self.broker] && hold.held.keys.sorted() == [7])
    hold.pass(2)
    #expect(hold.refused.isEmpty && hold.held.isEmpty)
    #expect(hold.events.map(\.kind) == [.held, .holdLimit, .released])
    let state = try hold.state()
    #expect(state.state == .forcedOpen && !state.held && state.why == .holdLimit)
    // The next opening refuses again.
    _ = hold.command(.forceOpen())
    #expect(hold.refused == [Self.broker])
  }

  @Test func `a broker that could not be refused is said, and tried again`() throws {
    let hold = bench()
    let link = hold.bench.connect(cookie: 7)
    link.consume("q")
    link.reset(.client)
    hold.kernel.why = "connections to 1024 addresses are refused already"
    _ = hold.command(.forceOpen())
    var state = try hold.state()
    #expect(!state.held && state.why == .kernel)
    #expect(state.why_detail == "connections to 1024 addresses are refused already")
    #expect(hold.events.map(\.kind) == [.notHeld])
    hold.kernel.why = nil
    for _ in 0..<12 { hold.pass(0.1) }
    state = try hold.state()
    #expect(state.held && state.why == nil && hold.refused == [Self.broker])
  }

  /// As in Kubernetes: the client dials a service, packets go to one of its pods.
  @Test(arguments: [true, false])
  func `an address that is translated on the way is refused as clients dial it, too`(isOver: Bool) throws {
    let service = Endpoint(v4: 0x0a60_000a, port: 5672)
    let hold = bench()
    let link = hold.bench.connect(dialled: service, cookie: 7)
    link.consume("q")
    if isOver {
      link.finish(.client)
      link.finish(.server)
      for _ in 0..<120 { hold.pass(1) }
    }
    _ = hold.command(.forceOpen())
    #expect(hold.refused == [Self.broker, service])
    #expect(try hold.state().held && hold.state().hold?.refused == 2)
    #expect(hold.held.keys.sorted() == (isOver ? [] : [7]))
    // And after a restart.
    let new = bench()
    new.bench.now = hold.bench.now
    new.bench.engine.restore(hold.bench.engine.memory(), at: new.bench.now)
    new.settle()
    #expect(new.refused == [Self.broker, service])
  }

  @Test func `a new connection that was not refused is held as soon as its protocol shows`() throws {
    let hold = bench()
    hold.bench.connect(cookie: 7).consume("q")
    _ = hold.command(.forceOpen())
    // The broker's address as it is connected to may be another one than on the wire.
    let link = hold.bench.connect(vhost: nil, cookie: 9)
    link.segment(.client, [], flags: .syn)
    link.segment(.server, [], flags: [.syn, .ack])
    link.send(.client, Array("AMQP".utf8) + [0, 0, 9, 1])
    hold.settle()
    #expect(hold.held.keys.sorted() == [7, 9])
  }

  @Test func `a blocked connection that its client is closing is let go, and said so`() throws {
    let hold = bench()
    hold.bench.connect(cookie: 7).consume("q")
    let publisher = hold.bench.connect(cookie: 8)
    publisher.publish("an event", key: "elsewhere")
    _ = hold.command(.forceOpen())
    #expect(hold.held.keys.sorted() == [7, 8])
    hold.peek(publisher, AMQPWire.close(0))
    #expect(hold.held.keys.sorted() == [7])
    #expect(try hold.state().hold?.left_alone == ["closing": 1])
  }

  @Test func `a connection that one group after the other holds is released after the hold limit`() throws {
    let hold = HoldBench {
      $0.holding.sharedConnections = .hold
      $0.holding.limit_ns = .seconds(150)
    }
    let link = hold.bench.connect(cookie: 7)
    link.consume("a", tag: "a")
    link.consume("b", tag: "b")
    _ = hold.command(.forceOpen(), "a")
    for _ in 0..<100 { hold.pass(1) }
    _ = hold.command(.forceOpen(), "b")
    for _ in 0..<49 { hold.pass(1) }
    #expect(hold.held.keys.sorted() == [7])
    for _ in 0..<2 { hold.pass(1) }
    // It has been held for 150 s, though b's breaker has not.
    #expect(hold.held.isEmpty)
    #expect(try hold.state("b").why == .holdLimit)
    for _ in 0..<60 { hold.pass(1) }
    #expect(hold.held.isEmpty)
    // Another opening is another hold.
    _ = hold.command(.forceOpen(), "b")
    #expect(hold.held.keys.sorted() == [7])
  }

  @Test func `an order that the kernel bounds is renewed for as long as it is wanted`() throws {
    let hold = HoldBench()
    hold.kernel.longest_ns = .seconds(6)
    let link = hold.bench.connect(cookie: 7)
    link.consume("q")
    _ = hold.command(.forceOpen())
    for second in 1...149 {
      hold.pass(1)
      #expect(try hold.state().held && hold.held.keys.sorted() == [7], "after \(second) s")
      guard !hold.held.isEmpty else { return }
    }
  }
}
