import Testing

@testable import Pipeline

/// What a breaker remembers over a restart.
@Suite struct MemoryTests {
  private static let key = "rabbitmq:%2F:q"

  private func restarted(_ memories: [BreakerMemory], after seconds: Double, _ old: HoldBench) -> HoldBench {
    let new = HoldBench()
    new.bench.now = old.bench.now + Int64(seconds * 1e9)
    new.bench.engine.restore(memories, at: new.bench.now)
    new.settle()
    return new
  }

  @Test func `an override is in force again after a restart, before any traffic, and holds connections joined midway`()
    throws
  {
    let old = HoldBench()
    old.bench.connect(cookie: 7).consume("q")
    _ = old.command(.forceOpen(for_ns: .seconds(600)))
    let new = restarted(old.bench.engine.memory(), after: 30, old)
    var state = try new.state()
    #expect(state.state == .forcedOpen && state.revision == 1)
    #expect(state.transitions.map(\.author) == ["on call"])
    #expect(!state.held && state.why == .noConnection)
    // The cluster's name is not said again on a connection that is joined midway.
    let link = new.bench.connect(vhost: nil, cookie: 7)
    for i in 0..<20 { link.ack(link.deliver("m\(i)")) }
    new.settle()
    state = try new.state()
    #expect(state.held)
    #expect(new.bench.reports.count == 1)
    new.pass(569)
    #expect(try new.state().state == .forcedOpen)
    new.pass(2)
    #expect(try new.state().state == .closed)
  }

  @Test func `a block refuses connections to the brokers of the run before, until it ends`() throws {
    func bench() -> HoldBench {
      HoldBench {
        var group = GroupSettings(match: "*:q")
        group.action = .block
        $0.groups = [group]
      }
    }
    let old = bench()
    old.bench.connect(cookie: 7).consume("q")
    _ = old.command(.forceOpen(for_ns: .seconds(600)))
    var memories = old.bench.engine.memory()
    memories[0].addresses += ["[2001:db8::7]:5671", "a name that nobody can read:1"]
    let new = bench()
    new.bench.now = old.bench.now + .seconds(30)
    new.bench.engine.restore(memories, at: new.bench.now)
    new.settle()
    #expect(
      new.refused == [
        Endpoint(v4: 0x0a00_00ff, port: 5672), Endpoint(high: 0x2001_0db8_0000_0000, low: 7, port: 5671),
      ])
    #expect(new.bench.engine.memory().map(\.addresses) == [["10.0.0.255:5672", "[2001:db8::7]:5671"]])
    _ = new.command(.clearOverride)
    #expect(new.refused.isEmpty)
  }

  @Test func `a deadline that passed meanwhile ends at once`() throws {
    let old = HoldBench()
    old.bench.connect(cookie: 7).consume("q")
    _ = old.command(.forceOpen(for_ns: .seconds(60)))
    let new = restarted(old.bench.engine.memory(), after: 61, old)
    new.pass(0.2)
    #expect(try new.state().state == .closed)
    #expect(new.transitions.map(\.cause) == [.overrideEnded])
    #expect(new.transitions.map(\.revision) == [2])
  }

  @Test func `a clock that was set back a day makes no deadline longer`() throws {
    let old = HoldBench()
    old.bench.connect(cookie: 7).consume("q")
    _ = old.command(.forceOpen(for_ns: .seconds(60)))
    old.pass(20)
    let new = restarted(old.bench.engine.memory(), after: -86_400, old)
    new.pass(39)
    #expect(try new.state().state == .forcedOpen)
    new.pass(2)
    #expect(try new.state().state == .closed)
  }

  @Test func `a trip keeps its time over a restart, and its episode's end`() throws {
    let old = HoldBench()
    old.bench.connect(cookie: 7).consume("q")
    _ = old.command(.trip(for_ns: .seconds(300)))
    let new = restarted(old.bench.engine.memory(), after: 100, old)
    #expect(try new.state().state == .open)
    #expect(try new.state().until == old.state().until)
    #expect(try new.state().outlook?.episode_until == old.state().outlook?.episode_until)
    new.pass(199)
    #expect(try new.state().state == .open)
    new.pass(2)
    #expect(try new.state().state == .halfOpen)
  }

  @Test func `openings, disarming and revisions go on where they were`() throws {
    let old = HoldBench()
    let link = old.bench.connect(cookie: 7)
    link.consume("q")
    old.flood(link)
    old.pass(0.3)
    link.reject(link.deliver("p"), requeue: false)
    old.settle()
    let memory = try #require(old.bench.engine.memory().first)
    #expect(memory.state == .open && memory.revision == 3 && memory.openings == 2)
    let new = restarted([memory], after: 0, old)
    #expect(try new.state().state == .open)
    #expect(try #require(new.bench.engine.memory().first).openings == 2)
    new.pass(0.4)
    #expect(try new.state().state == .halfOpen)
    #expect(new.transitions.map(\.revision) == [4])
  }

  @Test func `a forced-closed breaker without a limit stays so`() throws {
    let old = HoldBench()
    old.bench.connect(cookie: 7).consume("q")
    _ = old.command(.forceClosed())
    let new = restarted(old.bench.engine.memory(), after: 100_000, old)
    new.pass(1)
    #expect(try new.state().state == .forcedClosed)
  }

  @Test func `what never moved is not remembered`() {
    let old = HoldBench()
    old.bench.connect(cookie: 7).consume("q")
    #expect(old.bench.engine.memory().isEmpty)
  }

  @Test(arguments: [Int64.min, -1, 0, .max])
  func `no number in a memory stops the clock or holds for ever`(number: Int64) throws {
    let old = HoldBench()
    old.bench.connect(cookie: 7).consume("q")
    _ = old.command(.forceOpen(for_ns: .seconds(60)))
    var memory = try #require(old.bench.engine.memory().first)
    memory.since_ns = number
    memory.closed_since_ns = number
    memory.until = .init(at_ns: number, remaining_ns: number)
    memory.openings = Int(truncatingIfNeeded: number)
    let new = restarted([memory], after: 1, old)
    new.pass(86_401)
    #expect(try new.state().state == .closed)
  }

  @Test func `a deadline is clamped to what was left of it and to the longest allowed`() {
    let now = Timestamp(ns: 1_000)
    func left(_ at_ns: Int64, _ remaining_ns: Int64, _ longest_ns: Int64 = .max / 4) -> Int64 {
      BreakerMemory.Deadline(at_ns: at_ns, remaining_ns: remaining_ns).clamped(at: now, longest_ns: longest_ns) - now
    }
    #expect(left(1_500, 700) == 500)
    #expect(left(9_000, 700) == 700)
    #expect(left(9_000, 700, 100) == 100)
    #expect(left(500, 700) == 0)
    #expect(left(.min, 700) == 0)
    #expect(left(.max, .max, 100) == 100)
    #expect(left(9_000, -5) == 0)
  }
}
