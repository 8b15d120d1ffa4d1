import Testing

@testable import Pipeline

/// Whole stories: outcomes at their time, ticks every 100 ms, timers first.
@Suite struct GroupMonitorTests {
  private struct Story {
    var monitor: GroupMonitor
    var context = JudgeContext()
    var now = start
    var nextTick = start + .milliseconds(100)
    var transitions: [Transition] = []

    init(_ change: (inout ResolvedSettings) -> Void = { _ in }) {
      var settings = ResolvedSettings()
      settings.breaker.jitter = 0
      change(&settings)
      monitor = GroupMonitor(settings: settings, key: "rabbitmq:%2F:orders", at: start)
    }

    mutating func wait(_ span_ns: Int64) {
      let end = now + span_ns
      while min(nextTick, monitor.nextDeadline) <= end {
        now = max(now, min(nextTick, monitor.nextDeadline))
        if now >= nextTick { nextTick = nextTick + .milliseconds(100) }
        while let transition = monitor.tick(at: now, context: context) { transitions.append(transition) }
      }
      now = end
    }

    mutating func settle(
      _ settlement: Settlement, message: UInt64, attempt: Int32 = 1, delay_ns: Int64 = .seconds(1),
      causeUnknown: Bool = false, ago_ns: Int64 = 1
    ) {
      let outcome = Outcome.of(
        settlement, message: message, attempt: attempt, delay_ns: delay_ns, causeUnknown: causeUnknown,
        deliveredAt: now + -ago_ns)
      monitor.delivered(at: outcome.deliveredAt)
      let revision = monitor.breaker.revision
      if monitor.record(outcome, at: now), let transition = monitor.lastTransition {
        #expect(transition.revision == revision + 1)
        transitions.append(transition)
      }
      if monitor.needsJudging, let transition = monitor.judge(at: now, context: context) {
        transitions.append(transition)
      }
    }

    var steps: [String] { transitions.map { "\($0.from.rawValue) → \($0.to.rawValue): \($0.cause.rawValue)" } }
  }

  @Test func `a storm opens it at the failure that meets the last condition, and recovery closes it`() {
    var story = Story()
    for i in 0..<600 {
      story.wait(.milliseconds(100))
      story.settle(.acked, message: UInt64(i))
    }
    #expect(story.monitor.judgement.kind == .healthy)
    let bad = story.now
    var message: UInt64 = 1000
    // Every message fails; in p95 the fourth retry and the delay come with time.
    while story.transitions.isEmpty, story.now < bad + .seconds(200) {
      story.wait(.milliseconds(50))
      message += 1
      let age_ns = story.now - bad
      story.settle(.requeued, message: message % 40, attempt: Int32(1 + age_ns / .seconds(10)), delay_ns: age_ns)
    }
    let opened = story.transitions.first
    #expect(opened?.cause == .rule)
    #expect(opened?.verdict?.rule == .deadLetterStorm)
    #expect(opened?.verdict?.evidence.allSatisfy { $0.met } == true)
    #expect(opened?.at == story.now)
    // 95 % of the last minute's outcomes are older than 60 s when those younger are 5 %: after about 60 + 3 s.
    #expect((60...66).contains(Double((opened?.at ?? start) - bad) / 1e9))
    #expect(story.monitor.episodes.list.map(\.kind) == [.storm])

    story.wait(.milliseconds(100))
    #expect(story.steps.last == "open → half_open: open_time_elapsed")
    for i in 0..<5 {
      story.wait(.milliseconds(10))
      story.settle(.acked, message: UInt64(i), delay_ns: .seconds(90))
    }
    #expect(story.steps.last == "half_open → closed: probes_succeeded")
    #expect(story.monitor.windows.main.isEmpty)
    #expect(story.monitor.episodes.list.first?.to == story.now)
    for i in 0..<500 {
      story.wait(.milliseconds(10))
      story.settle(.acked, message: UInt64(i), delay_ns: .seconds(90))
    }
    #expect(story.steps.count == 3)
    #expect(story.monitor.judgement.kind == .healthy)
  }

  @Test func `outcomes of deliveries from before half-open don't decide`() {
    var story = Story()
    for i in 0..<60 { story.settle(.rejected, message: UInt64(i)) }
    #expect(story.monitor.breaker.state == .open)
    story.wait(.milliseconds(200))
    #expect(story.monitor.breaker.state == .halfOpen)
    story.settle(.rejected, message: 1, ago_ns: .seconds(5))
    #expect(story.monitor.breaker.state == .halfOpen)
    story.settle(.rejected, message: 1)
    #expect(story.monitor.breaker.state == .open)
  }

  @Test func `a storm that never ends: let go after ten minutes, not tripped again until healthy`() {
    var story = Story()
    func fail(_ span_ns: Int64) {
      let end = story.now + span_ns
      while story.now < end {
        story.wait(.milliseconds(50))
        story.settle(.rejected, message: UInt64(truncatingIfNeeded: story.now.ns))
      }
    }
    fail(.seconds(700))
    let opened = story.transitions.first?.at ?? start
    let alarm = story.transitions.first { $0.raisesAlarm }
    #expect(alarm?.at == opened + .seconds(600))
    #expect(alarm?.to == .closed)
    #expect(story.transitions.last == alarm)
    #expect(story.monitor.judgement.kind == .storm)
    #expect(story.monitor.episodes.list.map(\.kind) == [.storm, .storm])
    for i in 0..<2000 {
      story.wait(.milliseconds(50))
      story.settle(.acked, message: UInt64(i))
    }
    #expect(story.monitor.judgement.kind == .healthy)
    fail(.seconds(30))
    #expect(story.transitions.last?.from != .closed || story.transitions.last?.cause == .rule)
    #expect(story.monitor.breaker.isArmed)
    #expect(story.transitions.filter { $0.cause == .rule }.count >= 2)
  }

  @Test func `a rolling deploy with prefetch 100 never opens it`() {
    var story = Story()
    for pod in 0..<10 {
      for i in 0..<300 {
        story.wait(.milliseconds(20))
        story.settle(.acked, message: UInt64(pod * 1000 + i))
      }
      for i in 0..<100 {
        story.settle(i == 0 ? .crashed : .abandoned, message: UInt64(i), attempt: 2, delay_ns: .seconds(100))
      }
    }
    #expect(story.transitions.isEmpty)
    #expect(story.monitor.episodes.list.isEmpty)
  }

  @Test func `a delayed-retry design never opens it`() {
    var story = Story()
    for i in 0..<3000 {
      story.wait(.milliseconds(20))
      if i % 3 == 0 {
        story.settle(.rejected, message: UInt64(i), delay_ns: .milliseconds(500), causeUnknown: true)
      } else {
        story.settle(.acked, message: UInt64(i), attempt: i % 3 == 1 ? 2 : 1, delay_ns: .milliseconds(500))
      }
    }
    #expect(story.transitions.isEmpty)
  }

  @Test func `three healthy days with nights off never open it`() {
    var story = Story()
    for day in 0..<3 {
      for i in 0..<2000 {
        story.wait(.milliseconds(500))
        story.settle(i % 100 == 7 ? .rejected : .acked, message: UInt64(day * 5000 + i))
      }
      #expect(story.monitor.judgement.kind == .healthy)
      story.now = story.now + .seconds(80_000)  // the capture has nothing to say
      story.nextTick = story.now
    }
    #expect(story.transitions.isEmpty)
    #expect(story.monitor.episodes.list.isEmpty)
  }

  @Test func `with bytes lost nothing opens, and it is healthy again when they have left the window`() {
    var story = Story()
    for i in 0..<500 {
      story.wait(.milliseconds(10))
      story.monitor.record(understood_bytes: 1000, lost_bytes: 500, at: story.now)
      story.settle(.rejected, message: UInt64(i))
    }
    #expect(story.transitions.isEmpty)
    #expect(story.monitor.judgement.kind == .incomplete)
    for i in 0..<1000 {
      story.wait(.milliseconds(100))
      story.settle(.acked, message: UInt64(i))
    }
    #expect(story.monitor.judgement.kind == .healthy)
    #expect(story.transitions.isEmpty)
    #expect(story.monitor.episodes.list.map(\.kind) == [.incomplete])
    #expect(story.monitor.episodes.list.first?.to != nil)
  }

  @Test func `asks to be judged after a failure, not after an ack`() {
    var monitor = GroupMonitor(settings: ResolvedSettings(), key: "k", at: start)
    _ = monitor.record(.of(.acked), at: start)
    #expect(!monitor.needsJudging)
    _ = monitor.record(.of(.requeued), at: start)
    #expect(monitor.needsJudging)
    _ = monitor.judge(at: start, context: JudgeContext())
    #expect(!monitor.needsJudging)
  }

  @Test func `a verdict that flickers is one episode; after the breaker closed it is a new one`() {
    var episodes = Episodes(window_ns: .seconds(60))
    let verdict = Verdict(kind: .poison, rule: .deadLetterStorm, evidence: [])
    episodes.enter(.poison, at: start) { verdict }
    episodes.enter(.healthy, at: start + .seconds(1)) { verdict }
    #expect(episodes.list.first?.to == start + .seconds(1))
    episodes.enter(.poison, at: start + .seconds(7)) { verdict }
    #expect(episodes.list.count == 1)
    #expect(episodes.list.first?.to == nil)
    episodes.enter(.healthy, at: start + .seconds(8)) { verdict }
    episodes.enter(.poison, at: start + .seconds(14) + 1) { verdict }
    #expect(episodes.list.count == 2)
    episodes.endForGood(at: start + .seconds(15))
    episodes.enter(.poison, at: start + .seconds(16)) { verdict }
    #expect(episodes.list.count == 3)
  }

  @Test func `keeps the last 256 episodes and counts the others`() {
    var episodes = Episodes(window_ns: 1)
    for i in Int64(0)..<300 {
      let kind: Verdict.Kind = i % 2 == 0 ? .storm : .incomplete
      episodes.enter(kind, at: start + .seconds(i)) { Verdict(kind: kind, rule: nil, evidence: []) }
    }
    #expect(episodes.list.count == 256)
    #expect(episodes.dropped == 44)
    #expect(episodes.list.last?.from == start + .seconds(299))
  }

  @Test func `wants to hold only in enforce, and says why not`() {
    for mode in Mode.allCases {
      var monitor = GroupMonitor(settings: ResolvedSettings(mode: mode), key: "k", at: start)
      #expect(!monitor.wantsHold)
      #expect(monitor.whyNotWanted == nil)
      _ = monitor.apply(.trip(), note: OperatorNote(author: "a", reason: "b"), at: start)
      #expect(monitor.wantsHold == (mode == .enforce))
      #expect(monitor.whyNotWanted == (mode == .enforce ? nil : .observing))
      #expect(monitor.lastTransition?.note?.author == "a")
    }
  }

  @Test func `a storm from before a forced-closed override ended does not open it`() {
    var story = Story { $0.mode = .enforce }
    _ = story.monitor.apply(.forceClosed(), at: story.now)
    for i in 0..<60 { story.settle(.rejected, message: UInt64(i)) }
    #expect(story.monitor.judgement.kind == .storm)
    _ = story.monitor.apply(.clearOverride, at: story.now)
    story.wait(.seconds(1))
    #expect(story.monitor.breaker.state == .closed)
    #expect(story.monitor.judgement.kind == .insufficient)
    for i in 100..<160 { story.settle(.rejected, message: UInt64(i)) }
    #expect(story.monitor.breaker.state == .open)
  }

  @Test func `verdict changes are numbered`() {
    var story = Story()
    for i in 0..<30 { story.settle(.acked, message: UInt64(i)) }
    story.wait(.milliseconds(100))
    #expect(story.monitor.verdictRevision == 1)
    for i in 0..<60 { story.settle(.rejected, message: UInt64(i)) }
    #expect(story.monitor.verdictRevision == 3)  // failing at the second, storm at the twentieth: 50 ends
    _ = story.monitor.apply(.reset, at: story.now)
    #expect(story.monitor.verdictRevision == 4)
    #expect(story.monitor.judgement.kind == .insufficient)
  }
}
