import Testing

@testable import Pipeline

/// Errors that brokers answer commits, joins and fetches with, counted by group.
@Suite struct KafkaErrorTests {
  let bench = KafkaBench()

  private func errors() throws -> [String] {
    try bench.group().brokerErrors.list.map { "\($0.count) × \($0.error.request) \($0.error.code) \($0.error.text)" }
  }

  @Test func `a commit's`() throws {
    let consumer = bench.consumer()
    consumer.poll("orders-0@0...4")
    for error in [25, 28, 25] as [Int16] { consumer.commit("orders-0@1", error: error) }
    consumer.commit("orders-0@1")
    consumer.coordinator.commit("g", "m", generation: 1, ["orders-0@2"], error: 90, producer: 7)
    #expect(
      try errors() == [
        "2 × OffsetCommit 25 UNKNOWN_MEMBER_ID", "1 × OffsetCommit 28 INVALID_COMMIT_OFFSET_SIZE",
        "1 × TxnOffsetCommit 90 PRODUCER_FENCED",
      ])
  }

  @Test func `a fetch's, of the partition's group`() throws {
    let consumer = bench.consumer()
    consumer.fetcher.fetch("orders-0@0")
    consumer.fetcher.answer(KafkaGot("orders-0") { $0.error = 6 })
    consumer.fetcher.fetch("orders-0@0")
    consumer.fetcher.answer(KafkaGot("orders-0") { $0.error = KafkaError.offsetOutOfRange })
    #expect(try errors() == ["1 × Fetch 6 NOT_LEADER_OR_FOLLOWER", "1 × Fetch 1 OFFSET_OUT_OF_RANGE"])
  }

  @Test func `a join's, also of a group that has consumed nothing by then`() throws {
    let link = bench.connect()
    for error in [KafkaError.memberIDRequired, 30, 999] { link.join("g", refused: error) }
    let consumer = bench.consumer()
    consumer.poll("orders-0@0...4")
    #expect(try errors() == ["1 × JoinGroup 30 GROUP_AUTHORIZATION_FAILED", "1 × JoinGroup 999 error 999"])
  }
}

extension KafkaLink {
  /// The coordinator refuses to let it join.
  fileprivate func join(_ group: String, refused error: Int16) {
    let join = KafkaJoin(
      group: text(group), member: .empty, instance: .empty, protocolType: text("consumer"), sessionTimeout_ms: 10_000,
      rebalanceTimeout_ms: 300_000)
    request(.joinGroup)
    say(.joinGroupRequested(join))
    say(.joinGroupAnswered(membership(group, "", -1), join: join, isLeader: false, members: 0, error: error))
  }
}
