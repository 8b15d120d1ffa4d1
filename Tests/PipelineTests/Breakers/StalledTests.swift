import Testing

@testable import Pipeline

@Suite struct StalledTests {
  /// Acks a given number of seconds apart, the last one at `now`.
  private func fixture(gaps_s: [Int64]) -> JudgeFixture {
    var fixture = JudgeFixture()
    fixture.settle(1, .acked, delay_ns: 1000)
    for gap in gaps_s {
      fixture.now = fixture.now + .seconds(gap) + -1_000_000
      fixture.settle(1, .acked, delay_ns: 1000)
    }
    return fixture
  }

  /// The verdict after so long without an ack, with a head-of-line delivery of that age.
  private func kind(_ fixture: JudgeFixture, after_ns: Int64, headOfLine_ns: Int64?) -> Verdict.Kind {
    var fixture = fixture
    fixture.now = fixture.now + after_ns
    fixture.context.headOfLine_ns = headOfLine_ns
    return fixture.verdict().kind
  }

  @Test func `needs three times the longest gap`() {
    let fixture = fixture(gaps_s: [10, 30, 10])
    #expect(kind(fixture, after_ns: .seconds(90) - 1, headOfLine_ns: .seconds(90)) != .stalled)
    #expect(kind(fixture, after_ns: .seconds(90), headOfLine_ns: .seconds(90)) == .stalled)
    #expect(kind(fixture, after_ns: .seconds(90), headOfLine_ns: .seconds(90) - 1) != .stalled)
    #expect(kind(fixture, after_ns: .seconds(90), headOfLine_ns: nil) != .stalled)
  }

  @Test func `needs at least a minute`() {
    let fixture = fixture(gaps_s: [1, 1, 1])
    #expect(kind(fixture, after_ns: .seconds(60) - 1, headOfLine_ns: .seconds(60)) != .stalled)
    #expect(kind(fixture, after_ns: .seconds(60), headOfLine_ns: .seconds(60)) == .stalled)
  }

  @Test(arguments: [[], [1], [1, 1]]) func `needs five minutes while fewer than three gaps are known`(gaps_s: [Int64]) {
    let fixture = fixture(gaps_s: gaps_s)
    #expect(kind(fixture, after_ns: .seconds(300) - 1, headOfLine_ns: .seconds(300)) != .stalled)
    #expect(kind(fixture, after_ns: .seconds(300), headOfLine_ns: .seconds(300)) == .stalled)
  }

  @Test func `needs no ack at all: five minutes from the beginning`() {
    var fixture = JudgeFixture()
    fixture.now = start + .seconds(300)
    fixture.context.headOfLine_ns = .seconds(300)
    #expect(fixture.verdict().kind == .stalled)
    #expect(fixture.verdict().rule == .stalled)
  }

  @Test func `a sign of life starts it anew`() {
    var fixture = fixture(gaps_s: [1, 1, 1])
    fixture.monitor.progress(at: fixture.now + .seconds(50))
    #expect(kind(fixture, after_ns: .seconds(109), headOfLine_ns: .seconds(109)) != .stalled)
    #expect(kind(fixture, after_ns: .seconds(110), headOfLine_ns: .seconds(110)) == .stalled)
  }

  @Test func `is suspended while traffic is held, and starts anew after`() {
    var fixture = fixture(gaps_s: [1, 1, 1])
    fixture.now = fixture.now + .seconds(100)
    fixture.context.headOfLine_ns = .seconds(100)
    fixture.context.held = true
    #expect(fixture.verdict().kind != .stalled)
    fixture.context.held = false
    fixture.now = fixture.now + .seconds(59)
    #expect(fixture.verdict().kind != .stalled)
    fixture.now = fixture.now + .seconds(1)
    #expect(fixture.verdict().kind == .stalled)
  }

  @Test func `a single ack ends it`() {
    var fixture = fixture(gaps_s: [1, 1, 1])
    fixture.now = fixture.now + .seconds(100)
    fixture.context.headOfLine_ns = .seconds(100)
    #expect(fixture.verdict().kind == .stalled)
    fixture.settle(1, .acked)
    #expect(fixture.verdict().kind != .stalled)
  }

  @Test func `alerts only`() {
    var fixture = JudgeFixture()
    fixture.now = start + .seconds(3000)
    fixture.context.headOfLine_ns = .seconds(3000)
    #expect(fixture.monitor.tick(at: fixture.now, context: fixture.context) == nil)
    #expect(fixture.monitor.breaker.state == .closed)
    #expect(fixture.monitor.episodes.list.map(\.kind) == [.stalled])
  }

  @Test func `switched off it is not judged`() {
    var fixture = JudgeFixture { $0.rules.stalled.enabled = false }
    fixture.now = start + .seconds(3000)
    fixture.context.headOfLine_ns = .seconds(3000)
    #expect(fixture.verdict().kind == .insufficient)
  }

  @Test func `the evidence tells gap and age against the same threshold`() {
    var fixture = fixture(gaps_s: [10, 30, 10])
    fixture.now = fixture.now + .seconds(100)
    fixture.context.headOfLine_ns = .seconds(95)
    let verdict = fixture.verdict()
    #expect(verdict.evidence.map(\.condition) == ["ack_gap", "head_of_line_age", "coverage"])
    #expect(verdict.evidence("ack_gap")?.value == 100)
    #expect(verdict.evidence("ack_gap")?.threshold == 90)
    #expect(verdict.evidence("ack_gap")?.samples == 3)
    #expect(verdict.evidence("ack_gap")?.window_s == 900)
    #expect(verdict.evidence("ack_gap")?.source == "longest_gap")
    #expect(verdict.evidence("head_of_line_age")?.value == 95)
    #expect(verdict.evidence("head_of_line_age")?.met == true)
  }
}
