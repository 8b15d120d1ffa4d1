import Testing

@testable import Pipeline

@Suite struct CrashLoopTests {
  /// A crash at `fixture.now` with these messages in flight, each delivered a millisecond before.
  private func crash(_ fixture: inout JudgeFixture, _ messages: [UInt64] = [1]) {
    let deliveredAt = fixture.now
    fixture.now = fixture.now + .milliseconds(1)
    fixture.monitor.crashed(messages.map { .init(message: $0, deliveredAt: deliveredAt) }, at: fixture.now)
    fixture.settle(1, .crashed, message: messages.first, attempt: 1, delay_ns: 1000)
  }

  /// As many crashes, `seconds` and `acks` apart.
  private func fixture(crashes: Int, seconds: Int64 = 10, acks: Int = 0) -> JudgeFixture {
    var fixture = JudgeFixture()
    for number in 0..<crashes {
      if number > 0 {
        fixture.settle(acks, .acked, delay_ns: 1000)
        fixture.now = fixture.now + .seconds(seconds)
      }
      crash(&fixture)
    }
    return fixture
  }

  @Test(arguments: [([1], Verdict.Kind.poison), ([1, 2, 3], .crashLoop)] as [([UInt64], Verdict.Kind)])
  func `a crash names a message as poison only if no other was in flight at each`(
    inFlight: [UInt64], kind: Verdict.Kind
  ) {
    var fixture = JudgeFixture()
    for _ in 0..<12 {
      fixture.monitor.crashed(
        inFlight.map { .init(message: $0, deliveredAt: fixture.now) }, at: fixture.now + .milliseconds(1))
      // Put down to the oldest of them.
      fixture.settle(1, .crashed, message: 1)
      fixture.settle(2, .acked)
      fixture.now = fixture.now + .seconds(4)
    }
    #expect(fixture.verdict().kind == kind)
    #expect(fixture.monitor.poison.list.isEmpty == (kind == .crashLoop))
  }

  @Test func `three crashes within ten minutes make one`() {
    var two = fixture(crashes: 2)
    #expect(two.verdict().kind != .crashLoop)
    var three = fixture(crashes: 3)
    #expect(three.verdict().kind == .crashLoop)
    #expect(three.verdict().rule == .crashLoop)
    var slow = fixture(crashes: 3, seconds: 299)
    #expect(slow.verdict().kind == .crashLoop)
    var tooSlow = fixture(crashes: 3, seconds: 301)
    #expect(tooSlow.verdict().kind != .crashLoop)
  }

  @Test func `twenty acks between two crashes make it none`() {
    var few = fixture(crashes: 3, acks: 19)
    #expect(few.verdict().kind == .crashLoop)
    var enough = fixture(crashes: 3, acks: 20)
    #expect(enough.verdict().kind != .crashLoop)
  }

  @Test func `twenty acks after the last one end it, and so does time`() {
    var fixture = fixture(crashes: 3)
    var quiet = fixture
    quiet.now = quiet.now + .seconds(575)
    #expect(quiet.verdict().kind == .crashLoop)
    quiet.now = quiet.now + .seconds(10)
    #expect(quiet.verdict().kind != .crashLoop)
    fixture.settle(19, .acked, delay_ns: 1000)
    #expect(fixture.verdict().kind == .crashLoop)
    fixture.settle(1, .acked, delay_ns: 1000)
    #expect(fixture.verdict().kind != .crashLoop)
  }

  @Test func `it alerts and never trips, hides stalled, and is hidden by a storm`() {
    var fixture = fixture(crashes: 30)
    fixture.context.headOfLine_ns = .seconds(400)
    #expect(fixture.verdict().kind == .crashLoop)
    #expect(fixture.monitor.breaker.state == .closed)
    #expect(fixture.monitor.episodes.list.map(\.kind) == [.crashLoop])
    fixture.settle(100, .requeued)
    #expect(fixture.verdict().kind == .storm)
  }

  @Test func `acks of copies are no success`() {
    var fixture = JudgeFixture()
    for _ in 0..<3 {
      crash(&fixture)
      fixture.settle(30, .acked, paired: true)
      fixture.now = fixture.now + .seconds(2)
    }
    #expect(fixture.verdict().kind == .crashLoop)
  }

  @Test func `connections that end in one incident are one crash`() {
    var fixture = JudgeFixture()
    let deliveredAt = fixture.now
    for message in 0..<5 as Range<UInt64> {
      fixture.now = fixture.now + .milliseconds(100)
      fixture.monitor.crashed([.init(message: message, deliveredAt: deliveredAt)], at: fixture.now)
    }
    #expect(fixture.monitor.windows.crashes.count == 1)
    #expect(fixture.monitor.windows.crashes.suspects == [0, 1, 2, 3, 4])
    fixture.now = fixture.now + .milliseconds(100)
    fixture.monitor.crashed([.init(message: 3, deliveredAt: fixture.now + -1)], at: fixture.now)
    #expect(fixture.monitor.windows.crashes.count == 2)
    #expect(fixture.monitor.windows.crashes.suspects == [3])
  }

  @Test func `suspects were in flight at every crash of the series`() {
    var fixture = JudgeFixture()
    for messages in [[1, 2, 3, 4], [2, 3, 4, 5], [3, 6, 2]] as [[UInt64]] {
      crash(&fixture, messages)
      fixture.now = fixture.now + .seconds(5)
    }
    #expect(fixture.monitor.windows.crashes.suspects == [2, 3])
    fixture.now = fixture.now + .seconds(601)
    crash(&fixture, [9])
    #expect(fixture.monitor.windows.crashes.count == 1)
    #expect(fixture.monitor.windows.crashes.suspects == [9])
  }

  @Test func `victims are those nearest to the delivery limit, sixteen at most`() {
    var loop = CrashLoop()
    let inFlight = (0..<40 as Range<UInt64>).map {
      CrashLoop.InFlight(message: $0, deliveredAt: start, returnsLeft: Int64(40 - $0))
    }
    loop.crashed(inFlight, acks: 0, rule: CrashLoopSettings(), at: start + 1)
    #expect(loop.victims.map(\.message) == (24..<40).reversed())
    #expect(loop.victims.first?.returnsLeft == 1)
  }

  @Test func `its memory is bounded`() {
    var loop = CrashLoop()
    for number in 0..<500 as Range<UInt64> {
      let at = start + .seconds(Int64(number))
      let inFlight = (number * 1000..<number * 1000 + 600).map { CrashLoop.InFlight(message: $0, deliveredAt: at + -1) }
      loop.crashed(inFlight, acks: 0, rule: CrashLoopSettings(), at: at)
    }
    #expect(loop.count == 500)
    #expect(loop.suspects.isEmpty)
    #expect(loop.isLooping(acks: 0, CrashLoopSettings(), at: start + .seconds(500)))
  }

  @Test func `switched off it is not judged`() {
    var fixture = JudgeFixture { $0.rules.crashLoop.enabled = false }
    for _ in 0..<5 {
      crash(&fixture)
      fixture.now = fixture.now + .seconds(2)
    }
    #expect(fixture.verdict().kind == .insufficient)
  }

  @Test func `the evidence counts crashes and acks`() {
    var fixture = fixture(crashes: 4, acks: 3)
    fixture.settle(2, .acked, delay_ns: 1000)
    let verdict = fixture.verdict()
    #expect(verdict.evidence.map(\.condition) == ["crashes", "acks_since_crash", "coverage"])
    #expect(verdict.evidence("crashes")?.value == 4)
    #expect(verdict.evidence("acks_since_crash")?.value == 2)
  }
}
