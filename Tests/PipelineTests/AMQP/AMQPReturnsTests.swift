import Testing

@testable import Pipeline

/// Settlements that are revised: what a client hands back untried when it leaves, and acks that the broker never took.
@Suite struct AMQPReturnsTests {
  let bench = AMQPBench()

  init() { bench.step_ns = 10_000 }

  private func consumer(_ messages: Int, tag: String = "c") -> AMQPLink {
    let link = bench.connect()
    link.consume("q", tag: tag)
    for number in 0..<messages { link.deliver("m", to: tag, .init(id: "m\(number)")) }
    return link
  }

  private func cancel(_ link: AMQPLink, tag: String = "c") {
    link.fromClient(AMQPWire.method(1, 60, 30, AMQPWire.short(tag) + [0]))
  }

  private func close(_ link: AMQPLink) {
    link.fromClient(AMQPWire.close(0))
    link.fromServer(AMQPWire.closeOk(0))
  }

  private func inferences() throws -> [String: UInt64] { try bench.group("rabbitmq:%2F:q").inferences }

  enum End: CaseIterable { case cancel, channel, connection }

  @Test(arguments: End.allCases)
  func `what is handed back right before the end was only prefetched, but for the first`(end: End) throws {
    let link = consumer(10)
    for tag in 1...10 { link.reject(UInt64(tag), requeue: true) }
    #expect(try bench.counts("q") == ["delivered": 10, "requeued": 10])
    switch end {
    case .cancel: cancel(link)
    case .channel: link.fromClient(AMQPWire.close(1))
    case .connection: close(link)
    }
    #expect(try bench.counts("q") == ["delivered": 10, "requeued": 1, "abandoned": 9])
    #expect(try inferences() == ["returned_untried": 9])
    #expect(try bench.group("rabbitmq:%2F:q").window.error_rate == 1)
  }

  @Test func `one nack for all of them is the same`() throws {
    let link = consumer(5)
    link.nack(0, multiple: true)
    close(link)
    #expect(try bench.counts("q") == ["delivered": 5, "requeued": 1, "abandoned": 4])
  }

  @Test func `the first was not tried either if one before it is still in the handler's hands`() throws {
    let link = consumer(6)
    for tag in 2...6 { link.reject(UInt64(tag), requeue: true) }
    close(link)
    #expect(try bench.counts("q") == ["delivered": 6, "abandoned": 6])
    #expect(try bench.group("rabbitmq:%2F:q").error_rate == nil)
  }

  @Test func `a consumer that hands one back and closes has failed with that one`() throws {
    let link = consumer(1)
    link.nack(1)
    close(link)
    #expect(try bench.counts("q") == ["delivered": 1, "requeued": 1])
  }

  @Test func `what comes after a consumer has begun to leave is untried, and so is the rest of the run`() throws {
    let link = consumer(5)
    link.nack(1)
    for tag in 2...4 { link.reject(UInt64(tag), requeue: true) }
    link.deliver("m", redelivered: true, .init(id: "m0"))
    cancel(link)
    link.reject(5, requeue: true)
    link.deliver("m", redelivered: true, .init(id: "m1"))
    for tag in 6...7 { link.reject(UInt64(tag), requeue: true) }
    #expect(
      try bench.counts("q") == ["delivered": 7, "redelivered": 2, "requeued": 1, "abandoned": 6])
  }

  @Test func `a consumer that is cancelled, works on, and then hands back, has tried`() throws {
    let link = consumer(5)
    cancel(link)
    for tag in 1...3 { link.ack(UInt64(tag)) }
    for tag in 4...5 { link.nack(UInt64(tag)) }
    close(link)
    #expect(try bench.counts("q") == ["delivered": 5, "acked": 3, "requeued": 2])
  }

  @Test func `an ack between, time, or most of the prefetch kept, show that they were tried`() throws {
    let acked = consumer(4)
    for tag in 1...3 { acked.nack(UInt64(tag)) }
    acked.ack(4)
    close(acked)
    #expect(try bench.counts("q")["requeued"] == 3)
    let slow = consumer(4)
    for tag in 1...4 {
      bench.pass(0.02)
      slow.nack(UInt64(tag))
    }
    close(slow)
    #expect(try bench.counts("q")["requeued"] == 7)
    let late = consumer(4)
    for tag in 1...4 { late.nack(UInt64(tag)) }
    bench.pass(0.5)
    close(late)
    #expect(try bench.counts("q")["requeued"] == 11)
    let busy = consumer(8)
    for tag in 1...4 { busy.nack(UInt64(tag)) }
    close(busy)
    #expect(try bench.counts("q")["requeued"] == 15)
  }

  @Test func `a consumer that fails one message over and over, and closes, has failed each time`() throws {
    let link = consumer(1)
    for tag in 1...9 as ClosedRange<UInt64> {
      link.nack(tag)
      link.deliver("m", redelivered: true, .init(id: "m0"))
    }
    link.nack(10)
    close(link)
    #expect(try bench.counts("q")["requeued"] == 10)
  }

  @Test func `attempts do not count what nobody tried`() throws {
    let link = consumer(3)
    for tag in 1...3 { link.reject(UInt64(tag), requeue: true) }
    close(link)
    let next = bench.connect()
    next.consume("q")
    for id in ["m1", "m2"] { next.deliver("m", redelivered: true, .init(id: id)) }
    #expect(try bench.group("rabbitmq:%2F:q").attempts.max == 1)
    next.deliver("m", redelivered: true, .init(id: "m0"))
    #expect(try bench.group("rabbitmq:%2F:q").attempts.max == 2)
  }

  // MARK: Void acks

  private static let refusal = "PRECONDITION_FAILED - unknown delivery tag "

  @Test func `acks behind one that the broker refuses never counted`() throws {
    let link = consumer(6)
    link.ack(1)
    link.ack(2)
    link.ack(2)
    link.ack(3)
    link.ack(5, multiple: true)
    #expect(try bench.counts("q") == ["delivered": 6, "acked": 5, "in_flight": 1])
    link.fromServer(AMQPWire.close(1, code: 406, reason: Self.refusal + "2"))
    #expect(try bench.counts("q") == ["delivered": 6, "acked": 2, "abandoned": 4])
    #expect(try inferences() == ["void_ack": 3])
    let next = bench.connect()
    next.consume("q")
    next.deliver("m", redelivered: true, .init(id: "m2"))
    #expect(try bench.counts("q")["duplicates"] == nil)
  }

  @Test func `a multiple ack whose tag is not outstanding settles nothing`() throws {
    let link = consumer(4)
    link.ack(3)
    link.ack(3, multiple: true)
    link.fromServer(AMQPWire.close(1, code: 406, reason: Self.refusal + "3"))
    #expect(try bench.counts("q") == ["delivered": 4, "acked": 1, "abandoned": 3])
  }

  @Test func `another refusal, and a doubt that the broker does not share, take nothing back`() throws {
    let link = consumer(4)
    link.ack(99)
    link.ack(1)
    link.ack(2)
    link.fromServer(AMQPWire.close(1, code: 406, reason: "PRECONDITION_FAILED - something else"))
    #expect(try bench.counts("q") == ["delivered": 4, "acked": 2, "abandoned": 2])
  }

  @Test func `doubts are bounded, and end`() throws {
    let link = consumer(1)
    for tag in 100..<200 as Range<UInt64> { link.ack(tag) }
    bench.pass(11)
    link.ack(1)
    link.fromServer(AMQPWire.close(1, code: 406, reason: Self.refusal + "100"))
    #expect(try bench.counts("q") == ["delivered": 1, "acked": 1])
  }

  // MARK: Rejected into itself

  @Test func `a dead-letter exchange that leads back to the same queue at once is a requeue`() throws {
    let link = bench.connect()
    link.declare("q", [("x-dead-letter-exchange", .text("")), ("x-dead-letter-routing-key", .text("q"))])
    link.consume("q")
    link.reject(link.deliver("m"), requeue: false)
    #expect(try bench.counts("q") == ["delivered": 1, "requeued": 1])
    #expect(try bench.group("rabbitmq:%2F:q").requeue_causes == ["self": 1])
  }

  @Test func `by an exchange too, if the queue is bound to it with that key`() throws {
    let link = bench.connect()
    link.declare("q", [("x-dead-letter-exchange", .text("e")), ("x-dead-letter-routing-key", .text("k"))])
    link.bind("q", exchange: "e", key: "other")
    link.declare("rest")
    link.bind("rest", exchange: "e", key: "k")
    link.consume("q")
    link.reject(link.deliver("m"), requeue: false)
    #expect(try bench.counts("q") == ["delivered": 1, "rejected": 1])
    link.bind("q", exchange: "e", key: "k")
    link.reject(link.deliver("m"), requeue: false)
    #expect(try bench.counts("q") == ["delivered": 2, "rejected": 1, "requeued": 1])
  }
}
