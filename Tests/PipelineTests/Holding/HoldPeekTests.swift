import Testing

@testable import Pipeline

/// What is seen of bytes that the kernel holds.
@Suite struct HoldPeekTests {
  @Test(arguments: [
    AMQPWire.close(0), AMQPWire.close(1), AMQPWire.method(1, 60, 30, AMQPWire.short("c") + [0]),
    AMQPWire.ack(1, 3) + AMQPWire.close(0),
  ])
  func `a client that is seen to take its leave while held is let go`(bytes: [UInt8]) throws {
    let hold = HoldBench { $0.breaker.openBase_ns = .seconds(20) }
    let link = hold.bench.connect(cookie: 7)
    link.consume("q")
    hold.flood(link)
    #expect(hold.held.keys.sorted() == [7])
    hold.peek(link, bytes)
    #expect(hold.held.isEmpty)
    #expect(try hold.state().why == .closing)
  }

  @Test func `a failure that is held decides half-open at once, and is settled when it passes`() throws {
    let hold = HoldBench()
    let link = hold.bench.connect(cookie: 7)
    link.consume("q")
    hold.flood(link)
    hold.pass(0.3)
    let probes = (0..<6).map { link.deliver("p\($0)") }
    hold.settle()
    #expect(hold.held[7] != nil)
    let answer = AMQPWire.nack(1, probes[0], requeue: true)
    hold.peek(link, answer)
    #expect(try hold.state().state == .open)
    #expect(hold.held[7]?.trickle_ns == .seconds(24))
    #expect(try hold.bench.counts("q")["requeued"] == nil)
    link.fromClient(answer)
    hold.settle()
    #expect(try hold.bench.counts("q")["requeued"] == 1)
    #expect(try hold.state().revision == 3)
  }

  @Test func `acks that are held close it, each counted once`() throws {
    let hold = HoldBench()
    let link = hold.bench.connect(cookie: 7)
    link.consume("q")
    hold.flood(link)
    hold.pass(0.3)
    let probes = (0..<8).map { link.deliver("p\($0)") }
    hold.settle()
    // Three are seen held, and again when they pass: three in a row, not six.
    let answers = probes[..<3].flatMap { AMQPWire.ack(1, $0) }
    hold.peek(link, answers)
    hold.peek(link, answers)
    for tag in probes[..<3] { link.ack(tag) }
    hold.settle()
    #expect(try hold.state().state == .halfOpen)
    hold.peek(link, AMQPWire.ack(1, probes[4], multiple: true))
    #expect(try hold.state().state == .closed)
    #expect(hold.held.isEmpty)
    #expect(try hold.bench.counts("q")["acked"] == 3)
  }

  @Test func `failures that were answered while held and pass after the closing are of the storm before`() throws {
    let hold = HoldBench()
    let link = hold.bench.connect(cookie: 7)
    link.consume("q")
    let old = (0..<120).map { link.deliver("old\($0)") }
    hold.flood(link)
    let answers = old[..<60].flatMap { AMQPWire.nack(1, $0, requeue: false) }
    hold.peek(link, Array(answers))
    hold.pass(0.3)
    let probes = (0..<5).map { link.deliver("p\($0)") }
    hold.settle()
    hold.peek(link, probes.flatMap { AMQPWire.ack(1, $0) })
    #expect(try hold.state().state == .closed)
    link.fromClient(answers)
    for tag in probes { link.ack(tag) }
    hold.pass(0.2)
    #expect(try hold.state().state == .closed)
    let counts = try hold.bench.counts("q")
    #expect(counts["rejected"] == 110 && counts["acked"] == 5)
    // Those that it answers from now on are of today.
    for tag in old[60...] { link.reject(tag, requeue: false) }
    hold.settle()
    #expect(try hold.state().state == .open)
  }

  @Test func `copies and their acks that were held over the closing are of the storm before`() throws {
    let hold = HoldBench()
    let link = hold.bench.connect(cookie: 7)
    link.consume("q")
    let old = (0..<60).map { link.deliver("old\($0)") }
    hold.flood(link)
    for tag in old {
      hold.peek(link, AMQPWire.publish(1, exchange: "", key: "q.dlq") + AMQPWire.content(1, [1]) + AMQPWire.ack(1, tag))
    }
    hold.pass(0.3)
    link.deliver("p")
    hold.pass(31)
    #expect(try hold.state().state == .closed)
    for (i, tag) in old.enumerated() {
      link.publish("old\(i)", key: "q.dlq")
      link.ack(tag)
    }
    hold.pass(0.2)
    #expect(try hold.state().state == .closed)
    let counts = try hold.bench.counts("q")
    #expect(counts["dead_lettered"] == 60 && counts["acked_paired"] == 60)
  }

  @Test func `held answers to deliveries from before half-open decide nothing`() throws {
    let hold = HoldBench()
    let link = hold.bench.connect(cookie: 7)
    link.consume("q")
    let old = (0..<5).map { link.deliver("old\($0)") }
    for i in 0..<50 { link.reject(link.deliver("m\(i)"), requeue: false) }
    hold.pass(0.3)
    #expect(try hold.state().state == .halfOpen)
    for i in 0..<5 { link.deliver("p\(i)") }
    hold.settle()
    hold.peek(link, AMQPWire.nack(1, old[0], requeue: true) + AMQPWire.ack(1, old[4], multiple: true))
    #expect(try hold.state().state == .halfOpen)
  }

  @Test func `a publish elsewhere that is held lets the connection go`() throws {
    let hold = HoldBench { $0.breaker.openBase_ns = .seconds(20) }
    let link = hold.bench.connect(cookie: 7)
    link.consume("q")
    hold.flood(link)
    hold.peek(link, AMQPWire.publish(1, exchange: "", key: "q.dlq"))
    #expect(hold.held.keys.sorted() == [7])
    hold.peek(link, AMQPWire.publish(1, exchange: "events", key: "order.paid"))
    #expect(hold.held.isEmpty)
    #expect(try hold.state().why == .sharedPublishes)
  }

  @Test func `held bytes are followed wherever they are cut`() throws {
    let bytes = AMQPWire.nack(1, 3, requeue: true) + AMQPWire.publish(1, exchange: "", key: "q.dlq") + AMQPWire.close(0)
    for cut in bytes.indices {
      let (hold, link) = flooded()
      hold.peek(link, Array(bytes[..<cut]))
      #expect(hold.held.keys.sorted() == [7], "cut at \(cut)")
      hold.peek(link, Array(bytes[cut...]))
      #expect(hold.held.isEmpty, "cut at \(cut)")
    }
  }

  @Test func `what a message's body holds is no method, whole or cut anywhere`() throws {
    let inner = AMQPWire.close(0) + AMQPWire.publish(1, exchange: "events", key: "x") + AMQPWire.close(1)
    let bytes = AMQPWire.publish(1, exchange: "", key: "q.dlq") + AMQPWire.content(1, inner)
    for cut in bytes.indices {
      let (hold, link) = flooded()
      hold.peek(link, Array(bytes[..<cut]))
      hold.peek(link, Array(bytes[cut...]))
      #expect(hold.held.keys.sorted() == [7], "cut at \(cut)")
      // What follows it is heard.
      hold.peek(link, AMQPWire.close(0))
      #expect(hold.held.isEmpty, "cut at \(cut)")
    }
  }

  @Test func `acknowledgements in a message's body answer no probes`() throws {
    let (hold, link) = flooded(openBase_ns: .milliseconds(100))
    hold.pass(0.3)
    let probes = (0..<6).map { link.deliver("p\($0)") }
    hold.settle()
    let acks = probes.flatMap { AMQPWire.ack(1, $0) }
    hold.peek(link, AMQPWire.publish(1, exchange: "", key: "q.dlq") + AMQPWire.content(1, acks))
    let nack = AMQPWire.nack(1, probes[0], requeue: false)
    hold.peek(link, AMQPWire.publish(1, exchange: "", key: "q.dlq") + AMQPWire.content(1, nack))
    #expect(try hold.state().state == .halfOpen)
  }

  @Test func `behind bytes that were not shown nothing is concluded`() throws {
    let (hold, link) = flooded()
    hold.peek(link, AMQPWire.close(0), skipping: 300)
    #expect(hold.held.keys.sorted() == [7])
    // Nor later, when frames seem to follow one another.
    hold.peek(link, AMQPWire.ack(1, 7) + AMQPWire.close(0))
    hold.peek(link, AMQPWire.close(0))
    #expect(hold.held.keys.sorted() == [7])
  }

  @Test func `bytes that are missing from a message's body are crossed by its length`() throws {
    let (hold, link) = flooded()
    let bytes = AMQPWire.publish(1, exchange: "", key: "q.dlq") + AMQPWire.content(1, [UInt8](repeating: 7, count: 900))
    hold.peek(link, Array(bytes[..<(bytes.count - 700)]))
    hold.peek(link, Array(bytes[(bytes.count - 200)...]) + AMQPWire.close(0), skipping: 500)
    #expect(hold.held.isEmpty)
  }

  @Test func `what passed unseen while it was held is followed from where it ended`() throws {
    let (hold, link) = flooded()
    hold.peek(link, AMQPWire.close(0), skipping: 300)
    #expect(hold.held.keys.sorted() == [7])
    // A segment that passes brings what was not shown, and more.
    let body = [UInt8](repeating: 7, count: 900)
    link.fromClient(AMQPWire.publish(1, exchange: "", key: "q.dlq") + AMQPWire.content(1, body))
    hold.settle()
    #expect(hold.held.keys.sorted() == [7])
    hold.peek(link, AMQPWire.close(0))
    #expect(hold.held.isEmpty)
  }

  @Test func `what was shown and passes in part is followed without a break`() throws {
    let (hold, link) = flooded()
    let first = AMQPWire.publish(1, exchange: "", key: "q.dlq")
    let rest = AMQPWire.content(1, AMQPWire.close(0)) + AMQPWire.ack(1, 3)
    hold.peek(link, first + Array(rest[..<20]))
    link.fromClient(first)
    hold.settle()
    hold.peek(link, Array(rest[20...]))
    #expect(hold.held.keys.sorted() == [7])
    hold.peek(link, AMQPWire.close(0))
    #expect(hold.held.isEmpty)
  }

  @Test func `a new hold shows again what the last one showed`() throws {
    let (hold, link) = flooded()
    let publish = AMQPWire.publish(1, exchange: "", key: "q.dlq") + AMQPWire.content(1, AMQPWire.close(0))
    for _ in 0..<2 {
      // The kernel begins behind what has passed.
      hold.forgetShown()
      hold.peek(link, publish)
    }
    #expect(hold.held.keys.sorted() == [7])
    hold.peek(link, AMQPWire.close(0))
    #expect(hold.held.isEmpty)
  }

  @Test func `runs of held bytes that begin and end anywhere do no harm`() throws {
    let (hold, link) = flooded()
    var random = SplitMix64(seed: 5)
    func number(_ bound: Int) -> Int { Int(random.next() % UInt64(bound)) }
    let frames =
      AMQPWire.publish(1, exchange: "", key: "q.dlq") + AMQPWire.content(1, [UInt8](repeating: 1, count: 700))
      + AMQPWire.nack(1, 3, requeue: true)
    for _ in 0..<3000 {
      let from = number(frames.count)
      let run = Array(frames[from..<min(frames.count, from + number(400))])
      if number(20) == 0 { hold.forgetShown() }
      if number(30) == 0 { link.fromClient(frames) }
      hold.peek(link, run, skipping: number(3) == 0 ? number(900) : 0)
    }
    // Up to date again, it follows.
    hold.forgetShown()
    hold.peek(link, AMQPWire.close(0))
    #expect(hold.held.isEmpty)
  }

  @Test func `a connection that was joined midway and never understood says nothing while it is held`() throws {
    let hold = HoldBench { $0.breaker.openBase_ns = .seconds(20) }
    let link = hold.bench.connect(vhost: nil, cookie: 7)
    hold.peek(link, AMQPWire.close(0))
    hold.pass(1)
    #expect(hold.events.isEmpty)
  }

  /// A bench whose group has tripped, with its one connection held.
  private func flooded(openBase_ns: Int64 = .seconds(20)) -> (HoldBench, AMQPLink) {
    let hold = HoldBench { $0.breaker.openBase_ns = openBase_ns }
    let link = hold.bench.connect(cookie: 7)
    link.consume("q")
    hold.flood(link)
    #expect(hold.held.keys.sorted() == [7])
    return (hold, link)
  }

  @Test func `acknowledgements and heartbeats that are held let nothing go`() throws {
    let hold = HoldBench { $0.breaker.openBase_ns = .seconds(20) }
    let link = hold.bench.connect(cookie: 7)
    link.consume("q")
    hold.flood(link)
    for bytes in [AMQPWire.ack(1, 7), AMQPWire.nack(1, 9, requeue: true), AMQPWire.frame(8, 0, []), [1, 2, 3], []] {
      hold.peek(link, bytes)
    }
    #expect(hold.held.keys.sorted() == [7])
  }

  @Test func `acks behind a held copy to a dead-letter queue close nothing`() throws {
    let hold = HoldBench()
    let link = hold.bench.connect(cookie: 7)
    link.consume("q")
    hold.flood(link)
    hold.pass(0.3)
    let probes = (0..<6).map { link.deliver("p\($0)") }
    hold.settle()
    for tag in probes {
      hold.peek(link, AMQPWire.publish(1, exchange: "", key: "q.dlq") + AMQPWire.content(1, [1]) + AMQPWire.ack(1, tag))
    }
    #expect(try hold.state().state == .halfOpen)
    link.publish("p0", key: "q.dlq")
    link.ack(probes[0])
    hold.settle()
    #expect(try hold.state().state == .open)
  }

  @Test func `an ack that was seen and never passed does not hide a crash`() throws {
    let hold = HoldBench()
    let link = hold.bench.connect(cookie: 7)
    link.consume("q")
    hold.flood(link)
    hold.pass(0.3)
    let probes = (0..<6).map { link.deliver("p\($0)") }
    hold.settle()
    hold.peek(link, AMQPWire.ack(1, probes[0]))
    link.reset(.client)
    hold.settle()
    #expect(try hold.state().state == .open)
  }

  @Test func `a leave that was never heard of is forgotten`() throws {
    let hold = HoldBench { $0.breaker.openBase_ns = .seconds(30) }
    let link = hold.bench.connect(cookie: 7)
    link.consume("q")
    hold.flood(link)
    hold.peek(link, AMQPWire.method(1, 60, 30, AMQPWire.short("unknown") + [0]))
    #expect(hold.held.isEmpty)
    for _ in 0..<105 { hold.pass(0.1) }
    #expect(hold.held.keys.sorted() == [7])
  }
}
