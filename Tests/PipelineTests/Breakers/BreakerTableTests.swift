import Testing

@testable import Pipeline

/// Every state with every event: what is not in the table must change nothing.
@Suite struct BreakerTableTests {
  enum Event: Hashable, CaseIterable, CustomStringConvertible {
    case judge(Verdict.Kind), settle(Settlement), pairedAck, earlierFailure, delivered, deadline
    case trip, reset, forceOpen, forceClosed, clearOverride, rearm

    static var allCases: [Event] {
      Verdict.Kind.allCases.map { .judge($0) } + Settlement.allCases.map { .settle($0) } + [
        .pairedAck, .earlierFailure, .delivered, .deadline, .trip, .reset, .forceOpen, .forceClosed, .clearOverride,
        .rearm,
      ]
    }

    var description: String {
      switch self {
      case .judge(let kind): "judge \(kind)"
      case .settle(let settlement): "settle \(settlement)"
      case .pairedAck: "paired ack"
      case .earlierFailure: "failure of an earlier delivery"
      case .delivered: "delivered"
      case .deadline: "deadline"
      case .trip: "trip"
      case .reset: "reset"
      case .forceOpen: "force open"
      case .forceClosed: "force closed"
      case .clearOverride: "clear override"
      case .rearm: "rearm"
      }
    }
  }

  struct Change: Equatable {
    var to: BreakerState
    var cause: Transition.Cause
  }

  private static let changes: [BreakerFixture: [Event: Change]] = [
    .closed: [
      .judge(.storm): Change(to: .open, cause: .rule), .trip: Change(to: .open, cause: .trip),
      .forceOpen: Change(to: .forcedOpen, cause: .override), .forceClosed: Change(to: .forcedClosed, cause: .override),
    ],
    .disarmed: [
      .trip: Change(to: .open, cause: .trip), .forceOpen: Change(to: .forcedOpen, cause: .override),
      .forceClosed: Change(to: .forcedClosed, cause: .override),
    ],
    .open: [
      .trip: Change(to: .open, cause: .trip),
      .deadline: Change(to: .halfOpen, cause: .openTimeElapsed), .reset: Change(to: .closed, cause: .reset),
      .forceOpen: Change(to: .forcedOpen, cause: .override), .forceClosed: Change(to: .forcedClosed, cause: .override),
    ],
    .halfOpen: [
      .settle(.requeued): Change(to: .open, cause: .probeFailed),
      .settle(.rejected): Change(to: .open, cause: .probeFailed),
      .settle(.deadLettered): Change(to: .open, cause: .probeFailed),
      .settle(.crashed): Change(to: .open, cause: .probeFailed), .trip: Change(to: .open, cause: .trip),
      .reset: Change(to: .closed, cause: .reset), .forceOpen: Change(to: .forcedOpen, cause: .override),
      .forceClosed: Change(to: .forcedClosed, cause: .override),
    ],
    .forcedOpen: [
      .deadline: Change(to: .closed, cause: .overrideEnded), .clearOverride: Change(to: .closed, cause: .overrideEnded),
      .forceOpen: Change(to: .forcedOpen, cause: .override), .forceClosed: Change(to: .forcedClosed, cause: .override),
    ],
    .forcedClosed: [
      .deadline: Change(to: .closed, cause: .overrideEnded), .clearOverride: Change(to: .closed, cause: .overrideEnded),
      .forceOpen: Change(to: .forcedOpen, cause: .override), .forceClosed: Change(to: .forcedClosed, cause: .override),
    ],
  ]

  @Test(arguments: BreakerFixture.allCases, Event.allCases)
  func `changes as the table says`(fixture: BreakerFixture, event: Event) {
    var breaker = fixture.breaker()
    let before = breaker
    let transition = apply(event, to: &breaker)
    let expected = Self.changes[fixture]?[event]

    #expect(transition.map { Change(to: $0.to, cause: $0.cause) } == expected)
    if let transition, let expected {
      #expect(transition.from == before.state)
      #expect(transition.revision == before.revision + 1)
      #expect(transition.verdict != nil || transition.cause != .rule)
      #expect(breaker.state == expected.to)
      #expect(breaker.revision == transition.revision)
      #expect(breaker.since == transition.at)
      #expect(breaker.isArmed)
    } else {
      #expect(breaker.state == before.state)
      #expect(breaker.revision == before.revision)
      #expect(breaker.since == before.since)
      #expect(breaker.isArmed == (before.isArmed || Self.arms.contains(event)))
    }
  }

  private static let arms: Set<Event> = [.judge(.healthy), .reset, .rearm]

  private func apply(_ event: Event, to breaker: inout Breaker) -> Transition? {
    let now = start + .milliseconds(500)
    switch event {
    case .judge(let kind):
      return breaker.judge(kind, at: now) { Verdict(kind: kind, rule: .deadLetterStorm, evidence: []) }
    case .settle(let settlement): return breaker.settle(settlement, at: now)
    case .pairedAck: return breaker.settle(.acked, paired: true, at: now)
    case .earlierFailure: return breaker.outcome(.of(.requeued, deliveredAt: start), at: now)
    case .delivered:
      breaker.delivered(at: now)
      return nil
    case .deadline: return breaker.tick(at: breaker.nextDeadline == .distantFuture ? now : breaker.nextDeadline)
    case .trip: return change(breaker.apply(.trip(), at: now))
    case .reset: return change(breaker.apply(.reset, at: now))
    case .forceOpen: return change(breaker.apply(.forceOpen(), at: now))
    case .forceClosed: return change(breaker.apply(.forceClosed(), at: now))
    case .clearOverride: return change(breaker.apply(.clearOverride, at: now))
    case .rearm: return change(breaker.apply(.rearm, at: now))
    }
  }

  private func change(_ result: CommandResult) -> Transition? {
    if case .changed(let transition) = result { transition } else { nil }
  }

  @Test(arguments: BreakerFixture.allCases) func `a fact from before the state began is dropped`(
    fixture: BreakerFixture
  ) {
    var breaker = fixture.breaker()
    let early = breaker.since + -1
    #expect(breaker.storm(at: early) == nil)
    #expect(breaker.settle(.requeued, at: early) == nil)
    #expect(breaker.tick(at: early) == nil)
    #expect(breaker.revision == fixture.breaker().revision)
  }
}
