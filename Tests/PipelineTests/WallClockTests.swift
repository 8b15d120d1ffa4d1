import Testing

@testable import Pipeline

/// Live, the engine's time runs evenly while somebody sets the wall clock.
@Suite struct WallClockTests {
  private static let steps_s: [Int64] = [-86_400, -3, 3, 7200]

  @Test(arguments: steps_s)
  func `the delay of what is enqueued after the wall clock was set is right`(step_s: Int64) throws {
    let bench = AMQPBench(origin: .live)
    let link = bench.connect(cookie: 7)
    link.consume("q")
    func pass(after seconds: Int64) {
      let wall_s = (bench.now + bench.engine.wallAhead_ns).ns / 1_000_000_000
      let tag = link.deliver("m", .init(id: "\(bench.now.ns)", timestamp: UInt64(wall_s - seconds)))
      link.ack(tag)
    }
    pass(after: 5)
    bench.engine.wallAhead_ns = .seconds(step_s)
    pass(after: 5)
    bench.engine.wallAhead_ns = 0
    pass(after: 5)
    let delay = try bench.group("rabbitmq:%2F:q").consumption_delay_s
    #expect(delay.samples == 3 && delay.source == "timestamp")
    #expect(try (5...6.2).contains(#require(delay.p50)) && (5...6.2).contains(#require(delay.max)))
  }

  @Test func `what is in flight keeps its age, and the shadow of a step is skewed`() throws {
    let bench = AMQPBench(origin: .live)
    let link = bench.connect(cookie: 7)
    link.consume("q")
    let stamp = UInt64(bench.now.ns / 1_000_000_000)
    link.deliver("in flight", .init(timestamp: stamp))
    bench.engine.wallAhead_ns = .seconds(-3600)
    bench.pass(10)
    #expect(try (10...11.2).contains(#require(try bench.group("rabbitmq:%2F:q").oldest_in_flight_s)))
    // Stamped before the step, delivered after it: an hour in the future by now.
    link.deliver("under way", .init(timestamp: stamp))
    #expect(try bench.counts("q")["skewed"] == 1)
  }

  @Test(arguments: steps_s)
  func `no timer moves, and moments are told as the wall clock had them`(step_s: Int64) throws {
    let hold = HoldBench()
    hold.bench.connect(cookie: 7).consume("q")
    _ = hold.command(.forceOpen(for_ns: .seconds(60)))
    hold.pass(10)
    let opened = try #require(try hold.state().transitions.last)
    hold.bench.engine.wallAhead_ns = .seconds(step_s)
    hold.pass(49)
    #expect(try hold.state().state == .forcedOpen)
    hold.pass(2)
    #expect(try hold.state().state == .closed)
    let told = try #require(hold.transitions.last)
    let wall = hold.bench.now + .seconds(step_s)
    #expect(wall - told.at < .seconds(2) && told.at <= wall)
    let released = try #require(hold.events.last)
    #expect(released.kind == .released && wall - released.at < .seconds(2) && released.at <= wall)
    #expect(hold.bench.engine.report().to.timestamp == wall)
    // What was told once stays as it was told.
    #expect(try hold.state().transitions.map(\.at) == [opened.at, RFC3339(told.at)])
  }

  @Test(arguments: steps_s)
  func `an override goes on for what was left of it after a restart by the new clock`(step_s: Int64) throws {
    let old = HoldBench()
    old.bench.connect(cookie: 7).consume("q")
    _ = old.command(.forceOpen(for_ns: .seconds(60)))
    old.bench.engine.wallAhead_ns = .seconds(step_s)
    old.pass(20)
    let memory = old.bench.engine.memory()
    let wall = old.bench.now + .seconds(step_s)
    #expect(memory.first?.until?.at_ns == wall.ns + (try #require(memory.first?.until?.remaining_ns)))
    let new = HoldBench()
    new.bench.now = wall + .seconds(10)
    new.bench.engine.restore(memory, at: new.bench.now)
    new.pass(29)
    #expect(try new.state().state == .forcedOpen)
    new.pass(2)
    #expect(try new.state().state == .closed)
  }
}
