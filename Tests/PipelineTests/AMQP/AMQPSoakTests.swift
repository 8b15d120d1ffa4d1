import Testing

@testable import Pipeline

/// Random conversations against a model that applies the rules one by one, and random damage that must not hurt.
@Suite struct AMQPSoakTests {
  /// What a broker and its clients would count themselves, with the plainest means.
  private struct Model {
    struct Message {
      var tag: UInt64
      var queue: String
      var consumer: String
    }

    /// By connection and channel.
    var open: [[Message]] = []
    var counts: [String: [String: Int]] = [:]

    mutating func count(_ queue: String, _ what: String, _ n: Int = 1) {
      counts[queue, default: [:]][what, default: 0] += n
    }

    mutating func deliver(_ message: Message, on channel: Int, noAck: Bool) {
      count(message.queue, "delivered")
      if noAck { count(message.queue, "acked") } else { open[channel].append(message) }
    }

    mutating func settle(_ channel: Int, _ what: String, where isMeant: (UInt64) -> Bool) {
      for message in open[channel] where isMeant(message.tag) { count(message.queue, what) }
      open[channel].removeAll { isMeant($0.tag) }
    }

    mutating func end(_ channel: Int, crashed: Bool) {
      var seen: Set<String> = []
      for message in open[channel] {
        count(message.queue, crashed && seen.insert(message.consumer).inserted ? "crashed" : "abandoned")
      }
      open[channel] = []
    }

    func expected(_ queue: String) -> [String: Int] {
      var expected = counts[queue] ?? [:]
      let inFlight = open.joined().filter { $0.queue == queue }.count
      if inFlight > 0 { expected["in_flight"] = inFlight }
      return expected
    }
  }

  private static let queues = ["a", "b", "c"]
  private static let channels = 2

  @Test(arguments: 0..<12) func `random conversations count as a naive model does, after every step`(seed: Int) throws {
    var random = SplitMix64(seed: UInt64(seed))
    let bench = AMQPBench { $0.rules.evaluation_ns = .seconds(1) }
    var model = Model()
    var links: [AMQPLink] = []
    func connect(_ place: Int) {
      let link = bench.connect(client: 0x0a00_0001 + UInt32(place), channels: [1, 2])
      for channel in 1...Self.channels {
        for queue in Self.queues {
          link.consume(queue, tag: "t-\(queue)", on: UInt16(channel), prefetch: nil, noAck: queue == "c")
        }
      }
      if place < links.count { links[place] = link } else { links.append(link) }
    }
    for place in 0..<3 {
      connect(place)
      model.open += Array(repeating: [], count: Self.channels)
    }
    for step in 0..<1500 {
      let place = Int.random(in: 0..<3, using: &random)
      let channel = UInt16.random(in: 1...UInt16(Self.channels), using: &random)
      let link = links[place]
      let at = place * Self.channels + Int(channel) - 1
      let open = model.open[at].map(\.tag)
      switch Int.random(in: 0..<100, using: &random) {
      case 0..<55:
        let queue = Self.queues[Int.random(in: 0..<3, using: &random)]
        let tag = link.deliver("m\(step)", to: "t-\(queue)", on: channel, exchange: "e", key: "k")
        model.deliver(.init(tag: tag, queue: queue, consumer: "t-\(queue)"), on: at, noAck: queue == "c")
      case 55..<60:
        let tag = link.get("a", "g\(step)", on: channel)
        model.deliver(.init(tag: tag, queue: "a", consumer: "get"), on: at, noAck: false)
      case 60..<80:
        let tag = open.randomElement(using: &random) ?? 1 << 50
        let multiple = open.isEmpty ? false : Int.random(in: 0..<4, using: &random) == 0
        link.ack(tag, multiple: multiple, on: channel)
        model.settle(at, "acked") { multiple ? $0 <= tag : $0 == tag }
      case 80..<90:
        let tag = open.randomElement(using: &random) ?? 1 << 50
        let multiple = open.isEmpty ? false : Int.random(in: 0..<4, using: &random) == 0
        let requeue = Bool.random(using: &random)
        link.nack(tag, multiple: multiple, requeue: requeue, on: channel)
        model.settle(at, requeue ? "requeued" : "rejected") { multiple ? $0 <= tag : $0 == tag }
      case 90..<94:
        link.ack(0, multiple: true, on: channel)
        model.settle(at, "acked") { _ in true }
      case 94..<96:
        link.fromClient(AMQPWire.method(channel, 60, 110, [1]))
        link.fromServer(AMQPWire.method(channel, 60, 111))
        model.settle(at, "requeued") { _ in true }
      case 96..<98:
        let byServer = Bool.random(using: &random)
        // What is handed back right before a close is not for this model.
        bench.pass(0.2)
        link.send(byServer ? .server : .client, AMQPWire.close(channel))
        if byServer { link.ack(0, multiple: true, on: channel) }
        link.send(byServer ? .client : .server, AMQPWire.closeOk(channel))
        model.end(at, crashed: false)
        link.openChannel(channel)
        for queue in Self.queues {
          link.consume(queue, tag: "t-\(queue)", on: channel, prefetch: nil, noAck: queue == "c")
        }
      default:
        let how = Int.random(in: 0..<4, using: &random)
        bench.pass(0.2)
        switch how {
        case 0: link.fromClient(AMQPWire.close(0))
        case 1: link.finish(.client)
        case 2: link.reset(.client)
        default: link.finish(.server)
        }
        // A reset takes its time: bytes may yet come before it.
        bench.pass(0.5)
        for channel in place * Self.channels..<(place + 1) * Self.channels {
          model.end(channel, crashed: how == 1 || how == 2)
        }
        connect(place)
      }
      guard step % 10 == 0 else { continue }
      for queue in Self.queues where model.counts[queue] != nil {
        let counts = try bench.counts(queue)
        if counts != model.expected(queue) {
          Issue.record("step \(step), \(queue): \(counts), not \(model.expected(queue))")
          return
        }
      }
    }
    #expect(bench.engine.ledger.consumers.count < 60)
    #expect(bench.engine.ledger.deliveries.count == model.open.joined().count)
  }

  // MARK: Damage

  /// A conversation with a little of everything, as frames of both ends.
  private static func frames(with random: inout SplitMix64) -> [(AMQPLink.End, [UInt8])] {
    var frames: [(AMQPLink.End, [UInt8])] = []
    var tag: UInt64 = 0
    for step in 0..<120 {
      let channel = UInt16.random(in: 0...3, using: &random)
      func client(_ bytes: [UInt8]) { frames.append((.client, bytes)) }
      func server(_ bytes: [UInt8]) { frames.append((.server, bytes)) }
      switch Int.random(in: 0..<16, using: &random) {
      case 0:
        client(AMQPWire.declare(channel, step % 3 == 0 ? "" : "q\(step % 4)", [("x-dead-letter-exchange", .text("d"))]))
      case 1: server(AMQPWire.declareOk(channel, "q\(step % 4)"))
      case 2: client(AMQPWire.consume(channel, step % 5 == 0 ? "" : "q\(step % 4)", tag: step % 2 == 0 ? "c" : ""))
      case 3: server(AMQPWire.consumeOk(channel, tag: "c"))
      case 4...8:
        tag = Int.random(in: 0..<12, using: &random) == 0 ? .random(in: 0 ... .max, using: &random) : tag &+ 1
        server(
          AMQPWire.deliver(channel, consumer: "c", tag: tag, redelivered: step % 3 == 0, key: "q\(step % 4)")
            + AMQPWire.content(
              channel, Array(repeating: 7, count: step % 50),
              .init(
                id: step % 2 == 0 ? "id\(step)" : nil,
                headers: [("x-delivery-count", .int(.max)), ("x-acquired-count", .int(3))])))
      case 9: client(AMQPWire.ack(channel, step % 3 == 0 ? 0 : tag, multiple: step % 2 == 0))
      case 10: client(AMQPWire.nack(channel, tag, multiple: step % 2 == 0, requeue: step % 3 == 0))
      case 11:
        client(
          AMQPWire.publish(channel, exchange: "", key: "q.dlq")
            + AMQPWire.content(channel, [1, 2, 3], .init(id: "id\(step - 1)")))
      case 12: client(AMQPWire.method(channel, 90, [10, 20, 30][step % 3]))
      case 13: server(AMQPWire.method(channel, 90, [11, 21, 31][step % 3]))
      case 14:
        let closes = [AMQPWire.close(channel), AMQPWire.closeOk(channel), AMQPWire.channelOpen(channel)]
        frames.append((step % 2 == 0 ? .client : .server, closes[step % 3]))
      default:
        client(
          step % 2 == 0
            ? AMQPWire.open(vhost: "v\(step % 3)") : AMQPWire.method(channel, 60, 30, AMQPWire.short("c") + [0]))
        if step % 4 == 0 { server(AMQPWire.start(cluster: "other\(step % 3)", version: "4.1")) }
      }
    }
    return frames
  }

  @Test(arguments: 0..<60) func `no order of frames, and no damage to them, does harm`(seed: Int) {
    var random = SplitMix64(seed: UInt64(1000 + seed))
    let bench = AMQPBench {
      $0.limits.inFlight = 20
      $0.limits.groups = 3
      $0.limits.messages = 8
      $0.limits.connections = 2
    }
    for _ in 0..<4 {
      let link = bench.connect(vhost: Bool.random(using: &random) ? "/" : nil, channels: [1, 2])
      for (end, frame) in Self.frames(with: &random) {
        var bytes = frame
        switch Int.random(in: 0..<(seed < 20 ? 1000 : 30), using: &random) {
        case 0: bytes[Int.random(in: 0..<bytes.count, using: &random)] = .random(in: 0...255, using: &random)
        case 1: bytes.removeLast(Int.random(in: 0..<bytes.count, using: &random))
        case 2: bytes += (0..<20).map { _ in .random(in: 0...255, using: &random) }
        case 3:
          link.send(end, bytes, isLost: true)
          continue
        case 4: bench.pass(Double.random(in: 0...100, using: &random))
        default: break
        }
        link.send(end, bytes)
      }
      switch Int.random(in: 0..<4, using: &random) {
      case 0: link.finish(.client)
      case 1: link.reset(.server)
      default: break
      }
    }
    bench.engine.finish()
    bench.check()
    #expect(bench.engine.ledger.deliveries.count <= 20)
    #expect(bench.reports.count <= 3)
  }

  @Test func `random bytes are no broker`() {
    var random = SplitMix64(seed: 5)
    let bench = AMQPBench()
    for _ in 0..<50 {
      let link = bench.connect(vhost: nil)
      if Bool.random(using: &random) { link.segment(.client, [], flags: .syn) }
      for _ in 0..<40 {
        let bytes = (0..<Int.random(in: 1...600, using: &random)).map { _ in UInt8.random(in: 0...255, using: &random) }
        link.send(Bool.random(using: &random) ? .client : .server, bytes)
      }
    }
    bench.engine.finish()
    #expect(bench.reports.isEmpty)
  }
}
