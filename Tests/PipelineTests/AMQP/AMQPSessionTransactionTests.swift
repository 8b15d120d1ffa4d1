import Testing

@testable import Pipeline

@Suite struct AMQPSessionTransactionTests {
  let bench = AMQPBench()
  let link: AMQPLink

  init() {
    link = bench.connect()
    link.fromClient(AMQPWire.method(1, 90, 10))
    link.fromServer(AMQPWire.method(1, 90, 11))
    link.consume("q")
  }

  private func commit() { link.fromClient(AMQPWire.method(1, 90, 20)) }
  private func commitOk() { link.fromServer(AMQPWire.method(1, 90, 21)) }
  private func rollback() { link.fromClient(AMQPWire.method(1, 90, 30)) }
  private func rollbackOk() { link.fromServer(AMQPWire.method(1, 90, 31)) }

  @Test func `settlements count at commit-ok`() throws {
    (1...3).forEach { link.deliver("\($0)") }
    link.ack(1)
    link.nack(2)
    #expect(try bench.counts("q") == ["delivered": 3, "in_flight": 3])
    commit()
    #expect(try bench.counts("q") == ["delivered": 3, "in_flight": 3])
    commitOk()
    #expect(try bench.counts("q") == ["delivered": 3, "acked": 1, "requeued": 1, "in_flight": 1])
  }

  @Test func `what is pipelined after a commit waits for the next one`() throws {
    (1...3).forEach { link.deliver("\($0)") }
    link.ack(1)
    commit()
    link.ack(2)
    commitOk()
    #expect(try bench.counts("q") == ["delivered": 3, "acked": 1, "in_flight": 2])
    commit()
    commitOk()
    #expect(try bench.counts("q") == ["delivered": 3, "acked": 2, "in_flight": 1])
  }

  @Test func `rollback undoes, and leaves what is pipelined after it`() throws {
    (1...3).forEach { link.deliver("\($0)") }
    link.ack(0, multiple: true)
    rollback()
    link.nack(3, requeue: false)
    rollbackOk()
    #expect(try bench.counts("q") == ["delivered": 3, "in_flight": 3])
    commit()
    commitOk()
    #expect(try bench.counts("q") == ["delivered": 3, "rejected": 1, "in_flight": 2])
  }

  @Test func `two commits in a row are answered in their order`() throws {
    (1...2).forEach { link.deliver("\($0)") }
    link.ack(1)
    commit()
    link.ack(2)
    commit()
    commitOk()
    #expect(try bench.counts("q") == ["delivered": 2, "acked": 1, "in_flight": 1])
    commitOk()
    #expect(try bench.counts("q") == ["delivered": 2, "acked": 2])
  }

  @Test func `tag 0 means what was outstanding when it was said, not at commit-ok`() throws {
    link.deliver("1")
    link.ack(0, multiple: true)
    link.deliver("2")
    commit()
    link.deliver("3")
    commitOk()
    #expect(try bench.counts("q") == ["delivered": 3, "acked": 1, "in_flight": 2])
  }

  @Test func `a crash before commit leaves everything unsettled`() throws {
    (1...3).forEach { link.deliver("\($0)") }
    link.ack(1)
    link.ack(2)
    link.finish(.client)
    #expect(try bench.counts("q") == ["delivered": 3, "crashed": 1, "abandoned": 2])
  }

  @Test func `publishes count at commit-ok, before the acks that follow them`() throws {
    let tag = link.deliver("body", .init(id: "m1"))
    link.publish("body", key: "q.dlq", .init(id: "m1"))
    link.ack(tag)
    #expect(try bench.counts("q") == ["delivered": 1, "in_flight": 1])
    #expect(bench.engine.report().producers.isEmpty)
    commit()
    commitOk()
    #expect(try bench.counts("q") == ["delivered": 1, "dead_lettered": 1, "acked_paired": 1])
  }

  @Test func `recover is not part of a transaction`() throws {
    (1...2).forEach { link.deliver("\($0)") }
    link.fromClient(AMQPWire.method(1, 60, 110, [1]))
    link.fromServer(AMQPWire.method(1, 60, 111))
    #expect(try bench.counts("q") == ["delivered": 2, "requeued": 2])
  }

  @Test func `joined midway, a commit tells that the channel is transactional`() throws {
    let link = bench.connect()
    link.consume("r")
    (1...2).forEach { link.deliver("\($0)", key: "r") }
    link.fromClient(AMQPWire.method(1, 90, 20))
    link.fromServer(AMQPWire.method(1, 90, 21))
    link.ack(1)
    #expect(try bench.counts("r") == ["delivered": 2, "in_flight": 2])
    link.fromClient(AMQPWire.method(1, 90, 20))
    link.fromServer(AMQPWire.method(1, 90, 21))
    #expect(try bench.counts("r") == ["delivered": 2, "acked": 1, "in_flight": 1])
  }
}
