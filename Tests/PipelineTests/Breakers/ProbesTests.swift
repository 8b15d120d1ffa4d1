import Testing

@testable import Pipeline

/// What the probes of an episode met, and where that is told.
@Suite struct ProbesTests {
  private func outcome(
    _ settlement: Settlement, _ message: UInt64, paired: Bool = false, at: Int64
  ) -> Outcome {
    .of(settlement, message: message, paired: paired, deliveredAt: start + .seconds(at))
  }

  @Test func `counts what was received after the first half-open, and names the failed ones of the latest`() {
    var probes = Probes()
    probes.count(outcome(.requeued, 1, at: 1), most: 5)
    probes.begin(at: start + .seconds(2))
    probes.count(outcome(.requeued, 2, at: 2), most: 5)
    #expect(probes.settled == 0)
    for (message, settlement) in [
      (17, Settlement.rejected), (18, .requeued), (19, .acked), (20, .acked), (21, .crashed),
    ] {
      probes.count(outcome(settlement, UInt64(message), at: 3), most: 5)
    }
    #expect(probes.latestFailed == 3 && probes.latestSettled == 5)
    #expect(probes.latestFailedMessages == [17, 18, 21])
    // A later half-open begins no new count, and what nobody tried is no outcome.
    probes.begin(at: start + .seconds(10))
    for settlement in [Settlement.abandoned, .expired] { probes.count(outcome(settlement, 30, at: 4), most: 5) }
    probes.count(outcome(.acked, 31, paired: true, at: 4), most: 5)
    #expect(probes.settled == 5)
    for _ in 0..<4 { probes.count(outcome(.requeued, 21, at: 5), most: 5) }
    #expect(probes.latestFailed == 5 && probes.latestFailedMessages == [21])
    #expect(probes.failed == 7 && probes.settled == 9)
  }

  @Test func `keeps no more than sixteen, and at least one`() {
    var probes = Probes()
    probes.begin(at: start)
    for message in 0..<100 { probes.count(outcome(.rejected, UInt64(message), at: 1), most: 1000) }
    #expect(probes.latestSettled == 16 && probes.settled == 100)
    probes.count(outcome(.rejected, 7, at: 1), most: 0)
    #expect(probes.latestFailedMessages == [7])
  }

  @Test func `a backlog of bad messages is named while the breaker can't close`() throws {
    let hold = HoldBench { $0.breaker.openBase_ns = .seconds(2) }
    let link = hold.bench.connect(cookie: 7)
    link.consume("invoices")
    for i in 0..<60 { link.reject(link.deliver("i\(i)"), requeue: false) }
    hold.settle()
    #expect(try hold.state("invoices").state == .open)
    #expect(try hold.state("invoices").probes == nil)
    hold.pass(2.1)
    #expect(try hold.state("invoices").state == .halfOpen)
    for id in ["17", "18"] { link.ack(link.deliver(id, .init(id: id))) }
    for id in ["19", "20", "21"] { link.reject(link.deliver(id, .init(id: id)), requeue: false) }
    hold.settle()
    let state = try hold.state("invoices")
    #expect(state.state == .open)
    #expect(state.probes?.latest_failed == 3 && state.probes?.latest_settled == 5)
    #expect(state.probes?.failed_messages == ["19", "20", "21"])
    let opened = try #require(hold.transitions.first)
    #expect(state.outlook?.episode_until == RFC3339(opened.at + .seconds(600)))
    // The next episode begins its own count.
    _ = hold.command(.reset, "invoices")
    #expect(try hold.state("invoices").probes == nil)
    _ = hold.command(.trip(), "invoices")
    #expect(try hold.state("invoices").probes == nil)
  }

  @Test func `answers that are held count when they are seen, and once`() throws {
    let hold = HoldBench { $0.breaker.openBase_ns = .seconds(20) }
    let link = hold.bench.connect(cookie: 7)
    link.consume("q")
    hold.flood(link)
    hold.pass(20.5)
    #expect(try hold.state().state == .halfOpen)
    let tags = (0..<4).map { link.deliver("p\($0)") }
    hold.settle()
    // The first failure opens it again; the answers to the others are held.
    link.reject(tags[0], requeue: false)
    hold.settle()
    #expect(try hold.state().state == .open)
    hold.peek(link, AMQPWire.nack(1, tags[1], requeue: false))
    hold.settle()
    #expect(try hold.state().probes?.latest_failed == 2 && hold.state().probes?.settled == 2)
    link.reject(tags[1], requeue: false)
    hold.settle()
    #expect(try hold.state().probes?.settled == 2)
  }
}
