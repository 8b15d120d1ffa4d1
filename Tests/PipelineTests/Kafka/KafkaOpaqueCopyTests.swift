import Testing

@testable import Pipeline

/// Copies that do not say what they are copies of, and copies whose acknowledgement was long ago.
@Suite struct KafkaOpaqueCopyTests {
  let bench = KafkaBench()

  @Test func `of several groups it is of the one whose topic's name the copy's topic bears`() throws {
    let one = bench.consumer("g1", "a", ["orders-0"])
    let two = bench.consumer("g2", "b", ["mail-0"])
    one.poll("orders-0@0...4")
    two.poll("mail-0@0...4")
    let producer = bench.connect()
    producer.produce("orders.DLT", codec: .zstd)
    producer.produce("orders.DLT", value: "an envelope")
    producer.produce("orders2.DLT", value: "an envelope")
    one.commit("orders-0@5")
    two.commit("mail-0@5")
    #expect(try bench.counts("g1") == ["delivered": 5, "acked": 3, "dead_lettered": 2, "acked_paired": 2])
    #expect(try bench.counts("g2") == ["delivered": 5, "acked": 5])
    #expect(bench.ledger.dropped.pairs == 1)
  }

  @Test func `a record with a key that no consumed record had is no retry by the topic's name alone`() throws {
    let consumer = bench.consumer()
    let producer = bench.connect()
    for i in 0..<5 {
      consumer.fetcher.fetch("orders-0@\(i)")
      consumer.fetcher.answer(KafkaGot("orders-0@\(i)...\(i)") { $0.key = "order-\(i)" })
      producer.produce("retry-metrics", key: "host-1", value: "metric \(i)")
      consumer.commit("orders-0@\(i + 1)")
    }
    #expect(try bench.counts() == ["delivered": 5, "acked": 5])
    producer.produce("orders-retry", key: "order-4", value: "an envelope")
    producer.produce("orders-retry", value: "an envelope")
    #expect(try bench.counts() == ["delivered": 5, "acked": 3, "requeued": 2, "acked_paired": 2])
  }

  @Test func `a loop without an end is one after a thousand tries, too`() throws {
    let consumer = bench.consumer()
    let producer = bench.connect()
    for i in 0..<1100 {
      let marks = [("x-retries", Array("\(i)".utf8))]
      consumer.fetcher.fetch("orders-0@\(i)")
      consumer.fetcher.answer(
        KafkaGot("orders-0@\(i)...\(i)") {
          $0.value = "same"
          $0.marks = marks
        })
      producer.produce("orders", value: "same", headers: [("x-retries", Array("\(i + 1)".utf8))])
      consumer.commit("orders-0@\(i + 1)")
    }
    #expect(try bench.counts()["requeued"] == 1100)
    #expect(try bench.group().attempts.max == 1100)
  }

  @Test func `a copy that names its source counts however long ago that was acknowledged, once`() throws {
    let consumer = bench.consumer()
    let producer = bench.connect()
    consumer.poll("orders-0@0...999")
    consumer.commit("orders-0@1000")
    for _ in 0..<2 {
      for i in 0..<1000 { producer.produce("orders.DLT", headers: KafkaCopies.spring("orders", 0, i)) }
    }
    #expect(try bench.counts() == ["delivered": 1000, "dead_lettered": 1000, "acked_paired": 1000])
    #expect(try bench.named().count == 1000)
  }

  @Test func `not one of a record that was never acknowledged here`() throws {
    let consumer = bench.consumer()
    let producer = bench.connect()
    consumer.poll("orders-0@5000...5999")
    consumer.commit("orders-0@6000")
    for i in [10, 4999, 6000] { producer.produce("orders.DLT", headers: KafkaCopies.spring("orders", 0, i)) }
    #expect(try bench.counts() == ["delivered": 1000, "acked": 1000])
  }
}
