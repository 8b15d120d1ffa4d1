import Testing

@testable import Pipeline

/// Copies of failed records on dead-letter and retry topics.
@Suite struct KafkaCopyTests {
  let bench = KafkaBench()

  /// A process that is known to publish copies, so that contents are compared.
  private func publisher(_ process: String = "app") -> KafkaLink {
    let link = bench.connect(process: process)
    link.produce("other.dlq", headers: KafkaCopies.spring("elsewhere", 0, 0))
    return link
  }

  @Test func `Spring's headers name the source, and its commit is the copy's end`() throws {
    let consumer = bench.consumer("g", "m", ["orders-0", "orders-1"])
    consumer.poll("orders-0@0...4", "orders-1@0...4")
    bench.connect().produce("orders.DLT", headers: KafkaCopies.spring("orders", 1, 2))
    #expect(try bench.counts() == ["delivered": 10, "dead_lettered": 1, "in_flight": 9])
    #expect(try bench.named() == ["orders-1@2"])
    consumer.commit("orders-0@5", "orders-1@5")
    #expect(try bench.counts() == ["delivered": 10, "acked": 9, "dead_lettered": 1, "acked_paired": 1])
  }

  @Test(arguments: [KafkaBatch.Codec.none, .snappy])
  func `a copy that is written within a transaction is one only if that commits`(codec: KafkaBatch.Codec) throws {
    let consumer = bench.consumer()
    let producer = bench.connect()
    consumer.poll("orders-0@0...4")
    func write(_ sequence: Int32) {
      producer.produce(
        "orders.DLT", headers: KafkaCopies.spring("orders", 0, 0), codec: codec, producer: 7, sequence: sequence,
        isTransactional: true)
    }
    write(0)
    #expect(try bench.counts() == ["delivered": 5, "in_flight": 5])
    producer.endTransaction(7, commits: false)
    #expect(try bench.counts() == ["delivered": 5, "in_flight": 5])
    write(1)
    consumer.coordinator.commit("g", "m", generation: 1, ["orders-0@1"], producer: 7)
    #expect(try bench.counts() == ["delivered": 5, "in_flight": 5])
    producer.endTransaction(7, commits: true)
    #expect(try bench.counts() == ["delivered": 5, "dead_lettered": 1, "acked_paired": 1, "in_flight": 4])
  }

  @Test func `Connect's headers name the source`() throws {
    let consumer = bench.consumer()
    consumer.poll("orders-0@0...4")
    bench.connect().produce("connect-dlq", headers: KafkaCopies.connect("orders", 0, 3))
    #expect(try bench.named() == ["orders-0@3"])
    #expect(try bench.counts() == ["delivered": 5, "dead_lettered": 1, "in_flight": 4])
  }

  @Test func `the source's group tells which of two it was`() throws {
    let one = bench.consumer("g1", "a", ["orders-0"], client: "one")
    let two = bench.consumer("g2", "b", ["orders-0"], client: "two")
    one.poll("orders-0@0...4")
    two.poll("orders-0@0...4")
    let headers = KafkaCopies.spring("orders", 0, 3) + [("kafka_dlt-original-consumer-group", Array("g2".utf8))]
    bench.connect().produce("orders.DLT", headers: headers)
    #expect(try bench.failures("g1") == 0)
    #expect(try bench.named("g2") == ["orders-0@3"])
  }

  @Test func `a number that happens to be an offset takes no dead letter away`() throws {
    let consumer = bench.consumer()
    let producer = publisher()
    consumer.poll("orders-0@0...9")
    for k in 0..<10 {
      producer.produce("failed.dlq", value: "orders-0@\(k)", headers: [("x-attempts", Array("3".utf8))], error: 0)
    }
    consumer.commit("orders-0@10")
    #expect(try bench.counts() == ["delivered": 10, "dead_lettered": 10, "acked_paired": 10])
  }

  @Test func `of records at one offset it is the one that contains the same`() throws {
    let producer = publisher()
    let consumer = bench.consumer("g", "m", ["orders-0", "orders-1", "orders-2"])
    consumer.poll("orders-0@0...4", "orders-1@0...4", "orders-2@0...4")
    // Taken for a partition, the number of attempts would name another one.
    let headers = [("x-source-offset", Array("3".utf8)), ("x-attempts", Array("2".utf8))]
    producer.produce("failed.dlq", value: "orders-1@3", headers: headers, error: 0)
    #expect(try bench.named() == ["orders-1@3"])
  }

  @Test func `equal contents name the source where the topic's name extends its own`() throws {
    let link = publisher()
    let consumer = bench.consumer("g", "m", ["orders-0", "orders-1"])
    consumer.poll("orders-0@0...4", "orders-1@0...4")
    link.produce("orders.dlq", value: "orders-1@3")
    #expect(try bench.counts() == ["delivered": 10, "dead_lettered": 1, "in_flight": 9])
    consumer.commit("orders-1@5")
    #expect(
      try bench.counts() == ["delivered": 10, "acked": 4, "dead_lettered": 1, "acked_paired": 1, "in_flight": 5])
    // The same of what was acknowledged a moment ago.
    link.produce("orders.dlq", value: "orders-1@4")
    #expect(
      try bench.counts() == ["delivered": 10, "acked": 3, "dead_lettered": 2, "acked_paired": 2, "in_flight": 5])
    let counts = try bench.group().monitor.windows.main.counts
    #expect(counts.acked == 3 && counts.deadLettered == 2)
  }

  @Test func `of equal contents the first copy has a source, and the others count`() throws {
    let link = publisher()
    let consumer = bench.consumer("g", "m", ["orders-0"])
    consumer.fetcher.fetch("orders-0@0")
    consumer.fetcher.answer(KafkaGot("orders-0@0...3") { $0.value = "same" })
    for _ in 0..<3 { link.produce("orders.dlq", value: "same") }
    #expect(try bench.counts() == ["delivered": 4, "dead_lettered": 1, "in_flight": 3])
    consumer.commit("orders-0@4")
    #expect(try bench.counts() == ["delivered": 4, "acked": 1, "dead_lettered": 3, "acked_paired": 3])
  }

  @Test func `what is known by its contents has a bound`() throws {
    let link = publisher()
    let consumer = bench.consumer()
    for i in 0..<70 { consumer.poll("orders-0@\(i * 1_000)...\(i * 1_000 + 999)") }
    #expect(link.session.process.bodies.count <= KafkaProcess.bodyBound)
    link.produce("orders.dlq", value: "orders-0@69999")
    #expect(try bench.named() == ["orders-0@69999"])
  }

  @Test func `contents are compared of a process's first records, and where copies are published`() throws {
    let link = bench.connect()
    let consumer = bench.consumer()
    link.produce("billing")
    consumer.poll("orders-0@0...3")
    #expect(consumer.fetcher.session.fetching.detail.contains(.hashes))
    consumer.fetcher.session.process.recordsRead = KafkaProcess.recordsHashed
    consumer.poll("orders-0@4...4")
    #expect(consumer.fetcher.session.fetching.detail == [])
    link.produce("orders.dlq", value: "orders-0@2")
    consumer.poll("orders-0@5...9")
    #expect(consumer.fetcher.session.fetching.detail.contains(.hashes))
  }

  @Test func `a copy that says nothing ends no delivery, and counts for an acknowledgement`() throws {
    let consumer = bench.consumer()
    consumer.poll("orders-0@0...4")
    bench.connect().produce("dead-letters", codec: .zstd)
    #expect(try bench.counts() == ["delivered": 5, "in_flight": 5])
    consumer.commit("orders-0@1")
    consumer.commit("orders-0@5")
    #expect(try bench.counts() == ["delivered": 5, "acked": 4, "dead_lettered": 1, "acked_paired": 1])
    bench.pass(20)
    #expect(try bench.counts()["dead_lettered"] == 1)
    #expect(try bench.named() == [])
    #expect(try bench.group().inferences == ["counted_copy": 1])
  }

  @Test func `a copy that says nothing counts for none of two groups`() throws {
    let one = bench.consumer("g1", "a", ["orders-0"])
    let two = bench.consumer("g2", "b", ["refunds-0"])
    one.poll("orders-0@0...4")
    two.poll("refunds-0@0...4")
    bench.connect().produce("dead-letters", codec: .zstd)
    one.commit("orders-0@5")
    two.commit("refunds-0@5")
    #expect(try bench.failures("g1") == 0)
    #expect(try bench.failures("g2") == 0)
    #expect(bench.ledger.dropped.pairs == 1)
  }

  @Test func `copies that wait for an acknowledgement have a bound`() throws {
    bench.consumer().poll("orders-0@0...4")
    let link = bench.connect()
    for _ in 0..<3 { link.produce("dead-letters", codec: .gzip, count: 40_000) }
    let group = try #require(bench.state.group("g", cluster: bench.cluster))
    #expect(group.copies.count == KafkaGroup.copyBound)
    #expect(bench.ledger.dropped.pairs == 120_000 - UInt64(KafkaGroup.copyBound))
  }

  @Test func `a copy that says nothing and comes after the acks is of what was acknowledged last`() throws {
    let link = publisher()
    let consumer = bench.consumer()
    consumer.poll("orders-0@0...4")
    consumer.commit("orders-0@5")
    link.produce("dead-letters", codec: .gzip, count: 7)
    bench.pass(11)
    // There were no more than five.
    #expect(try bench.counts() == ["delivered": 5, "dead_lettered": 5, "acked_paired": 5])
  }

  @Test func `a copy that comes after its source's ack takes the ack back`() throws {
    let link = publisher()
    let consumer = bench.consumer()
    consumer.poll("orders-0@0...4")
    consumer.commit("orders-0@5")
    link.produce("orders.DLT", headers: KafkaCopies.spring("orders", 0, 2))
    #expect(try bench.counts() == ["delivered": 5, "acked": 4, "dead_lettered": 1, "acked_paired": 1])
    #expect(try bench.named() == ["orders-0@2"])
  }

  @Test func `one record dead-lettered twice failed once`() throws {
    let consumer = bench.consumer()
    consumer.poll("orders-0@0...4")
    for _ in 0..<2 { bench.connect().produce("orders.DLT", headers: KafkaCopies.spring("orders", 0, 2)) }
    bench.pass(11)
    consumer.commit("orders-0@5")
    #expect(try bench.counts() == ["delivered": 5, "acked": 4, "dead_lettered": 1, "acked_paired": 1])
  }

  @Test func `a copy of a record that was not seen is nobody's here`() throws {
    let consumer = bench.consumer()
    consumer.poll("orders-0@100...104")
    bench.connect().produce("orders.DLT", headers: KafkaCopies.spring("orders", 0, 200))
    bench.pass(11)
    #expect(try bench.counts() == ["delivered": 5, "in_flight": 5])
  }

  @Test func `another process's copy is not ours`() throws {
    let consumer = bench.consumer(process: "one")
    consumer.poll("orders-0@0...4")
    bench.connect(process: "two").produce("dead-letters", codec: .gzip)
    bench.pass(11)
    #expect(try bench.counts() == ["delivered": 5, "in_flight": 5])
  }

  @Test func `an idempotent producer's repeats are none, in whatever order`() throws {
    let consumer = bench.consumer()
    consumer.poll("orders-0@0...9")
    let link = bench.connect()
    for sequence in [0, 1, 2, 0, 1, 2, 3] as [Int32] {
      link.produce("dead-letters", codec: .gzip, producer: 9, sequence: sequence)
    }
    consumer.commit("orders-0@10")
    #expect(try bench.counts() == ["delivered": 10, "acked": 6, "dead_lettered": 4, "acked_paired": 4])
    #expect(bench.ledger.producers.entries.first { $0.name == "dead-letters" }?.published == 4)
  }

  @Test func `a copy on a retry topic is a retry`() throws {
    let consumer = bench.consumer()
    consumer.poll("orders-0@0...4")
    bench.connect().produce("orders-retry-0", headers: KafkaCopies.retry("orders", 0, 1, attempts: 2))
    consumer.commit("orders-0@5")
    #expect(try bench.counts() == ["delivered": 5, "acked": 4, "requeued": 1, "acked_paired": 1])
  }

  @Test(arguments: [KafkaBytes.i32(3), [3]])
  func `a retry topic's headers count attempts, in four bytes or one`(attempts: [UInt8]) throws {
    let consumer = bench.consumer("g", "m", ["orders-retry-0"])
    consumer.fetcher.fetch("orders-retry-0@0")
    consumer.fetcher.answer(KafkaGot("orders-retry-0@0...1") { $0.marks = [("retry_topic-attempts", attempts)] })
    #expect(try bench.attempt("orders-retry-0@0") == 3)
    #expect(try bench.counts() == ["delivered": 2, "redelivered": 2, "in_flight": 2])
  }

  @Test func `a copy on a retry topic confirms no return`() throws {
    let consumer = bench.consumer()
    for first in [0, 2] { consumer.poll("orders-0@\(first)...4") }
    bench.connect().produce("orders-retry-0", headers: KafkaCopies.retry("orders", 0, 2, attempts: 2))
    #expect(try bench.counts() == ["delivered": 5, "requeued": 1, "refetched": 3, "in_flight": 4])
  }

  @Test func `a copy on the next retry topic is of what the one before delivered`() throws {
    let consumer = bench.consumer("g", "m", ["orders-0", "orders-retry-0-0"])
    let link = publisher()
    consumer.poll("orders-0@5...5")
    link.produce("orders-retry-0", value: "orders-0@5", headers: KafkaCopies.retry("orders", 0, 5, attempts: 2))
    consumer.commit("orders-0@6")
    consumer.poll("orders-retry-0-0@70...71")
    // It names the topic that it came from first.
    link.produce(
      "orders-retry-1", value: "orders-retry-0-0@71", headers: KafkaCopies.retry("orders", 0, 5, attempts: 3))
    consumer.commit("orders-retry-0-0@72")
    #expect(try bench.counts() == ["delivered": 3, "acked": 1, "requeued": 2, "acked_paired": 2])
    #expect(try bench.named() == ["orders-0@5", "orders-retry-0-0@71"])
  }

  @Test func `what a retry topic waits on purpose is no delay`() throws {
    let consumer = bench.consumer("g", "m", ["orders-retry-0"])
    let made = bench.now
    let due_ms = made.ns / 1_000_000 + 60_000
    bench.pass(61)
    consumer.fetcher.fetch("orders-retry-0@0")
    consumer.fetcher.answer(
      KafkaGot("orders-retry-0@0...0") {
        $0.made = made
        $0.marks = [("retry_topic-backoff-timestamp", KafkaBytes.i64(Int(due_ms)))]
      })
    consumer.commit("orders-retry-0@1")
    let delay_ns = try bench.group().delay.max
    #expect(delay_ns < .seconds(2))
  }
}
