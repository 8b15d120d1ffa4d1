import Testing

@testable import Pipeline

/// What still runs when requests are held, and who can't be held: as the consumers of the moment are.
@Suite struct HoldExposureTests {
  private func group(_ hold: HoldBench, _ queue: String = "q") throws -> Report.Group {
    try hold.bench.group(GroupKey.rabbitmq(vhost: "/", queue: queue))
  }

  @Test func `the prefetch of all consumers counts, or what is in flight where that is more`() throws {
    let hold = HoldBench()
    let links = [(7 as UInt64, 20), (8, 5)].map { cookie, prefetch -> AMQPLink in
      let link = hold.bench.connect(cookie: cookie)
      link.consume("q", prefetch: prefetch)
      return link
    }
    #expect(try group(hold).exposure == 25 && group(hold).exposure_is_minimum == nil)
    for i in 0..<12 { links[0].deliver("m\(i)") }
    #expect(try group(hold).exposure == 25)
    // Quorum queues hand out more than the prefetch after requeues.
    for i in 12..<30 { links[1].deliver("m\(i)") }
    #expect(try group(hold).exposure == 30)
    _ = hold.command(.trip())
    #expect(hold.events.map(\.exposure) == [30])
    links[1].reset(.client)
    #expect(try group(hold).exposure == 20)
    links[0].fromServer(AMQPWire.method(1, 60, 30, AMQPWire.short("c") + [0]))
    #expect(try group(hold).exposure == 12)
    links[0].finish(.client)
    #expect(try group(hold).exposure == 0)
  }

  @Test func `a consumer that was cancelled and made anew counts once`() throws {
    let hold = HoldBench()
    let link = hold.bench.connect(cookie: 7)
    link.consume("q", prefetch: 20)
    // Without an answer, so that the tag is free at once.
    link.fromClient(AMQPWire.method(1, 60, 30, AMQPWire.short("c") + [1]))
    #expect(try group(hold).exposure == 0)
    link.consume("q", prefetch: 8)
    #expect(try group(hold).exposure == 8)
    link.consume("p", tag: "other", prefetch: 8)
    #expect(try group(hold).exposure == 8)
    link.fromClient(AMQPWire.close(1))
    #expect(try group(hold).exposure == 0 && group(hold, "p").exposure == 0)
  }

  @Test func `a consumer joined midway exposes what it has`() throws {
    let hold = HoldBench()
    let link = hold.bench.connect(vhost: nil, cookie: 7)
    for i in 0..<30 { link.deliver("m\(i)") }
    for tag in 1...10 as ClosedRange<UInt64> { link.ack(tag) }
    hold.pass(0.5)
    let group = try group(hold)
    #expect(group.in_flight > 0 && group.exposure == group.in_flight)
    #expect(group.exposure_is_minimum == true)
    link.reset(.client)
    #expect(try self.group(hold).exposure_is_minimum == nil)
  }

  @Test func `a group that a bound had dropped has its consumers again`() throws {
    let hold = HoldBench { $0.limits.groups = 1 }
    let link = hold.bench.connect(cookie: 7)
    link.consume("q", prefetch: 20)
    let other = hold.bench.connect(cookie: 8)
    other.consume("p", prefetch: 3)
    #expect(try group(hold, "p").exposure == 3)
    link.deliver("m")
    #expect(try group(hold).exposure == 20)
    link.reset(.client)
    #expect(try group(hold).exposure == 0)
    // Its own group is gone, and the other's is none of its business.
    other.reset(.client)
    #expect(try group(hold).exposure == 0)
  }

  @Test(arguments: [true, false])
  func `a group is holdable again when the consumer that was not is gone`(isCancelled: Bool) throws {
    let hold = HoldBench { $0.breaker.openBase_ns = .seconds(20) }
    let good = hold.bench.connect(cookie: 7)
    good.consume("q", prefetch: 20)
    let bad = hold.bench.connect(cookie: 8)
    bad.consume("q", noAck: true)
    // Alerts are looked at with the rules, every 100 ms.
    hold.pass(0.2)
    #expect(try group(hold).unholdable == .noAck)
    let unlimited = hold.bench.connect(cookie: 9)
    unlimited.consume("q", prefetch: 0)
    hold.settle()
    if isCancelled {
      bad.fromServer(AMQPWire.method(1, 60, 30, AMQPWire.short("c") + [0]))
    } else {
      bad.reset(.client)
    }
    #expect(try group(hold).unholdable == .unlimitedPrefetch)
    unlimited.finish(.client)
    #expect(try group(hold).unholdable == nil)
    // Told once when it begins, and once when it ends.
    hold.pass(7)
    #expect(hold.alerts.map(\.kind) == [.unholdable, .unholdable])
    #expect(hold.alerts.map(\.state) == [.began, .ended])
    hold.flood(good)
    #expect(try hold.state().held && hold.state().why == nil)
    // The next one is said again.
    hold.bench.connect(cookie: 10).consume("q", noAck: true)
    hold.settle()
    #expect(hold.alerts.filter { $0.kind == .unholdable && $0.state == .began }.count == 2)
    #expect(try group(hold).unholdable == .noAck)
  }
}
