import Testing

@testable import Pipeline

/// Share groups: records acquired and acknowledged one by one.
@Suite struct KafkaShareTests {
  let bench = KafkaBench()
  typealias Link = KafkaShareLink

  @Test func `what is acquired is delivered, and accepted one by one`() throws {
    let link = Link(bench)
    link.acquire("#7-0@0...9")
    link.acknowledge("#7-0@0...4", [.accept])
    link.acknowledge("#7-0@7...7", [.accept])
    #expect(try bench.counts() == ["delivered": 10, "acked": 6, "in_flight": 4])
  }

  @Test func `a hold must not outlast the lock of what was acquired`() throws {
    let link = Link(bench)
    link.acquire("#7-0@0...9")
    #expect(link.link.session.use.silence_ns == .seconds(10))
  }

  @Test func `each offset has its own type, and of a gap nothing was delivered`() throws {
    let link = Link(bench)
    link.acquire("#7-0@0...4")
    link.acknowledge("#7-0@0...4", [.accept, .release, .reject, .gap, .renew])
    #expect(
      try bench.counts() == [
        "delivered": 4, "acked": 1, "requeued": 1, "rejected": 1, "in_flight": 1,
      ])
    #expect(try bench.named().count == 2)
  }

  @Test func `acknowledgements are counted once they are answered without an error`() throws {
    let link = Link(bench)
    link.acquire("#7-0@0...4")
    link.acknowledge("#7-0@0...4", [.accept], error: KafkaError.invalidRecordState)
    #expect(try bench.counts() == ["delivered": 5, "in_flight": 5])
  }

  @Test func `only what is acquired is delivered`() throws {
    let link = Link(bench)
    link.acquire("#7-0@0...9", acquired: [(3, 5, 1)])
    #expect(try bench.counts() == ["delivered": 3, "in_flight": 3])
  }

  @Test func `the broker counts attempts`() throws {
    let link = Link(bench)
    link.acquire("#7-0@0...1", acquired: [(0, 1, 4)])
    #expect(try bench.counts() == ["delivered": 2, "redelivered": 2, "in_flight": 2])
    #expect(try bench.group().attempts.max == 4)
    #expect(try bench.group().attemptSourceName == "delivery_count")
  }

  @Test func `a released record that comes again is another delivery`() throws {
    let link = Link(bench)
    link.acquire("#7-0@0...0")
    link.acknowledge("#7-0@0...0", [.release])
    link.acquire("#7-0@0...0", acquired: [(0, 0, 2)])
    link.acknowledge("#7-0@0...0", [.accept])
    #expect(try bench.counts() == ["delivered": 2, "redelivered": 1, "requeued": 1, "acked": 1])
  }

  @Test func `a lock that runs out ends a delivery elsewhere`() throws {
    let link = Link(bench)
    link.acquire("#7-0@0...4", lock_ms: 5_000)
    bench.pass(4)
    link.acknowledge("#7-0@0...1", [.accept])
    link.acknowledge("#7-0@2...2", [.renew], lock_ms: 5_000)
    bench.pass(2)
    #expect(try bench.counts() == ["delivered": 5, "acked": 2, "expired": 2, "in_flight": 1])
    bench.pass(4)
    #expect(try bench.counts() == ["delivered": 5, "acked": 2, "expired": 3])
    #expect(!bench.state.isWaiting)
  }

  @Test func `what is renewed again and again is still worked on`() throws {
    let link = Link(bench)
    link.acquire("#7-0@0...4", lock_ms: 5_000)
    for _ in 0..<10 {
      bench.pass(4)
      link.acknowledge("#7-0@0...4", [.renew], lock_ms: 5_000)
    }
    link.acknowledge("#7-0@0...4", [.accept])
    bench.pass(60)
    #expect(try bench.counts() == ["delivered": 5, "acked": 5])
  }

  @Test(arguments: [1.0, 6.0])
  func `a lock that runs out is a failed try if the record comes to this target again`(after: Double) throws {
    let link = Link(bench)
    link.acquire("#7-0@0...4", lock_ms: 5_000)
    bench.pass(after)
    Link(bench, "other").acquire("#7-0@0...0", acquired: [(0, 0, 2)], lock_ms: 60_000)
    let counts = try bench.counts()
    #expect(counts["requeued"] == 1)
    #expect(counts["expired"] == (after > 5 ? 4 : nil))
    #expect(counts["in_flight"] == (after > 5 ? 1 : 5))
  }

  @Test func `the end of a session gives back what it did not acknowledge with it`() throws {
    let link = Link(bench)
    link.acquire("#7-0@0...4")
    link.close(acknowledging: "#7-0@0...2")
    #expect(try bench.counts() == ["delivered": 5, "acked": 3, "abandoned": 2])
  }

  @Test func `one of two members that leaves gives back its own`() throws {
    let one = Link(bench, "a")
    let two = Link(bench, "b")
    one.acquire("#7-0@0...4")
    two.acquire("#7-0@5...9")
    one.link.heartbeat("g", "a", epoch: -1, answered: -1, key: .shareGroupHeartbeat)
    #expect(try bench.counts() == ["delivered": 10, "abandoned": 5, "in_flight": 5])
    two.acknowledge("#7-0@5...9", [.accept])
    #expect(try bench.counts() == ["delivered": 10, "abandoned": 5, "acked": 5])
  }

  @Test func `whoever ends its connection without closing has crashed with its oldest`() throws {
    let one = Link(bench, "a")
    let two = Link(bench, "b")
    one.acquire("#7-0@0...4")
    two.acquire("#7-0@5...9")
    one.link.end()
    #expect(try bench.counts() == ["delivered": 10, "crashed": 1, "abandoned": 4, "in_flight": 5])
    two.link.end(client: false)
    #expect(try bench.counts() == ["delivered": 10, "crashed": 1, "abandoned": 9])
  }

  @Test func `a dead letter's accept is its end`() throws {
    let link = Link(bench)
    link.link.metadata("orders", id: 7)
    link.acquire("#7-0@0...4")
    link.link.produce("orders.DLT", headers: KafkaCopies.spring("orders", 0, 2))
    link.acknowledge("#7-0@0...4", [.accept])
    #expect(try bench.counts() == ["delivered": 5, "acked": 4, "dead_lettered": 1, "acked_paired": 1])
  }

  @Test func `ranges without end are no work without end`() throws {
    let link = Link(bench)
    link.acquire("#7-0@0...9", acquired: [(0, .max, 1)])
    link.acknowledge("#7-0@0...0", [.accept], last: .max)
    #expect(try bench.counts() == ["delivered": 10, "acked": 10])
    link.acknowledge("#7-0@0...0", [.accept, .accept], first: .min, last: .max)
    #expect(try bench.counts() == ["delivered": 10, "acked": 10])
  }
}

/// A share group's member on one connection.
struct KafkaShareLink {
  let bench: KafkaBench
  let link: KafkaLink
  let member: String

  init(_ bench: KafkaBench, _ member: String = "m") {
    self.bench = bench
    self.member = member
    link = bench.connect()
    link.heartbeat("g", member, epoch: 0, answered: 1, assigned: ["#7-0"], key: .shareGroupHeartbeat)
  }

  private var membership: KafkaMembership { link.membership("g", member, 1) }

  /// `acquired`: first, last, delivery count; nil: all, for the first time.
  func acquire(_ records: String, acquired: [(Int64, Int64, Int16)]? = nil, lock_ms: Int32 = 30_000) {
    let spot = KafkaSpot(records)
    link.request(.shareFetch)
    link.say(.shareFetchRequested(membership, sessionEpoch: 1))
    link.say(.sharePartitionRequested(link.topic(spot), partition: spot.partition))
    link.say(.shareRequestEnded)
    bench.step()
    link.say(.shareFetchAnswered(membership, lockTimeout_ms: lock_ms, error: 0))
    link.say(.sharePartition(link.topic(spot), partition: spot.partition, error: 0))
    var batch = KafkaBatch.none
    batch.magic = 2
    batch.codec = .zstd
    batch.baseOffset = spot.first
    batch.lastOffset = spot.last
    batch.count = Int32(spot.last - spot.first + 1)
    batch.maxTimestamp_ms = bench.now.ns / 1_000_000
    link.say(.batch(batch))
    for (first, last, count) in acquired ?? [(spot.first, spot.last, 1)] {
      link.say(.acquired(link.topic(spot), partition: spot.partition, offsets: first...last, deliveryCount: count))
    }
    link.say(
      .sharePartitionEnded(
        KafkaRecordsEnd(
          topic: link.topic(spot), partition: spot.partition, bytes: 0, batches: 1, endsInPart: false,
          isIncomplete: false)))
    link.say(.shareAnswered(membership, error: 0))
  }

  func acknowledge(
    _ range: String, _ types: [KafkaAcknowledgeType], error: Int16 = 0, lock_ms: Int32 = -1, first: Int64? = nil,
    last: Int64? = nil
  ) {
    link.request(.shareAcknowledge)
    link.say(.shareRequestEnded)
    bench.step()
    link.say(.shareFetchAnswered(membership, lockTimeout_ms: lock_ms, error: 0))
    say(range, types, error, first, last)
    link.say(.shareAnswered(membership, error: 0))
  }

  private func say(_ range: String, _ types: [KafkaAcknowledgeType], _ error: Int16, _ first: Int64?, _ last: Int64?) {
    let spot = KafkaSpot(range)
    link.say(
      .acknowledged(
        membership,
        KafkaAcknowledgement(
          topic: KafkaTopicID(0, spot.id), partition: spot.partition, firstOffset: first ?? spot.first,
          lastOffset: last ?? spot.last, types: bench.text(types.map(\.rawValue))),
        error: error))
  }

  /// The last request of a share session.
  func close(acknowledging range: String) {
    link.request(.shareFetch)
    link.say(.shareFetchRequested(membership, sessionEpoch: -1))
    link.say(.shareRequestEnded)
    bench.step()
    link.say(.shareFetchAnswered(membership, lockTimeout_ms: -1, error: 0))
    say(range, [.accept], 0, nil, nil)
    link.say(.shareAnswered(membership, error: 0))
  }
}
