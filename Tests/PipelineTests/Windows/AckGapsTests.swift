import Testing

@testable import Pipeline

@Suite struct AckGapsTests {
  private let history_ns: Int64 = .seconds(900)

  @Test func `knows the longest gap and how many there were`() {
    var gaps = AckGaps(history_ns: history_ns, at: start)
    for second in [0, 1, 3, 10, 11] { gaps.ack(at: start + .seconds(Int64(second))) }
    let history = gaps.history(at: start + .seconds(12))
    #expect(history.longest_ns == .seconds(7))
    #expect(history.known == 4)
    #expect(gaps.quietSince == start + .seconds(11))
  }

  @Test func `acks at the same moment make no gap`() {
    var gaps = AckGaps(history_ns: history_ns, at: start)
    for _ in 0..<10 { gaps.ack(at: start) }
    #expect(gaps.history(at: start).known == 0)
  }

  @Test func `forgets a gap after the history, and everything after days`() {
    var gaps = AckGaps(history_ns: history_ns, at: start)
    gaps.ack(at: start)
    gaps.ack(at: start + .seconds(40))
    #expect(gaps.history(at: start + .seconds(40 + 880)).longest_ns == .seconds(40))
    #expect(gaps.history(at: start + .seconds(40 + 901)).known == 0)
    gaps.ack(at: start + .seconds(3 * 86_400))
    gaps.ack(at: start + .seconds(3 * 86_400 + 1))
    #expect(gaps.history(at: start + .seconds(3 * 86_400 + 1)).known == 2)
  }

  @Test func `a sign of life ends the silence but is no ack`() {
    var gaps = AckGaps(history_ns: history_ns, at: start)
    gaps.ack(at: start)
    gaps.progress(at: start + .seconds(50))
    #expect(gaps.quietSince == start + .seconds(50))
    gaps.ack(at: start + .seconds(60))
    #expect(gaps.history(at: start + .seconds(60)).longest_ns == .seconds(60))
  }

  @Test func `a hold is no gap`() {
    var gaps = AckGaps(history_ns: history_ns, at: start)
    gaps.ack(at: start)
    gaps.suspend(at: start + .seconds(100))
    #expect(gaps.quietSince == start + .seconds(100))
    gaps.ack(at: start + .seconds(101))
    #expect(gaps.history(at: start + .seconds(101)).known == 0)
  }

  @Test(arguments: [Int64.min, -1, .max]) func `survives any moment`(ns: Int64) {
    var gaps = AckGaps(history_ns: 1, at: start)
    gaps.ack(at: Timestamp(ns: ns))
    gaps.ack(at: start)
    gaps.ack(at: Timestamp(ns: ns))
    #expect(gaps.history(at: Timestamp(ns: ns)).known >= 0)
  }
}
