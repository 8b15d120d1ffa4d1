import Testing

@testable import Pipeline

/// Where positions return to: which returns are retries.
@Suite struct KafkaSeekBackTests {
  let bench = KafkaBench()

  @Test func `one return alone is refetched`() throws {
    let consumer = bench.consumer()
    consumer.poll("orders-0@0...9")
    consumer.poll("orders-0@3...9")
    #expect(try bench.counts() == ["delivered": 10, "refetched": 7, "in_flight": 10])
  }

  @Test(arguments: [KafkaBatch.Codec.none, .lz4])
  func `a return to the same offset confirms both, the first visit included`(codec: KafkaBatch.Codec) throws {
    let consumer = bench.consumer()
    for first in [0, 3, 3] {
      consumer.fetcher.fetch("orders-0@\(first)")
      // Compressed batches come as a whole.
      consumer.fetcher.answer(
        KafkaGot(codec == .none ? "orders-0@\(first)...9" : "orders-0@0...9") { $0.codec = codec })
    }
    #expect(
      try bench.counts() == ["delivered": 12, "redelivered": 2, "requeued": 2, "refetched": 12, "in_flight": 10])
    #expect(try bench.named() == ["orders-0@3"])
    #expect(try bench.attempt("orders-0@3") == 3)
    #expect(try bench.attempt("orders-0@4") == 1)
    consumer.commit("orders-0@10")
    #expect(try bench.counts()["acked"] == 10)
  }

  @Test func `copies on the wire are delivered or refetched`() throws {
    let consumer = bench.consumer()
    var copies = 0
    for first in [0, 3, 3, 5, 3, 4, 5, 5, 9, 4] {
      consumer.poll("orders-0@\(first)...9")
      copies += 10 - first
    }
    let counts = try bench.counts()
    #expect((counts["delivered"] ?? 0) + (counts["refetched"] ?? 0) == copies)
    #expect(counts["in_flight"] == 10)
  }

  @Test func `every further return is one more attempt`() throws {
    let consumer = bench.consumer()
    consumer.poll("orders-0@0...9")
    for n in 1...5 {
      consumer.poll("orders-0@3...9")
      #expect(try bench.attempt("orders-0@3") == (n == 1 ? 1 : n + 1))
    }
    #expect(try bench.counts()["requeued"] == 5)
  }

  @Test func `a dead letter made of that offset confirms the return and names it`() throws {
    let consumer = bench.consumer()
    consumer.poll("orders-0@0...9")
    consumer.poll("orders-0@5...9")
    #expect(try bench.failures() == 0)
    consumer.fetcher.produce("orders.DLT", headers: KafkaCopies.spring("orders", 0, 5))
    #expect(
      try bench.counts() == [
        "delivered": 11, "redelivered": 1, "requeued": 1, "dead_lettered": 1, "refetched": 4, "in_flight": 9,
      ])
    #expect(try bench.named() == ["orders-0@5"])
    #expect(try bench.group().attempts.max == 2)
  }

  @Test func `pause and resume every second with progress counts no failure`() throws {
    let consumer = bench.consumer()
    for i in 0..<60 {
      consumer.poll("orders-0@\(i * 3)...\(i * 3 + 30)")
      bench.pass(1)
      consumer.commit("orders-0@\(i * 3 + 3)")
    }
    let counts = try bench.counts()
    #expect(try bench.failures() == 0)
    #expect(counts["delivered"] == 59 * 3 + 31)
    #expect(counts["refetched"] == 59 * 28)
    #expect(counts["acked"] == 180)
  }

  @Test func `what a client asks for again where it stood, with another session, was not sought`() throws {
    let consumer = bench.consumer("g", "m", ["orders-0", "orders-1"])
    let fetcher = consumer.fetcher
    fetcher.fetch(["orders-0@0", "orders-1@0"], epoch: 0)
    fetcher.answer("orders-0@0...9", "orders-1@0...9")
    for _ in 0..<3 {
      fetcher.fetch(["orders-0@10"], epoch: 1)
      fetcher.answer()
      // The seek of one drops what was buffered of the other.
      fetcher.fetch(["orders-1@0", "orders-0@3"], epoch: 0, renews: true)
      fetcher.answer("orders-1@0...9", "orders-0@3...9")
    }
    #expect(try bench.failures() == 3)
    #expect(try bench.named() == ["orders-0@3"])
    #expect(try bench.group().inferences == ["renewed_session": 3, "repeated_seek": 3])
  }

  @Test(arguments: [(0, 3), (1, 2)])
  func `a repeat of the last request is a seek where the session goes on, or there is none`(
    epoch: Int, failures: Int
  ) throws {
    let fetcher = bench.consumer().fetcher
    fetcher.fetch(["orders-0@0"], epoch: epoch == 0 ? -1 : 0)
    fetcher.answer("orders-0@0...9")
    for n in 0..<failures {
      fetcher.fetch(["orders-0@0"], epoch: epoch == 0 ? -1 : Int32(n) + 1)
      fetcher.answer("orders-0@0...9")
    }
    #expect(try bench.failures() == failures)
  }

  /// Three partitions are asked for to their ends, then sought.
  private func seek(_ consumer: KafkaConsumer, _ seeks: [String]) {
    consumer.fetcher.fetch("orders-0@10", "orders-1@10", "orders-2@10")
    consumer.fetcher.answer()
    consumer.fetcher.fetch(seeks)
    consumer.fetcher.answer(seeks.map { KafkaGot($0 + "...9") })
  }

  @Test func `a consumer that seeks partition by partition has failed in each partition of a round`() throws {
    let consumer = bench.consumer("g", "m", ["orders-0", "orders-1", "orders-2"])
    func go(_ seeks: String...) { seek(consumer, seeks) }
    consumer.poll("orders-0@0...9", "orders-1@0...9", "orders-2@0...9")
    for _ in 0..<2 { go("orders-0@3") }
    for _ in 0..<2 { go("orders-1@4") }
    go("orders-0@3", "orders-1@4")
    #expect(try bench.counts()["requeued"] == 6)
    #expect(try bench.named() == ["orders-0@3", "orders-1@4"])
    #expect(try bench.group().inferences["separate_seeks"] == 2)
  }

  @Test func `of partitions that were sought in one call each dead letter names its own attempts`() throws {
    let consumer = bench.consumer("g", "m", ["orders-0", "orders-1", "orders-2"])
    func go(_ seeks: String...) { seek(consumer, seeks) }
    consumer.poll("orders-0@0...9", "orders-1@0...9", "orders-2@0...9")
    go("orders-0@3", "orders-1@4", "orders-2@5")
    go("orders-0@3", "orders-1@4")
    go("orders-0@3")
    #expect(try bench.counts()["requeued"] == 3)
    consumer.fetcher.produce("orders.DLT", headers: KafkaCopies.spring("orders", 1, 4))
    #expect(try bench.counts()["requeued"] == 5)
    #expect(try bench.named() == ["orders-0@3", "orders-1@4"])
  }

  @Test func `unread prefetch that is dropped is refetched`() throws {
    let consumer = bench.consumer()
    consumer.poll("orders-0@0...99")
    consumer.commit("orders-0@2")
    consumer.poll("orders-0@2...99")
    consumer.commit("orders-0@100")
    #expect(try bench.counts() == ["delivered": 100, "acked": 100, "refetched": 98])
  }

  @Test func `a seek of every partition is one failed attempt, and nobody knows whose`() throws {
    let consumer = bench.consumer("g", "m", ["orders-0", "orders-1", "orders-2"])
    consumer.poll("orders-0@0...9", "orders-1@0...9", "orders-2@0...9")
    for _ in 0..<3 { consumer.poll("orders-0@3...9", "orders-1@4...9", "orders-2@5...9") }
    #expect(try bench.failures() == 3)
    #expect(try bench.named() == [])
    #expect(try bench.group().attempts.max == 1)
    #expect(try bench.counts()["in_flight"] == 30)
  }

  @Test func `a dead letter tells which record a seek of every partition was due to`() throws {
    let consumer = bench.consumer("g", "m", ["orders-0", "orders-1"])
    consumer.poll("orders-0@0...9", "orders-1@0...9")
    for _ in 0..<3 { consumer.poll("orders-0@3...9", "orders-1@4...9") }
    consumer.fetcher.produce("orders.DLT", headers: KafkaCopies.spring("orders", 1, 4))
    #expect(try bench.counts()["requeued"] == 3)
    #expect(try bench.counts()["dead_lettered"] == 1)
    #expect(try bench.named() == ["orders-1@4"])
  }

  /// Spring: when a record has gone to the dead-letter topic, what remains of all partitions is sought back once more.
  @Test func `a framework that goes on behind a dead letter has not failed once more`() throws {
    let consumer = bench.consumer("g", "m", ["orders-0", "orders-1"])
    consumer.poll("orders-0@0...5", "orders-1@0...5")
    func dead(_ partition: Int, _ offset: Int) {
      // The client asks for more before its records are worked on.
      consumer.fetcher.fetch("orders-0@6", "orders-1@6")
      consumer.fetcher.produce("orders.DLT", headers: KafkaCopies.spring("orders", partition, offset))
    }
    // Two records that fail three times each, in a row, and a third at the end of its partition.
    for _ in 0..<2 { consumer.poll("orders-0@3...5", "orders-1@0...5") }
    dead(0, 3)
    for _ in 0..<3 { consumer.poll("orders-0@4...5", "orders-1@0...5") }
    dead(0, 4)
    for _ in 0..<3 { consumer.poll("orders-0@5...5", "orders-1@0...5") }
    dead(0, 5)
    #expect(try bench.counts()["requeued"] == 6)
    #expect(try bench.group().attempts.max == 3)
    consumer.commit("orders-0@6")
    // The other partition's first record, after that was taken along so often.
    for _ in 0..<3 { consumer.poll("orders-1@0...5") }
    dead(1, 0)
    #expect(try bench.counts()["requeued"] == 8)
    #expect(try bench.counts()["dead_lettered"] == 4)
    #expect(try bench.group().attempts.max == 3)
  }

  @Test func `a seek of every partition on two brokers is one failed attempt`() throws {
    let consumer = bench.consumer("g", "m", ["orders-0", "orders-1"])
    let other = bench.connect(broker: 2)
    consumer.poll("orders-0@0...9")
    other.fetch("orders-1@0")
    other.answer("orders-1@0...9")
    for _ in 0..<3 {
      // Its broker waits for more records, so that its next request comes later.
      other.fetch("orders-1@10")
      consumer.poll("orders-0@3...9")
      other.answer("orders-1")
      other.fetch("orders-1@4")
      other.answer("orders-1@4...9")
    }
    #expect(try bench.failures() == 3)
    #expect(try bench.named() == [])
  }

  @Test func `a round has as many partitions as a consumer has`() throws {
    let all = (0..<600).map { "orders-\($0)" }
    let consumer = bench.consumer("g", "m", all)
    for first in [0, 1, 1] {
      consumer.fetcher.fetch(all.map { "\($0)@\(first)" })
      consumer.fetcher.answer(all.map { KafkaGot("\($0)@\(first)...2") })
    }
    #expect(try bench.failures() == 2)
  }

  @Test func `catching up after a return is no further return`() throws {
    let consumer = bench.consumer()
    for first in stride(from: 0, to: 100, by: 10) { consumer.poll("orders-0@\(first)...\(first + 9)") }
    for _ in 0..<3 {
      for first in stride(from: 30, to: 100, by: 10) { consumer.poll("orders-0@\(first)...\(first + 9)") }
    }
    #expect(try bench.failures() == 3)
    #expect(try bench.named() == ["orders-0@30"])
  }

  @Test func `asked again after an error or an empty answer is no return`() throws {
    let consumer = bench.consumer()
    consumer.poll("orders-0@0...9")
    consumer.fetcher.fetch("orders-0@3")
    consumer.fetcher.answer(KafkaGot("orders-0") { $0.error = KafkaError.notLeaderOrFollower })
    consumer.fetcher.fetch("orders-0@3")
    consumer.fetcher.answer("orders-0")
    consumer.fetcher.fetch("orders-0@3")
    consumer.fetcher.fetch("orders-0@3")
    consumer.fetcher.answer("orders-0@3...9")
    #expect(try bench.counts() == ["delivered": 10, "refetched": 7, "in_flight": 10])
  }

  @Test func `returns to several offsets before anything is handed over are one round`() throws {
    let consumer = bench.consumer()
    consumer.poll("orders-0@0...9")
    for first in [5, 3, 5] { consumer.fetcher.fetch("orders-0@\(first)") }
    consumer.fetcher.answer("orders-0@5...9")
    #expect(try bench.failures() == 0)
  }

  @Test func `another generation cancels`() throws {
    let consumer = bench.consumer()
    consumer.poll("orders-0@0...9")
    consumer.poll("orders-0@3...9")
    consumer.assign(["orders-0"], generation: 2)
    consumer.poll("orders-0@10...12")
    consumer.poll("orders-0@3...12")
    #expect(try bench.failures() == 0)
    consumer.poll("orders-0@3...12")
    #expect(try bench.failures() == 2)
  }

  @Test func `a record's attempts count on through generations`() throws {
    let consumer = bench.consumer()
    consumer.poll("orders-0@0...9")
    for _ in 0..<2 { consumer.poll("orders-0@3...9") }
    #expect(try bench.attempt("orders-0@3") == 3)
    consumer.assign(["orders-0"], generation: 2)
    consumer.poll("orders-0@0...9")
    #expect(try bench.attempt("orders-0@3") == 3)
    #expect(try bench.attempt("orders-0@4") == 1)
  }

  @Test func `an offset out of range cancels`() throws {
    let consumer = bench.consumer()
    consumer.poll("orders-0@0...9")
    consumer.poll("orders-0@3...9")
    consumer.fetcher.fetch("orders-0@10")
    consumer.fetcher.answer(KafkaGot("orders-0") { $0.error = KafkaError.offsetOutOfRange })
    consumer.poll("orders-0@3...9")
    consumer.poll("orders-0@3...9")
    #expect(try bench.failures() == 0)
    consumer.poll("orders-0@3...9")
    #expect(try bench.failures() == 2)
  }

  @Test func `OffsetForLeaderEpoch cancels`() throws {
    let consumer = bench.consumer()
    consumer.poll("orders-0@0...9")
    consumer.poll("orders-0@3...9")
    consumer.fetcher.leaderEpoch("orders-0")
    consumer.poll("orders-0@3...9")
    #expect(try bench.failures() == 0)
  }

  @Test func `OffsetFetch and ListOffsets cancel nothing`() throws {
    let consumer = bench.consumer()
    consumer.poll("orders-0@0...9")
    consumer.poll("orders-0@3...9")
    consumer.coordinator.offsetFetched("g", "orders-0@3")
    consumer.fetcher.listOffsets("orders-0@3")
    consumer.poll("orders-0@3...9")
    #expect(try bench.failures() == 2)
  }

  @Test func `what was acknowledged before it was worked on fails all the same`() throws {
    let consumer = bench.consumer()
    consumer.poll("orders-0@0...9")
    consumer.commit("orders-0@10")
    for _ in 0..<3 { consumer.poll("orders-0@3...9") }
    // The first copy passes for acknowledged, which can't be taken back.
    #expect(
      try bench.counts() == [
        "delivered": 13, "redelivered": 3, "acked": 10, "requeued": 2, "refetched": 18, "duplicates": 21,
        "in_flight": 1,
      ])
    #expect(try bench.attempt("orders-0@3") == 4)
  }

  @Test func `commits out of order take nothing back`() throws {
    let consumer = bench.consumer()
    consumer.poll("orders-0@0...4")
    consumer.commit("orders-0@3")
    consumer.commit("orders-0@2")
    consumer.poll("orders-0@5...6")
    #expect(try bench.counts() == ["delivered": 7, "acked": 3, "in_flight": 4])
  }

  @Test func `a session's request that does not list a partition asks for it again`() throws {
    let consumer = bench.consumer()
    consumer.fetcher.fetch(["orders-0@3"], epoch: 0)
    consumer.fetcher.answer("orders-0@3...9")
    for epoch in 1...3 {
      consumer.fetcher.fetch([], epoch: Int32(epoch))
      consumer.fetcher.answer("orders-0@3...9")
    }
    #expect(
      try bench.counts() == ["delivered": 10, "redelivered": 3, "requeued": 3, "refetched": 18, "in_flight": 7])
  }

  @Test func `returns of partitions that a session does not list are one round`() throws {
    let consumer = bench.consumer("g", "m", ["orders-0", "orders-1"])
    consumer.fetcher.fetch(["orders-0@3", "orders-1@4"], epoch: 0)
    consumer.fetcher.answer("orders-0@3...9", "orders-1@4...9")
    for epoch in 1...3 {
      consumer.fetcher.fetch([], epoch: Int32(epoch))
      consumer.fetcher.answer("orders-0@3...9", "orders-1@4...9")
    }
    #expect(try bench.failures() == 3)
    #expect(try bench.named() == [])
  }

  @Test func `returns without end take no memory without end`() throws {
    let consumer = bench.consumer("g", "m", (0..<50).map { "orders-\($0)" })
    var random = SplitMix64(seed: 5)
    for partition in 0..<50 { consumer.poll("orders-\(partition)@0...1000") }
    for _ in 0..<4_000 {
      let partition = Int.random(in: 0..<50, using: &random)
      let first = Int.random(in: 0..<1_000, using: &random)
      consumer.poll("orders-\(partition)@\(first)...\(first)")
    }
    let group = try #require(bench.state.group("g", cluster: bench.cluster))
    for partition in group.partitions.values {
      #expect(partition.awaited.count <= KafkaPartition.awaitedBound)
      #expect(partition.seekBacks.count <= KafkaPartition.awaitedBound)
    }
    let returns = group.members.values.map(\.seeks.count)
    #expect(returns.allSatisfy { $0 <= KafkaSeeks.totalBound })
  }
}
