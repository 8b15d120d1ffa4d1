import Testing

@testable import Pipeline

/// What a healthy consumer publishes beside its work: other jobs, events, answers. None of it is a copy of a message that
/// failed.
@Suite struct FollowUpTests {
  let bench = AMQPBench()
  let link: AMQPLink

  init() {
    link = bench.connect()
    link.consume("q")
  }

  private typealias Field = AMQPWire.Field

  /// Celery's: what a body ends with, and the headers of a task.
  private let tail = #"{"callbacks": null, "errbacks": null, "chain": null, "chord": null}]"#

  private func task(_ number: Int, _ name: String, _ more: [(String, Field)] = []) -> [(String, Field)] {
    [("id", .text(id(number))), ("retries", .int(0)), ("task", .text(name))] + more
  }

  private func id(_ number: Int) -> String { "0abc9b85-11df-4ea5-b663-\(100_000_000_000 + number)" }

  /// Delivers and acknowledges tasks one at a time, each of which enqueues another one.
  private func run(
    _ body: (Int) -> String, then following: (Int) -> String, headers: [(String, Field)] = [],
    expiration: String? = nil
  ) {
    for i in 0..<30 {
      link.ack(link.deliver(body(i), .init(correlationID: id(i), headers: task(i, "order"))))
      link.publish(
        following(i), key: "q",
        .init(
          correlationID: id(1000 + i), expiration: expiration, headers: task(1000 + i, "remind", headers)))
    }
  }

  @Test func `a task that enqueues another one to be run later did not fail`() throws {
    run(
      { #"[["order-\#($0)"], {}, "# + tail }, then: { "[[\($0 * 17)], {}, " + tail },
      headers: [("eta", .text("2027-01-15"))])
    #expect(try bench.counts("q") == ["delivered": 30, "acked": 30])
  }

  @Test func `nor one that enqueues another one with equal arguments to be run later`() throws {
    run({ _ in "[[], {}, " + tail }, then: { _ in "[[], {}, " + tail }, headers: [("eta", .text("2027-01-15"))])
    #expect(try bench.counts("q")["acked"] == 30)
    #expect(try bench.counts("q")["requeued"] == nil)
  }

  @Test func `nor one that enqueues another one that expires, with equal arguments or others`() throws {
    run({ #"[["order-\#($0)"], {}, "# + tail }, then: { "[[\($0 * 17)], {}, " + tail }, expiration: "60000")
    run({ _ in "[[], {}, " + tail }, then: { _ in "[[], {}, " + tail }, expiration: "60000")
    #expect(try bench.counts("q")["acked"] == 60)
    #expect(try bench.counts("q")["requeued"] == nil)
  }

  @Test func `the end that all bodies have in common tells nothing, whatever else they say`() throws {
    run(
      { #"{"order":\#($0),"with":"# + tail }, then: { #"{"error":"refused \#($0)","with":"# + tail })
    for i in 0..<3 { link.ack(link.deliver("order \(i) of" + tail)) }
    run({ "order \($0) of" + tail }, then: { "ValueException \($0) in" + tail })
    #expect(try bench.counts("q") == ["delivered": 63, "acked": 63])
  }

  @Test func `an equal message that expires is only dropped where nothing returns it`() throws {
    for _ in 0..<30 {
      let tag = link.deliver("tick")
      link.publish("tick", key: "other", .init(expiration: "5000"))
      link.ack(tag)
    }
    #expect(try bench.counts("q") == ["delivered": 30, "acked": 30])
  }

  @Test func `an equal message that expires where it is returned from is another try`() throws {
    link.declare("pause", [("x-dead-letter-exchange", .text("")), ("x-dead-letter-routing-key", .text("q"))])
    let tag = link.deliver("m")
    link.publish("m", key: "pause", .init(expiration: "5000"))
    link.ack(tag)
    #expect(try bench.counts("q") == ["delivered": 1, "requeued": 1, "acked_paired": 1])
  }

  @Test func `long bodies that begin alike and end otherwise are not equal`() throws {
    let begin = String(repeating: "pixel", count: 200)
    func end(_ n: Int) -> String { String(repeating: "\(n)", count: 100) }
    let tag = link.deliver(begin + end(1))
    link.publish(begin + end(2), key: "q", .init(headers: [("x-delay", .int(500))]))
    link.publish(begin + end(3), key: "q")
    link.ack(tag)
    #expect(try bench.counts("q") == ["delivered": 1, "acked": 1])
  }

  @Test func `a message of its own that names what it is related to is no copy`() throws {
    let tag = link.deliver("place", .init(id: id(1), headers: [("NServiceBus.MessageId", .text(id(1)))]))
    for name in ["NServiceBus.RelatedTo", "command_id", "order-event-id"] {
      link.publish(
        "bill", key: "q", .init(id: id(2), headers: [("NServiceBus.MessageId", .text(id(2))), (name, .text(id(1)))]))
      link.publish(
        "refused", exchange: "events", key: "payment.failed", .init(id: id(3), headers: [(name, .text(id(1)))]))
    }
    link.ack(tag)
    #expect(try bench.counts("q") == ["delivered": 1, "acked": 1])
  }

  @Test func `a message of its own that names its original is one`() throws {
    let tag = link.deliver("m", .init(id: id(1)))
    link.publish("envelope", key: "q", .init(id: id(2), headers: [("x-original-message-id", .text(id(1)))]))
    link.ack(tag)
    #expect(try bench.counts("q") == ["delivered": 1, "requeued": 1, "acked_paired": 1])
  }

  @Test func `an answer to a queue whose name the server made is none, whatever letters it has`() throws {
    let tag = link.deliver("ask", .init(correlationID: id(1)))
    link.publish("answer", key: "amq.gen-J_s_OOoupjX_bv9TfebaXQ", .init(correlationID: id(1)))
    link.ack(tag)
    #expect(try bench.counts("q") == ["delivered": 1, "acked": 1])
  }

  @Test func `a task that is replaced by another one of its id has not failed`() throws {
    let tag = link.deliver("[[1], {}]", .init(headers: task(1, "outer")))
    link.publish("[[\"inner\"], {}]", key: "q", .init(headers: task(1, "inner")))
    link.ack(tag)
    #expect(try bench.counts("q")["acked"] == 1)
    #expect(try bench.counts("q")["requeued"] == nil)
  }
}
