import Testing

@testable import Pipeline

/// Consumers that crash again and again, and work that is taken away again and again.
@Suite struct AMQPCrashTests {
  let bench = AMQPBench()

  private func work(_ ids: [String], round: Int, then end: (AMQPLink) -> Void) {
    let link = bench.connect()
    link.declare("q", [("x-queue-type", .text("quorum")), ("x-delivery-limit", .int(4))])
    link.consume("q")
    for id in ids {
      link.deliver(
        "m", redelivered: round > 0,
        .init(id: id, headers: round > 0 ? [("x-delivery-count", .int(Int64(round)))] : []))
    }
    end(link)
  }

  @Test func `a worker that dies of one message names those in flight at every death, and those near the limit`() throws
  {
    for round in 0..<4 {
      work(["a", "poison", "b"] + (round == 1 ? ["once"] : []), round: round) { $0.finish(.client) }
      bench.pass(2)
    }
    let group = try bench.group("rabbitmq:%2F:q")
    #expect(group.verdict.kind == .crashLoop)
    #expect(group.crashes?.count == 4)
    #expect(group.crashes?.suspects == ["a", "poison", "b"])
    #expect(group.crashes?.victims.prefix(3).map(\.returns_left) == [0, 0, 0])
    #expect(group.crashes?.victims.count == 4)
    work(["a", "poison", "b"], round: 4) { $0.finish(.client) }
    let last = try #require(try bench.group("rabbitmq:%2F:q").crashes)
    #expect(last.victims.prefix(3).map(\.given_up) == [true, true, true])
  }

  @Test func `what succeeded since is no victim any more`() throws {
    for round in 0..<3 {
      work(["a", "b"], round: round) { $0.finish(.client) }
      bench.pass(2)
    }
    work(["a", "b"], round: 3) { $0.ack(1) }
    #expect(try bench.group("rabbitmq:%2F:q").crashes?.victims.map(\.message) == ["b"])
  }

  @Test func `ends in good order, and connections with nothing in flight, are no crashes`() throws {
    for round in 0..<4 {
      work(["a"], round: round) { link in
        link.fromClient(AMQPWire.close(0))
        link.fromServer(AMQPWire.closeOk(0))
        link.finish(.client)
      }
      work([], round: round) { $0.reset(.client) }
      work(["a"], round: round) { $0.finish(.server) }
    }
    #expect(try bench.group("rabbitmq:%2F:q").crashes == nil)
  }

  @Test func `stalled counts from a message's first delivery, however often it is taken away`() throws {
    // The broker closes the channel after 100 s; the client is back 5 s later.
    for round in 0..<5 {
      work(["a"], round: round) { link in
        bench.pass(100)
        link.fromServer(
          AMQPWire.close(1, code: 406, reason: "delivery acknowledgement on channel 1 timed out. Timeout value used"))
        link.fromClient(AMQPWire.close(0))
      }
      bench.pass(5)
    }
    #expect(try bench.group("rabbitmq:%2F:q").totals.requeued == 4)
    work(["a"], round: 5) { _ in }
    bench.pass(1)
    #expect(try bench.group("rabbitmq:%2F:q").verdict.kind == .stalled)
  }

  @Test func `only an ack is progress`() throws {
    work(["a"], round: 0) { link in
      for _ in 0..<4 {
        bench.pass(80)
        link.nack(link.nextTag() - 1)
        link.deliver("m", redelivered: true, .init(id: "a"))
      }
      bench.pass(10)
    }
    #expect(try bench.group("rabbitmq:%2F:q").verdict.kind == .stalled)
  }

  @Test func `a message that comes back after hours without a consumer is not stalled at once`() throws {
    work(["a"], round: 0) { $0.fromClient(AMQPWire.close(0)) }
    bench.pass(8 * 3600)
    work(["a"], round: 1) { _ in }
    bench.pass(1)
    #expect(try bench.group("rabbitmq:%2F:q").verdict.kind != .stalled)
    bench.pass(300)
    #expect(try bench.group("rabbitmq:%2F:q").verdict.kind == .stalled)
  }
}
