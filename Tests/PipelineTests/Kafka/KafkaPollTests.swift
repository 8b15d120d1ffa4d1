import Testing

@testable import Pipeline

/// Consumers that take longer than `max.poll.interval.ms`.
@Suite struct KafkaPollTests {
  let bench = KafkaBench()

  private func causes() throws -> [RequeueCause: UInt64] { try bench.group().requeueCauses }

  @Test func `what was worked on is expired once its commit is refused, and requeued when it comes again`() throws {
    let consumer = bench.consumer()
    consumer.poll("orders-0@0...4")
    bench.pass(10)
    consumer.leave()
    #expect(try bench.counts() == ["delivered": 5, "abandoned": 5])
    consumer.commit("orders-0@1", error: KafkaError.unknownMemberID)
    #expect(try bench.counts() == ["delivered": 5, "expired": 1, "abandoned": 4, "commit_failures": 1])
    consumer.coordinator.join("g", "m2", ["orders-0"], generation: 2)
    consumer.poll("orders-0@0...4")
    let counts = try bench.counts()
    #expect(counts["requeued"] == 1 && counts["abandoned"] == 4 && counts["expired"] == nil)
    #expect(try causes() == [.ackTimeout: 1])
    #expect(try bench.attempt("orders-0@0") == 2)
    #expect(try bench.attempt("orders-0@1") == 1)
    #expect(try bench.group().inferences == ["exceeded_poll": 1])
  }

  @Test func `attempts count on`() throws {
    let consumer = bench.consumer("g", "m1")
    for round in 1...4 {
      consumer.poll("orders-0@0...4")
      #expect(try bench.attempt("orders-0@0") == round)
      bench.pass(10)
      consumer.coordinator.leave("g", "m\(round)")
      consumer.coordinator.commit("g", "m\(round)", generation: Int32(round), ["orders-0@1"], error: 25)
      consumer.coordinator.join("g", "m\(round + 1)", ["orders-0"], generation: Int32(round + 1))
    }
  }

  @Test func `it may have come again before the commit is refused`() throws {
    let one = bench.consumer("g", "a", ["orders-0"], process: "one")
    one.poll("orders-0@0...4")
    bench.pass(10)
    one.leave()
    let two = bench.consumer("g", "b", ["orders-0"], process: "two", generation: 2)
    two.poll("orders-0@0...4")
    one.commit("orders-0@1", error: KafkaError.unknownMemberID)
    #expect(try bench.attempt("orders-0@0") == 2)
    two.commit("orders-0@5")
    let counts = try bench.counts()
    #expect(counts["requeued"] == 1 && counts["abandoned"] == 4 && counts["acked"] == 5)
  }

  @Test func `the refused commit names the partition`() throws {
    let consumer = bench.consumer("g", "m", ["orders-0", "orders-1"])
    consumer.poll("orders-0@0...4")
    consumer.poll("orders-1@0...4")
    consumer.leave()
    consumer.commit("orders-1@1", error: KafkaError.unknownMemberID)
    consumer.coordinator.join("g", "m2", ["orders-0", "orders-1"], generation: 2)
    consumer.poll("orders-0@0...4", "orders-1@0...4")
    #expect(try bench.attempt("orders-1@0") == 2)
    #expect(try bench.attempt("orders-0@0") == 1)
  }

  @Test func `Java's client gives its reason and commits nothing`() throws {
    let consumer = bench.consumer()
    consumer.poll("orders-0@0...4")
    consumer.coordinator.leave(
      "g", "m", reason: "consumer poll timeout has expired. This means the time between calls to poll() was longer")
    #expect(try bench.counts() == ["delivered": 5, "expired": 1, "abandoned": 4])
  }

  @Test(arguments: [(299.0, 0), (301.0, 1)])
  func `one that joins again on its connection after its interval had taken too long`(
    seconds: Double, expired: Int
  ) throws {
    let consumer = bench.consumer()
    consumer.poll("orders-0@0...4")
    bench.pass(seconds)
    consumer.leave()
    consumer.coordinator.join("g", "m2", ["orders-0"], generation: 2)
    #expect(try bench.counts()["expired"] ?? 0 == expired)
  }

  @Test func `what was prefetched of another partition meanwhile does not hide how long it took`() throws {
    let consumer = bench.consumer("g", "m", ["orders-0", "orders-1"])
    consumer.poll("orders-0@0...4")
    bench.pass(200)
    consumer.poll("orders-1@0...4")
    bench.pass(101)
    consumer.leave()
    consumer.coordinator.join("g", "m2", ["orders-0", "orders-1"], generation: 2)
    #expect(try bench.counts()["expired"] == 1)
  }

  @Test(arguments: [(9.0, 0), (12.0, 1)])
  func `one that does not leave is known by its silence`(seconds: Double, expired: Int) throws {
    let consumer = bench.consumer(instance: "i-1")
    consumer.poll("orders-0@0...4")
    bench.pass(seconds)
    consumer.commit("orders-0@1", error: KafkaError.unknownMemberID)
    #expect(try bench.counts()["expired"] ?? 0 == expired)
    let two = bench.consumer("g", "b", ["orders-0"], process: "two", generation: 2)
    two.poll("orders-0@0...4")
    #expect(try bench.attempt("orders-0@0") == 1 + expired)
  }

  @Test func `one that leaves for good did not take too long`() throws {
    let consumer = bench.consumer()
    consumer.poll("orders-0@0...4")
    bench.pass(400)
    consumer.leave()
    consumer.end()
    _ = bench.consumer("g", "m2", ["orders-0"], generation: 2)
    #expect(try bench.counts() == ["delivered": 5, "abandoned": 5, "rebalances": 1])
  }

  @Test(arguments: [
    KafkaError.illegalGeneration, KafkaError.rebalanceInProgress, KafkaError.coordinatorNotAvailable,
  ])
  func `a commit that a rebalance overtakes is no such sign`(error: Int16) throws {
    let consumer = bench.consumer()
    consumer.poll("orders-0@0...4")
    consumer.commit("orders-0@1", error: error)
    let two = bench.consumer("g", "b", ["orders-0"], process: "two", generation: 2)
    consumer.commit("orders-0@1", error: error)
    two.poll("orders-0@0...4")
    let counts = try bench.counts()
    #expect(counts["abandoned"] == 5 && counts["expired"] == nil && counts["requeued"] == nil)
  }

  @Test func `a commit that was on its way when the member left is none`() throws {
    let consumer = bench.consumer()
    consumer.poll("orders-0@0...4")
    consumer.coordinator.commit("g", "m", generation: 1, ["orders-0@1"], error: 25) { consumer.leave() }
    #expect(try bench.counts()["expired"] == nil)
  }

  @Test func `members that lost something have a bound`() {
    let session = ObjectIdentifier(bench)
    var all = ExceededPoll()
    for id in 0..<100 as Range<UInt64> {
      all.insert(
        .init(id: id, at: bench.now, tookTooLong: false, session: session, lost: []))
    }
    #expect(all.members.count == 64)
    #expect(all.members.first?.id == 36)
  }
}
