import Testing

@testable import Pipeline

@Suite struct BreakerCommandTests {
  private let note = OperatorNote(author: "on-call", reason: "deploy")

  private func transition(_ result: CommandResult) -> Transition? {
    if case .changed(let transition) = result { transition } else { nil }
  }

  @Test func `carries who asked and why`() {
    var breaker = BreakerFixture.closed.breaker()
    #expect(transition(breaker.apply(.forceOpen(), note: note, at: start))?.note == note)
    #expect(transition(breaker.apply(.clearOverride, note: note, at: start))?.note == note)
    #expect(transition(breaker.apply(.trip(), note: note, at: start))?.note == note)
    #expect(transition(breaker.apply(.reset, note: note, at: start))?.note == note)
  }

  @Test func `forced open ends by itself, after its own time limit or the usual one`() {
    var breaker = BreakerFixture.closed.breaker()
    _ = breaker.apply(.forceOpen(for_ns: .seconds(5)), at: start)
    #expect(breaker.nextDeadline == start + .seconds(5))
    _ = breaker.apply(.forceOpen(), at: start + .seconds(1))
    #expect(breaker.nextDeadline == start + .seconds(51))
    #expect(BreakerSettings().forcedOpen_ns == .seconds(15 * 60))
    let ended = breaker.tick(at: start + .seconds(60))
    #expect(ended?.cause == .overrideEnded)
    #expect(ended?.at == start + .seconds(51))
    #expect(ended?.restartsWindow == true)
    #expect(breaker.isArmed)
  }

  @Test func `forced closed lasts until it is cleared, and then windows begin anew`() {
    var breaker = BreakerFixture.closed.breaker()
    _ = breaker.apply(.forceClosed(), at: start)
    #expect(breaker.nextDeadline == .distantFuture)
    #expect(breaker.storm(at: start + 1) == nil)
    let ended = transition(breaker.apply(.clearOverride, at: start + 2))
    #expect(ended?.restartsWindow == true)
    #expect(breaker.storm(at: start + 3)?.to == .open)
  }

  @Test func `forced closed that runs out begins new windows as well`() {
    var breaker = BreakerFixture.forcedClosed.breaker()
    let ended = breaker.tick(at: start + .seconds(50))
    #expect(ended?.cause == .overrideEnded)
    #expect(ended?.restartsWindow == true)
  }

  @Test func `a trip stays open for a minute, or for as long as it says`() {
    #expect(BreakerSettings().tripOpen_ns == .seconds(60))
    var breaker = BreakerFixture.closed.breaker()
    _ = breaker.apply(.trip(), at: start)
    #expect(breaker.endsAt == start + .seconds(60))
    #expect(breaker.next == .halfOpen)
    #expect(breaker.tick(at: start + .seconds(60))?.to == .halfOpen)
    // A failed probe opens it for the usual open time, the second of this series.
    _ = breaker.settle(.requeued, at: start + .seconds(61))
    #expect(breaker.endsAt == start + .seconds(63))
    breaker = BreakerFixture.halfOpen.breaker()
    _ = breaker.apply(.trip(for_ns: .seconds(30)), at: start)
    #expect(breaker.endsAt == start + .seconds(30))
  }

  @Test func `a trip is never shorter than the open time that is due`() {
    var settings = BreakerFixture.settings
    settings.tripOpen_ns = .milliseconds(10)
    var breaker = BreakerFixture.closed.breaker(settings)
    _ = breaker.apply(.trip(), at: start)
    #expect(breaker.endsAt == start + .seconds(1))
  }

  @Test func `a trip prolongs an opening that is under way, and says so where it would not`() {
    var breaker = BreakerFixture.open.breaker()
    #expect(breaker.endsAt == start + .seconds(1))
    let tripped = transition(breaker.apply(.trip(), at: start + .milliseconds(500)))
    #expect(tripped?.from == .open && tripped?.to == .open && tripped?.cause == .trip)
    #expect(breaker.endsAt == start + .milliseconds(60_500))
    #expect(
      breaker.apply(.trip(for_ns: .seconds(10)), at: start + .seconds(1))
        == .unchanged(why: "it is open already, and for longer"))
  }

  @Test func `a trip ends with its episode`() {
    var breaker = BreakerFixture.closed.breaker()
    _ = breaker.apply(.trip(for_ns: .seconds(1000)), at: start)
    #expect(breaker.endsAt == start + .seconds(100))
    #expect(breaker.episodeEndsAt == start + .seconds(100))
    #expect(breaker.next == .closed)
    #expect(
      breaker.apply(.trip(), at: start + .seconds(99)) == .unchanged(why: "it is open already, and for longer"))
    #expect(breaker.tick(at: start + .seconds(100))?.cause == .maxEpisode)
  }

  @Test func `says why nothing changed`() {
    var breaker = BreakerFixture.forcedOpen.breaker()
    #expect(
      breaker.apply(.trip(), at: start) == .unchanged(why: "an override is in force (forced-open): clear it first"))
    #expect(
      breaker.apply(.reset, at: start) == .unchanged(why: "an override is in force (forced-open): clear it first"))
    breaker = BreakerFixture.open.breaker()
    #expect(
      breaker.apply(.trip(for_ns: 0), at: start) == .unchanged(why: "it is open already, and for longer"))
    #expect(breaker.apply(.clearOverride, at: start) == .unchanged(why: "no override is in force"))
  }

  @Test func `is refused if the breaker has moved on`() {
    var breaker = BreakerFixture.open.breaker()
    #expect(breaker.apply(.reset, ifRevision: 0, at: start) == .stale(revision: 1))
    #expect(breaker.state == .open)
    #expect(transition(breaker.apply(.reset, ifRevision: 1, at: start)) != nil)
  }

  @Test func `a command from before the state began takes effect when it began`() {
    var breaker = BreakerFixture.open.breaker()
    #expect(transition(breaker.apply(.reset, at: start + .seconds(-5)))?.at == start)
  }

  @Test(arguments: [Int64.min, -1, 0, .max]) func `survives any time limit`(limit_ns: Int64) {
    var breaker = BreakerFixture.closed.breaker()
    _ = breaker.apply(.forceOpen(for_ns: limit_ns), at: start)
    _ = breaker.tick(at: start)
    #expect(breaker.state == (limit_ns > 0 ? .forcedOpen : .closed))
    breaker = BreakerFixture.closed.breaker()
    _ = breaker.apply(.trip(for_ns: limit_ns), at: start)
    #expect(breaker.state == .open)
    #expect(breaker.endsAt == start + (limit_ns == .max ? .seconds(100) : .seconds(1)))
  }
}
