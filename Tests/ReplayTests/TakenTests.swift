import Pipeline
import Testing

/// Work that is taken away, beyond the totals.
@Suite struct TakenTests {
  @Test func `an acknowledgement timeout is a requeue with that cause, and its closes are counted`() throws {
    let group = try #require(try Replayed("amqp_ack_timeout").report.groups.first)
    #expect(group.requeue_causes == ["ack_timeout": 6])
    #expect(group.broker_errors.map(\.code) == [406])
    #expect(group.broker_errors.map(\.count) == [6])
  }

  @Test func `a worker that dies of one message is a crash loop with ten suspects, all given up`() throws {
    let group = try #require(try Replayed("amqp_crash_loop").report.groups.first)
    #expect(group.verdict.kind == .crashLoop)
    #expect(group.verdict.rule == .crashLoop)
    let crashes = try #require(group.crashes)
    #expect(crashes.count == 25)
    let names = Set((0..<10).map { $0 == 5 ? "POISON" : "fine-\($0)" })
    #expect(Set(crashes.suspects) == names)
    #expect(Set(crashes.victims.map(\.message)) == names)
    #expect(crashes.victims.filter { !$0.given_up }.isEmpty)
    #expect(group.breaker.transitions.isEmpty)
  }
}
