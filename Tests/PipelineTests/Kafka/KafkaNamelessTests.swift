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

  @Test func `what is committed three times as it is read is one topic`() throws {
    let member = Member(bench)
    for i in 0..<3 { member.round([(7, "orders", 10 + 5 * i)]) }
    #expect(bench.ungrouped == 15)
    member.round([(7, "orders", 25)])
    member.round([(7, "orders", 30)], commits: false)
    #expect(bench.ungrouped == 15)
    #expect(try bench.counts() == ["delivered": 10, "acked": 5, "in_flight": 5])
    #expect(try bench.group().destinations == ["orders"])
    bench.check()
  }

  @Test func `Metadata that comes later says the same, and nothing changes`() throws {
    let member = Member(bench)
    for i in 0..<4 { member.round([(7, "orders", 10 + 5 * i)]) }
    member.coordinator.metadata("orders", id: 7)
    member.round([(7, "orders", 30)])
    #expect(try bench.counts() == ["delivered": 10, "acked": 10])
    #expect(bench.ungrouped == 15)
  }

  @Test func `Metadata that comes later and says otherwise is right from then on`() throws {
    let member = Member(bench)
    for i in 0..<4 { member.round([(7, "orders", 10 + 5 * i)]) }
    member.coordinator.metadata("refunds", id: 7)
    member.round([(7, "refunds", 30)])
    #expect(try bench.counts() == ["delivered": 5, "acked": 5])
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
    for i in 0..<4 { member.round([(7, "orders", 10 + 5 * i), (8, "refunds", 1_000 + 5 * i)]) }
    member.round([(7, "orders", 30), (8, "refunds", 1_020)])
    member.round([(7, "orders", 35), (8, "refunds", 1_025)])
    #expect(Set(try bench.group().destinations) == ["orders", "refunds"])
    let counts = try bench.counts()
    // One is known after the third round, and then the other after the fourth.
    #expect(counts == ["delivered": 25, "acked": 25])
    #expect(bench.ungrouped == 35)
  }

  @Test func `what was read before is no sign: a commit above what was read is another topic's`() throws {
    let member = Member(bench)
    for i in 0..<5 {
      member.round([(7, "orders", 10 + 5 * i)], commits: false)
      member.commit(["orders-0@\(600 + i)"])
    }
    #expect(bench.ungrouped == 25)
    // Not even if it lies within from now on.
    for i in 0..<5 { member.round([(7, "orders", 700 + 5 * i)]) }
    #expect(bench.ungrouped == 50)
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
    for i in 0..<3 {
      member.fetcher.fetch("#7-0@\(10 + 6 * i)")
      var marker = KafkaGot("#7-0@\(15 + 6 * i)")
      marker.isControl = true
      member.fetcher.answer(KafkaGot("#7-0@\(10 + 6 * i)...\(14 + 6 * i)"), marker)
      member.commit(["orders-0@\(16 + 6 * i)"])
    }
    member.round([(7, "orders", 28)])
    #expect(bench.ungrouped == 15)
    #expect(try bench.counts() == ["delivered": 5, "acked": 5])
  }
}
