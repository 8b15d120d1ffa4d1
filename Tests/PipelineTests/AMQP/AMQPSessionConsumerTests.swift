import Testing

@testable import Pipeline

/// Which queue a delivery belongs to.
@Suite struct AMQPSessionConsumerTests {
  let bench = AMQPBench()

  @Test func `a get that finds nothing delivers nothing and shifts no answer`() throws {
    let link = bench.connect()
    for queue in ["empty", "full"] {
      link.fromClient(AMQPWire.method(1, 60, 70, AMQPWire.u16(0) + AMQPWire.short(queue) + [0]))
    }
    link.fromServer(AMQPWire.method(1, 60, 72, AMQPWire.short("")))
    link.fromServer(AMQPWire.getOk(1, tag: 1, exchange: "e", key: "k") + AMQPWire.content(1, [1]))
    link.ack(1)
    #expect(bench.reports.map(\.key) == ["rabbitmq:%2F:full"])
    #expect(try bench.counts("full") == ["delivered": 1, "acked": 1])
  }

  @Test func `an empty queue name means the channel's last declared, also where the server makes the name`() throws {
    let link = bench.connect()
    link.declare("named")
    link.fromClient(AMQPWire.consume(1, "", tag: "a"))
    link.fromServer(AMQPWire.consumeOk(1, tag: "a"))
    link.fromClient(AMQPWire.declare(1, ""))
    link.fromServer(AMQPWire.declareOk(1, "amq.gen-1"))
    link.fromClient(AMQPWire.consume(1, "", tag: "b"))
    link.fromServer(AMQPWire.consumeOk(1, tag: "b"))
    link.deliver("1", to: "a", exchange: "e", key: "k")
    link.deliver("2", to: "b", exchange: "e", key: "k")
    #expect(bench.reports.map(\.key) == ["rabbitmq:%2F:amq.gen-1", "rabbitmq:%2F:named"])
    #expect(bench.reports.allSatisfy { $0.totals.delivered == 1 })
  }

  @Test func `a consume pipelined behind the declare of a server-named queue waits for its name`() throws {
    let link = bench.connect()
    link.declare("before")
    link.fromClient(AMQPWire.declare(1, "") + AMQPWire.consume(1, "", tag: "c"))
    link.fromServer(AMQPWire.declareOk(1, "amq.gen-2") + AMQPWire.consumeOk(1, tag: "c"))
    link.deliver("1", exchange: "e", key: "k")
    #expect(bench.reports.map(\.key) == ["rabbitmq:%2F:amq.gen-2"])
  }

  @Test func `the arguments of a server-named queue are its own`() throws {
    let link = bench.connect()
    link.fromClient(AMQPWire.declare(1, "", [("x-dead-letter-exchange", .text("grave"))]))
    link.fromServer(AMQPWire.declareOk(1, "amq.gen-3"))
    link.fromClient(AMQPWire.consume(1, "", tag: "c"))
    link.fromServer(AMQPWire.consumeOk(1, tag: "c"))
    link.deliver("1", exchange: "e", key: "k")
    #expect(bench.engine.ledger.groups.map(\.deadLetterTarget) == ["grave"])
  }

  @Test func `an empty consumer tag is made by the server`() throws {
    let link = bench.connect()
    link.fromClient(AMQPWire.consume(1, "q", tag: ""))
    link.fromServer(AMQPWire.consumeOk(1, tag: "amq.ctag-x"))
    link.deliver("1", to: "amq.ctag-x", exchange: "e", key: "k")
    #expect(try bench.counts("q") == ["delivered": 1, "in_flight": 1])
  }

  @Test func `a consume that wants no answer is a consumer at once`() throws {
    let link = bench.connect()
    link.fromClient(AMQPWire.consume(1, "q", tag: "c", noWait: true))
    link.deliver("1", exchange: "e", key: "k")
    #expect(try bench.counts("q") == ["delivered": 1, "in_flight": 1])
  }

  @Test func `a consume-ok lost in a gap costs its consumer nothing, and no other consumer`() throws {
    let link = bench.connect()
    link.fromClient(AMQPWire.consume(1, "a", tag: "ta"))
    link.send(.server, AMQPWire.consumeOk(1, tag: "ta"), isLost: true)
    link.fromClient(AMQPWire.consume(1, "b", tag: "tb"))
    link.fromServer(AMQPWire.consumeOk(1, tag: "tb"))
    link.deliver("1", to: "tb", exchange: "e", key: "k")
    link.deliver("2", to: "ta", exchange: "e", key: "k")
    bench.pass(1)
    #expect(try bench.counts("a") == ["delivered": 1, "in_flight": 1])
    #expect(try bench.counts("b") == ["delivered": 1, "in_flight": 1])
  }

  @Test func `answers that a gap may have swallowed are not handed to the next request`() throws {
    let link = bench.connect()
    link.fromClient(AMQPWire.consume(1, "a", tag: ""))
    link.send(.server, AMQPWire.consumeOk(1, tag: "made-1"), isLost: true)
    link.fromClient(AMQPWire.consume(1, "b", tag: ""))
    link.fromServer(AMQPWire.consumeOk(1, tag: "made-2"))
    link.deliver("1", to: "made-2", exchange: "e", key: "k")
    bench.pass(1)
    #expect(!bench.reports.contains { $0.totals.delivered > 0 })
    #expect(bench.engine.report().unattributed.map(\.destination) == ["e:k"])
  }

  @Test func `gets whose answers a gap may have swallowed are not guessed`() throws {
    let link = bench.connect()
    link.fromClient(AMQPWire.method(1, 60, 70, AMQPWire.u16(0) + AMQPWire.short("a") + [0]))
    link.send(.server, AMQPWire.getOk(1, tag: 1, exchange: "e", key: "k") + AMQPWire.content(1, [1]), isLost: true)
    link.fromClient(AMQPWire.method(1, 60, 70, AMQPWire.u16(0) + AMQPWire.short("b") + [0]))
    link.fromServer(AMQPWire.getOk(1, tag: 2, exchange: "e", key: "k") + AMQPWire.content(1, [1]))
    bench.pass(1)
    #expect(!bench.reports.contains { $0.totals.delivered > 0 })
    #expect(bench.engine.report().unattributed.map(\.delivered) == [1])
  }

  @Test func `a consumer that was never seen to begin is known by the default exchange, else unattributed`() throws {
    let link = bench.connect(vhost: nil)
    // A heartbeat by itself, then a delivery: enough to be AMQP.
    for i in 0..<3 {
      link.deliver("\(i)", to: "unknown", key: "q")
      link.deliver("x\(i)", to: "other", exchange: "events", key: "order.created")
    }
    bench.pass(1)
    let group = try bench.group("rabbitmq:%2F:q")
    #expect(bench.counts(of: group) == ["delivered": 3, "in_flight": 3])
    #expect(group.unholdable == nil)
    #expect(group.cluster == "10.0.0.255:5672")
    #expect(
      bench.engine.report().unattributed == [
        .init(system: "rabbitmq", destination: "events:order.created", delivered: 3)
      ])
  }

  @Test func `a consume that names no queue where none was declared belongs nowhere`() throws {
    let link = bench.connect()
    link.consume("", tag: "c")
    link.deliver("1", exchange: "e", key: "k")
    #expect(bench.reports.isEmpty)
    #expect(bench.engine.report().unattributed.map(\.delivered) == [1])
  }

  // MARK: Names

  @Test func `the same queue name in two virtual hosts is two groups`() throws {
    for (vhost, count) in [("/", 1), ("team a", 2)] {
      let link = bench.connect(vhost: vhost)
      link.consume("q")
      for i in 0..<count { link.ack(link.deliver("\(i)")) }
    }
    #expect(try bench.counts("q") == ["delivered": 1, "acked": 1])
    #expect(try bench.counts("q", vhost: "team a") == ["delivered": 2, "acked": 2])
  }

  @Test func `nodes that tell the same cluster name share a group, others do not`() throws {
    for (address, cluster) in [(1, "one"), (2, "one"), (3, "two"), (4, nil), (5, nil)] as [(UInt32, String?)] {
      let link = bench.connect(cluster: cluster, server: 0x0a00_0100 + address)
      link.consume("q")
      link.ack(link.deliver("m"))
    }
    let found = bench.reports.map { "\($0.cluster) \($0.totals.delivered)" }.sorted()
    #expect(found == ["10.0.1.4:5672 1", "10.0.1.5:5672 1", "one 2", "two 1"])
    #expect(Set(bench.reports.map(\.key)) == ["rabbitmq:%2F:q"])
  }

  @Test func `a configured cluster name stands in where the broker tells none`() throws {
    let bench = AMQPBench { $0.cluster = "prod" }
    for (address, cluster) in [(1, nil), (2, nil), (3, "told")] as [(UInt32, String?)] {
      let link = bench.connect(cluster: cluster, server: 0x0a00_0100 + address)
      link.consume("q")
      link.ack(link.deliver("m"))
    }
    #expect(bench.reports.map { "\($0.cluster) \($0.totals.delivered)" }.sorted() == ["prod 2", "told 1"])
  }

  @Test(arguments: [
    ("/", "orders", "rabbitmq:%2F:orders"), ("a:b", "c:d", "rabbitmq:a%3Ab:c%3Ad"),
    ("v", "ü%2F", "rabbitmq:v:%C3%BC%252F"),
    ("", "a.b-c_d~e", "rabbitmq::a.b-c_d~e"), ("v", "with space\n", "rabbitmq:v:with%20space%0A"),
  ])
  func `keys keep any name a broker allows`(vhost: String, queue: String, key: String) throws {
    let link = bench.connect(vhost: vhost)
    link.consume(queue)
    link.deliver("1", exchange: "e", key: "k")
    let group = try bench.group(key)
    #expect(group.group == queue)
    #expect(Self.decode(String(key.split(separator: ":", omittingEmptySubsequences: false)[2])) == queue)
    #expect(Self.decode(String(group.href.dropFirst("/v1/breakers/".count))) == key)
  }

  private static func decode(_ text: String) -> String {
    var bytes: [UInt8] = []
    var rest = Array(text.utf8)[...]
    while let byte = rest.popFirst() {
      if byte == UInt8(ascii: "%"), let code = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16) {
        bytes.append(code)
        rest = rest.dropFirst(2)
      } else {
        bytes.append(byte)
      }
    }
    return String(decoding: bytes, as: UTF8.self)
  }
}
