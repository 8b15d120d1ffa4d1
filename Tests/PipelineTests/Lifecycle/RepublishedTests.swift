import Testing

@testable import Pipeline

/// Messages that a consumer publishes again: which are copies of one that failed, and how its delivery ends.
@Suite struct RepublishedTests {
  let bench = AMQPBench()
  let link: AMQPLink

  init() {
    link = bench.connect()
    link.consume("q")
  }

  private typealias Field = AMQPWire.Field
  private let task = "0abc9b85-11df-4ea5-b663-238e0e546792"

  private func tried(_ times: Int64) -> [(String, Field)] { [("id", .text(task)), ("retries", .int(times))] }

  @Test func `a copy to the own queue under the same task id is another try, also after an early ack`() throws {
    for times in 0..<5 {
      link.ack(link.deliver("[]", .init(headers: tried(Int64(times)))))
      link.publish("[]", key: "q", .init(headers: tried(Int64(times) + 1)))
    }
    link.ack(link.deliver("[]", .init(headers: tried(5))))
    #expect(try bench.counts("q") == ["delivered": 6, "requeued": 5, "acked_paired": 5, "acked": 1])
    let group = try bench.group(GroupKey.rabbitmq(vhost: "/", queue: "q"))
    #expect(group.attempts.max == 6)
    #expect(group.inferences["copy_with_same_id"] == 5)
  }

  @Test func `the copies of one message are one failing message`() throws {
    for times in 0..<5 {
      link.ack(link.deliver("[\(times)]", .init(headers: tried(Int64(times)))))
      link.publish("[\(times + 1)]", key: "q", .init(headers: tried(Int64(times) + 1)))
    }
    #expect(bench.engine.ledger.groups[0].monitor.windows.main.failing.count == 1)
  }

  @Test func `a token in the body and a counter that grew make a copy of a body that changed`() throws {
    let tag = link.deliver(#"{"message_id":"\#(task)","options":{}}"#)
    link.publish(#"{"message_id":"\#(task)","options":{"retries":1,"traceback":"Boom"}}"#, key: "q")
    link.ack(tag)
    #expect(try bench.counts("q") == ["delivered": 1, "requeued": 1, "acked_paired": 1])
    #expect(try bench.group(GroupKey.rabbitmq(vhost: "/", queue: "q")).inferences == ["copy_with_second_sign": 1])
  }

  @Test func `a token alone makes none: a follow-up job is about the same order`() throws {
    let tag = link.deliver(#"{"order":"\#(task)","do":"check"}"#)
    link.publish(#"{"order":"\#(task)","do":"pay","error":"none so far"}"#, key: "q")
    link.ack(tag)
    #expect(try bench.counts("q") == ["delivered": 1, "acked": 1])
  }

  @Test func `the next page of a job is no try, though its number grew`() throws {
    let tag = link.deliver(#"{"job":"\#(task)","page":1}"#)
    link.publish(#"{"job":"\#(task)","page":2}"#, key: "q")
    link.ack(tag)
    #expect(try bench.counts("q") == ["delivered": 1, "acked": 1])
  }

  @Test func `a token that several messages in flight have tells nothing`() throws {
    let first = link.deliver(#"{"batch":"\#(task)","n":1,"retries":0}"#)
    let second = link.deliver(#"{"batch":"\#(task)","n":2,"retries":0}"#)
    link.publish(#"{"batch":"\#(task)","n":3,"retries":1}"#, key: "q")
    link.ack(first)
    link.ack(second)
    #expect(try bench.counts("q") == ["delivered": 2, "acked": 2])
  }

  @Test func `a child that names its parent is no copy`() throws {
    let tag = link.deliver("[1]", .init(headers: [("id", .text(task)), ("root_id", .text(task))]))
    link.publish(
      "[2]", key: "q",
      .init(headers: [("id", .text("6c90eca0-9a1e")), ("parent_id", .text(task)), ("root_id", .text(task))]))
    link.ack(tag)
    #expect(try bench.counts("q") == ["delivered": 1, "acked": 1])
  }

  @Test func `an equal message back to the own queue is returned, which is no failure`() throws {
    let tag = link.deliver("again")
    link.publish("again", key: "q")
    link.ack(tag)
    #expect(try bench.counts("q") == ["delivered": 1, "acked": 1, "returned": 1])
    #expect(try bench.group(GroupKey.rabbitmq(vhost: "/", queue: "q")).error_rate == 0)
  }

  @Test func `an equal message with an error, a counter or a delay is another try`() throws {
    let signs: [[(String, Field)]] = [
      [("x-exception", .text("Boom"))], [("x-retry-count", .int(1))], [("x-delay", .int(500))],
      [("attempt", .text("1"))],
    ]
    for sign in signs {
      let tag = link.deliver("m")
      link.publish("m", key: "q", .init(headers: sign))
      link.ack(tag)
    }
    #expect(try bench.counts("q") == ["delivered": 4, "requeued": 4, "acked_paired": 4])
  }

  @Test func `a reply with the correlation id is none, whatever it is called`() throws {
    let tag = link.deliver("ask", .init(id: "m1", correlationID: "c1"))
    link.publish(
      "it failed", key: "replies.failed", .init(correlationID: "m1", headers: [("error", .text("no stock"))]))
    link.publish(
      "it failed", key: "replies.failed", .init(correlationID: "c1", headers: [("error", .text("no stock"))]))
    link.ack(tag)
    #expect(try bench.counts("q") == ["delivered": 1, "acked": 1])
    #expect(bench.engine.report().producers.map(\.kind) == ["normal"])
  }

  @Test func `a name that says little needs the message's own id`() throws {
    let tag = link.deliver("m", .init(id: "m1"))
    link.publish("m", key: "payment.failed", .init(id: "e1"))
    link.ack(tag)
    #expect(try bench.counts("q") == ["delivered": 1, "acked": 1])
    let next = link.deliver("n", .init(id: "m2"))
    link.publish("n", key: "payment.failed", .init(id: "m2"))
    link.ack(next)
    #expect(try bench.counts("q") == ["delivered": 2, "acked": 1, "dead_lettered": 1, "acked_paired": 1])
    #expect(bench.engine.report().producers.map(\.kind) == ["dead_letter"])
  }

  @Test func `a copy to a place that is not known is a failure once the same message comes back`() throws {
    let tag = link.deliver("m", .init(id: "m1"))
    link.publish("m", exchange: "later", key: "x", .init(id: "m1"))
    link.ack(tag)
    #expect(try bench.counts("q") == ["delivered": 1, "acked": 1])
    let again = link.deliver("m", .init(id: "m1"))
    #expect(try bench.counts("q") == ["delivered": 2, "requeued": 1, "acked_paired": 1, "in_flight": 1])
    #expect(bench.engine.report().producers.map(\.kind) == ["retry"])
    #expect(bench.engine.report().producers.map(\.why) == ["came_back"])
    // From now on it is known.
    link.publish("m", exchange: "later", key: "x", .init(id: "m1"))
    #expect(try bench.counts("q") == ["delivered": 2, "requeued": 2, "acked_paired": 1])
    link.ack(again)
    let group = try bench.group(GroupKey.rabbitmq(vhost: "/", queue: "q"))
    #expect(group.attempts.max == 2)
    #expect(group.attempts.source == "copies+redelivered")
  }

  @Test func `what the target hands back to the group it came from was a retry there, and only waited here`() throws {
    link.consume("wait", tag: "w")
    func message(_ queue: String, _ retries: Int) -> String {
      #"{"queue":"\#(queue)","message_id":"\#(task)","retries":\#(retries)}"#
    }
    for times in 0..<3 {
      let tag = link.deliver(message("q", times))
      link.publish(message("wait", times + 1), key: "wait")
      link.ack(tag)
      let waiting = link.deliver(message("wait", times + 1), to: "w")
      link.publish(message("q", times + 1), key: "q")
      link.ack(waiting)
    }
    link.ack(link.deliver(message("q", 3)))
    #expect(try bench.counts("q") == ["delivered": 4, "requeued": 3, "acked_paired": 3, "acked": 1])
    #expect(try bench.counts("wait") == ["delivered": 3, "acked": 3, "moved": 3])
    #expect(try bench.group(GroupKey.rabbitmq(vhost: "/", queue: "q")).attempts.max == 4)
    #expect(try bench.group(GroupKey.rabbitmq(vhost: "/", queue: "wait")).error_rate == nil)
  }

  @Test func `a pipeline within the target passes messages on`() throws {
    link.consume("r", tag: "r")
    for i in 0..<5 {
      let tag = link.deliver("m\(i)", .init(id: "m\(i)"))
      link.publish("m\(i)", key: "r", .init(id: "m\(i)"))
      link.ack(tag)
      link.ack(link.deliver("m\(i)", to: "r", .init(id: "m\(i)")))
    }
    #expect(try bench.counts("q") == ["delivered": 5, "acked": 5])
    #expect(try bench.counts("r") == ["delivered": 5, "acked": 5])
  }

  @Test func `a settlement of any kind belongs to its copy`() throws {
    let tag = link.deliver("m", .init(id: "m1"))
    link.publish("m", key: "q.dlq", .init(id: "m1"))
    link.reject(tag, requeue: false)
    #expect(try bench.counts("q") == ["delivered": 1, "dead_lettered": 1, "acked_paired": 1])
  }

  @Test func `a rejection that was counted is revised when its copy shows`() throws {
    link.reject(link.deliver("m", .init(id: "m1")), requeue: false)
    link.publish("m", key: "q", .init(id: "m1"))
    #expect(try bench.counts("q") == ["delivered": 1, "requeued": 1, "acked_paired": 1])
    let counts = bench.engine.ledger.groups[0].monitor.windows.main.counts
    #expect(counts.rejected == 0)
    #expect(counts.requeued == 1)
    #expect(counts.deadLetters == 0)
  }

  @Test func `a queue that keeps messages for a while and returns them is for retries, by whatever name`() throws {
    link.declare(
      "pause",
      [("x-message-ttl", .int(500)), ("x-dead-letter-exchange", .text("")), ("x-dead-letter-routing-key", .text("q"))])
    let tag = link.deliver("m")
    link.publish("m", key: "pause")
    link.ack(tag)
    #expect(try bench.counts("q") == ["delivered": 1, "requeued": 1, "acked_paired": 1])
    #expect(bench.engine.report().producers.map(\.why) == ["declared"])
  }

  @Test func `a destination that is configured as normal makes no copies`() throws {
    let bench = AMQPBench { $0.destinations.normal = ["q"] }
    let link = bench.connect()
    link.consume("q")
    let tag = link.deliver("m", .init(id: "m1"))
    link.publish("m", key: "q", .init(id: "m1"))
    link.ack(tag)
    #expect(try bench.counts("q") == ["delivered": 1, "acked": 1])
  }

  @Test func `after many deliveries and no publish nothing is kept, and the first copies are still found by then`()
    throws
  {
    for i in 0..<5000 { link.ack(link.deliver("m\(i)")) }
    #expect(!bench.engine.ledger.wantsMarks)
    link.publish("x", key: "elsewhere")
    #expect(bench.engine.ledger.wantsMarks)
    let tag = link.deliver("m", .init(id: "m1"))
    link.publish("m", key: "q", .init(id: "m1"))
    link.ack(tag)
    #expect(try bench.counts("q")["requeued"] == 1)
  }

  @Test func `the tables of sources and copies stay within their bounds`() throws {
    for i in 0..<70_000 {
      let tag = link.deliver("m\(i)", .init(id: "m\(i)"))
      link.publish("m\(i)", key: "elsewhere", .init(id: "m\(i)"))
      link.ack(tag)
    }
    #expect(try bench.counts("q") == ["delivered": 70_000, "acked": 70_000])
    // Passed on, and acknowledged in time: nothing is missing.
    #expect(bench.engine.report().capture.dropped["copies"] == nil)
    #expect(bench.engine.report().capture.dropped["copy_sources"] == nil)
    let tag = link.deliver("m", .init(id: "last"))
    link.publish("m", key: "q", .init(id: "last"))
    link.ack(tag)
    #expect(try bench.counts("q")["requeued"] == 1)
  }

  @Test func `deliveries and retries that a bound forgot are counted`() throws {
    for i in 0..<40_000 { link.deliver("m\(i)", .init(id: "m\(i)")) }
    // Of these only the first 4,096 are kept: nothing was published yet.
    #expect(bench.engine.report().capture.dropped["copy_sources"] == nil)
    link.publish("x", key: "elsewhere")
    for i in 0..<40_000 { link.deliver("n\(i)", .init(id: "n\(i)")) }
    #expect(bench.engine.report().capture.dropped["copy_sources"] ?? 0 > 0)
    for i in 0..<40_000 { link.publish("n\(i)", key: "q.retry", .init(id: "n\(i)")) }
    #expect(try bench.counts("q")["requeued"] ?? 0 > 32_000)
    #expect(bench.engine.report().capture.dropped["copies"] == nil)
  }

  @Test func `a copy that is delivered again is still another try of its first message`() throws {
    let first = link.deliver("m", .init(headers: [("x-error", .text("no stock"))]))
    link.publish("m", key: "q", .init(headers: [("x-error", .text("no price"))]))
    link.ack(first)
    link.nack(link.deliver("m", .init(headers: [("x-error", .text("no price"))])))
    let third = link.deliver("m", redelivered: true, .init(headers: [("x-error", .text("no price"))]))
    link.publish("m", key: "q", .init(headers: [("x-error", .text("no reply"))]))
    link.ack(third)
    #expect(try bench.group(GroupKey.rabbitmq(vhost: "/", queue: "q")).attempts.max == 3)
    #expect(bench.engine.ledger.groups[0].monitor.windows.main.failing.count == 1)
  }

  @Test func `a header that counts tries counts also where nothing is published any more`() throws {
    for i in 0..<5000 { link.ack(link.deliver("m\(i)")) }
    #expect(!bench.engine.ledger.wantsMarks)
    link.ack(link.deliver("m", .init(headers: [("x-retry-count", .int(4))])))
    let group = try bench.group(GroupKey.rabbitmq(vhost: "/", queue: "q"))
    #expect(group.attempts.max == 5)
  }

  @Test func `many messages that look alike are each found by their copies`() throws {
    let tags = (0..<500).map { _ in link.deliver("{}") }
    for _ in tags { link.publish("{}", key: "q", .init(headers: [("x-retries", .int(1))])) }
    link.ack(tags[499], multiple: true)
    #expect(try bench.counts("q") == ["delivered": 500, "requeued": 500, "acked_paired": 500])
  }

  @Test func `a message is tried without end`() throws {
    for times in 0..<1200 {
      link.ack(link.deliver("m", .init(headers: [("x-retries", .int(Int64(times)))])))
      link.publish("m", key: "q", .init(headers: [("x-retries", .int(Int64(times + 1)))]))
    }
    #expect(try bench.counts("q") == ["delivered": 1200, "requeued": 1200, "acked_paired": 1200])
  }

  @Test func `ordinary headers do not take the room of what copies are known by`() throws {
    link.publish("x", key: "elsewhere")
    let headers = (0..<24).map { ("h\($0)", Field.text("value \($0) in words")) }
    let tags = (0..<20_000).map { link.deliver("m\($0)", .init(id: "m\($0)", headers: headers)) }
    for i in 0..<20_000 {
      link.publish("m\(i)", key: "q", .init(id: "m\(i)", headers: headers + [("x-retries", .int(1))]))
    }
    link.ack(tags[19_999], multiple: true)
    #expect(try bench.counts("q")["requeued"] == 20_000)
  }

  @Test func `deliveries whose marks were overwritten are counted`() throws {
    link.publish("x", key: "elsewhere")
    let tokens = (0..<24).map { #""t\#($0)":"0abc9b85-11df-4ea5-b663-0238e0e54\#($0 + 100)""# }
    let body = "{" + tokens.joined(separator: ",") + "}"
    for i in 0..<20_000 { link.deliver(body, .init(id: "m\(i)")) }
    #expect(bench.engine.report().capture.dropped["copy_sources"] ?? 0 > 5_000)
  }
}
