import Testing

@testable import Pipeline

@Suite struct SlowPartitionTests {
  private func fixture(failures: Int, latency_ns: Int64) -> JudgeFixture {
    var fixture = JudgeFixture()
    #expect(fixture.monitor.addPartition(named: "orders/0", at: start) == 0)
    #expect(fixture.monitor.addPartition(named: "orders/1", at: start) == 1)
    fixture.settle(500, .acked, delay_ns: 1000, partition: 0)
    fixture.settle(failures, .requeued, attempt: 1, delay_ns: 1000, latency_ns: latency_ns, partition: 1)
    return fixture
  }

  @Test(arguments: [
    (200, Int64.seconds(3), Verdict.Kind.failing), (201, .seconds(3), .storm), (201, .seconds(2), .failing),
    (201, .seconds(2) + 1, .storm),
  ])
  func `needs more than 200 failures and a p95 settle latency above 2 s`(
    failures: Int, latency_ns: Int64, kind: Verdict.Kind
  ) {
    var fixture = fixture(failures: failures, latency_ns: latency_ns)
    #expect(fixture.verdict().kind == kind)
  }

  @Test func `tells which partition, over five minutes`() {
    var fixture = fixture(failures: 300, latency_ns: .seconds(3))
    fixture.now = fixture.now + .seconds(200)
    let verdict = fixture.verdict()
    #expect(verdict.rule == .slowPartition)
    #expect(verdict.evidence.map(\.condition) == ["settlements", "failures", "settle_latency", "coverage"])
    #expect(verdict.evidence("failures")?.scope == "partition:orders/1")
    #expect(verdict.evidence("failures")?.value == 300)
    #expect(verdict.evidence("failures")?.window_s == 300)
    #expect(abs((verdict.evidence("settle_latency")?.value ?? 0) - 3) < 0.05)
  }

  @Test func `is not judged on batched commits`() {
    var fixture = fixture(failures: 300, latency_ns: .seconds(3))
    fixture.context.batchedCommits = true
    #expect(fixture.verdict().kind == .failing)
  }

  @Test func `one message that makes most failures is poison`() {
    var fixture = JudgeFixture()
    _ = fixture.monitor.addPartition(named: "p", at: start)
    fixture.settle(300, .requeued, message: 7, attempt: 1, delay_ns: 1000, latency_ns: .seconds(3), partition: 0)
    fixture.settle(100, .acked, delay_ns: 1000, partition: 0)
    let verdict = fixture.verdict()
    #expect(verdict.kind == .poison)
    #expect(verdict.evidence("failures_without_named")?.value == 0)
  }

  @Test func `has at most 1,024 partitions and counts the others`() {
    var fixture = JudgeFixture()
    for i in 0..<1024 { #expect(fixture.monitor.addPartition(named: "\(i)", at: start) == i) }
    #expect(fixture.monitor.addPartition(named: "more", at: start) == nil)
    #expect(fixture.monitor.windows.partitionsDropped == 1)
  }

  @Test func `a partition that does not exist counts for the group alone`() {
    var fixture = JudgeFixture()
    fixture.settle(30, .acked, partition: 5)
    fixture.settle(30, .acked, partition: -1)
    #expect(fixture.monitor.windows.main.acked == 60)
  }
}
