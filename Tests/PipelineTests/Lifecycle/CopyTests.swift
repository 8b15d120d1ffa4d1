import Testing

@testable import Pipeline

/// Copies that a consumer publishes itself, and where rejected messages go.
@Suite struct CopyTests {
  let bench = AMQPBench()
  let link: AMQPLink

  init() {
    link = bench.connect()
    link.consume("q")
  }

  private typealias Field = AMQPWire.Field

  @Test func `a copy is paired by the source's id, wherever the copy carries it`() throws {
    let carriers: [(String) -> AMQPWire.Properties] = [
      { .init(id: $0) }, { .init(correlationID: $0) }, { .init(headers: [("x-source", .text($0))]) },
    ]
    for (i, carrier) in carriers.enumerated() {
      let older = link.deliver("x", .init(id: "older\(i)"))
      let tag = link.deliver("x", .init(id: "m\(i)"))
      link.publish("other body", key: "q.dlq", carrier("m\(i)"))
      link.ack(tag)
      link.ack(older)
    }
    #expect(try bench.counts("q") == ["delivered": 6, "dead_lettered": 3, "acked_paired": 3, "acked": 3])
  }

  @Test func `else by equal body, where the destination's name extends the source's`() throws {
    let first = link.deliver("first")
    let second = link.deliver("second")
    link.publish("second", key: "q.dlq")
    link.ack(second)
    link.ack(first)
    #expect(try bench.counts("q") == ["delivered": 2, "dead_lettered": 1, "acked_paired": 1, "acked": 1])
  }

  @Test func `else with the oldest in flight of that process`() throws {
    let other = bench.connect(client: 0x0a00_0002)
    other.consume("q", tag: "o")
    other.deliver("theirs", to: "o")
    let first = link.deliver("first")
    link.deliver("second")
    link.publish("changed", exchange: "graveyard.dlx", key: "x")
    link.ack(first)
    #expect(try bench.counts("q") == ["delivered": 3, "dead_lettered": 1, "acked_paired": 1, "in_flight": 2])
    other.ack(1)
    #expect(try bench.counts("q")["acked"] == 1)
  }

  @Test func `an empty body is a body`() throws {
    link.deliver("first")
    let second = link.deliver("")
    link.publish("", key: "q.dlq")
    link.ack(second)
    #expect(try bench.counts("q") == ["delivered": 2, "dead_lettered": 1, "acked_paired": 1, "in_flight": 1])
  }

  @Test func `bodies that differ only in their length are not equal`() throws {
    let body = String(repeating: "x", count: 600)
    let first = link.deliver(body + "1234")
    let second = link.deliver(body)
    link.publish(body, key: "q.dlq")
    link.ack(second)
    link.ack(first)
    #expect(try bench.counts("q") == ["delivered": 2, "dead_lettered": 1, "acked_paired": 1, "acked": 1])
  }

  @Test func `a message that was acknowledged before its copy shows is a dead letter all the same`() throws {
    link.ack(link.deliver("m", .init(id: "m1")))
    link.deliver("n", .init(id: "m2"))
    link.publish("m", key: "q.dlq", .init(id: "m1"))
    #expect(try bench.counts("q") == ["delivered": 2, "dead_lettered": 1, "acked_paired": 1, "in_flight": 1])
  }

  @Test func `a dead letter of a message that was acknowledged before the window counts at its own time`() throws {
    link.ack(link.deliver("m", .init(id: "m1")))
    link.deliver("n", .init(id: "m2"))
    bench.pass(61)
    for _ in 0..<2 { link.publish("m", key: "q.dlq", .init(id: "m1")) }
    #expect(try bench.counts("q") == ["delivered": 2, "dead_lettered": 1, "acked_paired": 1, "in_flight": 1])
    let counts = bench.engine.ledger.groups[0].monitor.windows.main.counts
    #expect(counts.deadLettered == 1 && counts.acked == 0)
  }

  @Test func `so does a retry of a task that took longer than the window, if it is counted`() throws {
    link.ack(link.deliver("m", .init(id: "m1")))
    link.ack(link.deliver("n", .init(id: "n1")))
    bench.pass(75)
    link.publish("m", key: "q", .init(id: "m1", headers: [("retries", .int(1))]))
    link.publish("next run", key: "q", .init(id: "n1"))
    #expect(try bench.counts("q") == ["delivered": 2, "requeued": 1, "acked": 1, "acked_paired": 1])
    link.deliver("m", .init(id: "m1", headers: [("retries", .int(1))]))
    #expect(try bench.group(GroupKey.rabbitmq(vhost: "/", queue: "q")).attempts.max == 2)
  }

  @Test func `a publish to a retry destination is a requeue`() throws {
    let tag = link.deliver("m", .init(id: "m1"))
    link.publish("m", key: "q.retry-5m", .init(id: "m1"))
    link.ack(tag)
    #expect(try bench.counts("q") == ["delivered": 1, "requeued": 1, "acked_paired": 1])
    #expect(bench.engine.report().producers.map(\.kind) == ["retry"])
  }

  @Test func `a publish back onto the own queue with the own id is a requeue, with another id a message`() throws {
    let tag = link.deliver("m", .init(id: "m1"))
    link.publish("n", key: "q", .init(id: "n1"))
    #expect(try bench.counts("q") == ["delivered": 1, "in_flight": 1])
    link.publish("m", key: "q", .init(id: "m1"))
    link.ack(tag)
    #expect(try bench.counts("q") == ["delivered": 1, "requeued": 1, "acked_paired": 1])
  }

  @Test func `a queue of that name in another virtual host is not the own queue`() throws {
    let other = bench.connect(vhost: "v")
    other.consume("q")
    let tag = link.deliver("m", .init(id: "m1"))
    other.publish("m", key: "q", .init(id: "m1"))
    link.ack(tag)
    #expect(try bench.counts("q") == ["delivered": 1, "acked": 1])
  }

  @Test func `a pair lapses with the window`() throws {
    let tag = link.deliver("m", .init(id: "m1"))
    link.publish("m", key: "q.dlq", .init(id: "m1"))
    bench.pass(61)
    link.ack(tag)
    #expect(try bench.counts("q") == ["delivered": 1, "dead_lettered": 1])
    #expect(bench.engine.ledger.deliveries.count == 0)
  }

  @Test func `pairs end with their channel`() throws {
    link.deliver("m", .init(id: "m1"))
    link.publish("m", key: "q.dlq", .init(id: "m1"))
    link.finish(.client)
    #expect(try bench.counts("q") == ["delivered": 1, "dead_lettered": 1])
    #expect(bench.engine.ledger.deliveries.count == 0)
  }

  @Test func `a multiple ack covers pairs`() throws {
    for i in 0..<3 { link.deliver("m\(i)", .init(id: "m\(i)")) }
    link.publish("m1", key: "q.dlq", .init(id: "m1"))
    link.ack(3, multiple: true)
    #expect(try bench.counts("q") == ["delivered": 3, "dead_lettered": 1, "acked_paired": 1, "acked": 2])
  }

  // MARK: Where rejected messages go

  /// One reject from a queue with these arguments, after these declarations; the settlement and whether a flood counts it.
  private func reject(
    dlx: [(String, Field)], headers: [(String, Field)] = [], _ declare: (AMQPLink) -> Void = { _ in }
  ) throws -> (settled: String, isCounted: Bool) {
    let bench = AMQPBench()
    let link = bench.connect()
    declare(link)
    link.declare("work", dlx)
    link.consume("work")
    link.reject(link.deliver("m", key: "work", .init(headers: headers)), requeue: false)
    let group = bench.engine.ledger.groups[0]
    let counts = group.monitor.windows.main.counts
    return (
      group.totals.rejected == 1 ? "rejected" : group.totals.requeued == 1 ? "requeued" : "?", counts.deadLetters > 0
    )
  }

  private let toWait: [(String, Field)] = [
    ("x-dead-letter-exchange", .text("")), ("x-dead-letter-routing-key", .text("pause")),
  ]

  @Test func `without a dead-letter exchange a reject is final`() throws {
    #expect(try reject(dlx: []) == ("rejected", true))
  }

  @Test func `a dead-letter queue that waits and returns makes it a requeue`() throws {
    let back: [(String, Field)] = [
      ("x-message-ttl", .int(5000)), ("x-dead-letter-exchange", .text("")),
      ("x-dead-letter-routing-key", .text("work")),
    ]
    #expect(try reject(dlx: toWait) { $0.declare("pause", back) } == ("requeued", false))
  }

  @Test func `one that waits and goes elsewhere does not`() throws {
    let away: [(String, Field)] = [
      ("x-message-ttl", .int(5000)), ("x-dead-letter-exchange", .text("")),
      ("x-dead-letter-routing-key", .text("archive")),
    ]
    let found = try reject(dlx: toWait) {
      $0.declare("archive")
      $0.declare("pause", away)
    }
    #expect(found == ("rejected", true))
  }

  @Test func `one that keeps them makes it final, also through an exchange`() throws {
    let found = try reject(dlx: [("x-dead-letter-exchange", .text("dx"))]) {
      $0.declare("kept")
      $0.bind("kept", exchange: "dx", key: "any")
    }
    #expect(found == ("rejected", true))
  }

  @Test func `an exchange that leads nowhere known is no flood`() throws {
    #expect(try reject(dlx: [("x-dead-letter-exchange", .text("dlx"))]) == ("rejected", false))
  }

  @Test func `a return with an expired x-death entry shows that it waits, if that is the later one`() throws {
    let waited: Field = .table([("queue", .text("somewhere")), ("reason", .text("expired")), ("count", .int(1))])
    let rejected: Field = .table([("queue", .text("work")), ("reason", .text("rejected")), ("count", .int(1))])
    func settled(_ deaths: [Field]) throws -> (String, Bool) {
      try reject(dlx: [("x-dead-letter-exchange", .text("dlx"))], headers: [("x-death", .array(deaths))])
    }
    #expect(try settled([waited, rejected]) == ("requeued", false))
    // It waited before it came here first, and was sent back from where it had ended.
    #expect(try settled([rejected, waited]) == ("rejected", false))
  }

  @Test func `a declaration that the broker refused says nothing`() throws {
    let bench = AMQPBench()
    let link = bench.connect(channels: [1, 2])
    link.fromClient(AMQPWire.declare(2, "work", [("x-dead-letter-exchange", .text("wrong"))]))
    link.fromServer(AMQPWire.close(2, code: 406, reason: "PRECONDITION_FAILED"))
    link.fromClient(AMQPWire.closeOk(2))
    link.consume("work")
    link.reject(link.deliver("m", key: "work"), requeue: false)
    #expect(bench.engine.ledger.groups[0].deadLetterTarget == nil)
  }

  @Test func `a second declaration replaces the first`() throws {
    link.declare("q", [("x-dead-letter-exchange", .text("old"))])
    #expect(bench.engine.ledger.groups[0].deadLetterTarget == "old")
    link.declare("q", [("x-message-ttl", .int(1))])
    #expect(bench.engine.ledger.groups[0].deadLetterTarget == nil)
  }

  // MARK: Destinations

  @Test func `what a consumed queue names as its dead-letter target counts, if nobody consumes behind it`() throws {
    link.declare("q", [("x-dead-letter-exchange", .text("failed")), ("x-dead-letter-routing-key", .text("k"))])
    link.publish("a", exchange: "failed", key: "k")
    link.publish("b", exchange: "failed", key: "other")
    #expect(bench.engine.report().producers.map(\.kind) == ["dead_letter", "normal"])
    link.bind("q", exchange: "failed", key: "any")
    link.publish("c", exchange: "failed", key: "k")
    #expect(bench.engine.report().producers.allSatisfy { $0.kind == "normal" })
    link.fromClient(AMQPWire.unbind(1, "q", exchange: "failed", key: "any"))
    link.publish("d", exchange: "failed", key: "k")
    #expect(bench.engine.report().producers.map(\.kind) == ["dead_letter", "normal"])
  }

  @Test func `an exchange through which messages come to a consumed queue is no dead-letter target`() throws {
    link.declare("q", [("x-dead-letter-exchange", .text("events"))])
    link.publish("a", exchange: "events", key: "order.billed")
    #expect(bench.engine.report().producers.map(\.kind) == ["dead_letter"])
    link.deliver("m", exchange: "events", key: "order.placed")
    link.publish("b", exchange: "events", key: "order.billed")
    #expect(bench.engine.report().producers.map(\.kind) == ["normal"])
  }

  @Test func `a routing key finds its bindings, literal ones and patterns, by the exchange's type`() throws {
    let bindings = [
      ("topic", "order.placed", ["order.placed"]), ("topic", "order.*", ["order.placed"]),
      ("topic", "#", ["order.placed", "x"]), ("direct", "order.*", []), ("fanout", "any", ["order.placed", "x"]),
    ]
    let types: [String: AMQPTopology.ExchangeType] = ["topic": .topic, "direct": .direct, "fanout": .fanout]
    for (type, binding, matching) in bindings {
      let topology = AMQPTopology(vhost: "/", cluster: 1, room: .init(ledger: bench.engine.ledger))
      topology.declare(exchange: "e", type: types[type] ?? .other)
      topology.bind(queue: "one", exchange: "e", key: binding)
      topology.bind(queue: "other", exchange: "e", key: "elsewhere")
      for key in ["order.placed", "x"] {
        let isFound = topology.targets(exchange: "e", key: key).contains("one")
        #expect(isFound == matching.contains(key), "\(type) \(binding) \(key)")
      }
      topology.unbind(queue: "one", exchange: "e", key: binding)
      #expect(!topology.targets(exchange: "e", key: "order.placed").contains("one"))
    }
  }

  @Test func `what a name has in common with the consumed queue's says nothing`() throws {
    link.consume("q-retry", tag: "r")
    link.publish("a", key: "q-retry.audit")
    link.publish("b", key: "q-retry.dlq")
    link.publish("c", key: "q-retrying.retry")
    #expect(
      bench.engine.report().producers.map { "\($0.destination) \($0.kind)" } == [
        "q-retry.audit normal", "q-retry.dlq dead_letter", "q-retrying.retry retry",
      ])
  }

  @Test func `the default exchange alone is never a dead-letter target`() throws {
    link.declare("q", [("x-dead-letter-exchange", .text("")), ("x-dead-letter-routing-key", .text("grave"))])
    link.publish("a", key: "grave")
    link.publish("b", key: "elsewhere")
    #expect(
      bench.engine.report().producers.map { "\($0.destination) \($0.kind)" } == [
        "elsewhere normal", "grave dead_letter",
      ])
  }

  @Test(arguments: [
    ("orders.dlq", DestinationKind.deadLetter), ("dlq", .deadLetter), ("DLQ-orders", .deadLetter),
    ("orders_DLT", .deadLetter),
    ("orders-dlt-1", .deadLetter), ("dlx", .deadLetter), ("a.dead-letter.b", .deadLetter),
    ("orders.dead-letters", .deadLetter),
    ("deadletter", .deadLetter), ("x.DeadLetters", .deadLetter), ("orders_error", .deadLetter),
    ("orders_skipped", .deadLetter),
    ("%DLQ%group", .deadLetter), ("OrdersDLQ", .deadLetter), ("dead_letter", .deadLetter),
    ("orders.retry", .retry), ("orders-retry-5m", .retry), ("retry_3", .retry), ("orders.retry30s", .retry),
    ("%RETRY%g", .retry),
    ("orders", .normal), ("dlqs", .normal), ("handled", .normal), ("undead-letter", .normal), ("terror", .normal),
    ("orders_errors", .normal), ("errors", .normal), ("retrying", .normal), ("letter", .normal),
    ("orders.error", .normal),
    ("dead", .deadLetter), ("letters.dead", .deadLetter), ("", .normal), ("prices.XQ", .deadLetter),
    ("orders.parking-lot", .deadLetter), ("parkingLot", .deadLetter), ("EasyNetQ_Default_Error_Queue", .deadLetter),
    ("orders.dlq.retry", .retry), ("orders-retry-dlq", .deadLetter), ("undeliverable", .deadLetter),
    ("orders.quarantine", .deadLetter), ("poison", .deadLetter), ("retries", .retry),
    ("payment.failed", .normal), ("orders.delayed", .normal), ("redelivery", .normal),
  ])
  func `a destination's name says what it is for`(name: String, kind: DestinationKind) {
    #expect(DestinationSettings().kind(of: name) == kind)
  }

  @Test func `configured names come before conventions`() {
    var settings = DestinationSettings()
    settings.deadLetter = ["*.parking"]
    settings.retry = ["later-*"]
    settings.normal = ["audit.dlq"]
    #expect(settings.kind(of: "Orders.PARKING") == .deadLetter)
    #expect(settings.kind(of: "later-x") == .retry)
    #expect(settings.kind(of: "audit.dlq") == .normal)
    settings.conventional = false
    #expect(settings.kind(of: "orders.dlq") == .normal)
  }
}
