import Testing

@testable import Pipeline

/// Commits, transactions and lag.
@Suite struct KafkaCommitTests {
  let bench = KafkaBench()

  @Test func `a commit acknowledges what lies below it, once it is answered`() throws {
    let consumer = bench.consumer()
    consumer.poll("orders-0@0...9")
    consumer.commit("orders-0@4")
    #expect(try bench.counts() == ["delivered": 10, "acked": 4, "in_flight": 6])
    consumer.commit("orders-0@4")
    consumer.commit("orders-0@2")
    #expect(try bench.counts() == ["delivered": 10, "acked": 4, "in_flight": 6])
    consumer.commit("orders-0@100")
    #expect(try bench.counts() == ["delivered": 10, "acked": 10])
  }

  @Test(arguments: [
    KafkaError.coordinatorLoadInProgress, KafkaError.coordinatorNotAvailable, KafkaError.notCoordinator,
    KafkaError.requestTimedOut,
  ])
  func `a commit that is to be tried again is no failure`(error: Int16) throws {
    let consumer = bench.consumer()
    consumer.poll("orders-0@0...9")
    consumer.commit("orders-0@10", error: error)
    #expect(try bench.counts() == ["delivered": 10, "in_flight": 10])
    consumer.commit("orders-0@10")
    #expect(try bench.counts() == ["delivered": 10, "acked": 10])
  }

  @Test func `a refused commit counts once, whichever of its partitions was refused`() throws {
    let consumer = bench.consumer("g", "m", ["orders-0", "orders-1", "orders-2"])
    consumer.poll("orders-0@0...4", "orders-1@0...4", "orders-2@0...4")
    consumer.coordinator.commit(
      "g", "m", generation: 1, ["orders-0@5", "orders-1@5", "orders-2@5"],
      errors: [0, KafkaError.illegalGeneration, KafkaError.requestTimedOut])
    #expect(try bench.counts() == ["delivered": 15, "acked": 5, "commit_failures": 1, "in_flight": 10])
  }

  @Test func `what was refused and comes again is a duplicate`() throws {
    let consumer = bench.consumer()
    consumer.poll("orders-0@0...9")
    consumer.commit("orders-0@6", error: KafkaError.unknownMemberID)
    consumer.assign(["orders-0"], generation: 2)
    consumer.poll("orders-0@0...9")
    let counts = try bench.counts()
    #expect(counts["duplicates"] == 6)
    #expect(counts["redelivered"] == 10)
  }

  @Test func `several acknowledged at once say nothing of their partition's latency`() throws {
    let consumer = bench.consumer()
    consumer.poll("orders-0@0...9")
    consumer.commit("orders-0@5")
    consumer.commit("orders-0@6")
    let group = try bench.group()
    let window = try #require(group.partitions[0].window)
    #expect(group.monitor.windows.partitions[window].window.acked == 1)
    #expect(group.partitions[0].totals.acked == 6)
  }

  @Test func `each partition has its books`() throws {
    let consumer = bench.consumer("g", "m", ["orders-0", "refunds-3"])
    consumer.poll("orders-0@0...9", "refunds-3@0...1")
    consumer.commit("refunds-3@1")
    let group = try bench.group()
    #expect(group.destinations == ["orders", "refunds"])
    #expect(group.partitions.map(\.number) == [0, 3])
    #expect(group.partitions.map(\.totals.delivered) == [10, 2])
    #expect(group.partitions.map(\.totals.acked) == [0, 1])
  }

  // MARK: Transactions

  @Test func `a commit within a transaction counts once that has committed`() throws {
    let consumer = bench.consumer()
    consumer.poll("orders-0@0...9")
    consumer.coordinator.commit("g", "m", generation: 1, ["orders-0@10"], producer: 7)
    #expect(try bench.counts() == ["delivered": 10, "in_flight": 10])
    consumer.coordinator.endTransaction(8, commits: true)
    #expect(try bench.counts() == ["delivered": 10, "in_flight": 10])
    consumer.coordinator.endTransaction(7, commits: true, error: KafkaError.concurrentTransactions)
    consumer.coordinator.endTransaction(7, commits: true)
    #expect(try bench.counts() == ["delivered": 10, "acked": 10])
  }

  @Test func `an abort is one failed attempt in each partition`() throws {
    let consumer = bench.consumer("g", "m", ["orders-0", "orders-1"])
    consumer.poll("orders-0@0...4", "orders-1@0...4")
    consumer.coordinator.commit("g", "m", generation: 1, ["orders-0@2"], producer: 7)
    // The same partition once more within one transaction.
    consumer.coordinator.commit("g", "m", generation: 1, ["orders-0@5", "orders-1@5"], producer: 7)
    consumer.coordinator.endTransaction(7, commits: false)
    #expect(try bench.counts() == ["delivered": 10, "requeued": 2, "in_flight": 8])
    #expect(try bench.named() == ["orders-0@0", "orders-1@0"])
  }

  @Test func `a transaction that is aborted again and again fails once each time`() throws {
    let consumer = bench.consumer()
    consumer.poll("orders-0@0...4")
    for _ in 0..<3 {
      consumer.coordinator.commit("g", "m", generation: 1, ["orders-0@5"], producer: 7)
      // What comes next was asked for before.
      consumer.fetcher.fetch("orders-0@5")
      consumer.fetcher.during { consumer.coordinator.endTransaction(7, commits: false) }
      consumer.fetcher.answer("orders-0@5...6")
      consumer.poll("orders-0@0...4")
    }
    #expect(try bench.counts()["requeued"] == 3)
    #expect(try bench.attempt("orders-0@0") == 4)
    consumer.coordinator.commit("g", "m", generation: 1, ["orders-0@7"], producer: 7)
    consumer.coordinator.endTransaction(7, commits: true)
    let counts = try bench.counts()
    #expect(counts["acked"] == 7)
    #expect(counts["in_flight"] == nil)
  }

  @Test func `an abort confirms the returns that follow, also where no offset was sent`() throws {
    let consumer = bench.consumer("g", "m", ["orders-0", "orders-1"])
    consumer.poll("orders-0@0...9", "orders-1@0...9")
    consumer.coordinator.endTransaction(7, commits: false)
    #expect(try bench.failures() == 0)
    // A request into what had come, and one that only drops what was buffered.
    consumer.fetcher.fetch(["orders-0@4", "orders-1@0"], epoch: 0, renews: true)
    consumer.fetcher.answer("orders-0@4...9", "orders-1@0...9")
    #expect(try bench.counts()["requeued"] == 1)
    #expect(try bench.named() == ["orders-0@4"])
    // What comes later is another matter.
    consumer.poll("orders-0@2...9")
    #expect(try bench.counts()["requeued"] == 1)
  }

  @Test func `of what an aborted transaction had passed on also a repeated request counts`() throws {
    let consumer = bench.consumer("g", "m", ["orders-0", "orders-1"])
    consumer.poll("orders-0@0...9", "orders-1@0...9")
    bench.connect().produce("priced", value: "orders-1@0", producer: 7, isTransactional: true)
    consumer.coordinator.endTransaction(7, commits: false)
    consumer.fetcher.fetch(["orders-0@0", "orders-1@0"], epoch: 0, renews: true)
    consumer.fetcher.answer("orders-0@0...9", "orders-1@0...9")
    #expect(try bench.counts()["requeued"] == 1)
    #expect(try bench.named() == ["orders-1@0"])
  }

  @Test func `a producer that was fenced has decided nothing`() throws {
    let consumer = bench.consumer()
    consumer.poll("orders-0@0...9")
    consumer.coordinator.commit("g", "m", generation: 1, ["orders-0@10"], producer: 7)
    consumer.coordinator.endTransaction(7, commits: true, error: KafkaError.producerFenced)
    #expect(try bench.counts() == ["delivered": 10, "in_flight": 10])
  }

  @Test func `a transaction's refused commit is a commit failure`() throws {
    let consumer = bench.consumer()
    consumer.poll("orders-0@0...9")
    consumer.coordinator.commit(
      "g", "m", generation: 1, ["orders-0@10"], error: KafkaError.illegalGeneration, producer: 7)
    consumer.coordinator.endTransaction(7, commits: true)
    #expect(try bench.counts() == ["delivered": 10, "commit_failures": 1, "in_flight": 10])
  }

  @Test func `aborted batches deliver nothing to whoever reads committed`() throws {
    let consumer = bench.consumer("g", "m", ["orders-0", "orders-1"])
    consumer.fetcher.fetch(["orders-0@0"], readsCommitted: true)
    consumer.fetcher.answer(
      KafkaGot("orders-0@0...4") { $0.isAborted = true }, KafkaGot("orders-0@5...5") { $0.isControl = true },
      "orders-0@6...7")
    #expect(try bench.counts() == ["delivered": 2, "in_flight": 2])
    consumer.fetcher.fetch(["orders-1@0"])
    consumer.fetcher.answer(
      KafkaGot("orders-1@0...4") { $0.isAborted = true }, KafkaGot("orders-1@5...5") { $0.isControl = true })
    #expect(try bench.counts() == ["delivered": 7, "in_flight": 7])
  }

  @Test func `the position goes on behind what delivers nothing`() throws {
    let consumer = bench.consumer()
    for _ in 0..<3 {
      consumer.fetcher.fetch(["orders-0@0"], readsCommitted: true)
      consumer.fetcher.answer(
        KafkaGot("orders-0@0...4") { $0.isAborted = true }, KafkaGot("orders-0@5...5") { $0.isControl = true })
    }
    consumer.poll("orders-0@6...7")
    #expect(try bench.counts() == ["delivered": 2, "in_flight": 2])
  }

  // MARK: Lag

  @Test func `lag is known once the log's end is`() throws {
    let consumer = bench.consumer("g", "m", ["orders-0", "orders-1"])
    consumer.fetcher.fetch("orders-0@5")
    #expect(try bench.group().lag == nil)
    consumer.fetcher.answer(KafkaGot("orders-0@5...9") { $0.highWatermark = 100 })
    #expect(try bench.group().lag == 95)
    consumer.commit("orders-0@8")
    #expect(try bench.group().lag == 92)
    consumer.leave()
    #expect(try bench.group().lag == nil)
  }

  @Test func `whoever reads committed lags behind the last stable offset`() throws {
    let consumer = bench.consumer()
    consumer.fetcher.fetch(["orders-0@0"], readsCommitted: true)
    consumer.fetcher.answer(
      KafkaGot("orders-0@0...9") {
        $0.highWatermark = 100
        $0.lastStableOffset = 60
      })
    consumer.commit("orders-0@10")
    #expect(try bench.group().lag == 50)
  }

  @Test func `lag without a failure is no failure`() throws {
    let consumer = bench.consumer()
    for i in 0..<50 {
      consumer.fetcher.fetch("orders-0@\(i * 10)")
      consumer.fetcher.answer(
        KafkaGot("orders-0@\(i * 10)...\(i * 10 + 9)") { $0.highWatermark = Int64(i) * 5_000 + 1_000 })
      consumer.commit("orders-0@\(i * 10 + 10)")
      bench.pass(1)
    }
    #expect(try bench.failures() == 0)
    #expect(try bench.group().lag ?? 0 > 200_000)
  }

  @Test func `a new producer of the same name aborts what the last one left`() throws {
    let consumer = bench.consumer()
    consumer.poll("orders-0@0...9")
    consumer.coordinator.commit("g", "m", generation: 1, ["orders-0@8"], producer: 7)
    consumer.coordinator.producerID(7)
    consumer.coordinator.commit("g", "m", generation: 1, ["orders-0@5"], producer: 7)
    consumer.coordinator.endTransaction(7, commits: true)
    let counts = try bench.counts()
    #expect(counts["acked"] == 4 && counts["requeued"] == 1 && counts["in_flight"] == 5)
  }

  @Test func `offsets that are asked about have a bound`() throws {
    let link = bench.connect()
    for i in 0..<1_000 { link.commit("g", "", generation: -1, ["orders-\(i)@5"]) }
    let group = try #require(bench.state.group("g", cluster: bench.cluster))
    #expect(group.offsetsCommitted.count == 1_000)
    for i in 0..<(KafkaGroup.partitionBound + 10) {
      group.noteFetched(KafkaPlace(i), i % 2 == 0 ? 1 : -1, by: 0)
      group.noteCommitted(KafkaPlace(i), 1)
    }
    #expect(group.offsetsFetched.count == KafkaGroup.partitionBound)
    #expect(group.askedInVain.count <= KafkaGroup.partitionBound)
    #expect(group.offsetsCommitted.count == KafkaGroup.partitionBound)
  }

  @Test func `a group that never commits has a bound`() throws {
    let bench = KafkaBench { $0.limits.inFlight = 100 }
    let consumer = bench.consumer()
    for i in 0..<200 { consumer.poll("orders-0@\(i * 50)...\(i * 50 + 49)") }
    #expect(try bench.counts() == ["delivered": 10_000, "abandoned": 9_900, "in_flight": 100])
    let group = try #require(bench.state.group("g", cluster: bench.cluster))
    #expect(group.partitions.values.allSatisfy { $0.deliveries.count <= 101 })
  }
}
