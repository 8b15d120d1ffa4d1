import Testing

@testable import Pipeline

/// What an engine tells of single messages, once it keeps a journal.
@Suite struct ExplanationTests {
  let bench = AMQPBench()
  let link: AMQPLink

  init() {
    bench.engine.keepJournal(limit: 1000)
    link = bench.connect()
    link.consume("q")
  }

  /// The events of the only message of that name, in few words.
  private func story(_ name: String, _ location: SourceLocation = #_sourceLocation) throws -> [String] {
    let found = bench.engine.explanation(of: name).messages
    try #require(found.count == 1, "\(found.map(\.id))", sourceLocation: location)
    return try #require(found[0].events, sourceLocation: location).map(Self.words)
  }

  private static func words(_ event: Explanation.Event) -> String {
    var words = [event.event.rawValue]
    if let attempt = event.attempt { words.append("attempt \(attempt) (\(event.attempt_source ?? "?"))") }
    if event.duplicate == true { words.append("duplicate") }
    if event.returned_copy == true { words.append("returned copy") }
    if let was = event.was { words.append("\(was) →") }
    if let settlement = event.settlement { words.append(settlement) }
    if let destination = event.destination { words.append("\(destination) \(event.kind ?? "?")") }
    if let inference = event.inference { words.append("by \(inference)") }
    return words.joined(separator: " ")
  }

  @Test func `a message that is requeued and then rejected`() throws {
    link.nack(link.deliver("x", .init(id: "m1")))
    link.reject(link.deliver("x", redelivered: true, .init(id: "m1")), requeue: false)
    #expect(
      try story("m1") == [
        "delivered attempt 1 (redelivered)", "settled requeued", "delivered attempt 2 (redelivered)",
        "settled rejected",
      ])
    let message = bench.engine.explanation(of: "m1").messages[0]
    #expect(message.groups == ["rabbitmq:%2F:q"])
    #expect(message.deliveries == 2)
    #expect(message.attempts == 2)
    #expect(message.failures == 2)
    #expect(message.ended == "rejected")
    #expect(message.is_identified)
    let delivered = try #require(message.events?.first)
    #expect(delivered.connection == link.client.description)
    #expect(delivered.consumer == 1)
    #expect(delivered.redelivered == nil)
    #expect(message.events?[2].redelivered == true)
    #expect(message.events?[2].at.timestamp == bench.now + -bench.step_ns)
  }

  @Test func `a message whose consumer publishes a dead letter`() throws {
    let tag = link.deliver("x", .init(id: "m1"))
    link.publish("x", key: "q.dlq", .init(id: "m1"))
    link.ack(tag)
    let story = try story("m1")
    #expect(story.count == 4)
    #expect(story[1].hasPrefix("copied q.dlq dead_letter"))
    #expect(Array(story[2...]) == ["settled dead_lettered", "copy_acknowledged"])
    let message = bench.engine.explanation(of: "m1").messages[0]
    #expect(message.copies == 1)
    #expect(message.ended == "dead_lettered")
  }

  @Test func `the list has what is worth explaining, the most attempts first`() throws {
    for id in ["fine", "failing", "again"] {
      let tag = link.deliver(id, .init(id: id))
      if id == "fine" { link.ack(tag) } else { link.nack(tag) }
    }
    link.ack(link.deliver("again", redelivered: true, .init(id: "again")))
    let list = bench.engine.explanation(of: nil)
    #expect(list.messages_seen == 3)
    #expect(list.messages.map(\.id) == ["again", "failing"])
    #expect(list.messages.map(\.ended) == ["acked", "requeued"])
    #expect(list.messages.allSatisfy { $0.events == nil })
  }

  @Test func `what has not ended is in flight`() throws {
    link.deliver("x", .init(id: "m1"))
    #expect(bench.engine.explanation(of: "m1").messages[0].ended == "in_flight")
  }

  @Test func `messages without an id go by their hash, and look-alikes are one`() throws {
    link.nack(link.deliver("same"))
    link.ack(link.deliver("same"))
    let list = bench.engine.explanation(of: nil)
    let message = try #require(list.messages.first)
    #expect(list.messages.count == 1)
    #expect(message.id.hasPrefix("hash:"))
    #expect(!message.is_identified)
    #expect(message.deliveries == 2)
    #expect(try story(message.id).count == 4)
  }

  @Test func `what a limit leaves out is counted`() throws {
    bench.engine.keepJournal(limit: 3)
    for id in ["a", "b", "c"] { link.ack(link.deliver(id, .init(id: id))) }
    let list = bench.engine.explanation(of: "a")
    #expect(list.dropped == 3)
    #expect(list.messages_seen == 2)
    #expect(bench.engine.explanation(of: "b").messages[0].ended == "in_flight")
    #expect(bench.engine.explanation(of: "c").messages.isEmpty)
    #expect(MemoryLayout<Journal.Entry>.stride <= 48)
  }

  @Test func `without a journal there is nothing to tell`() throws {
    let other = AMQPBench()
    let link = other.connect()
    link.consume("q")
    link.nack(link.deliver("x", .init(id: "m1")))
    let list = other.engine.explanation(of: nil)
    #expect(list.messages.isEmpty)
    #expect(list.messages_seen == 0)
  }

  @Test func `a record goes by topic, partition and offset`() {
    var message = Explanation.Message(
      id: "orders-eu-3@17", other_ids: ["m1"], is_identified: true, groups: ["g"], deliveries: 1, attempts: 1,
      failures: 0, copies: 0, revisions: 0, ended: "acked", first_at: RFC3339(.zero), last_at: RFC3339(.zero))
    for name in ["orders-eu-3@17", "orders-eu/3/17", "m1"] { #expect(message.isNamed(name), "\(name)") }
    for name in ["orders-eu/3/1", "orders-eu-3@1", "m", "", "//"] { #expect(!message.isNamed(name), "\(name)") }
    #expect(!message.isWorthExplaining)
    message.attempts = 2
    #expect(message.isWorthExplaining)
  }
}
