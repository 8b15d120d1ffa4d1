import Testing

@testable import Pipeline

@Suite struct AlertsTests {
  /// The states told over verdicts, each of which holds for so many seconds; judged every tenth of one.
  private func told(_ verdicts: [(Verdict.Kind, Double)]) -> [String] {
    var alerts = Alerts()
    var now = start
    var told: [String] = []
    for (verdict, seconds) in verdicts {
      let end = now + Int64(seconds * 1e9)
      while now < end {
        for alert in alerts.update(verdict: verdict, unholdable: nil, at: now) {
          told.append("\(alert.kind.rawValue) \(alert.state.rawValue)")
        }
        now = now + .milliseconds(100)
      }
    }
    return told
  }

  @Test func `an alert is told when it begins and when it has ended`() {
    #expect(told([(.healthy, 1), (.stalled, 60), (.healthy, 10)]) == ["stalled began", "stalled ended"])
  }

  @Test func `those of a group that is given up end, and those of one that is absorbed go on`() {
    var (one, other) = (Alerts(), Alerts())
    _ = one.update(.stalled, .holds, at: start)
    _ = other.update(.stalled, .holds, at: start + .seconds(1))
    _ = other.update(.poison, .holds, at: start + .seconds(2))
    one.absorb(other)
    #expect(one.update(.poison, .holds, at: start + .seconds(3)) == nil)
    #expect(one.end(at: start + .seconds(4)).map(\.since) == [start, start + .seconds(2)])
    #expect(one.end(at: start + .seconds(5)) == [])
  }

  @Test func `it begins at once, and its end says when it was`() throws {
    var alerts = Alerts()
    let beginning = alerts.update(.stalled, .holds, at: start)
    #expect(beginning?.since == start)
    let leaving = alerts.update(.stalled, .gone, at: start + .seconds(9))
    #expect(leaving == nil)
    #expect(alerts.nextDeadline == start + .seconds(15))
    let end = alerts.update(.stalled, .gone, at: start + .seconds(15))
    #expect(end?.state == .ended)
    #expect(end?.since == start)
    #expect(end?.until == start + .seconds(9))
    #expect(end?.at == start + .seconds(15))
    #expect(alerts.nextDeadline == .distantFuture)
  }

  @Test func `one that comes and goes within seconds is told once`() {
    let flicker = (0..<50).flatMap { _ in [(Verdict.Kind.poison, 0.5), (.failing, 3)] }
    #expect(told(flicker + [(.healthy, 10)]) == ["poison began", "poison ended"])
  }

  @Test func `what an earlier verdict hides goes on`() {
    #expect(
      told([(.stalled, 5), (.incomplete, 60), (.stalled, 5), (.storm, 60), (.healthy, 10)])
        == ["stalled began", "incomplete began", "incomplete ended", "stalled ended"])
  }

  @Test func `failing, a storm and health are no alerts`() {
    #expect(told([(.failing, 10), (.storm, 10), (.insufficient, 10), (.healthy, 10)]) == [])
  }

  @Test func `another verdict that alerts ends the one that it comes behind`() {
    #expect(
      told([(.crashLoop, 20), (.stalled, 20), (.healthy, 10)])
        == ["crash_loop began", "stalled began", "crash_loop ended", "stalled ended"])
  }

  @Test func `an engine tells of alerts in a replay too, with nothing but time to end them`() throws {
    let bench = AMQPBench()
    let link = bench.connect()
    link.consume("q")
    link.deliver("m")
    var told: [Alert] = []
    func collect() {
      for case .alert(let alert, let group, _, _) in bench.engine.takeEffects() {
        #expect(group.key == "rabbitmq:%2F:q")
        told.append(alert)
      }
    }
    bench.pass(301)
    collect()
    #expect(told.map(\.kind) == [.stalled])
    link.ack(1)
    bench.pass(100)
    collect()
    #expect(told.map(\.state) == [.began, .ended])
    let end = try #require(told.last?.until)
    #expect(bench.now - end > .seconds(99))
  }
}
