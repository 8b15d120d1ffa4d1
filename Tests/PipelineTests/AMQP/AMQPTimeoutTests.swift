import Testing

@testable import Pipeline

/// Deliveries that the broker takes away because nothing acknowledges them in time, and what it says of it.
@Suite struct AMQPTimeoutTests {
  let bench = AMQPBench()

  private static let timeout =
    "PRECONDITION_FAILED - delivery acknowledgement on channel 1 timed out. Timeout value used: 4000 ms. This timeout "
    + "value can be configured, see consumers doc guide to learn more"

  /// A consumer on a new connection, with these messages in its hands.
  private func consume(_ ids: [String], redelivered: Bool = false) -> AMQPLink {
    let link = bench.connect()
    link.consume("q")
    for id in ids { link.deliver("body of \(id)", redelivered: redelivered, .init(id: id)) }
    return link
  }

  private func timeOut(_ link: AMQPLink) {
    bench.pass(4)
    link.fromServer(AMQPWire.close(1, code: 406, reason: Self.timeout))
    link.fromClient(AMQPWire.closeOk(1))
  }

  @Test func `the first delivery of each consumer expires, the others are abandoned`() throws {
    let link = consume(["a", "b", "c"])
    link.consume("p", tag: "d")
    link.deliver("x", to: "d", key: "p", .init(id: "x"))
    timeOut(link)
    #expect(try bench.counts("q") == ["delivered": 3, "expired": 1, "abandoned": 2])
    #expect(try bench.counts("p") == ["delivered": 1, "expired": 1])
  }

  @Test func `it is requeued once its message comes again, and its attempts count on`() throws {
    for round in 0..<6 { timeOut(consume(["a", "b", "c"], redelivered: round > 0)) }
    let last = consume(["a", "b", "c"], redelivered: true)
    for tag in 1...3 { last.ack(UInt64(tag)) }
    let group = try bench.group("rabbitmq:%2F:q")
    #expect(
      bench.counts(of: group)
        == ["delivered": 21, "redelivered": 18, "requeued": 6, "abandoned": 12, "acked": 3])
    #expect(group.requeue_causes == ["ack_timeout": 6])
    #expect(group.attempts.max == 7)
    #expect(group.broker_errors.map(\.code) == [406])
    #expect(group.broker_errors.map(\.count) == [6])
    #expect(group.broker_errors.first?.text == Self.timeout)
  }

  @Test func `a broker that says the same again closes the channel once`() throws {
    let link = consume(["a"])
    timeOut(link)
    let other = consume(["b"])
    for _ in 0..<3 { other.fromServer(AMQPWire.close(1, code: 406, reason: Self.timeout)) }
    #expect(try bench.group("rabbitmq:%2F:q").broker_errors.map(\.count) == [2])
  }

  @Test func `a message of the same id that the publisher sends anew is no return`() throws {
    timeOut(consume(["a"]))
    _ = consume(["a"])
    #expect(try bench.counts("q") == ["delivered": 2, "expired": 1, "in_flight": 1])
  }

  @Test func `every other close by the broker abandons`() throws {
    let link = consume(["a", "b"])
    link.fromServer(AMQPWire.close(1, code: 404, reason: "NOT_FOUND - no exchange 'e' in vhost '/'"))
    #expect(try bench.counts("q") == ["delivered": 2, "abandoned": 2])
    let error = try #require(try bench.group("rabbitmq:%2F:q").broker_errors.first)
    #expect(error.code == 404)
    #expect(error.text == "NOT_FOUND - no exchange 'e' in vhost '/'")
  }

  @Test func `a close of the connection counts for every group that it serves`() throws {
    let link = consume(["a"])
    link.consume("p", tag: "d")
    link.fromServer(AMQPWire.method(0, 10, 50, AMQPWire.u16(320) + AMQPWire.short("CONNECTION_FORCED") + [0, 0, 0, 0]))
    for queue in ["q", "p"] {
      #expect(try bench.group("rabbitmq:%2F:\(queue)").broker_errors.map(\.text) == ["CONNECTION_FORCED"])
    }
  }

  @Test func `the method that failed is named`() throws {
    let link = consume(["a"])
    link.fromServer(
      AMQPWire.method(
        1, 20, 40, AMQPWire.u16(406) + AMQPWire.short("PRECONDITION_FAILED - unknown delivery tag 9") + [0, 60, 0, 80]))
    #expect(try bench.group("rabbitmq:%2F:q").broker_errors.map(\.request) == ["basic.ack"])
  }

  @Test(arguments: [
    ("no queue 'orders' in vhost '/'", "no queue 'orders' in vhost '/'"),
    (
      "user_id property set to 'alice' but authenticated user was 'bob'",
      "user_id property set to '…' but authenticated user was '…'"
    ),
    ("invalid expiration {leftover_string,\"secret\"}", "invalid expiration {leftover_string,\"…\"}"),
  ])
  func `values that may be a message's are left out of the text`(text: String, told: String) {
    #expect(AMQPClose.withoutValues(text) == told)
  }

  @Test func `texts that differ in numbers count as one, and what finds no room counts by its code`() {
    var errors = BrokerErrors()
    for tag in 1...9 { errors.count(BrokerError(code: 406, text: "unknown delivery tag \(tag)"), at: bench.now) }
    #expect(errors.list.map(\.count) == [9])
    #expect(errors.list[0].error.text == "unknown delivery tag 9")
    for code in 0..<1000 {
      let letters = String(repeating: "x", count: code)
      errors.count(BrokerError(code: code, text: letters), at: bench.now)
    }
    #expect(errors.list.count <= 2 * BrokerErrors.bound + 1)
    #expect(errors.list.map(\.count).reduce(0, +) == 1009)
    var both = errors
    both.merge(errors)
    #expect(both.list.count == errors.list.count)
    #expect(both.list.map(\.count).reduce(0, +) == 2018)
    var other = BrokerErrors()
    for code in 2000..<3000 {
      other.count(BrokerError(code: code, text: String(repeating: "y", count: code)), at: bench.now)
    }
    both.merge(other)
    #expect(both.list.count <= 2 * BrokerErrors.bound + 1)
    #expect(both.list.map(\.count).reduce(0, +) == 3018)
  }
}
