import Testing

@testable import Pipeline

/// What a bound drops is counted, and nothing else changes by it.
@Suite struct BoundTests {
  @Test func `a delivery that was given up can't settle another one that took its place`() throws {
    let bench = AMQPBench { $0.limits.inFlight = 2 }
    let link = bench.connect()
    link.consume("q")
    let first = link.deliver("1")
    link.deliver("2")
    link.deliver("3")
    #expect(try bench.counts("q") == ["delivered": 3, "abandoned": 1, "in_flight": 2])
    link.nack(first, requeue: false)
    #expect(try bench.counts("q") == ["delivered": 3, "abandoned": 1, "in_flight": 2])
    link.ack(3, multiple: true)
    #expect(try bench.counts("q") == ["delivered": 3, "abandoned": 1, "acked": 2])
    #expect(bench.engine.report().capture.dropped["in_flight"] == 1)
    link.finish(.client)
    #expect(try bench.counts("q") == ["delivered": 3, "abandoned": 1, "acked": 2])
  }

  @Test func `the oldest in flight goes, whichever group has it`() throws {
    let bench = AMQPBench { $0.limits.inFlight = 3 }
    let link = bench.connect()
    link.consume("a", tag: "a")
    link.consume("b", tag: "b")
    link.deliver("1", to: "b", key: "b")
    (0..<4).forEach { link.deliver("\($0)", to: "a", key: "a") }
    #expect(try bench.counts("a") == ["delivered": 4, "abandoned": 1, "in_flight": 3])
    #expect(try bench.counts("b") == ["delivered": 1, "abandoned": 1])
  }

  @Test func `copies whose ack never comes do not pile up`() throws {
    let bench = AMQPBench { $0.limits.inFlight = 4 }
    let link = bench.connect()
    link.consume("q")
    for i in 0..<20 {
      link.deliver("m\(i)", .init(id: "m\(i)"))
      link.publish("m\(i)", key: "q.dlq", .init(id: "m\(i)"))
    }
    #expect(try bench.counts("q") == ["delivered": 20, "dead_lettered": 20])
    #expect(bench.engine.ledger.deliveries.count <= 4)
    #expect(bench.engine.report().capture.dropped["pairs"] == 16)
  }

  @Test func `past the bound of groups the least recently active goes, and comes back as a new one`() throws {
    let bench = AMQPBench { $0.limits.groups = 2 }
    let link = bench.connect()
    for name in ["a", "b"] { link.consume(name, tag: name) }
    let tag = link.deliver("1", to: "a", key: "a")
    link.deliver("1", to: "b", key: "b")
    link.consume("c", tag: "c")
    #expect(bench.reports.map(\.group) == ["b", "c"])
    // Its delivery was given up with it; the consumer is still there, and its next delivery needs a group.
    link.ack(tag)
    link.deliver("2", to: "a", key: "a")
    #expect(bench.reports.map(\.group).contains("a"))
    #expect(try bench.counts("a") == ["delivered": 1, "in_flight": 1])
    for group in bench.reports where group.group != "a" { #expect(group.totals.acked == 0) }
    #expect(bench.engine.report().capture.dropped["groups"] == 2)
    // The same queue name in another virtual host must not be taken for it.
    let other = bench.connect(vhost: "v")
    other.consume("a")
    other.deliver("x", key: "a")
    #expect(try bench.counts("a", vhost: "v") == ["delivered": 1, "in_flight": 1])
  }

  @Test func `the message table forgets the least recently seen and counts it`() throws {
    let bench = AMQPBench { $0.limits.messages = 4 }
    let link = bench.connect()
    link.consume("q")
    for i in 0..<4 { link.nack(link.deliver("m\(i)", .init(id: "m\(i)"))) }
    // Seen again, so m1 is the one to go.
    link.nack(link.deliver("m0", redelivered: true, .init(id: "m0")))
    link.nack(link.deliver("m4", .init(id: "m4")))
    #expect(bench.engine.ledger.messages.evicted == 1)
    link.nack(link.deliver("m0", redelivered: true, .init(id: "m0")))
    #expect(try bench.group("rabbitmq:%2F:q").attempts.max == 3)
    link.nack(link.deliver("m1", redelivered: true, .init(id: "m1")))
    #expect(bench.engine.ledger.messages.evicted == 2)
    #expect(bench.engine.report().capture.dropped["messages"] == 2)
  }

  @Test func `the message table agrees with a dictionary`() {
    var random = SplitMix64(seed: 11)
    var table = MessageTable(bound: 64)
    var order: [UInt64] = []
    for step in 0..<20_000 {
      let key = UInt64.random(in: 0..<200, using: &random) &* 0x9e37_79b9
      let isKnown = order.contains(key)
      #expect((table.find(key) != 0) == isKnown)
      let index = table.touch(key, at: Timestamp(ns: Int64(step)))
      #expect(table[index].key == key)
      #expect((table[index].acked > 0) == isKnown)
      table[index].acked += 1
      order.removeAll { $0 == key }
      order.append(key)
      if order.count > 64 { order.removeFirst() }
      #expect(table.count == order.count)
    }
  }

  @Test func `tags agree with a dictionary, with holes, in any order of settlement`() {
    var random = SplitMix64(seed: 12)
    for _ in 0..<20 {
      var tags = AMQPTags()
      var model: [UInt64: DeliveryID] = [:]
      var next: UInt64 = 0
      for step in 1...4000 {
        switch Int.random(in: 0..<10, using: &random) {
        case 0..<5:
          next += Int.random(in: 0..<20, using: &random) == 0 ? UInt64.random(in: 1...1 << 40, using: &random) : 1
          let id = Int.random(in: 0..<10, using: &random) == 0 ? 0 : DeliveryID(step)
          #expect(tags.insert(next, id) { _ in true })
          if id != 0 { model[next] = id }
        case 5..<9:
          let tag = Bool.random(using: &random) ? model.keys.min() ?? 7 : model.keys.randomElement(using: &random) ?? 7
          #expect(tags.take(tag) == model.removeValue(forKey: tag) ?? 0)
        default:
          let tag = model.keys.sorted().dropFirst(3).first ?? 3
          while case let id = tags.takeFirst(through: tag), id != 0 {
            let oldest = model.keys.min() ?? 0
            #expect(oldest <= tag && model.removeValue(forKey: oldest) == id)
          }
          #expect(model.keys.allSatisfy { $0 > tag })
        }
      }
      #expect(!tags.insert(next, 1) { _ in true })
    }
  }

  @Test func `one message that is never acked keeps no room for those after it`() throws {
    let bench = AMQPBench()
    let link = bench.connect()
    link.consume("q")
    link.deliver("stuck")
    for i in 0..<5000 { link.ack(link.deliver("\(i)")) }
    #expect(try bench.counts("q") == ["delivered": 5001, "acked": 5000, "in_flight": 1])
  }

  @Test func `tags may jump as far as they like`() throws {
    let bench = AMQPBench()
    let link = bench.connect()
    link.consume("q")
    for tag in [1, 2, 1 << 40, UInt64.max - 1, UInt64.max] {
      link.fromServer(AMQPWire.deliver(1, consumer: "c", tag: tag, key: "q") + AMQPWire.content(1, [1]))
    }
    link.ack(.max)
    link.ack(1 << 40, multiple: true)
    #expect(try bench.counts("q") == ["delivered": 5, "acked": 4, "in_flight": 1])
  }

  @Test func `queues without end take the place of those that nobody reads`() throws {
    let bench = AMQPBench { $0.limits.groups = 100 }
    let link = bench.connect()
    link.consume("work")
    for i in 0..<12_000 {
      link.fromClient(AMQPWire.declare(1, "reply-\(i)", noWait: true))
      link.fromClient(AMQPWire.bind(1, "reply-\(i)", exchange: "e", key: "k\(i)"))
    }
    link.consume("late", tag: "late")
    link.ack(link.deliver("1", exchange: "e", key: "x"))
    link.ack(link.deliver("2", to: "late", exchange: "e", key: "x"))
    #expect(try bench.counts("work") == ["delivered": 1, "acked": 1])
    #expect(try bench.counts("late") == ["delivered": 1, "acked": 1])
    #expect((bench.engine.report().capture.dropped["declarations"] ?? 0) > 0)
  }

  @Test func `channels without end are not followed past a bound`() throws {
    let bench = AMQPBench()
    let links = (0..<3).map { _ in bench.connect() }
    for link in links {
      for channel in stride(from: 2, to: 65_000, by: 100) {
        link.fromClient((channel..<channel + 100).flatMap { AMQPWire.method(UInt16($0), 90, 10) })
      }
    }
    #expect((bench.engine.report().capture.dropped["channels"] ?? 0) > 0)
    links.forEach { $0.finish(.client) }
    let link = bench.connect()
    link.consume("q")
    link.ack(link.deliver("1"))
    #expect(try bench.counts("q") == ["delivered": 1, "acked": 1])
  }

  @Test func `destinations without end are counted together, by kind`() throws {
    let bench = AMQPBench()
    let link = bench.connect()
    for i in 0..<3000 {
      link.publish("x", exchange: "events", key: "order.\(i)")
      link.publish("x", exchange: "", key: "orders-\(i).dlq")
    }
    let producers = bench.engine.report().producers
    #expect(producers.filter { $0.kind == "normal" }.map(\.published).reduce(0, +) == 3000)
    #expect(producers.filter { $0.kind == "dead_letter" }.map(\.published).reduce(0, +) == 3000)
    #expect(producers.count <= 4096)
    #expect(producers.contains { $0.destination == "(other)" && $0.published > 0 })
  }

  @Test func `what finds no room in a transaction of RabbitMQ's counts at once, and is counted`() throws {
    let bench = AMQPBench()
    let link = bench.connect()
    link.fromClient(AMQPWire.method(1, 90, 10))
    link.fromServer(AMQPWire.method(1, 90, 11))
    link.consume("q")
    link.deliver("1")
    for _ in 0..<65_536 { link.ack(2) }
    #expect(bench.engine.report().capture.dropped["transactions"] == nil)
    link.ack(1)
    #expect(try bench.counts("q") == ["delivered": 1, "acked": 1])
    #expect(bench.engine.report().capture.dropped["transactions"] == 1)
  }

  @Test func `commits of RabbitMQ's that are answered by nobody are counted past their bound`() {
    let bench = AMQPBench()
    let link = bench.connect()
    link.consume("q")
    for _ in 0..<4_098 { link.fromClient(AMQPWire.method(1, 90, 20)) }
    #expect(bench.engine.report().capture.dropped["transactions"] == 2)
  }

  @Test func `offsets in more of Kafka's transactions than are followed are counted`() throws {
    let bench = KafkaBench()
    let consumer = bench.consumer()
    consumer.poll("orders-0@0...9")
    for producer in 1...4_097 {
      consumer.coordinator.commit("g", "m", generation: 1, ["orders-0@10"], producer: Int64(producer))
    }
    #expect(bench.ledger.dropped.transactions == 1)
  }
}
