import Testing

@testable import Pipeline

/// What is known of exchanges, bindings and queues, and that it goes when they do.
@Suite struct AMQPTopologyTests {
  let topology: AMQPTopology
  let room: AMQPTopology.Room

  init() {
    room = AMQPTopology.Room(ledger: Ledger(settings: Settings(), target: "t"))
    topology = AMQPTopology(vhost: "/", cluster: 0, room: room)
  }

  @Test func `a binding between exchanges that is taken back leaves nothing`() {
    for i in 0..<1000 {
      topology.bind(exchange: "b", to: "a", key: "k\(i)")
      topology.unbind(exchange: "b", from: "a", key: "k\(i)")
    }
    #expect(topology.exchangeBindings.isEmpty)
    #expect(room.left == 100_000)
  }

  @Test func `an exchange that is deleted takes its type and its bindings with it`() {
    for i in 0..<1000 {
      topology.declare(exchange: "temporary", type: .topic)
      topology.bind(exchange: "temporary", to: "events", key: "k\(i)")
      topology.bind(exchange: "other", to: "temporary", key: "#")
      topology.bind(queue: "q", exchange: "temporary", key: "#")
      topology.delete(exchange: "temporary")
    }
    #expect(topology.exchangeBindings.isEmpty && topology.exchangeTypes.isEmpty && topology.exchanges.isEmpty)
    #expect(room.left == 100_000)
    #expect(topology.targets(exchange: "temporary", key: "x").isEmpty)
  }

  @Test func `a queue does not get what it got before its binding was taken back`() throws {
    let bench = AMQPBench()
    let link = bench.connect()
    link.bind("q", exchange: "jobs", key: "work")
    link.consume("q")
    func publishesAgain() throws -> Bool {
      let before = try bench.counts("q")["requeued"] ?? 0
      let tag = link.deliver("m", exchange: "jobs", key: "work", .init(id: "m1"))
      link.publish("m", exchange: "jobs", key: "work", .init(id: "m1"))
      link.ack(tag)
      return try bench.counts("q")["requeued"] ?? 0 > before
    }
    #expect(try publishesAgain())
    link.fromClient(AMQPWire.unbind(1, "q", exchange: "jobs", key: "work"))
    link.fromServer(AMQPWire.method(1, 50, 51))
    let tag = link.deliver("n", .init(id: "m2"))
    link.publish("n", exchange: "jobs", key: "work", .init(id: "m2"))
    link.ack(tag)
    #expect(try bench.counts("q") == ["delivered": 2, "requeued": 1, "acked_paired": 1, "acked": 1])
  }

  @Test func `a dead-letter exchange that a queue's own messages come by is no dead-letter target`() throws {
    let bench = AMQPBench()
    let link = bench.connect()
    link.declare("q", [("x-dead-letter-exchange", .text("app"))])
    link.consume("q")
    for i in 0..<5 {
      let tag = link.deliver("m\(i)", exchange: "app", key: "created")
      link.publish("e\(i)", exchange: "app", key: "billed")
      link.ack(tag)
    }
    #expect(try bench.counts("q") == ["delivered": 5, "acked": 5])
  }

  @Test func `a message that waited before it was rejected does not show that rejected ones wait`() throws {
    let bench = AMQPBench()
    let link = bench.connect()
    link.declare("q", [("x-dead-letter-exchange", .text("")), ("x-dead-letter-routing-key", .text("q.dlq"))])
    link.declare("q.dlq")
    link.consume("q")
    func death(_ queue: String, _ reason: String) -> AMQPWire.Field {
      .table([("queue", .text(queue)), ("reason", .text(reason)), ("count", .int(1))])
    }
    // The latest comes first.
    let history: AMQPWire.Field = .array([death("q", "rejected"), death("q.delay", "expired")])
    link.ack(link.deliver("m", .init(headers: [("x-death", history)])))
    link.reject(link.deliver("n"), requeue: false)
    #expect(try bench.counts("q") == ["delivered": 2, "redelivered": 1, "acked": 1, "rejected": 1])
  }
}
