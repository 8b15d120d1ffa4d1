import Testing

@testable import Pipeline

/// How deliveries end: acknowledgements, channels, connections.
@Suite struct AMQPSessionSettlementTests {
  let bench = AMQPBench()

  @Test func `tag 0 with multiple acks everything outstanding on the channel, across consumers and gets`() throws {
    let link = bench.connect(channels: [1, 2])
    link.consume("a", tag: "a")
    link.consume("b", tag: "b")
    link.consume("a", tag: "other", on: 2)
    link.deliver("1", to: "a", key: "a")
    link.deliver("2", to: "b", key: "b")
    link.get("c", "3")
    link.deliver("4", to: "other", on: 2, key: "a")
    link.ack(0, multiple: true)
    #expect(try bench.counts("a") == ["delivered": 2, "acked": 1, "in_flight": 1])
    #expect(try bench.counts("b") == ["delivered": 1, "acked": 1])
    #expect(try bench.counts("c") == ["delivered": 1, "acked": 1])
  }

  @Test func `a multiple ack settles what lies at or below its tag and was not settled before`() throws {
    let link = bench.connect()
    link.consume("q")
    let tags = (1...6).map { link.deliver("m\($0)") }
    link.reject(tags[1], requeue: false)
    link.ack(tags[3], multiple: true)
    #expect(try bench.counts("q") == ["delivered": 6, "acked": 3, "rejected": 1, "in_flight": 2])
  }

  @Test func `a multiple nack hands everything up to its tag back, or drops it`() throws {
    let link = bench.connect()
    link.consume("q")
    let tags = (1...5).map { link.deliver("m\($0)") }
    link.nack(tags[1], multiple: true, requeue: true)
    link.nack(0, multiple: true, requeue: false)
    #expect(try bench.counts("q") == ["delivered": 5, "requeued": 2, "rejected": 3])
  }

  @Test(arguments: [true, false])
  func `a reject settles one delivery`(requeue: Bool) throws {
    let link = bench.connect()
    link.consume("q")
    let tag = link.deliver("m")
    link.deliver("n")
    link.reject(tag, requeue: requeue)
    #expect(try bench.counts("q") == ["delivered": 2, requeue ? "requeued" : "rejected": 1, "in_flight": 1])
  }

  @Test(arguments: [100, 110])
  func `recover hands the whole channel back`(method: Int) throws {
    let link = bench.connect(channels: [1, 2])
    link.consume("q")
    link.consume("q", tag: "d", on: 2)
    link.deliver("1")
    link.get("q", "2")
    link.deliver("3", to: "d", on: 2)
    link.fromClient(AMQPWire.method(1, 60, method, [1]))
    if method == 110 { link.fromServer(AMQPWire.method(1, 60, 111)) }
    #expect(try bench.counts("q") == ["delivered": 3, "requeued": 2, "in_flight": 1])
  }

  @Test func `a recover that the server refuses hands nothing back`() throws {
    let link = bench.connect()
    link.consume("q")
    link.deliver("m")
    link.fromClient(AMQPWire.method(1, 60, 110, [1]))
    #expect(try bench.counts("q") == ["delivered": 1, "in_flight": 1])
    // connection.close, 540
    link.fromServer(AMQPWire.method(0, 10, 50, [0x02, 0x1C, 0, 0, 0, 0, 0]))
    #expect(try bench.counts("q") == ["delivered": 1, "abandoned": 1])
  }

  @Test func `cancel settles nothing, and acks stay valid`() throws {
    let link = bench.connect()
    link.consume("q")
    let tags = (1...3).map { link.deliver("m\($0)") }
    link.fromClient(AMQPWire.method(1, 60, 30, AMQPWire.short("c") + [0]))
    link.fromServer(AMQPWire.method(1, 60, 31, AMQPWire.short("c")))
    #expect(try bench.counts("q") == ["delivered": 3, "in_flight": 3])
    link.ack(tags[1], multiple: true)
    link.nack(tags[2])
    #expect(try bench.counts("q") == ["delivered": 3, "acked": 2, "requeued": 1])
  }

  @Test func `what a cancelled consumer still held is abandoned when the client breaks off`() throws {
    let link = bench.connect()
    link.consume("q")
    link.deliver("m")
    link.fromClient(AMQPWire.method(1, 60, 30, AMQPWire.short("c") + [0]))
    link.fromServer(AMQPWire.method(1, 60, 31, AMQPWire.short("c")))
    link.finish(.client)
    #expect(try bench.counts("q") == ["delivered": 1, "abandoned": 1])
  }

  @Test func `deliveries that cross a cancel on the wire still belong to its queue`() throws {
    let link = bench.connect()
    link.consume("q")
    link.fromClient(AMQPWire.method(1, 60, 30, AMQPWire.short("c") + [0]))
    link.deliver("m", exchange: "events", key: "x")
    link.fromServer(AMQPWire.method(1, 60, 31, AMQPWire.short("c")))
    #expect(try bench.counts("q") == ["delivered": 1, "in_flight": 1])
  }

  @Test(arguments: [true, false])
  func `a consumer tag that is used again means its new queue`(answered: Bool) throws {
    let link = bench.connect()
    link.consume("old")
    link.deliver("1", key: "old")
    link.fromClient(AMQPWire.method(1, 60, 30, AMQPWire.short("c") + [answered ? 0 : 1]))
    if answered { link.fromServer(AMQPWire.method(1, 60, 31, AMQPWire.short("c"))) }
    link.consume("new")
    link.deliver("2", exchange: "events", key: "x")
    #expect(try bench.counts("old") == ["delivered": 1, "in_flight": 1])
    #expect(try bench.counts("new") == ["delivered": 1, "in_flight": 1])
  }

  @Test func `a thousand consumers that come and go leave nothing behind`() throws {
    let link = bench.connect()
    for i in 0..<1000 {
      link.consume("q", tag: "c\(i)", prefetch: nil)
      let tag = link.deliver("m", to: "c\(i)")
      link.fromClient(AMQPWire.method(1, 60, 30, AMQPWire.short("c\(i)") + [0]))
      link.fromServer(AMQPWire.method(1, 60, 31, AMQPWire.short("c\(i)")))
      link.ack(tag)
    }
    #expect(try bench.counts("q") == ["delivered": 1000, "acked": 1000])
    #expect(bench.engine.ledger.consumers.count <= 32)
  }

  // MARK: The ends of channels and connections

  @Test func `after the server closed a channel the client's acks are void`() throws {
    let link = bench.connect()
    link.consume("q")
    let tag = link.deliver("1")
    link.deliver("2")
    link.fromServer(AMQPWire.close(1, code: 406, reason: "PRECONDITION_FAILED"))
    link.ack(tag)
    link.nack(2)
    link.fromClient(AMQPWire.closeOk(1))
    #expect(try bench.counts("q") == ["delivered": 2, "abandoned": 2])
    link.openChannel(1)
    link.consume("q")
    link.ack(link.deliver("1", redelivered: true))
    #expect(try bench.counts("q") == ["delivered": 3, "redelivered": 1, "abandoned": 2, "acked": 1])
  }

  @Test func `what the server sent into a channel that the client is closing reached nobody`() throws {
    let link = bench.connect(channels: [1, 2])
    link.consume("q")
    link.deliver("1")
    link.fromClient(AMQPWire.close(1))
    link.deliver("2")
    link.fromServer(AMQPWire.closeOk(1))
    #expect(try bench.counts("q") == ["delivered": 1, "abandoned": 1])
    #expect(bench.engine.ledger.deliveries.count == 0)
  }

  @Test func `a channel whose close was not captured ends with its close-ok`() throws {
    let link = bench.connect(channels: [1, 2])
    link.consume("q")
    link.deliver("1")
    link.send(.client, AMQPWire.close(1), isLost: true)
    link.fromServer(AMQPWire.closeOk(1))
    bench.pass(1)
    #expect(try bench.counts("q") == ["delivered": 1, "abandoned": 1])
  }

  @Test(arguments: [AMQPLink.End.client, .server])
  func `connection.close abandons what is open, whoever says it`(end: AMQPLink.End) throws {
    let link = bench.connect()
    link.consume("q")
    link.deliver("1")
    link.deliver("2")
    link.send(end, AMQPWire.close(0, code: 320))
    link.send(end == .client ? .server : .client, AMQPWire.closeOk(0))
    link.finish(.client)
    #expect(try bench.counts("q") == ["delivered": 2, "abandoned": 2])
  }

  @Test(arguments: [true, false])
  func `a crash is the oldest unsettled delivery of each consumer, and no other`(reset: Bool) throws {
    let link = bench.connect(channels: [1, 2])
    link.consume("a", tag: "a")
    link.consume("b", tag: "b")
    link.consume("a", tag: "a", on: 2)
    for i in 0..<4 {
      link.deliver("a\(i)", to: "a", key: "a")
      link.deliver("b\(i)", to: "b", key: "b")
      link.deliver("c\(i)", to: "a", on: 2, key: "a")
    }
    link.ack(1)
    if reset { link.reset(.client) } else { link.finish(.client) }
    bench.pass(1)
    #expect(try bench.counts("a") == ["delivered": 8, "acked": 1, "crashed": 2, "abandoned": 5])
    #expect(try bench.counts("b") == ["delivered": 4, "crashed": 1, "abandoned": 3])
  }

  @Test(arguments: [true, false])
  func `an end by the broker's side abandons`(reset: Bool) throws {
    let link = bench.connect()
    link.consume("q")
    (0..<3).forEach { link.deliver("\($0)") }
    if reset { link.reset(.server) } else { link.finish(.server) }
    link.finish(.client)
    bench.pass(1)
    #expect(try bench.counts("q") == ["delivered": 3, "abandoned": 3])
  }

  @Test func `a new connection between the same ports abandons what the old one held`() throws {
    let link = bench.connect(port: 50_000)
    link.consume("q")
    link.deliver("1")
    link.handshake(vhost: "/", cluster: "rabbit@one", version: "3.13.7", isn: 0x7000_0000)
    link.openChannel(1)
    link.consume("q")
    link.ack(link.deliver("1", redelivered: true))
    #expect(try bench.counts("q") == ["delivered": 2, "redelivered": 1, "abandoned": 1, "acked": 1])
    #expect(bench.engine.report().capture.connections == 2)
  }

  @Test func `tags that begin again mean that the channel did, unseen`() throws {
    let link = bench.connect()
    link.consume("q")
    (1...3).forEach { link.deliver("\($0)") }
    link.fromServer(
      AMQPWire.deliver(1, consumer: "c", tag: 1, redelivered: true, key: "q") + AMQPWire.content(1, Array("1".utf8)))
    link.ack(1)
    #expect(try bench.counts("q") == ["delivered": 4, "redelivered": 1, "abandoned": 3, "acked": 1])
  }

  // MARK: What is no settlement

  @Test func `publisher confirms settle nothing`() throws {
    let link = bench.connect()
    link.consume("q")
    link.fromClient(AMQPWire.method(1, 85, 10, [0]))
    link.fromServer(AMQPWire.method(1, 85, 11))
    link.publish("x", key: "elsewhere")
    link.deliver("1")
    link.fromServer(AMQPWire.ack(1, 1))
    link.fromServer(AMQPWire.nack(1, 1, requeue: false))
    #expect(try bench.counts("q") == ["delivered": 1, "in_flight": 1])
  }

  @Test func `an ack of a delivery that was not seen is counted and settles nothing`() throws {
    let link = bench.connect()
    link.consume("q")
    link.deliver("1")
    link.ack(77)
    link.ack(1)
    link.ack(1)
    #expect(try bench.counts("q") == ["delivered": 1, "acked": 1])
    #expect(bench.engine.ledger.dropped.unmatchedSettlements == 2)
  }

  @Test func `a returned message is no delivery`() throws {
    let link = bench.connect()
    link.consume("q")
    link.publish("x", key: "nowhere")
    link.fromServer(
      AMQPWire.method(
        1, 60, 50, AMQPWire.u16(312) + AMQPWire.short("NO_ROUTE") + AMQPWire.short("") + AMQPWire.short("n"))
        + AMQPWire.content(1, Array("x".utf8)))
    link.deliver("1")
    #expect(try bench.counts("q") == ["delivered": 1, "in_flight": 1])
  }

  @Test func `no-ack consumers ack on delivery and expose nothing`() throws {
    let link = bench.connect()
    link.consume("q", noAck: true)
    (0..<3).forEach { link.deliver("\($0)") }
    link.get("g", "x", noAck: true)
    let group = try bench.group("rabbitmq:%2F:q")
    #expect(bench.counts(of: group) == ["delivered": 3, "acked": 3])
    #expect(group.exposure == 0)
    #expect(group.unholdable == .noAck)
    #expect(try bench.counts("g") == ["delivered": 1, "acked": 1])
    link.finish(.client)
    #expect(try bench.counts("q") == ["delivered": 3, "acked": 3])
  }

  @Test func `a no-ack consumer beside another one does not disturb its tags`() throws {
    let link = bench.connect()
    link.consume("a", tag: "a", noAck: true)
    link.consume("b", tag: "b")
    for i in 0..<5 {
      link.deliver("\(i)", to: "a", key: "a")
      link.deliver("\(i)", to: "b", key: "b")
    }
    link.ack(6, multiple: true)
    #expect(try bench.counts("b") == ["delivered": 5, "acked": 3, "in_flight": 2])
  }

  @Test func `on a stream an ack is credit and nothing can fail`() throws {
    let link = bench.connect()
    link.consume("s", [("x-stream-offset", .text("first"))])
    let tags = (0..<4).map { link.deliver("\($0)", key: "s") }
    link.ack(tags[0])
    link.nack(tags[1], requeue: true)
    link.reject(tags[2], requeue: false)
    link.finish(.client)
    #expect(try bench.counts("s") == ["delivered": 4, "acked": 3, "abandoned": 1])
  }

  @Test func `an unlimited prefetch cannot be held by pause, and prefetch 0 is unlimited`() throws {
    let link = bench.connect()
    link.consume("none", tag: "a", prefetch: nil)
    link.consume("zero", tag: "b", prefetch: 0)
    link.consume("some", tag: "c", prefetch: 10)
    #expect(try bench.group("rabbitmq:%2F:none").unholdable == .unlimitedPrefetch)
    #expect(try bench.group("rabbitmq:%2F:zero").unholdable == .unlimitedPrefetch)
    #expect(try bench.group("rabbitmq:%2F:some").unholdable == nil)
  }
}
