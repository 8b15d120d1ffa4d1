import Testing

@testable import Pipeline

/// How held connections are kept alive, and how they are let go; through the whole engine.
@Suite struct KeepaliveTests {
  @Test func `how often something passes, or a probe is sent, by the kernel's limits`() {
    // The trickle, probes, and what acknowledges the broker's data; in milliseconds.
    func spans(_ retries: Int, _ timeout_s: Int64 = 0) -> [Int64] {
      let timeout_ns = Int64.seconds(timeout_s)
      return [
        Trickle.forSocket(tcpRetries2: retries, userTimeout_ns: timeout_ns),
        Trickle.forProbes(tcpRetries2: retries, userTimeout_ns: timeout_ns), Trickle.forPeer(tcpRetries2: retries),
      ].map { $0 / 1_000_000 }
    }
    #expect(spans(15) == [4333, 2000, 616_400])
    #expect(spans(8) == [2000, 1000, 68_133])
    #expect(spans(5) == [1000, 500, 8400])
    #expect(spans(15, 1) == [500, 250, 616_400])
    #expect(spans(1) == [100, 50, 400])
  }

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
