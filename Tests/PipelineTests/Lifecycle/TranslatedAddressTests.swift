import Testing

@testable import Pipeline

/// Clients dial one address and reach the broker at another (a Kubernetes service, NAT). A connection joined midway is
/// known by either, depending on which direction was seen first; a new one by the broker's own, and by its cluster's name.
@Suite struct TranslatedAddressTests {
  private static let service = Endpoint(v4: 0x0a60_000a, port: 5672)
  private static let key = GroupKey.rabbitmq(vhost: "/", queue: "q")

  /// A consumer of `q` that was running before, from its next delivery on.
  private func joined(_ hold: HoldBench, cookie: UInt64, ackFirst: Bool = false) -> AMQPLink {
    let link = hold.bench.connect(vhost: nil, dialled: Self.service, cookie: cookie)
    if ackFirst { link.ack(link.nextTag()) }
    work(link)
    hold.settle()
    return link
  }

  /// As much as it takes to recognise the protocol, and that it acknowledges.
  private func work(_ link: AMQPLink) { for i in 0..<20 { link.ack(link.deliver("m\(i)")) } }

  @Test(arguments: [false, true])
  func `a consumer joined midway that connects again stays held by its open breaker`(ackFirst: Bool) throws {
    let hold = HoldBench()
    let old = joined(hold, cookie: 7, ackFirst: ackFirst)
    _ = hold.command(.forceOpen())
    #expect(hold.held.keys.sorted() == [7])
    old.reset(.client)
    hold.settle()
    let new = hold.bench.connect(dialled: Self.service, cookie: 8)
    new.consume("q")
    hold.settle()
    #expect(hold.bench.reports.map(\.cluster) == ["rabbit@one"])
    #expect(try hold.state().state == .forcedOpen && hold.state().held)
    #expect(hold.held.keys.sorted() == [8])
  }

  @Test func `two connections joined midway from different directions are one group`() throws {
    let hold = HoldBench()
    let one = hold.bench.connect(vhost: nil, dialled: Self.service, cookie: 7)
    let other = hold.bench.connect(vhost: nil, dialled: Self.service, cookie: 8)
    other.ack(other.nextTag())
    for i in 0..<60 {
      one.deliver("a\(i)")
      other.ack(other.deliver("b\(i)"))
    }
    hold.settle()
    #expect(hold.bench.reports.count == 1)
    #expect(try hold.bench.counts("q") == ["delivered": 120, "acked": 60, "in_flight": 60])
  }

  /// Both had groups of their own by the time that it turned out.
  @Test(arguments: [false, true])
  func `two groups that turn out to be one keep their counts, what is in flight, and the open breaker`(
    isEarlierOpen: Bool
  ) throws {
    let hold = HoldBench()
    let earlier = hold.bench.connect(vhost: nil, server: 0x0a00_0001, cookie: 7)
    work(earlier)
    let a = earlier.deliver("a")
    let later = hold.bench.connect(vhost: nil, server: 0x0a00_0002, cookie: 8)
    work(later)
    let d = later.deliver("d")
    hold.settle()
    let clusters = hold.bench.reports.map(\.cluster)
    try #require(clusters.count == 2)
    _ = hold.bench.engine.apply(
      .forceOpen(), note: OperatorNote(author: "on call", reason: "test"), key: Self.key,
      cluster: clusters[isEarlierOpen ? 0 : 1])
    hold.settle()
    #expect(hold.held.keys.sorted() == [isEarlierOpen ? 7 : 8])
    hold.bench.engine.ledger.clusters.note(dialled: earlier.server, for: later.server)
    hold.bench.engine.ledger.followClusters()
    hold.pass(0.1)
    #expect(try hold.bench.counts("q") == ["delivered": 42, "acked": 40, "in_flight": 2])
    #expect(try hold.state().state == .forcedOpen)
    #expect(hold.held.keys.sorted() == [7, 8])
    earlier.ack(a)
    later.nack(d)
    later.ack(later.deliver("d", redelivered: true))
    hold.settle()
    #expect(try hold.bench.counts("q") == ["delivered": 43, "redelivered": 1, "acked": 42, "requeued": 1])
    // The place that became free is used again.
    let another = hold.bench.connect(cluster: "rabbit@two", server: 0x0a00_0003, cookie: 9)
    another.consume("q2")
    another.ack(another.deliver("e", key: "q2"))
    #expect(hold.bench.reports.map(\.group) == ["q", "q2"])
    #expect(hold.bench.engine.ledger.groups.count == 2)
  }

  /// What was said before it turned out is revised, paired and given back after it.
  @Test func `copies, timeouts and returns are followed into the group that goes on`() throws {
    let bench = AMQPBench()
    let links = [1, 2].map { bench.connect(cluster: nil, server: $0) }
    for (i, link) in links.enumerated() {
      link.consume("q")
      // Acknowledged, and its copy shows later.
      link.ack(link.deliver("a\(i)", .init(id: "a\(i)")))
      // A copy has ended it, and its acknowledgement comes later.
      link.deliver("b\(i)", .init(id: "b\(i)"))
      link.publish("b\(i)", key: "q", .init(id: "b\(i)"))
      // Too late.
      let late = bench.connect(cluster: nil, server: UInt32(i + 1))
      late.consume("q")
      late.deliver("c\(i)", .init(id: "c\(i)"))
      late.fromServer(
        AMQPWire.close(1, code: 406, reason: "PRECONDITION_FAILED - delivery acknowledgement on channel 1 timed out."))
    }
    try #require(bench.reports.count == 2)
    bench.engine.ledger.clusters.note(dialled: links[0].server, for: links[1].server)
    bench.engine.ledger.followClusters()
    for (i, link) in links.enumerated() {
      link.publish("a\(i)", key: "q.dlq", .init(id: "a\(i)"))
      link.ack(2)
      link.deliver("c\(i)", redelivered: true, .init(id: "c\(i)"))
    }
    let group = try bench.group(Self.key)
    #expect(
      bench.counts(of: group)
        == [
          "delivered": 8, "dead_lettered": 2, "requeued": 4, "acked_paired": 4, "redelivered": 2, "in_flight": 2,
        ])
    #expect(group.requeue_causes == ["ack_timeout": 2])
    #expect(bench.engine.report().capture.dropped["unmatched_settlements"] == nil)
  }

  @Test func `brokers of two clusters behind one address stay two clusters`() throws {
    let hold = HoldBench()
    for (cluster, server, cookie) in [("rabbit@one", 0x0a00_0001, 7), ("rabbit@two", 0x0a00_0002, 8)] {
      let link = hold.bench.connect(
        cluster: cluster, server: UInt32(server), dialled: Self.service, cookie: UInt64(cookie))
      link.consume("q")
      link.ack(link.deliver("m"))
    }
    #expect(hold.bench.reports.map(\.cluster) == ["rabbit@one", "rabbit@two"])
  }
}
