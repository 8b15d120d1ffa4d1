import Testing

@testable import Pipeline

/// What the destination of a publish decides, and what the configuration changes about that.
@Suite struct CopyDestinationTests {
  private typealias Field = AMQPWire.Field

  private func consumer(_ change: (inout Settings) -> Void = { _ in }) -> (AMQPBench, AMQPLink) {
    let bench = AMQPBench(change)
    let link = bench.connect()
    link.consume("q")
    return (bench, link)
  }

  @Test func `what comes back from a destination that is configured as normal was no retry`() throws {
    let (bench, link) = consumer { $0.destinations.normal = ["later"] }
    for _ in 0..<3 {
      let tag = link.deliver("m", .init(id: "m1"))
      link.publish("m", exchange: "later", key: "x", .init(id: "m1", headers: [("x-delay", .int(500))]))
      link.ack(tag)
    }
    #expect(try bench.counts("q") == ["delivered": 3, "acked": 3])
    #expect(bench.engine.report().producers.map(\.kind) == ["normal"])
  }

  @Test func `what was learned of a destination is forgotten when it is configured as normal`() throws {
    let (bench, link) = consumer()
    func passOn() {
      let tag = link.deliver("m", .init(id: "m1"))
      link.publish("m", exchange: "later", key: "x", .init(id: "m1"))
      link.ack(tag)
    }
    for _ in 0..<3 { passOn() }
    #expect(try bench.counts("q")["requeued"] == 3)
    var settings = bench.engine.ledger.settings
    settings.destinations.normal = ["later"]
    _ = bench.engine.replace(settings: settings)
    for _ in 0..<3 { passOn() }
    #expect(try bench.counts("q")["requeued"] == 3)
  }

  @Test func `an equal message of somebody else's is not a copy that came back`() throws {
    let (bench, link) = consumer()
    for _ in 0..<5 {
      let tag = link.deliver(#"{"cmd":"refresh"}"#)
      link.publish(#"{"cmd":"refresh"}"#, exchange: "caches", key: "x", .init(headers: [("x-delay", .int(500))]))
      link.ack(tag)
    }
    #expect(try bench.counts("q") == ["delivered": 5, "acked": 5])
  }

  @Test func `one message that is sent anew makes no retry destination of where all are passed on`() throws {
    let (bench, link) = consumer()
    func passOn(_ id: String) {
      let tag = link.deliver("m", .init(id: id))
      link.publish("m", key: "shipping", .init(id: id))
      link.ack(tag)
    }
    for i in 0..<20 { passOn("m\(i)") }
    passOn("m7")
    for i in 20..<40 { passOn("m\(i)") }
    #expect(try bench.counts("q") == ["delivered": 41, "requeued": 1, "acked_paired": 1, "acked": 40])
    #expect(bench.engine.report().producers.map(\.kind) == ["normal"])
  }

  @Test func `a copy comes back also where the broker stamps messages with the time`() throws {
    let (bench, link) = consumer()
    for i in 0..<3 {
      let tag = link.deliver("m", .init(id: "m1", timestamp: 1_800_000_000 + UInt64(i)))
      link.publish("m", exchange: "later", key: "x", .init(id: "m1"))
      link.ack(tag)
    }
    #expect(try bench.counts("q")["requeued"] ?? 0 >= 2)
  }

  @Test func `a connection that publishes events under a name that says little is not held`() throws {
    let hold = HoldBench()
    let link = hold.bench.connect(cookie: 7)
    link.consume("q")
    link.deliver("m", .init(id: "m1"))
    link.publish("event", exchange: "events", key: "payment.failed", .init(id: "e1"))
    _ = hold.command(.forceOpen())
    #expect(hold.held.isEmpty)
    #expect(try hold.state().why == .sharedPublishes)
  }

  @Test func `one that publishes copies under such a name is`() throws {
    let hold = HoldBench()
    let link = hold.bench.connect(cookie: 7)
    link.consume("q")
    link.deliver("m", .init(id: "m1"))
    link.publish("m", key: "errors", .init(id: "m1"))
    _ = hold.command(.forceOpen())
    #expect(hold.held.keys.sorted() == [7])
  }

  @Test func `under a name for retries every likeness counts that counts for dead letters`() throws {
    let order = "0abc9b85-11df-4ea5-b663-0238e0e54679"
    let likenesses: [(AMQPWire.Properties, String, AMQPWire.Properties, String)] = [
      (.init(id: "m1"), "one", .init(correlationID: "m1"), "two"),
      (.init(), #"{"order":"\#(order)","n":1}"#, .init(), #"{"order":"\#(order)","why":2}"#),
      (.init(), "nothing", .init(), "in common"),
    ]
    for key in ["q.retry", "q.dlq"] {
      for (source, body, copy, copyBody) in likenesses {
        let (bench, link) = consumer()
        let tag = link.deliver(body, source)
        link.publish(copyBody, key: key, copy)
        link.ack(tag)
        let end = key == "q.dlq" ? "dead_lettered" : "requeued"
        #expect(try bench.counts("q") == ["delivered": 1, end: 1, "acked_paired": 1])
      }
    }
  }

  @Test func `a job that enqueues itself again and is dead-lettered then is a dead letter`() throws {
    for early in [true, false] {
      let (bench, link) = consumer()
      let tag = link.deliver("m")
      link.publish("m", key: "q")
      if early { link.ack(tag) }
      link.publish("m", key: "q.dlq")
      if !early { link.ack(tag) }
      #expect(try bench.counts("q") == ["delivered": 1, "dead_lettered": 1, "acked_paired": 1])
    }
  }

  @Test func `by turn a copy is of the group whose name it bears, of several that the process consumes`() throws {
    let (bench, link) = consumer()
    link.consume("mail", tag: "m")
    for i in 0..<5 { link.deliver("mail \(i)", to: "m", key: "mail") }
    let tag = link.deliver("order")
    link.publish("opaque", key: "q.dlq")
    link.ack(tag)
    #expect(try bench.counts("q") == ["delivered": 1, "dead_lettered": 1, "acked_paired": 1])
    #expect(try bench.counts("mail") == ["delivered": 5, "in_flight": 5])
  }

  @Test func `by turn a copy that bears none of their names is of none, counted`() throws {
    let (bench, link) = consumer()
    link.consume("mail", tag: "m")
    link.deliver("mail", to: "m", key: "mail")
    let tag = link.deliver("order")
    link.publish("opaque", key: "graveyard.dlq")
    link.ack(tag)
    #expect(try bench.counts("q") == ["delivered": 1, "acked": 1])
    #expect(try bench.counts("mail") == ["delivered": 1, "in_flight": 1])
    #expect(bench.engine.report().capture.dropped["pairs"] == 1)
  }

  @Test func `by turn a copy is of nothing that comes from a stream`() throws {
    let bench = AMQPBench()
    let link = bench.connect()
    link.declare("log", [("x-queue-type", .text("stream"))])
    link.consume("log", tag: "l")
    let tag = link.deliver("line", to: "l", key: "log")
    link.publish("opaque", key: "log.dlq")
    link.ack(tag)
    #expect(try bench.counts("log") == ["delivered": 1, "acked": 1])
  }

  @Test func `a delivery that ended by turn is not counted as one that was forgotten`() throws {
    let (bench, link) = consumer()
    link.publish("x", key: "elsewhere")
    for i in 0..<40_000 {
      let tag = link.deliver("m\(i)")
      link.publish("opaque", key: "q.dlq")
      link.ack(tag)
    }
    #expect(try bench.counts("q")["dead_lettered"] == 40_000)
    #expect(bench.engine.report().capture.dropped["copy_sources"] == nil)
  }

  @Test func `a rejection that is revised to another failure counts once among its message's failures`() throws {
    let (bench, link) = consumer()
    link.reject(link.deliver("m", .init(id: "m1")), requeue: false)
    link.publish("m", key: "q.dlq", .init(id: "m1"))
    link.deliver("m", redelivered: true, .init(id: "m1"))
    #expect(try bench.group(GroupKey.rabbitmq(vhost: "/", queue: "q")).attempts.max == 2)
  }
}
