import Testing

@testable import Pipeline

/// Records that a consumer publishes again to a topic that it consumes.
@Suite struct KafkaRepublishTests {
  let bench = KafkaBench()

  private func text(_ value: String) -> [UInt8] { Array(value.utf8) }

  /// A consumer that was given ten records of `orders`, and a producer in its process.
  private func start(_ marks: [(String, [UInt8])] = []) -> (consumer: KafkaConsumer, producer: KafkaLink) {
    let consumer = bench.consumer()
    consumer.fetcher.fetch("orders-0@0")
    consumer.fetcher.answer(KafkaGot("orders-0@0...9") { $0.marks = marks })
    return (consumer, bench.connect())
  }

  /// The copy comes in.
  private func deliver(_ offset: Int, as value: String, _ marks: [(String, [UInt8])] = [], to consumer: KafkaConsumer) {
    consumer.fetcher.fetch("orders-0@\(offset)")
    consumer.fetcher.answer(
      KafkaGot("orders-0@\(offset)...\(offset)") {
        $0.value = value
        $0.marks = marks
      })
  }

  @Test func `headers that name the source make a retry of it, and its commit is the copy's end`() throws {
    let (consumer, producer) = start()
    producer.produce("orders", value: "with another body", headers: KafkaCopies.spring("orders", 0, 0))
    #expect(try bench.counts() == ["delivered": 10, "requeued": 1, "in_flight": 9])
    consumer.commit("orders-0@2")
    #expect(try bench.counts() == ["delivered": 10, "acked": 1, "requeued": 1, "acked_paired": 1, "in_flight": 8])
    #expect(try bench.group().inferences == ["named_copy": 1])
    #expect(bench.ledger.producers.entries.first?.published == 1)
  }

  @Test(arguments: [
    [("x-retries", "1")], [("X-Retry-Count", "1")], [("attempt", "2")], [("x-exception", "ValueError")],
    [("last-error", "no such order")], [("x-delay-ms", "5000")], [("tour", "6")],
  ])
  func `equal contents and a second sign make a retry`(header: [(String, String)]) throws {
    let (consumer, producer) = start([("tour", text("5")), ("attempt", text("1"))])
    producer.produce("orders", value: "orders-0@3", headers: header.map { ($0.0, text($0.1)) })
    consumer.commit("orders-0@10")
    #expect(try bench.counts() == ["delivered": 10, "acked": 9, "requeued": 1, "acked_paired": 1])
    #expect(try bench.named() == ["orders-0@3"])
    #expect(try bench.group().inferences == ["republished_record": 1])
  }

  @Test(arguments: [
    [], [("tour", "5")], [("tour", "7")], [("page", "2")], [("max-retries", "5")], [("tenant", "6")],
    [("x-retries", "2")], [("metadata", "none")],
  ])
  func `equal contents without a second sign are returned, which is no failure`(header: [(String, String)]) throws {
    let (consumer, producer) = start([("tour", text("5")), ("page", text("1")), ("x-retries", text("2"))])
    producer.produce("orders", value: "orders-0@3", headers: header.map { ($0.0, text($0.1)) })
    consumer.commit("orders-0@10")
    #expect(try bench.counts() == ["delivered": 10, "redelivered": 10, "acked": 10, "returned": 1])
    #expect(try bench.group().inferences == ["returned_record": 1])
    // The same of what was acknowledged a moment ago.
    producer.produce("orders", value: "orders-0@4", headers: header.map { ($0.0, text($0.1)) })
    #expect(try bench.counts()["returned"] == 2)
  }

  @Test func `one record counts as returned once`() throws {
    let (consumer, producer) = start()
    for _ in 0..<2 { producer.produce("orders", value: "orders-0@3") }
    consumer.commit("orders-0@10")
    producer.produce("orders", value: "orders-0@3")
    #expect(try bench.counts() == ["delivered": 10, "acked": 10, "returned": 1])
  }

  @Test func `what came back to nobody's hands is not returned`() throws {
    let (consumer, producer) = start()
    producer.produce("orders", value: "orders-0@3")
    consumer.leave()
    #expect(try bench.counts() == ["delivered": 10, "abandoned": 10])
  }

  @Test func `other contents are other work`() throws {
    let (consumer, producer) = start()
    producer.produce("orders", value: "a follow-up", headers: [("x-retries", text("1")), ("error", text("none"))])
    consumer.commit("orders-0@10")
    #expect(try bench.counts() == ["delivered": 10, "acked": 10])
    #expect(try bench.group().inferences == [:])
  }

  @Test func `what is passed on to another topic of the same group is no retry without a sign`() throws {
    let consumer = bench.consumer("g", "m", ["orders-0", "payments-0"])
    consumer.poll("orders-0@0...4")
    let producer = bench.connect()
    producer.produce("payments", value: "orders-0@1")
    consumer.commit("orders-0@5")
    #expect(try bench.counts() == ["delivered": 5, "acked": 5])
    producer.produce("payments", value: "orders-0@2", headers: [("x-retries", text("1"))])
    #expect(try bench.counts() == ["delivered": 5, "acked": 4, "requeued": 1, "acked_paired": 1])
  }

  @Test func `what is passed on to a topic of another group in the same process is no retry`() throws {
    let orders = bench.consumer("g1", "a", ["orders-0"])
    _ = bench.consumer("g2", "b", ["payments-0"])
    orders.poll("orders-0@0...4")
    let headers = KafkaCopies.spring("orders", 0, 1) + [("x-retries", text("1"))]
    bench.connect().produce("payments", value: "orders-0@1", headers: headers)
    orders.commit("orders-0@5")
    #expect(try bench.counts("g1") == ["delivered": 5, "acked": 5])
  }

  @Test func `a consumer of dead letters that publishes one back to their topic tries it again`() throws {
    let consumer = bench.consumer("g", "m", ["orders.dlq-0"])
    consumer.poll("orders.dlq-0@0...4")
    let producer = bench.connect()
    producer.produce("orders.dlq", value: "orders.dlq-0@1", headers: [("x-retries", text("1"))])
    producer.produce("orders.dlq", value: "orders.dlq-0@2")
    consumer.commit("orders.dlq-0@5")
    #expect(try bench.counts() == ["delivered": 5, "acked": 4, "requeued": 1, "acked_paired": 1, "returned": 1])
  }

  @Test func `a topic whose name only hints at dead letters needs a second sign`() throws {
    let (consumer, producer) = start()
    producer.produce("orders.failed", value: "orders-0@1", headers: [("x-exception", text("ValueError"))])
    producer.produce("orders.failed", value: "orders-0@2")
    producer.produce("orders.failed", value: "an event", headers: [("x-exception", text("ValueError"))])
    producer.produce("orders.failed", headers: KafkaCopies.spring("orders", 0, 4))
    producer.produce("orders.failed", codec: .gzip, count: 5)
    consumer.commit("orders-0@10")
    #expect(try bench.counts() == ["delivered": 10, "acked": 8, "dead_lettered": 2, "acked_paired": 2])
    #expect(try bench.named() == ["orders-0@1", "orders-0@4"])
    #expect(bench.ledger.dropped.pairs == 0)
  }

  @Test func `within a transaction it is a retry only once that has committed`() throws {
    let (_, producer) = start()
    for (offset, commits) in [(1, false), (2, true)] {
      producer.produce(
        "orders", value: "orders-0@\(offset)", headers: [("x-retries", text("1"))], producer: 7,
        sequence: Int32(offset), isTransactional: true)
      #expect(try bench.counts() == ["delivered": 10, "in_flight": 10])
      producer.endTransaction(7, commits: commits)
    }
    #expect(try bench.counts() == ["delivered": 10, "requeued": 1, "in_flight": 9])
  }

  @Test func `of a compressed batch nothing is concluded`() throws {
    let (consumer, producer) = start()
    producer.produce("orders", codec: .zstd, count: 3)
    consumer.commit("orders-0@10")
    #expect(try bench.counts() == ["delivered": 10, "acked": 10])
    #expect(bench.ledger.producers.entries.first?.published == 3)
    #expect(bench.ledger.dropped.pairs == 0)
  }

  @Test func `a retry to the own topic is no other work of its connection`() throws {
    let (_, producer) = start()
    producer.produce("orders", value: "orders-0@1", headers: [("x-retries", text("1"))])
    #expect(producer.session.publishedAt == nil)
    producer.produce("orders", value: "a follow-up")
    #expect(producer.session.publishedAt != nil)
  }

  // MARK: Attempts

  @Test func `a copy that comes in is the same message's next try`() throws {
    let (consumer, producer) = start()
    for round in 0..<5 {
      let marks = [("x-exception", text("ValueError"))]
      producer.produce("orders", value: "orders-0@3", headers: marks)
      consumer.commit("orders-0@\(10 + round)")
      deliver(10 + round, as: "orders-0@3", marks, to: consumer)
      #expect(try bench.attempt("orders-0@\(10 + round)") == round + 2)
    }
    #expect(try bench.named() == ["orders-0@3"])
    #expect(try bench.group().attemptSourceName == "seek_back+copies")
  }

  @Test(arguments: [("x-retries", "4", 5), ("x-delivery-attempts", "4", 4), ("retry_topic-attempts", "4", 4)])
  func `a header that counts tries says which one it is`(name: String, value: String, attempt: Int) throws {
    _ = start([(name, text(value))])
    #expect(try bench.attempt("orders-0@3") == attempt)
    #expect(try bench.group().attemptSourceName == "retry_headers")
  }

  @Test func `the higher of copies and headers counts, and a seek back counts on`() throws {
    let (consumer, producer) = start()
    let marks = [("x-retries", text("7"))]
    producer.produce("orders", value: "orders-0@3", headers: marks)
    consumer.commit("orders-0@10")
    deliver(10, as: "orders-0@3", marks, to: consumer)
    #expect(try bench.attempt("orders-0@10") == 8)
    for _ in 0..<2 { deliver(10, as: "orders-0@3", marks, to: consumer) }
    #expect(try bench.attempt("orders-0@10") == 10)
  }

  @Test func `for another group of the process the copy is a new record`() throws {
    let one = bench.consumer("g1", "a", ["orders-0"], client: "one")
    let two = bench.consumer("g2", "b", ["orders-0"], client: "two")
    one.poll("orders-0@0...4")
    two.poll("orders-0@0...4")
    bench.connect().produce(
      "orders", value: "orders-0@1",
      headers: KafkaCopies.spring("orders", 0, 1) + [("kafka_dlt-original-consumer-group", text("g1"))])
    for consumer in [one, two] { deliver(5, as: "orders-0@1", to: consumer) }
    #expect(try bench.attempt("orders-0@5", "g1") == 2)
    #expect(try bench.attempt("orders-0@5", "g2") == 1)
  }

  @Test func `a copy is followed to a retry topic that another group of the process consumes`() throws {
    let workers = bench.consumer("workers", "a", ["orders-0"])
    let retriers = bench.consumer("retriers", "b", ["orders.retry-0"])
    workers.poll("orders-0@0...2")
    bench.connect().produce("orders.retry", value: "orders-0@1")
    retriers.fetcher.fetch("orders.retry-0@0")
    retriers.fetcher.answer(KafkaGot("orders.retry-0@0...0") { $0.value = "orders-0@1" })
    #expect(try bench.attempt("orders.retry-0@0", "retriers") == 2)
  }

  @Test func `copies that are followed have a bound`() {
    var copies = FollowedCopy()
    var forgotten = 0
    for contents in 1...70_000 as ClosedRange<UInt64> {
      forgotten += copies.publish(contents, for: 0, .init(message: contents, attempt: 2))
    }
    #expect(forgotten == 65_536)
    #expect(copies.take(1, by: 0) == nil)
    #expect(copies.take(70_000, by: 0)?.attempt == 2)
    #expect(copies.take(70_000, by: 0) == nil)
  }
}
