import Testing

@testable import Pipeline

/// Messages to destinations whose names say that they are for dead letters or retries, and of which nothing else tells: of
/// which group they end a delivery, and when they end none.
@Suite struct ByTurnTests {
  private typealias Field = AMQPWire.Field

  private func consumer(_ queues: [String] = ["orders"]) -> (AMQPBench, AMQPLink) {
    let bench = AMQPBench()
    let link = bench.connect(channels: queues.indices.map { UInt16($0 + 1) })
    for (i, queue) in queues.enumerated() { link.consume(queue, tag: queue, on: UInt16(i + 1)) }
    return (bench, link)
  }

  // MARK: Answers

  @Test(arguments: ["amq.gen-J_s_OOoupjX_bv9TfebaXQ", "client_error", "reply-dead-reckoning", "payments-retry-client"])
  func `an answer to the address that the request names is no failure, whatever that is called`(
    address: String
  ) throws {
    for id in [nil, "m"] {
      let (bench, link) = consumer()
      for i in 0..<5 {
        let request = id.map { "\($0)\(i)" }
        let tag = link.deliver("ask \(i)", to: "orders", .init(id: request, correlationID: "c\(i)", replyTo: address))
        link.publish("answer \(i)", key: address, .init(correlationID: request ?? "c\(i)"))
        link.ack(tag)
      }
      #expect(try bench.counts("orders") == ["delivered": 5, "acked": 5])
      #expect(bench.engine.report().producers.map(\.kind) == ["normal"])
    }
  }

  @Test func `a dead letter of a request is one all the same`() throws {
    let (bench, link) = consumer()
    let tag = link.deliver("ask", to: "orders", .init(correlationID: "c", replyTo: "answers"))
    link.publish("envelope", key: "orders.dlq")
    link.ack(tag)
    #expect(try bench.counts("orders")["dead_lettered"] == 1)
  }

  @Test func `an address for answers that is also the id of a message says nothing of that`() throws {
    let (bench, link) = consumer()
    let tag = link.deliver("one", to: "orders", .init(id: "one"))
    link.publish("two", key: "orders", .init(id: "two", replyTo: "one"))
    link.ack(tag)
    #expect(try bench.counts("orders") == ["delivered": 1, "acked": 1])
  }

  @Test func `letters of a random name are no name part`() {
    let settings = DestinationSettings()
    for name in ["bv9TfebaXQ", "aXq.replies"] { #expect(settings.kind(of: name) == .normal, "\(name)") }
    for name in ["prices.XQ", "xq", "prices-xq-2"] { #expect(settings.kind(of: name) == .deadLetter, "\(name)") }
  }

  @Test func `a name that the broker made says nothing`() throws {
    let (bench, link) = consumer()
    let tag = link.deliver("ask", to: "orders")
    link.publish("answer", key: "amq.rabbitmq.reply-to.g2dkAB-dlq-x")
    link.publish("answer", key: "amq.gen-J_s_OOoupjX_bv9TfebaXQ")
    link.ack(tag)
    #expect(try bench.counts("orders") == ["delivered": 1, "acked": 1])
  }

  // MARK: Which group

  @Test func `a destination that bears a group's name gets that group's, however much others have in flight`() throws {
    let (bench, link) = consumer(["mail", "orders", "orders-eu"])
    for i in 0..<5 { link.deliver("mail \(i)", to: "mail") }
    link.deliver("order", to: "orders", on: 2)
    link.deliver("order", to: "orders-eu", on: 3)
    link.publish("opaque", key: "orders-eu.dlq")
    link.publish("opaque", key: "dead.orders")
    link.publish("opaque", exchange: "orders.dlx", key: "any")
    #expect(try bench.counts("mail") == ["delivered": 5, "in_flight": 5])
    #expect(try bench.counts("orders") == ["delivered": 1, "dead_lettered": 1])
    #expect(try bench.counts("orders-eu") == ["delivered": 1, "dead_lettered": 1])
  }

  @Test func `a name that only begins alike is another's`() throws {
    let (bench, link) = consumer(["order"])
    let other = bench.connect(client: 0x0a00_0002)
    link.deliver("m", to: "order")
    other.publish("opaque", key: "orders.dlq")
    #expect(try bench.counts("order") == ["delivered": 1, "in_flight": 1])
  }

  @Test func `else it is the group of the channel, else of the connection, else of the process`() throws {
    let (bench, link) = consumer(["mail", "orders"])
    for i in 0..<5 { link.deliver("mail \(i)", to: "mail") }
    link.deliver("order", to: "orders", on: 2)
    link.publish("opaque", key: "graveyard.dlq", on: 2)
    #expect(try bench.counts("orders") == ["delivered": 1, "dead_lettered": 1])
    for own in [true, false] {
      let (bench, link) = consumer()
      link.deliver("order", to: "orders")
      let publisher = own ? link : bench.connect()
      if own { link.openChannel(2) }
      publisher.publish("opaque", key: "graveyard.dlq", on: own ? 2 : 1)
      #expect(try bench.counts("orders") == ["delivered": 1, "dead_lettered": 1])
    }
  }

  @Test func `where it may be of several groups it is of none, counted`() throws {
    let (bench, link) = consumer(["mail", "orders"])
    link.openChannel(3)
    link.deliver("mail", to: "mail")
    link.deliver("order", to: "orders", on: 2)
    link.publish("opaque", key: "graveyard.dlq", on: 3)
    #expect(try bench.counts("mail") == ["delivered": 1, "in_flight": 1])
    #expect(try bench.counts("orders") == ["delivered": 1, "in_flight": 1])
    #expect(bench.engine.report().capture.dropped["pairs"] == 1)
  }

  @Test func `another process of the target publishes for a group only under its name`() throws {
    let (bench, link) = consumer()
    let child = bench.connect(client: 0x0a00_0002)
    link.deliver("1", to: "orders")
    link.deliver("2", to: "orders")
    child.publish("opaque", key: "graveyard.dlq")
    #expect(try bench.counts("orders") == ["delivered": 2, "in_flight": 2])
    child.publish("opaque", key: "orders.dlq")
    #expect(try bench.counts("orders") == ["delivered": 2, "dead_lettered": 1, "in_flight": 1])
  }

  @Test func `what comes from a stream is never meant`() throws {
    let bench = AMQPBench()
    let link = bench.connect()
    link.declare("log", [("x-queue-type", .text("stream"))])
    link.consume("log", tag: "log")
    let tag = link.deliver("line", to: "log", key: "log")
    link.publish("opaque", key: "log.dlq")
    link.ack(tag)
    #expect(try bench.counts("log") == ["delivered": 1, "acked": 1])
  }

  @Test func `deliveries that ended so are not counted as forgotten`() throws {
    let (bench, link) = consumer()
    link.publish("x", key: "elsewhere")
    for i in 0..<40_000 {
      let tag = link.deliver("m\(i)", to: "orders")
      link.publish("opaque", key: "orders.dlq")
      link.ack(tag)
    }
    #expect(try bench.counts("orders")["dead_lettered"] == 40_000)
    #expect(bench.engine.report().capture.dropped["copy_sources"] == nil)
  }

  // MARK: Retries

  @Test func `a message with an id of its own is no retry by the destination's name alone`() throws {
    let (bench, link) = consumer()
    for i in 0..<3 {
      let tag = link.deliver("order \(i)", to: "orders", .init(id: "o\(i)"))
      link.publish("metric \(i)", key: "retry-metrics", .init(id: "metric\(i)"))
      link.ack(tag)
    }
    #expect(try bench.counts("orders") == ["delivered": 3, "acked": 3])
    let tag = link.deliver("order", to: "orders", .init(id: "o"))
    link.publish("envelope", key: "orders.retry")
    link.ack(tag)
    #expect(try bench.counts("orders")["requeued"] == 1)
  }

  // MARK: Acknowledged before

  @Test(arguments: [true, false])
  func `a dead letter that nothing in flight can be the source of takes the latest ack back`(auto: Bool) throws {
    let bench = AMQPBench()
    let link = bench.connect()
    link.consume("orders", noAck: auto)
    for i in 0..<5 {
      let tag = link.deliver("order \(i)")
      if !auto { link.ack(tag) }
    }
    for i in 0..<3 { link.publish("envelope \(i)", key: "orders.dlq") }
    #expect(try bench.counts("orders") == ["delivered": 5, "acked": 2, "dead_lettered": 3, "acked_paired": 3])
    #expect(try bench.group(GroupKey.rabbitmq(vhost: "/", queue: "orders")).inferences["copy_by_turn"] == 3)
    for i in 0..<3 { link.publish("envelope \(i + 3)", key: "orders.dlq") }
    #expect(try bench.counts("orders") == ["delivered": 5, "dead_lettered": 5, "acked_paired": 5])
  }

  @Test func `not one that was acknowledged longer ago than the window, nor for a retry`() throws {
    let (bench, link) = consumer()
    link.ack(link.deliver("order 1", to: "orders"))
    link.publish("envelope", key: "orders.retry")
    #expect(try bench.counts("orders") == ["delivered": 1, "acked": 1])
    bench.pass(61)
    link.publish("envelope", key: "orders.dlq")
    #expect(try bench.counts("orders") == ["delivered": 1, "acked": 1])
  }
}
