import Testing

@testable import Pipeline

/// What answers to Fetch deliver.
@Suite struct KafkaFetchTests {
  let bench = KafkaBench()

  /// As afkak does.
  @Test func `partitions that are asked for one by one, without waiting, are all delivered`() throws {
    let fetcher = bench.consumer("g", "m", ["orders-0", "orders-1"]).fetcher
    for first in [0, 5] {
      fetcher.fetch("orders-1@\(first)")
      fetcher.during {
        fetcher.fetch("orders-0@\(first)")
        fetcher.answer(KafkaGot("orders-0@\(first)...\(first + 4)"))
      }
      fetcher.answer(KafkaGot("orders-1@\(first)...\(first + 4)"))
    }
    #expect(try bench.counts() == ["delivered": 20, "in_flight": 20])
    // Who has waited fetches nothing but what it lists.
    fetcher.fetch("orders-0@10")
    fetcher.answer("orders-0@10...10")
    fetcher.fetch("orders-1@10")
    #expect(fetcher.session.positions.count == 1)
  }

  @Test func `what was delivered once is not delivered again by an answer that overlaps`() throws {
    let consumer = bench.consumer()
    consumer.fetcher.fetch("orders-0@5")
    // A compressed batch comes as a whole.
    consumer.fetcher.answer(KafkaGot("orders-0@0...9") { $0.codec = .zstd })
    #expect(try bench.counts() == ["delivered": 5, "in_flight": 5])
    consumer.fetcher.fetch("orders-0@10")
    consumer.fetcher.answer(KafkaGot("orders-0@0...14") { $0.codec = .zstd })
    #expect(try bench.counts() == ["delivered": 10, "in_flight": 10])
  }

  @Test(arguments: [KafkaBatch.Codec.none, .snappy])
  func `holes of compaction deliver nothing`(codec: KafkaBatch.Codec) throws {
    let consumer = bench.consumer()
    consumer.fetcher.fetch("orders-0@0")
    consumer.fetcher.answer(
      KafkaGot("orders-0@0...99") {
        $0.codec = codec
        $0.offsets = [0, 50, 98]
      })
    #expect(try bench.counts() == ["delivered": 3, "in_flight": 3])
    consumer.commit("orders-0@100")
    #expect(try bench.counts() == ["delivered": 3, "acked": 3])
    consumer.poll("orders-0@100...101")
    #expect(try bench.counts() == ["delivered": 5, "acked": 3, "in_flight": 2])
  }

  @Test func `messages of old come one by one, or wrapped`() throws {
    let consumer = bench.consumer()
    consumer.fetcher.fetch("orders-0@0")
    consumer.fetcher.answer(
      KafkaGot("orders-0@0...0") { $0.magic = 0 }, KafkaGot("orders-0@1...1") { $0.magic = 1 },
      KafkaGot("orders-0@2...9") {
        $0.magic = 1
        $0.codec = .gzip
      },
      KafkaGot("orders-0@10...14") {
        $0.magic = 0
        $0.codec = .snappy
      })
    #expect(try bench.counts() == ["delivered": 15, "in_flight": 15])
    consumer.commit("orders-0@12")
    #expect(try bench.counts() == ["delivered": 15, "acked": 12, "in_flight": 3])
  }

  @Test func `a wrapper of old that comes again has as many records as were asked for`() throws {
    let consumer = bench.consumer()
    func fetch(_ offset: Int) {
      consumer.fetcher.fetch("orders-0@\(offset)")
      consumer.fetcher.answer(
        KafkaGot("orders-0@0...9") {
          $0.magic = 1
          $0.codec = .gzip
        },
        KafkaGot("orders-0@10...12") {
          $0.magic = 1
          $0.codec = .gzip
        })
    }
    fetch(0)
    for _ in 0..<4 { fetch(3) }
    consumer.commit("orders-0@13")
    // The first round shows as one with the second, so the last copy of each is a delivery.
    #expect(
      try bench.counts() == ["delivered": 17, "redelivered": 4, "requeued": 4, "acked": 13, "refetched": 36])
  }

  @Test func `numbers without sense in what is published do no harm`() {
    let link = bench.connect()
    for _ in 0..<4 {
      for (topic, last) in [("orders", Int64.max - 1), ("orders", .min), ("orders.DLT", .max)] {
        link.produceWrapper(topic, last: last)
      }
    }
    #expect(link.session.publishedAt != nil)
  }

  @Test func `a session whose member joined anew delivers from where it stood`() throws {
    let consumer = bench.consumer()
    consumer.fetcher.fetch(["orders-0@95"], epoch: 0)
    consumer.fetcher.answer("orders-0@95...99")
    consumer.fetcher.fetch(["orders-0@100"], epoch: 1)
    consumer.fetcher.answer()
    consumer.commit("orders-0@100")
    consumer.coordinator.heartbeat("g", "m", generation: 1, error: KafkaError.unknownMemberID)
    consumer.coordinator.join("g", "m2", ["orders-0"], generation: 2)
    // The position is the same, so the session's request does not list it.
    consumer.fetcher.fetch([], epoch: 2)
    consumer.fetcher.answer("orders-0@100...149")
    consumer.coordinator.commit("g", "m2", generation: 2, ["orders-0@150"])
    let counts = try bench.counts()
    #expect(counts["delivered"] == 55 && counts["acked"] == 55)
  }

  @Test func `a former owner that wakes up moves nobody's position`() throws {
    let zombie = bench.consumer("g", "a", process: "one")
    zombie.poll("orders-0@0...9")
    let owner = bench.consumer("g", "b", process: "two", generation: 2)
    owner.poll("orders-0@0...4")
    zombie.fetcher.fetch("orders-0@700")
    owner.poll("orders-0@5...9")
    #expect(try bench.counts()["refetched"] == nil)
    #expect(try bench.counts()["delivered"] == 20)
  }

  @Test func `a session delivers partitions that a request does not list`() throws {
    let consumer = bench.consumer("g", "m", ["orders-0", "orders-1"])
    consumer.fetcher.fetch(["orders-0@0", "orders-1@0"], epoch: 0)
    consumer.fetcher.answer("orders-0@0...4")
    consumer.fetcher.fetch(["orders-0@5"], epoch: 1)
    consumer.fetcher.answer("orders-1@0...4")
    consumer.fetcher.fetch(["orders-1@5"], epoch: 2)
    consumer.fetcher.answer("orders-0@5...5", "orders-1@5...5")
    #expect(try bench.counts() == ["delivered": 12, "in_flight": 12])
  }

  @Test func `a forgotten partition is not fetched any more`() throws {
    let consumer = bench.consumer("g", "m", ["orders-0", "orders-1"])
    consumer.fetcher.fetch(["orders-0@0", "orders-1@0"], epoch: 0)
    consumer.fetcher.answer("orders-0@0...4", "orders-1@0...4")
    consumer.fetcher.fetch([], epoch: 1, forgotten: ["orders-0", "orders-1"])
    #expect(consumer.fetcher.session.positions.isEmpty)
    #expect(consumer.fetcher.session.use.groups.isEmpty)
    // Paused, then resumed where it stood: no return.
    consumer.fetcher.fetch(["orders-0@5"], epoch: 2)
    consumer.fetcher.answer("orders-0@5...9")
    #expect(try bench.counts() == ["delivered": 15, "in_flight": 15])
  }

  @Test(arguments: [0, -1] as [Int32])
  func `a full request lists all that is fetched`(epoch: Int32) throws {
    let consumer = bench.consumer("g", "m", ["orders-0", "orders-1"])
    consumer.fetcher.fetch(["orders-0@0", "orders-1@0"], epoch: 0)
    consumer.fetcher.answer("orders-0@0...4")
    consumer.fetcher.fetch(["orders-1@0"], epoch: epoch)
    consumer.fetcher.answer("orders-1@0...4", "orders-0@5...9")
    #expect(try bench.counts() == ["delivered": 10, "in_flight": 10])
    #expect(consumer.fetcher.session.positions.count == 1)
  }

  @Test func `an answer that was asked for under an old assignment is thrown away`() throws {
    let one = bench.consumer("g", "a", process: "one")
    one.fetcher.fetch("orders-0@0")
    let two = bench.consumer("g", "b", process: "two", generation: 2)
    one.fetcher.answer("orders-0@0...4")
    two.poll("orders-0@0...4")
    one.fetcher.answer("orders-0@0...4")
    #expect(try bench.counts() == ["delivered": 5, "rebalances": 1, "in_flight": 5])
  }

  @Test func `a log that is shorter than what was delivered is another one`() throws {
    let consumer = bench.consumer()
    consumer.poll("orders-0@0...99")
    consumer.commit("orders-0@90")
    consumer.fetcher.fetch("orders-0@100")
    consumer.fetcher.answer(KafkaGot("orders-0") { $0.error = KafkaError.offsetOutOfRange })
    consumer.poll("orders-0@0...19")
    #expect(try bench.counts() == ["delivered": 120, "acked": 90, "abandoned": 10, "in_flight": 20])
    consumer.commit("orders-0@20")
    #expect(try bench.counts() == ["delivered": 120, "acked": 110, "abandoned": 10])
  }

  @Test func `out of range and back to what the log still has is no other log`() throws {
    let consumer = bench.consumer()
    consumer.poll("orders-0@0...9")
    consumer.fetcher.fetch("orders-0@10")
    consumer.fetcher.answer(KafkaGot("orders-0") { $0.error = KafkaError.offsetOutOfRange })
    consumer.poll("orders-0@0...9")
    #expect(try bench.counts() == ["delivered": 10, "refetched": 10, "in_flight": 10])
  }

  @Test func `a topic that was deleted and made anew begins anew`() throws {
    let consumer = bench.consumer()
    consumer.fetcher.metadata("orders", id: 7)
    consumer.fetcher.fetch("#7-0@0")
    consumer.fetcher.answer("#7-0@0...9")
    consumer.commit("#7-0@8")
    #expect(try bench.counts() == ["delivered": 10, "acked": 8, "in_flight": 2])
    consumer.fetcher.metadata("orders", id: 8)
    consumer.fetcher.fetch("#8-0@0")
    consumer.fetcher.answer("#8-0@0...29")
    #expect(try bench.counts() == ["delivered": 40, "acked": 8, "abandoned": 2, "in_flight": 30])
    // A broker that has not heard of it yet.
    consumer.fetcher.metadata("orders", id: 7)
    consumer.commit("#8-0@30")
    #expect(try bench.counts() == ["delivered": 40, "acked": 38, "abandoned": 2])
  }

  @Test func `a topic that was made anew begins anew where it was assigned by its id before its name was told`() throws
  {
    let link = bench.connect()
    link.metadata("orders", id: 7)
    link.heartbeat("g", "m", epoch: 0, answered: 1, assigned: ["#7-0"])
    link.fetch("#7-0@0")
    link.answer("#7-0@0...9")
    link.commit("g", "m", generation: 1, ["#7-0@10"])
    link.heartbeat("g", "m", epoch: 1, answered: 2, assigned: [])
    link.heartbeat("g", "m", epoch: 2, answered: 3, assigned: ["#8-0"])
    link.metadata("orders", id: 8)
    link.fetch("#8-0@0")
    link.answer("#8-0@0...4")
    link.commit("g", "m", generation: 3, ["#8-0@5"])
    #expect(try bench.counts() == ["delivered": 15, "acked": 15, "rebalances": 2])
  }

  @Test func `records that a gap swallowed are skipped, and no return`() throws {
    let consumer = bench.consumer()
    consumer.poll("orders-0@0...4")
    consumer.fetcher.fetch("orders-0@5")
    consumer.poll("orders-0@20...24")
    #expect(try bench.counts() == ["delivered": 10, "in_flight": 10])
    consumer.commit("orders-0@25")
    #expect(try bench.counts() == ["delivered": 10, "acked": 10])
  }

  @Test func `a record is as old as its time stamp`() throws {
    let consumer = bench.consumer()
    let made = bench.now
    bench.pass(30)
    consumer.fetcher.fetch("orders-0@0")
    consumer.fetcher.answer(KafkaGot("orders-0@0...0") { $0.made = made })
    bench.pass(10)
    consumer.commit("orders-0@1")
    let delay_ns = try bench.group().delay.max
    #expect(delay_ns > .seconds(39) && delay_ns < .seconds(41))
    #expect(try bench.group().delaySource == .createTime)
  }

  @Test func `a clock that is wrong is told`() throws {
    let consumer = bench.consumer()
    consumer.fetcher.fetch("orders-0@0")
    consumer.fetcher.answer(KafkaGot("orders-0@0...1") { $0.made = Timestamp(ns: 1_000_000_000) })
    #expect(try bench.counts() == ["delivered": 2, "skewed": 2, "in_flight": 2])
  }

  @Test func `the ends of what offsets and time stamps can be do no harm`() throws {
    let consumer = bench.consumer()
    for value in [Int64.max, .max - 1, .min, -1] {
      for magic in [Int8(0), 1, 2] {
        for codec in [KafkaBatch.Codec.none, .gzip] {
          consumer.fetcher.fetch("orders-0@0")
          consumer.fetcher.answerRaw("orders-0", value, magic: magic, codec: codec)
        }
      }
    }
    #expect(try bench.counts()["in_flight"] ?? 0 <= 1 << 21)
  }

  @Test func `attempts have an end`() throws {
    let consumer = bench.consumer("g", "m", ["orders-retry-0"])
    for _ in 0..<4 {
      consumer.fetcher.fetch("orders-retry-0@0")
      consumer.fetcher.answer(
        KafkaGot("orders-retry-0@0...0") { $0.marks = [("retry_topic-attempts", KafkaBytes.i32(0x7fff_ffff))] })
    }
    #expect(try bench.failures() == 3)
  }
}

extension KafkaLink {
  /// A compressed wrapper message with that offset.
  func produceWrapper(_ topic: String, last: Int64) {
    request(.produce)
    say(.produceRequested(transactionalID: .empty, acks: -1, timeout_ms: 30_000))
    say(.producePartition(KafkaTopic(name: text(topic), id: .none), partition: 0))
    var batch = KafkaBatch.none
    batch.magic = 1
    batch.codec = .gzip
    batch.lastOffset = last
    batch.count = -1
    batch.size_bytes = 26
    say(.batch(batch))
    say(.produceRequestEnded)
  }

  /// A batch whose numbers are all that one.
  func answerRaw(_ place: String, _ value: Int64, magic: Int8, codec: KafkaBatch.Codec) {
    let spot = KafkaSpot(place)
    say(
      .fetchPartition(
        KafkaFetchedPartition(
          topic: topic(spot), partition: spot.partition, error: 0, highWatermark: value, lastStableOffset: value,
          logStartOffset: value)))
    var batch = KafkaBatch.none
    batch.magic = magic
    batch.codec = codec
    batch.baseOffset = magic < 2 && codec != .none ? -1 : value
    batch.lastOffset = value
    batch.count = magic < 2 && codec != .none ? -1 : 1
    for (base_ms, max_ms) in [(value, value), (1, value), (value, 1), (Int64.min, Int64.max), (0, .max)] {
      batch.baseTimestamp_ms = base_ms
      batch.maxTimestamp_ms = max_ms
      say(.batch(batch))
    }
    say(.fetchEnded)
  }
}
