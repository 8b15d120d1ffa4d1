import Testing

@testable import Pipeline

/// Which group a Fetch is for, which it does not say.
@Suite struct KafkaAttributionTests {
  let bench = KafkaBench()

  @Test func `by the assignment`() throws {
    let one = bench.consumer("g1", "a", ["orders-0"])
    let two = bench.consumer("g2", "b", ["orders-1"])
    one.poll("orders-0@0...4")
    two.poll("orders-1@0...6")
    #expect(try bench.counts("g1") == ["delivered": 5, "in_flight": 5])
    #expect(try bench.counts("g2") == ["delivered": 7, "in_flight": 7])
  }

  @Test func `by the offset that was fetched`() throws {
    let one = bench.consumer("g1", "a")
    let two = bench.consumer("g2", "b")
    one.coordinator.offsetFetched("g1", "orders-0@10")
    two.coordinator.offsetFetched("g2", "orders-0@50")
    two.poll("orders-0@50...54")
    one.poll("orders-0@10...12")
    two.poll("orders-0@55...55")
    #expect(try bench.counts("g1") == ["delivered": 3, "in_flight": 3])
    #expect(try bench.counts("g2") == ["delivered": 6, "in_flight": 6])
  }

  @Test func `by the client id`() throws {
    let one = bench.consumer("g1", "a", client: "one")
    let two = bench.consumer("g2", "b", client: "two")
    two.poll("orders-0@0...4")
    one.poll("orders-0@0...2")
    #expect(try bench.counts("g1") == ["delivered": 3, "in_flight": 3])
    #expect(try bench.counts("g2") == ["delivered": 5, "in_flight": 5])
  }

  @Test func `what fits several groups is attributed to none`() throws {
    let one = bench.consumer("g1", "a")
    _ = bench.consumer("g2", "b")
    one.poll("orders-0@0...4")
    one.poll("orders-0@5...9")
    #expect(bench.unattributed == 10)
    #expect(try bench.counts("g1") == [:])
    #expect(try bench.counts("g2") == [:])
  }

  @Test func `the same partition in two processes is two groups' own`() throws {
    let one = bench.consumer("g1", "a", process: "one")
    let two = bench.consumer("g2", "b", process: "two")
    one.poll("orders-0@0...4")
    two.poll("orders-0@0...1")
    #expect(try bench.counts("g1") == ["delivered": 5, "in_flight": 5])
    #expect(try bench.counts("g2") == ["delivered": 2, "in_flight": 2])
  }

  @Test func `a group that begins at the end is not taken for one that stands there`() throws {
    let idle = bench.consumer("g1", "a", client: "one")
    idle.coordinator.offsetFetched("g1", "orders-0@90")
    idle.poll("orders-0@90...99")
    idle.commit("orders-0@100")
    let late = bench.consumer("g2", "b", client: "two")
    late.coordinator.offsetFetched("g2", "orders-0@-1")
    late.coordinator.listOffsets("orders-0@100")
    late.poll("orders-0@100...104")
    #expect(try bench.counts("g1") == ["delivered": 10, "acked": 10])
    #expect(try bench.counts("g2") == ["delivered": 5, "in_flight": 5])
  }

  @Test func `whoever assigns partitions to itself has them after its restart`() throws {
    for (process, offset) in [("one", 20), ("two", 23)] {
      let link = bench.connect(process: process)
      link.offsetFetched("g", "orders-0@\(offset)")
      link.fetch("orders-0@\(offset)")
      link.answer(KafkaGot("orders-0@\(offset)...\(offset + 4)"))
      link.commit("g", "", generation: -1, ["orders-0@23"])
      if process == "one" { link.end() }
    }
    #expect(
      try bench.counts() == [
        "delivered": 10, "redelivered": 2, "acked": 3, "abandoned": 2, "in_flight": 5,
      ])
  }

  /// Joined midway: each process first met another broker of the cluster.
  @Test func `brokers that two processes met in another order are one cluster's`() throws {
    let links = ["one", "two"].map { process in
      (process == "one" ? [1, 2] : [2, 1] as [UInt32]).map { bench.connect(process: process, broker: $0) }
    }
    for (i, process) in links.enumerated() {
      process[0].commit("g", "m\(i)", generation: 3, ["orders-\(i)@0"])
      process[1].fetch("orders-\(i)@0")
      process[1].answer(KafkaGot("orders-\(i)@0...4"))
    }
    #expect(bench.ungrouped == 0)
    #expect(try bench.counts() == ["delivered": 10, "in_flight": 10])
    links[0][1].cluster("real")
    links[1][1].cluster("real")
    for (i, process) in links.enumerated() { process[0].commit("g", "m\(i)", generation: 3, ["orders-\(i)@5"]) }
    #expect(try bench.counts() == ["delivered": 10, "acked": 10])
    #expect(Set(bench.ledger.groups.map { bench.ledger.clusters.name(of: $0.cluster) }) == ["real"])
  }

  @Test func `what was known by two addresses is one, once both tell its name`() throws {
    let one = bench.connect(process: "one", broker: 1)
    let two = bench.connect(process: "two", broker: 2)
    one.commit("g", "a", generation: 3, ["orders-0@0"])
    two.commit("g", "b", generation: 3, ["orders-1@0"])
    two.fetch("orders-1@0")
    two.answer("orders-1@0...4")
    one.cluster("real")
    two.cluster("real")
    // Its books of before are closed, since the other's group goes on: what it had ends untried.
    two.commit("g", "b", generation: 3, ["orders-1@0"])
    two.fetch("orders-1@0")
    two.answer("orders-1@0...4")
    two.commit("g", "b", generation: 3, ["orders-1@5"])
    let totals = bench.ledger.groups.filter { $0.name == "g" }
    #expect(totals.map(\.inFlight).reduce(0, +) == 0)
    #expect(totals.map { Int($0.totals.acked) }.reduce(0, +) == 5)
  }

  @Test func `a connection that fetches for one group and carries another one's session serves both`() throws {
    let link = bench.connect()
    link.join("g1", "a", ["orders-0"], generation: 1)
    link.join("g2", "b", ["bills-0"], generation: 1)
    #expect(link.session.use.groups.isEmpty)
    link.fetch("orders-0@0")
    link.answer("orders-0@0...4")
    #expect(link.session.use.groups.count == 2)
  }

  @Test func `a partition outside every assignment is ungrouped`() throws {
    let consumer = bench.consumer()
    consumer.poll("changelog-3@0...4")
    consumer.poll("orders-0@0...1")
    #expect(bench.ungrouped == 5)
    #expect(try bench.counts() == ["delivered": 2, "in_flight": 2])
  }

  @Test func `whoever assigns partitions to itself is known by the offset it asked for`() throws {
    let link = bench.connect()
    link.offsetFetched("g", "orders-0@20")
    link.fetch("orders-0@20")
    link.answer("orders-0@20...24")
    link.commit("g", "", generation: -1, ["orders-0@23"])
    #expect(try bench.counts() == ["delivered": 5, "acked": 3, "in_flight": 2])
    #expect(bench.ungrouped == 0)
  }

  @Test func `whoever assigns partitions to itself is known by its client id before it has committed`() throws {
    let coordinator = bench.connect(client: "one")
    let fetcher = bench.connect(client: "one")
    coordinator.offsetFetched("g", "orders-0@-1")
    fetcher.listOffsets("orders-0@0")
    fetcher.fetch("orders-0@0")
    fetcher.answer("orders-0@0...4")
    coordinator.commit("g", "", generation: -1, ["orders-0@3"])
    #expect(try bench.counts() == ["delivered": 5, "acked": 3, "in_flight": 2])
    #expect(bench.ungrouped == 0)
  }

  @Test func `who only asks what others have committed consumes for none of them`() throws {
    let exporter = bench.connect(client: "exporter")
    for group in ["g1", "g2"] { exporter.offsetFetched(group, "orders-0@-1") }
    let link = bench.connect(client: "one")
    link.fetch("orders-0@0")
    link.answer("orders-0@0...4")
    #expect(bench.ungrouped == 5)
    exporter.fetch("orders-0@0")
    exporter.answer("orders-0@0...4")
    #expect(bench.unattributed == 5)
    #expect(bench.ledger.groups.isEmpty)
  }

  @Test func `whoever was there before is known by its commits`() throws {
    let coordinator = bench.connect()
    let fetcher = bench.connect()
    fetcher.fetch("orders-0@0")
    fetcher.answer("orders-0@0...4")
    coordinator.heartbeat("g", "m", generation: 7)
    coordinator.commit("g", "m", generation: 7, ["orders-0@5"])
    fetcher.fetch("orders-0@5")
    fetcher.answer("orders-0@5...9")
    coordinator.commit("g", "m", generation: 7, ["orders-0@10"])
    #expect(bench.ungrouped == 5)
    #expect(try bench.counts() == ["delivered": 5, "acked": 5])
  }

  @Test func `an assignment that is told while the fetch waits is in time`() throws {
    let coordinator = bench.connect()
    let fetcher = bench.connect()
    fetcher.fetch("orders-0@0")
    fetcher.during { coordinator.join("g", "m", ["orders-0"], generation: 1) }
    fetcher.answer("orders-0@0...4")
    #expect(try bench.counts() == ["delivered": 5, "in_flight": 5])
  }

  @Test(arguments: ["connect", "sr"])
  func `workers of other kinds are no consumer group`(type: String) throws {
    let link = bench.connect()
    link.join("workers", "w", ["orders-0"], generation: 1, type: type)
    link.commit("workers", "w", generation: 1, ["orders-0@5"])
    link.fetch("orders-0@0")
    link.answer("orders-0@0...4")
    #expect(bench.ledger.groups.isEmpty)
    #expect(bench.ungrouped == 5)
  }

  @Test func `a broker that replicates is no consumer`() throws {
    let consumer = bench.consumer()
    consumer.fetcher.fetch(["orders-0@0"], replica: 3)
    consumer.fetcher.answer("orders-0@0...4")
    #expect(try bench.counts() == [:])
  }

  @Test func `a topic known by its id gets its name, and what is in flight goes on`() throws {
    let link = bench.connect()
    link.heartbeat("g", "m", epoch: 0, answered: 1, assigned: ["#7-0"])
    link.fetch("#7-0@0")
    link.answer("#7-0@0...4")
    link.metadata("orders", id: 7)
    link.fetch("#7-0@5")
    link.answer("#7-0@5...6")
    link.commit("g", "m", generation: 1, ["orders-0@6"])
    #expect(try bench.counts() == ["delivered": 7, "acked": 6, "in_flight": 1])
    #expect(try bench.group().destinations == ["orders"])
  }

  @Test func `a topic known by its id and by its name turns out to be one`() throws {
    let link = bench.connect()
    link.heartbeat("g", "m", epoch: 0, answered: 1, assigned: ["#7-0"])
    link.fetch("#7-0@0")
    link.answer("#7-0@0...4")
    // Commits speak of names up to version 9.
    link.commit("g", "m", generation: 1, ["orders-0@2"])
    link.fetch("#7-0@5")
    link.during { link.metadata("orders", id: 7) }
    link.answer("#7-0@5...6")
    link.commit("g", "m", generation: 1, ["orders-0@6"])
    link.fetch("#7-0@7")
    link.answer("#7-0@7...8")
    #expect(try bench.counts() == ["delivered": 9, "acked": 6, "in_flight": 3])
    #expect(try bench.group().destinations == ["orders"])
  }

  @Test func `an assignment by name and a fetch by id meet once Metadata tells`() throws {
    let coordinator = bench.connect()
    let fetcher = bench.connect()
    coordinator.join("g", "m", ["orders-0"], generation: 1)
    fetcher.fetch("#7-0@0")
    fetcher.answer("#7-0@0...4")
    #expect(bench.ungrouped == 5)
    fetcher.fetch("#7-0@5")
    fetcher.during { coordinator.metadata("orders", id: 7) }
    fetcher.answer("#7-0@5...6")
    #expect(bench.ungrouped == 5)
    #expect(try bench.counts() == ["delivered": 2, "in_flight": 2])
    #expect(try bench.group().destinations == ["orders"])
  }

  @Test func `groups that were only asked about make room`() throws {
    let bench = KafkaBench { $0.limits.groups = 50 }
    let link = bench.connect(process: "lag-exporter")
    for i in 0..<500 { link.offsetFetched("group-\(i)", "orders-0@5") }
    let consumer = bench.consumer()
    for i in 0..<500 { link.offsetFetched("group-\(i)", "orders-0@5") }
    consumer.poll("orders-0@0...4")
    #expect(try bench.counts() == ["delivered": 5, "in_flight": 5])
  }

  @Test func `a copy of what a group that made room had delivered does no harm`() throws {
    let bench = KafkaBench { $0.limits.groups = 3 }
    let link = bench.connect()
    link.produce("orders.dlq", value: "something")
    let consumer = bench.consumer()
    consumer.poll("orders-0@0...4")
    consumer.commit("orders-0@5")
    consumer.leave()
    consumer.end()
    for i in 0..<9 {
      bench.pass(2)
      link.offsetFetched("group-\(i)", "others-0@5")
    }
    #expect(!link.session.process.groups.contains { $0.name == "g" })
    link.produce("orders.dlq", value: "orders-0@4")
    bench.state.finish(at: bench.now)
    bench.check()
  }

  @Test func `groups past the bound are counted`() throws {
    let bench = KafkaBench { $0.limits.groups = 3 }
    for i in 0..<5 { bench.consumer("g\(i)", "m", ["topic\(i)-0"]).poll("topic\(i)-0@0...4") }
    #expect(bench.ledger.groups.map(\.name) == ["g0", "g1", "g2"])
    #expect(bench.ledger.dropped.groups > 0)
    #expect(bench.ungrouped == 10)
  }

  @Test func `a fetch that says the same again changes no plan`() {
    let consumer = bench.consumer("g", "m", ["orders-0", "orders-1"])
    consumer.poll("orders-0@0...4", "orders-1@0...4")
    bench.ledger.isPlanDue = false
    consumer.poll("orders-0@5...9", "orders-1@5...9")
    #expect(!bench.ledger.isPlanDue)
    #expect(consumer.fetcher.session.use.groups.count == 1)
    consumer.poll("orders-0@10...14")
    #expect(!bench.ledger.isPlanDue)
    consumer.fetcher.fetch("others-0@0")
    #expect(bench.ledger.isPlanDue)
    #expect(consumer.fetcher.session.use.groups.isEmpty)
  }

  @Test func `a session that drops and lists again what its client has buffered changes no plan`() {
    let consumer = bench.consumer("g", "m", ["orders-0", "orders-1"])
    consumer.fetcher.fetch(["orders-0@0", "orders-1@0"], epoch: 0)
    consumer.fetcher.answer("orders-0@0...4")
    bench.ledger.isPlanDue = false
    for epoch in 1..<10 {
      consumer.fetcher.fetch([], epoch: Int32(epoch), forgotten: ["orders-0"])
      consumer.fetcher.answer()
      consumer.fetcher.fetch(["orders-0@\(epoch * 5)"], epoch: Int32(epoch))
      consumer.fetcher.answer(KafkaGot("orders-0@\(epoch * 5)...\(epoch * 5 + 4)"))
    }
    #expect(!bench.ledger.isPlanDue)
    #expect(consumer.fetcher.session.use.groups.count == 1)
    consumer.fetcher.fetch([], epoch: 10, forgotten: ["orders-0", "orders-1"])
    #expect(bench.ledger.isPlanDue)
  }
}
