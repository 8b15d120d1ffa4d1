import Testing

@testable import Pipeline

/// Joined midway: fetches by ids, commits by names, and no Metadata for minutes.
@Suite struct KafkaNamelessTests {
  private let bench = KafkaBench()

  /// A member that is there already; it reads five records of each topic at a time and commits them.
  private struct Member {
    let coordinator: KafkaLink
    let fetcher: KafkaLink

    init(_ bench: KafkaBench, process: String = "p") {
      coordinator = bench.connect(process: process)
      fetcher = bench.connect(process: process)
    }

    /// `topics`: id, name, and from where.
    func round(_ topics: [(id: Int, name: String, from: Int)], of group: String = "g", commits: Bool = true) {
      fetcher.fetch(topics.map { "#\($0.id)-0@\($0.from)" })
      fetcher.answer(topics.map { KafkaGot("#\($0.id)-0@\($0.from)...\($0.from + 4)") })
      if commits { commit(topics.map { "\($0.name)-0@\($0.from + 5)" }, of: group) }
    }

    func commit(_ positions: [String], of group: String = "g") {
      for one in positions { coordinator.commit(group, "m", generation: 5, [one]) }
    }
  }

  @Test func `what is committed as it is read, three times after the first, is one topic`() throws {
    let member = Member(bench)
    for i in 0..<4 { member.round([(7, "orders", 10 + 5 * i)]) }
    #expect(bench.ungrouped == 20)
    member.round([(7, "orders", 30)])
    member.round([(7, "orders", 35)], commits: false)
    #expect(bench.ungrouped == 20)
    #expect(try bench.counts() == ["delivered": 10, "acked": 5, "in_flight": 5])
    #expect(try bench.group().destinations == ["orders"])
    bench.check()
  }

  @Test func `an assignment by ids is matched as well, and what is in flight goes on`() throws {
    let member = Member(bench)
    member.coordinator.heartbeat("g", "m", epoch: 0, answered: 5, assigned: ["#7-0"])
    for i in 0..<3 { member.round([(7, "orders", 10 + 5 * i)]) }
    #expect(try bench.counts() == ["delivered": 15, "in_flight": 15])
    member.round([(7, "orders", 25)])
    member.round([(7, "orders", 30)])
    #expect(try bench.counts() == ["delivered": 25, "acked": 25])
    #expect(try bench.group().destinations == ["orders"])
  }

  @Test func `Metadata that comes later says the same, and nothing changes`() throws {
    let member = Member(bench)
    for i in 0..<5 { member.round([(7, "orders", 10 + 5 * i)]) }
    member.coordinator.metadata("orders", id: 7)
    member.round([(7, "orders", 35)])
    #expect(try bench.counts() == ["delivered": 10, "acked": 10])
    #expect(bench.ungrouped == 20)
  }

  @Test(arguments: [true, false])
  func `Metadata that comes later and says otherwise is right from then on`(isKnown: Bool) throws {
    let member = Member(bench)
    if isKnown { member.commit(["refunds-0@1"]) }
    for i in 0..<5 { member.round([(7, "orders", 10 + 5 * i)]) }
    member.fetcher.fetch("#7-0@35")
    member.fetcher.answer("#7-0@35...39")
    #expect(try bench.counts() == ["delivered": 10, "acked": 5, "in_flight": 5])
    member.coordinator.metadata("refunds", id: 7)
    member.coordinator.metadata("orders", id: 9)
    #expect(try bench.counts() == ["delivered": 10, "acked": 5, "abandoned": 5])
    // The true one stands far lower than what was taken for it.
    for i in 0..<2 { member.round([(9, "orders", 5 * i)]) }
    #expect(try bench.counts() == ["delivered": 20, "acked": 15, "abandoned": 5])
    #expect(member.fetcher.session.positions.count == 1)
    bench.check()
  }

  @Test func `topics that grow in step are not told apart`() throws {
    let member = Member(bench)
    for i in 0..<9 { member.round([(7, "orders", 10 + 5 * i), (8, "refunds", 10 + 5 * i)]) }
    #expect(bench.ungrouped == 90)
    member.coordinator.metadata("orders", id: 7)
    member.round([(7, "orders", 100)])
    #expect(try bench.counts() == ["delivered": 5, "acked": 5])
  }

  @Test func `topics whose offsets differ are, the one with the higher ones first`() throws {
    let member = Member(bench)
    for i in 0..<6 { member.round([(7, "orders", 10 + 5 * i), (8, "refunds", 1_000 + 5 * i)]) }
    #expect(Set(try bench.group().destinations) == ["orders", "refunds"])
    // One is known after the fourth round, and then the other after the fifth.
    #expect(try bench.counts() == ["delivered": 15, "acked": 15])
    #expect(bench.ungrouped == 45)
  }

  @Test func `one that is only asked for could be it`() throws {
    let member = Member(bench)
    member.fetcher.fetch("#8-0@10")
    for i in 0..<9 { member.round([(7, "orders", 10 + 5 * i)]) }
    #expect(bench.ungrouped == 45)
  }

  @Test func `an idle group's commits say nothing of what another consumer reads`() throws {
    let member = Member(bench)
    for i in 0..<9 {
      member.fetcher.fetch((0..<3).map { "#7-\($0)@\(i * 1_000)" })
      member.fetcher.answer((0..<3).map { KafkaGot("#7-\($0)@\(i * 1_000)...\(i * 1_000 + 999)") })
      member.commit(["orders-0@500", "orders-1@480", "orders-2@510"])
    }
    #expect(bench.ungrouped == 27_000)
  }

  @Test func `what is committed above what was read, and then read from there, is another topic's`() throws {
    let member = Member(bench)
    for i in 0..<5 {
      member.round([(7, "orders", 10 + 5 * i)], commits: false)
      member.commit(["orders-0@\(600 + i)"])
    }
    // Not even if it lies within from now on.
    for i in 0..<9 { member.round([(7, "orders", 35 + 5 * i)]) }
    #expect(bench.ungrouped == 70)
  }

  @Test func `who skips some, or misses them, begins anew`() throws {
    let member = Member(bench)
    for i in 0..<3 { member.round([(7, "orders", 10 + 5 * i)]) }
    // Sought to the end, and committed there.
    member.commit(["orders-0@100"])
    for i in 0..<3 { member.round([(7, "orders", 100 + 5 * i)]) }
    #expect(bench.ungrouped == 30)
    member.fetcher.session.lost(100, fromClient: false, at: bench.now)
    member.commit(["orders-0@120"])
    for i in 0..<4 { member.round([(7, "orders", 120 + 5 * i)]) }
    #expect(bench.ungrouped == 50)
    member.round([(7, "orders", 140)])
    #expect(try bench.counts() == ["delivered": 5, "acked": 5])
  }

  @Test func `commits that do not follow what is read are no sign`() throws {
    let member = Member(bench)
    member.round([(7, "orders", 10)], commits: false)
    member.round([(7, "orders", 15)], commits: false)
    for offset in 11...20 { member.commit(["orders-0@\(offset)"]) }
    member.round([(7, "orders", 20)], commits: false)
    #expect(bench.ungrouped == 15)
  }

  @Test func `another process's fetches are none of its own`() throws {
    let (member, other) = (Member(bench), Member(bench, process: "q"))
    for i in 0..<6 {
      other.round([(7, "orders", 10 + 5 * i)], commits: false)
      member.commit(["orders-0@\(15 + 5 * i)"])
    }
    #expect(bench.ungrouped == 30)
  }

  @Test func `a topic of which the id is known is not another one`() throws {
    let member = Member(bench)
    member.coordinator.metadata("orders", id: 6)
    for i in 0..<6 { member.round([(7, "orders", 10 + 5 * i)]) }
    #expect(bench.ungrouped == 30)
  }

  @Test func `behind a transaction's marker its consumer commits what lies behind that`() throws {
    let member = Member(bench)
    for i in 0..<4 {
      member.fetcher.fetch("#7-0@\(10 + 6 * i)")
      var marker = KafkaGot("#7-0@\(15 + 6 * i)")
      marker.isControl = true
      member.fetcher.answer(KafkaGot("#7-0@\(10 + 6 * i)...\(14 + 6 * i)"), marker)
      member.commit(["orders-0@\(16 + 6 * i)"])
    }
    member.round([(7, "orders", 34)])
    #expect(bench.ungrouped == 20)
    #expect(try bench.counts() == ["delivered": 5, "acked": 5])
  }

  @Test func `past its bound it says nothing`() throws {
    let member = Member(bench)
    for i in 0..<1_100 { member.fetcher.fetch("#\(100 + i)-5@0") }
    for i in 0..<9 { member.round([(7, "orders", 10 + 5 * i)]) }
    #expect(bench.ungrouped == 45)
  }
}
