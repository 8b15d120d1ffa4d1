import Testing

@testable import Pipeline

/// What is held, and on what terms, while half-open looks for its probes; through the whole engine.
@Suite struct HalfOpenHoldTests {
  @Test func `requests pass one at a time until the probes are out, which are held to, and acks close it`() throws {
    let hold = HoldBench()
    let link = hold.bench.connect(cookie: 7)
    link.consume("q")
    hold.flood(link)
    hold.pass(0.3)
    let state = try hold.state()
    #expect(state.state == .halfOpen && !state.held)
    #expect(
      hold.held[7]
        == HoldTerms(action: .pause, trickle_ns: Trickle.single_ns, whole_ns: Trickle.whole(.seconds(24))))
    let probes = (0..<5).map { link.deliver("p\($0)") }
    hold.settle()
    #expect(try hold.state().held)
    #expect(hold.held[7]?.trickle_ns == Trickle.probing_ns)
    for tag in probes { link.ack(tag) }
    hold.settle()
    #expect(try hold.state().state == .closed)
    #expect(hold.held.isEmpty)
    #expect(hold.events.map(\.kind) == [.held, .released, .held, .released])
  }

  @Test func `four probes hold nothing yet, and who got no more of them within a second is let go`() throws {
    let hold = HoldBench()
    let link = hold.bench.connect(cookie: 7)
    link.consume("q")
    hold.flood(link)
    hold.pass(0.3)
    for i in 0..<4 { link.deliver("p\(i)") }
    hold.settle()
    #expect(hold.held[7]?.trickle_ns == Trickle.single_ns)
    #expect(try !hold.state().held)
    hold.pass(1)
    #expect(try hold.state().state == .halfOpen)
    #expect(hold.held.isEmpty)
    #expect(hold.events.map(\.kind) == [.held, .released])
    link.deliver("p4")
    hold.settle()
    #expect(hold.held[7]?.trickle_ns == Trickle.probing_ns)
  }

  @Test func `a connection that serves a group on its way to its probes and an open one is let go`() throws {
    let hold = HoldBench { $0.breaker.tripOpen_ns = .seconds(5) }
    let link = hold.bench.connect(cookie: 7)
    link.consume("q", tag: "a")
    link.consume("p", tag: "b")
    _ = hold.command(.trip())
    hold.pass(4)
    _ = hold.command(.trip(), "p")
    #expect(hold.held[7]?.trickle_ns == .seconds(24))
    hold.pass(2)
    #expect(try hold.state().state == .halfOpen)
    #expect(hold.held.isEmpty)
    #expect(try hold.state("p").why == .sharedGroup)
  }

  @Test func `a group that is blocked or throttled is let go whole when half-open begins`() throws {
    for action in [HoldAction.block, .throttle] {
      let hold = HoldBench {
        var group = GroupSettings(match: "*:q")
        group.action = action
        group.rate_bytes_s = 210
        $0.groups = [group]
        $0.breaker.tripOpen_ns = 0
      }
      hold.bench.connect(cookie: 7).consume("q")
      _ = hold.command(.trip())
      #expect(hold.held.keys.sorted() == [7])
      hold.pass(0.3)
      #expect(try hold.state().state == .halfOpen)
      #expect(hold.held.isEmpty && hold.refused.isEmpty)
    }
  }

  @Test func `a failed probe holds on at once`() throws {
    let hold = HoldBench()
    let link = hold.bench.connect(cookie: 7)
    link.consume("q")
    hold.flood(link)
    hold.pass(0.3)
    link.reject(link.deliver("p"), requeue: false)
    hold.settle()
    #expect(try hold.state().state == .open)
    #expect(hold.held[7]?.trickle_ns == .seconds(24))
  }
}
