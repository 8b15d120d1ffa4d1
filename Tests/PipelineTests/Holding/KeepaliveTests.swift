import Testing

@testable import Pipeline

/// How held connections are kept alive, and how they are let go; through the whole engine.
@Suite struct KeepaliveTests {
  @Test func `that probes keep a connection no longer is told once, and shown`() throws {
    let hold = HoldBench()
    let link = hold.bench.connect(cookie: 7)
    link.consume("q")
    _ = hold.command(.forceOpen())
    #expect(try hold.state().hold?.keepalive == "nudge")
    let trickle = Keepalive.trickle(why: "no rights")
    hold.kernel.keepalives[7] = trickle
    hold.pass(1)
    #expect(hold.events.map(\.kind) == [.held, .keepalive] && hold.events.last?.keepalive == trickle)
    let shown = try hold.state().hold
    #expect(shown?.keepalive == "trickle" && shown?.keepalive_why == "no rights")
  }

  @Test func `connections that are released together are let go one after the other, within a second`() throws {
    let hold = HoldBench()
    for cookie: UInt64 in 1...3 { hold.bench.connect(cookie: cookie).consume("q") }
    _ = hold.command(.forceOpen())
    _ = hold.command(.clearOverride)
    #expect(hold.kernel.releases.map(\.cookie) == [1, 2, 3])
    #expect(hold.kernel.releases.map(\.after_ns) == [0, .milliseconds(50), .milliseconds(100)])
    for cookie: UInt64 in 4...100 { hold.bench.connect(cookie: cookie).consume("q") }
    _ = hold.command(.forceOpen())
    hold.kernel.releases = []
    _ = hold.command(.clearOverride)
    #expect(hold.kernel.releases.map(\.after_ns) == (0..<100).map { Int64($0) * .milliseconds(10) })
  }
}
