import Testing

@testable import Pipeline

/// Copies that come late, or whose source is not where one looks first. Found with kafka-go and sarama, whose producers wait for
/// more to send.
@Suite struct KafkaLateCopyTests {
  let bench = KafkaBench()

  @Test func `the first copy of all may come behind its source's commit`() throws {
    let consumer = bench.consumer()
    consumer.poll("orders-0@0...4")
    consumer.commit("orders-0@5")
    bench.connect().produce("orders.DLT", headers: KafkaCopies.spring("orders", 0, 2))
    #expect(try bench.counts() == ["delivered": 5, "acked": 4, "dead_lettered": 1, "acked_paired": 1])
    #expect(try bench.named() == ["orders-0@2"])
  }

  @Test func `a thousand commits later a copy still finds its source`() throws {
    let producer = publisher()
    let consumer = bench.consumer()
    consumer.poll("orders-0@0...999")
    consumer.commit("orders-0@1000")
    producer.produce("orders.DLT", headers: KafkaCopies.spring("orders", 0, 10))
    #expect(try bench.counts() == ["delivered": 1_000, "acked": 999, "dead_lettered": 1, "acked_paired": 1])
    #expect(try bench.named() == ["orders-0@10"])
    // It was paired: the same once more is none.
    producer.produce("orders.DLT", headers: KafkaCopies.spring("orders", 0, 10))
    consumer.poll("orders-0@1000...1004")
    consumer.commit("orders-0@1005")
    #expect(try bench.counts() == ["delivered": 1_005, "acked": 1_004, "dead_lettered": 1, "acked_paired": 1])
  }

  @Test func `a second copy of a record is nobody else's`() throws {
    let producer = publisher()
    let consumer = bench.consumer()
    consumer.poll("orders-0@0...4")
    producer.produce("orders.DLT", headers: KafkaCopies.spring("orders", 0, 0))
    consumer.commit("orders-0@5")
    producer.produce("orders.DLT", headers: KafkaCopies.spring("orders", 0, 1))
    for offset in [0, 1] { producer.produce("orders.audit.dlq", headers: KafkaCopies.spring("orders", 0, offset)) }
    consumer.poll("orders-0@5...9")
    consumer.commit("orders-0@10")
    #expect(try bench.counts() == ["delivered": 10, "acked": 8, "dead_lettered": 2, "acked_paired": 2])
  }

  @Test func `after a reset far back what was kept before is of no use`() throws {
    _ = publisher()
    let consumer = bench.consumer()
    consumer.poll("orders-0@5000...5999")
    consumer.commit("orders-0@6000")
    consumer.assign(["orders-0"], generation: 2)
    consumer.poll("orders-0@0...9")
    consumer.commit("orders-0@10")
    let partition = try #require(bench.state.group("g", cluster: bench.cluster)?.list.first)
    #expect(partition.recent[9] != nil)
    #expect(partition.recent[5_999] == nil)
  }

  @Test func `what is kept for late copies has a bound`() throws {
    _ = publisher()
    let consumer = bench.consumer()
    for i in 0..<10 {
      consumer.poll("orders-0@\(i * 1_000)...\(i * 1_000 + 999)")
      consumer.commit("orders-0@\((i + 1) * 1_000)")
    }
    let partition = try #require(bench.state.group("g", cluster: bench.cluster)?.list.first)
    #expect(partition.recent.acks.reduce(0) { count, _ in count + 1 } <= KafkaPartition.recentCopiedBound)
    #expect(partition.recent[9_999] != nil)
  }

  @Test func `of a retry topic's record, to a topic that is not called after it`() throws {
    let producer = publisher()
    let consumer = bench.consumer("workers", "a", ["orders-0"])
    let retrier = bench.consumer("retriers", "b", ["orders.retry.1-0"])
    consumer.poll("orders-0@0...2")
    producer.produce("orders.retry.1", value: "orders-0@1")
    consumer.commit("orders-0@3")
    retrier.fetcher.fetch("orders.retry.1-0@0")
    retrier.fetcher.answer(KafkaGot("orders.retry.1-0@0...0") { $0.value = "orders-0@1" })
    producer.produce("orders.dlq", value: "orders-0@1")
    retrier.commit("orders.retry.1-0@1")
    #expect(try bench.counts("workers") == ["delivered": 3, "acked": 2, "requeued": 1, "acked_paired": 1])
    #expect(
      try bench.counts("retriers") == ["delivered": 1, "redelivered": 1, "dead_lettered": 1, "acked_paired": 1])
  }

  @Test func `to a topic that is called after none: by what it contains, whichever group commits first`() throws {
    let producer = publisher()
    let one = bench.consumer("g", "a", ["orders-0"])
    let other = bench.consumer("h", "b", ["refunds-0"])
    one.poll("orders-0@0...2")
    other.poll("refunds-0@0...2")
    producer.produce("errors.dlq", value: "refunds-0@1")
    one.commit("orders-0@3")
    other.commit("refunds-0@3")
    #expect(try bench.counts() == ["delivered": 3, "acked": 3])
    #expect(try bench.counts("h") == ["delivered": 3, "acked": 2, "dead_lettered": 1, "acked_paired": 1])
  }

  @Test func `a number in its headers that happens to be an offset gives way to equal contents`() throws {
    let producer = publisher()
    let consumer = bench.consumer("g", "m", ["orders-0", "orders-1"])
    consumer.poll("orders-0@3...4", "orders-1@7...8")
    producer.produce("orders.DLT", value: "orders-1@7", headers: [("x-attempt", Array("3".utf8))])
    #expect(try bench.named() == ["orders-1@7"])
  }

  @Test func `while nobody can tell whose records a process is given, only a copy that is known is a group's`() throws {
    let producer = publisher()
    let one = bench.consumer("g", "a", ["orders-0", "orders-1"])
    _ = bench.consumer("h", "b", ["orders-1"])
    one.poll("orders-0@0...2")
    let fetcher = bench.connect()
    fetcher.fetch("orders-1@0")
    fetcher.answer("orders-1@0...2")
    #expect(bench.unattributed == 3)
    producer.produce("orders.DLT", value: "something else")
    producer.produce("orders.DLT", value: "orders-0@1")
    one.commit("orders-0@3")
    #expect(try bench.counts() == ["delivered": 3, "acked": 2, "dead_lettered": 1, "acked_paired": 1])
    #expect(bench.ledger.dropped.pairs == 1)
  }

  /// A process that is known to publish copies, so that contents are compared.
  private func publisher() -> KafkaLink {
    let link = bench.connect()
    link.produce("other.dlq", headers: KafkaCopies.spring("elsewhere", 0, 0))
    return link
  }
}
