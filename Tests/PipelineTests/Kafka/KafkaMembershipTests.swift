import Testing

@testable import Pipeline

/// What becomes of deliveries when members come, go, and are given other partitions.
@Suite struct KafkaMembershipTests {
  let bench = KafkaBench()

  @Test func `what a rebalance takes away is abandoned, and comes to the other member again`() throws {
    let one = bench.consumer("g", "a", ["orders-0", "orders-1"], process: "one")
    one.poll("orders-0@0...4", "orders-1@0...9")
    let two = bench.consumer("g", "b", ["orders-1"], process: "two", generation: 2)
    one.assign(["orders-0"], generation: 2)
    two.poll("orders-1@0...9")
    #expect(
      try bench.counts() == [
        "delivered": 25, "redelivered": 10, "abandoned": 10, "rebalances": 1, "in_flight": 15,
      ])
    one.poll("orders-1@10...12")
    #expect(try bench.counts()["delivered"] == 25)
    two.commit("orders-1@10")
    one.commit("orders-0@5")
    #expect(try bench.counts()["acked"] == 15)
    #expect(try bench.counts()["duplicates"] == nil)
  }

  @Test func `an eager rebalance that goes back to what was committed is no failure`() throws {
    let consumer = bench.consumer()
    consumer.poll("orders-0@0...9")
    consumer.commit("orders-0@4")
    consumer.assign(["orders-0"], generation: 2)
    consumer.poll("orders-0@4...9")
    #expect(
      try bench.counts() == [
        "delivered": 16, "redelivered": 6, "acked": 4, "abandoned": 6, "rebalances": 1, "in_flight": 6,
      ])
  }

  @Test func `a cooperative rebalance leaves alone what the member keeps`() throws {
    let consumer = bench.consumer("g", "m", ["orders-0", "orders-1"])
    consumer.poll("orders-0@0...9", "orders-1@0...9")
    consumer.assign(["orders-0"], generation: 2)
    consumer.poll("orders-0@10...12")
    consumer.commit("orders-0@13")
    #expect(
      try bench.counts() == ["delivered": 23, "acked": 13, "abandoned": 10, "rebalances": 1])
  }

  @Test func `whoever joins without an id is assigned by the answer that names it`() throws {
    let (coordinator, fetcher) = (bench.connect(), bench.connect())
    coordinator.heartbeat("g", "x", epoch: 0, answered: 1, assigned: ["orders-0"], hasID: false)
    fetcher.fetch("orders-0@0")
    fetcher.answer("orders-0@0...4")
    coordinator.commit("g", "x", generation: 1, ["orders-0@5"])
    #expect(try bench.counts() == ["delivered": 5, "acked": 5])
    #expect(bench.ungrouped == 0)
  }

  @Test func `a member of a new group that was joined midway has what it commits`() throws {
    let (coordinator, fetcher) = (bench.connect(), bench.connect())
    coordinator.heartbeat("g", "x", epoch: 5, answered: 5)
    fetcher.fetch("orders-0@100")
    fetcher.answer("orders-0@100...104")
    #expect(bench.ungrouped == 5)
    coordinator.commit("g", "x", generation: 5, ["orders-0@105"])
    coordinator.heartbeat("g", "x", epoch: 5, answered: 5)
    fetcher.fetch("orders-0@105")
    fetcher.answer("orders-0@105...109")
    coordinator.commit("g", "x", generation: 5, ["orders-0@110"])
    #expect(try bench.counts() == ["delivered": 5, "acked": 5])
  }

  /// Faust sends 4.
  @Test(arguments: [4, 0x7fff])
  func `an assignment of a newer version than is known is read as the newest known`(version: Int) throws {
    let link = bench.connect()
    link.join("g", "m", ["orders-0"], generation: 1, version: version)
    link.fetch("orders-0@0")
    link.answer("orders-0@0...4")
    #expect(try bench.counts() == ["delivered": 5, "in_flight": 5])
  }

  @Test func `what a member had whose broker went is abandoned, once its session is over`() throws {
    let consumer = bench.consumer()
    consumer.poll("orders-0@0...9")
    consumer.end(client: false)
    bench.pass(5)
    #expect(try bench.counts() == ["delivered": 10, "in_flight": 10])
    bench.pass(6)
    #expect(try bench.counts() == ["delivered": 10, "abandoned": 10])
  }

  @Test func `topics of a Streams member that joins again and again have a bound`() throws {
    let link = bench.connect()
    for _ in 0..<3 {
      link.heartbeat(
        "g", "m", epoch: 0, answered: 1, key: .streamsGroupHeartbeat, tasks: [("0", 0)],
        topics: (0..<1_100).map { ("0", "topic-\($0)") })
    }
    let group = try #require(bench.state.group("g", cluster: bench.cluster))
    #expect(group.members.values.first?.subtopologies.values.map(\.count) == [1_024])
  }

  @Test func `an assignment that was missed shows in the commits of its generation`() throws {
    let consumer = bench.consumer()
    consumer.poll("orders-0@0...4")
    consumer.coordinator.commit("g", "m", generation: 2, ["orders-1@50"])
    consumer.poll("orders-1@50...54")
    #expect(try bench.counts() == ["delivered": 10, "in_flight": 10])
  }

  @Test func `after a refused commit the next owner gets duplicates`() throws {
    let one = bench.consumer("g", "a", process: "one")
    one.poll("orders-0@0...9")
    let two = bench.consumer("g", "b", process: "two", generation: 2)
    one.commit("orders-0@10", error: KafkaError.illegalGeneration)
    two.poll("orders-0@0...9")
    #expect(
      try bench.counts() == [
        "delivered": 20, "redelivered": 10, "duplicates": 10, "abandoned": 10, "commit_failures": 1, "rebalances": 1,
        "in_flight": 10,
      ])
  }

  @Test func `a rebalance loop abandons, and fails at nothing`() throws {
    let one = bench.consumer("g", "a", ["orders-0"], process: "one")
    let two = bench.consumer("g", "b", ["orders-1"], process: "two")
    for generation in 2..<22 {
      one.poll("orders-\(generation % 2)@0...9")
      two.poll("orders-\((generation + 1) % 2)@0...9")
      one.assign(["orders-\((generation + 1) % 2)"], generation: Int32(generation))
      two.assign(["orders-\(generation % 2)"], generation: Int32(generation))
    }
    #expect(try bench.failures() == 0)
    #expect(try bench.counts()["rebalances"] == 20)
    #expect(try bench.counts()["in_flight"] == nil)
  }

  @Test func `whoever leaves abandons what it had`() throws {
    let consumer = bench.consumer()
    consumer.poll("orders-0@0...9")
    consumer.commit("orders-0@4")
    consumer.leave()
    consumer.end()
    bench.pass(60)
    #expect(try bench.counts() == ["delivered": 10, "acked": 4, "abandoned": 6])
  }

  @Test(arguments: [
    KafkaError.unknownMemberID, KafkaError.illegalGeneration, KafkaError.fencedInstanceID,
    KafkaError.fencedMemberEpoch,
  ])
  func `whoever is put out abandons what it had`(error: Int16) throws {
    let consumer = bench.consumer()
    consumer.poll("orders-0@0...9")
    consumer.coordinator.heartbeat("g", "m", generation: 1, error: error)
    // What it commits on its way out does not make it the owner again.
    consumer.commit("orders-0@5", error: error)
    consumer.poll("orders-0@10...12")
    #expect(try bench.counts() == ["delivered": 10, "abandoned": 10, "commit_failures": 1])
    #expect(bench.ungrouped == 3)
  }

  @Test func `a rebalance in progress takes nothing away`() throws {
    let consumer = bench.consumer()
    consumer.poll("orders-0@0...9")
    consumer.coordinator.heartbeat("g", "m", generation: 1, error: KafkaError.rebalanceInProgress)
    #expect(try bench.counts() == ["delivered": 10, "in_flight": 10])
  }

  @Test(arguments: [StreamEnd.finished, .reset])
  func `whoever ends all its connections without leaving has crashed with its oldest delivery`(end: StreamEnd) throws {
    let consumer = bench.consumer("g", "m", ["orders-0", "orders-1"])
    consumer.poll("orders-1@0...4")
    consumer.poll("orders-0@0...4")
    consumer.end(end)
    bench.pass(9)
    #expect(try bench.counts() == ["delivered": 10, "in_flight": 10])
    bench.pass(2)
    #expect(try bench.counts() == ["delivered": 10, "crashed": 1, "abandoned": 9])
    let partitions = try bench.group().partitions
    #expect(partitions.first { $0.number == 1 }?.totals.crashed == 1)
  }

  @Test func `each member that crashes crashes with one delivery`() throws {
    let one = bench.consumer("g", "a", ["orders-0"])
    let two = bench.consumer("g", "b", ["orders-1"])
    one.poll("orders-0@0...4")
    two.poll("orders-1@0...4")
    one.end()
    two.end()
    bench.pass(11)
    #expect(try bench.counts() == ["delivered": 10, "crashed": 2, "abandoned": 8])
  }

  @Test func `whoever is gone when another gets its partitions has crashed`() throws {
    let one = bench.consumer("g", "a", process: "one")
    one.poll("orders-0@0...4")
    one.end()
    bench.pass(1)
    let two = bench.consumer("g", "b", process: "two", generation: 2)
    two.poll("orders-0@0...4")
    #expect(
      try bench.counts() == [
        "delivered": 10, "redelivered": 5, "crashed": 1, "abandoned": 4, "rebalances": 1, "in_flight": 5,
      ])
  }

  @Test func `whoever comes back within the session timeout goes on`() throws {
    let consumer = bench.consumer()
    consumer.poll("orders-0@0...9")
    consumer.end()
    bench.pass(5)
    let again = bench.connect()
    again.heartbeat("g", "m", generation: 1)
    bench.pass(30)
    again.commit("g", "m", generation: 1, ["orders-0@10"])
    #expect(try bench.counts() == ["delivered": 10, "acked": 10])
  }

  @Test func `one connection left is enough`() throws {
    let consumer = bench.consumer()
    consumer.poll("orders-0@0...9")
    consumer.fetcher.end()
    bench.pass(60)
    #expect(try bench.counts() == ["delivered": 10, "in_flight": 10])
  }

  @Test func `whoever is back within its session after the broker went has lost nothing`() throws {
    let consumer = bench.consumer()
    consumer.poll("orders-0@0...9")
    consumer.end(client: false)
    bench.pass(5)
    let link = bench.connect()
    link.heartbeat("g", "m", generation: 1)
    bench.pass(60)
    link.commit("g", "m", generation: 1, ["orders-0@10"])
    #expect(try bench.counts() == ["delivered": 10, "acked": 10])
  }

  @Test func `connections that were forgotten say nothing, and are none`() throws {
    let consumer = bench.consumer()
    consumer.poll("orders-0@0...9")
    consumer.fetcher.end(.forgotten)
    bench.pass(60)
    #expect(try bench.counts() == ["delivered": 10, "in_flight": 10])
    consumer.coordinator.end()
    bench.pass(60)
    #expect(try bench.counts() == ["delivered": 10, "crashed": 1, "abandoned": 9])
  }

  @Test func `a static member that stops has just stopped`() throws {
    let consumer = bench.consumer("g", "m", instance: "pod-0")
    consumer.poll("orders-0@0...9")
    consumer.end()
    bench.pass(60)
    #expect(try bench.counts() == ["delivered": 10, "abandoned": 10])
  }

  @Test func `a Streams member of a classic group that stops has just stopped`() throws {
    let consumer = bench.consumer()
    consumer.coordinator.protocols("g", "m", ["stream"])
    consumer.poll("orders-0@0...9")
    consumer.end()
    bench.pass(60)
    #expect(try bench.counts() == ["delivered": 10, "abandoned": 10])
  }

  @Test func `a static member that comes back under another id takes over`() throws {
    let before = bench.consumer("g", "m-1", process: "one", instance: "pod-0")
    before.poll("orders-0@0...9")
    before.end()
    bench.pass(3)
    let after = bench.consumer("g", "m-2", process: "two", instance: "pod-0")
    after.poll("orders-0@0...9")
    #expect(
      try bench.counts() == ["delivered": 20, "redelivered": 10, "abandoned": 10, "in_flight": 10])
  }

  @Test func `a new group's member gets its partitions by heartbeats`() throws {
    let link = bench.connect()
    link.heartbeat("g", "m", epoch: 0, answered: 1, assigned: [])
    link.heartbeat("g", "m", epoch: 1, answered: 2, assigned: ["orders-0", "orders-1"])
    link.fetch("orders-0@0", "orders-1@0")
    link.answer("orders-0@0...9", "orders-1@0...9")
    link.heartbeat("g", "m", epoch: 2, answered: 2)
    #expect(try bench.counts() == ["delivered": 20, "in_flight": 20])
    link.heartbeat("g", "m", epoch: 2, answered: 3, assigned: ["orders-0"])
    #expect(try bench.counts() == ["delivered": 20, "abandoned": 10, "rebalances": 1, "in_flight": 10])
    link.heartbeat("g", "m", epoch: 3, answered: 4, assigned: ["orders-0", "orders-2"])
    link.fetch("orders-0@10", "orders-2@0")
    link.answer("orders-2@0...4")
    #expect(try bench.counts() == ["delivered": 25, "abandoned": 10, "rebalances": 2, "in_flight": 15])
    link.heartbeat("g", "m", epoch: -1, answered: -1)
    #expect(try bench.counts() == ["delivered": 25, "abandoned": 25, "rebalances": 2])
  }

  @Test func `a new group's member that is fenced abandons what it had`() throws {
    let link = bench.connect()
    link.heartbeat("g", "m", epoch: 0, answered: 1, assigned: ["orders-0"])
    link.fetch("orders-0@0")
    link.answer("orders-0@0...9")
    link.heartbeat("g", "m", epoch: 1, answered: 0, error: KafkaError.fencedMemberEpoch)
    link.heartbeat("g", "m", epoch: 0, answered: 2, assigned: ["orders-0"])
    link.fetch("orders-0@0")
    link.answer("orders-0@0...9")
    #expect(
      try bench.counts() == ["delivered": 20, "redelivered": 10, "abandoned": 10, "rebalances": 1, "in_flight": 10])
  }

  @Test func `another assignment cancels returns even within one epoch`() throws {
    let link = bench.connect()
    link.heartbeat("g", "m", epoch: 0, answered: 1, assigned: ["orders-0", "orders-1"])
    for first in [0, 3] {
      link.fetch("orders-0@\(first)")
      link.answer(KafkaGot("orders-0@\(first)...9"))
    }
    link.heartbeat("g", "m", epoch: 1, answered: 1, assigned: ["orders-0"])
    for first in [10, 3] {
      link.fetch("orders-0@\(first)")
      link.answer(KafkaGot("orders-0@\(first)...10"))
    }
    #expect(try bench.failures() == 0)
  }

  @Test func `a Streams member's tasks are its partitions`() throws {
    let link = bench.connect()
    link.heartbeat(
      "app", "m", epoch: 0, answered: 1, key: .streamsGroupHeartbeat, tasks: [("sub-1", 0), ("sub-2", 1)],
      topics: [("sub-1", "orders"), ("sub-1", "customers"), ("sub-2", "refunds")])
    link.fetch("orders-0@0", "customers-0@0", "refunds-1@0", "refunds-0@0")
    link.answer("orders-0@0...4", "customers-0@0...1", "refunds-1@0...0", "refunds-0@0...0")
    #expect(try bench.counts("app") == ["delivered": 8, "in_flight": 8])
    #expect(bench.ungrouped == 1)
  }

  @Test func `a new group's static member that stops for a while abandons what it had`() throws {
    let link = bench.connect()
    link.heartbeat("g", "m", epoch: 0, answered: 1, assigned: ["orders-0"])
    link.fetch("orders-0@0")
    link.answer("orders-0@0...9")
    link.heartbeat("g", "m", epoch: -2, answered: -2)
    link.end()
    bench.pass(60)
    #expect(try bench.counts() == ["delivered": 10, "abandoned": 10])
  }

  @Test func `partitions of a group have a bound`() throws {
    let group = try #require(bench.state.group("g", cluster: 0))
    for i in 0..<(KafkaGroup.partitionBound + 10) { _ = bench.state.partition(KafkaPlace(i), of: group) }
    #expect(group.partitions.count == KafkaGroup.partitionBound)
    #expect(group.list.count == KafkaGroup.partitionBound)
    #expect(bench.ledger.dropped.consumers == 10)
  }

  @Test func `members of a group have a bound`() throws {
    var links: [KafkaLink] = []
    for i in 0..<(KafkaGroup.memberBound + 50) {
      if i % 64 == 0 { links.append(bench.connect()) }
      links[i / 64].heartbeat("g", "m-\(i)", epoch: 0, answered: 1, assigned: ["orders-\(i)"])
    }
    let group = try #require(bench.state.group("g", cluster: bench.cluster))
    #expect(group.members.count == KafkaGroup.memberBound)
    #expect(bench.ledger.dropped.consumers >= 50)
    // Those that left make room.
    for i in 0..<100 { links[i / 64].heartbeat("g", "m-\(i)", epoch: -1, answered: -1) }
    for link in links.prefix(2) { link.end() }
    let other = bench.connect()
    other.heartbeat("g", "late", epoch: 0, answered: 1, assigned: ["late-0"])
    other.fetch("late-0@0")
    other.answer("late-0@0...4")
    #expect(try bench.counts()["delivered"] == 5)
  }
}
