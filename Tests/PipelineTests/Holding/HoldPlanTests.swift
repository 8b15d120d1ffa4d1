import Testing

@testable import Pipeline

/// Deciding, as a value of what it is given: groups, connections, time.
@Suite struct HoldPlanTests {
  private static let start = Timestamp(ns: 1_000_000_000_000)
  private static let broker = Endpoint(v4: 0x0a00_00ff, port: 5672)

  private static func id(_ number: Int) -> GroupID { GroupID(index: Int32(number), serial: UInt32(number)) }

  private static func group(
    _ number: Int, action: HoldAction = .pause, state: BreakerState = .open,
    _ change: (inout HoldGroup) -> Void = { _ in }
  ) -> HoldGroup {
    var group = HoldGroup(
      id: id(number), action: action, rate_bytes_s: action == .throttle ? 2048 : 0, standingRate_bytes_s: nil,
      sharesFreely: false, state: state, since: start, revision: 1, wantsHold: state == .open, isBlind: false,
      isLimited: false, heldSince: nil, brokers: [])
    change(&group)
    return group
  }

  private static func connection(
    _ cookie: UInt64, _ groups: [Int], _ change: (inout HoldConnection) -> Void = { _ in }
  ) -> HoldConnection {
    var connection = HoldConnection(
      cookie: cookie, server: broker, use: ConnectionUse(groups: groups.map(id)), isHeld: false)
    change(&connection)
    return connection
  }

  private func plan(
    _ groups: [HoldGroup], _ connections: [HoldConnection], after seconds: Int64 = 0,
    _ change: (inout HoldSettings) -> Void = { _ in }
  ) -> HoldPlan {
    var settings = HoldSettings()
    change(&settings)
    var plan = HoldPlan(groups, settings, at: Self.start + .seconds(seconds))
    plan.decide(connections)
    return plan
  }

  @Test(
    arguments: [
      (GroupCase.closed, nil), (.open, .pause), (.blind, nil), (.limited, nil), (.limitedStanding, .throttle),
      (.closedStanding, .throttle), (.halfOpenWithProbes, .pause),
    ] as [(GroupCase, HoldAction?)])
  func `a group is held as its breaker and its settings say`(given: GroupCase, action: HoldAction?) {
    #expect(plan([given.group], []).wants[Self.id(1)]?.action == action)
  }

  enum GroupCase: String, CaseIterable {
    case closed, open, blind, limited, limitedStanding, closedStanding, halfOpenWithProbes

    var group: HoldGroup {
      switch self {
      case .closed: HoldPlanTests.group(1, state: .closed)
      case .open: HoldPlanTests.group(1)
      case .blind: HoldPlanTests.group(1) { $0.isBlind = true }
      case .limited: HoldPlanTests.group(1) { $0.isLimited = true }
      case .limitedStanding:
        HoldPlanTests.group(1) {
          $0.isLimited = true
          $0.standingRate_bytes_s = 2048
        }
      case .closedStanding: HoldPlanTests.group(1, state: .closed) { $0.standingRate_bytes_s = 2048 }
      case .halfOpenWithProbes: HoldPlanTests.group(1, state: .halfOpen) { $0.wantsHold = true }
      }
    }
  }

  @Test func `the limit is told once, at the moment at which it is reached`() {
    let held = Self.group(1) { $0.heldSince = Self.start }
    #expect(plan([held], [], after: 599).limited.isEmpty)
    #expect(plan([held], [], after: 600).limited == [Self.id(1)])
    let limited = Self.group(1) {
      $0.heldSince = Self.start
      $0.isLimited = true
    }
    #expect(plan([limited], [], after: 601).limited.isEmpty)
  }

  @Test func `requests pass one at a time for a second of half-open, where they were held until then`() {
    let group = Self.group(1, state: .halfOpen)
    let connections = [Self.connection(7, [1]) { $0.isHeld = true }, Self.connection(8, [1])]
    let first = plan([group], connections)
    #expect(first.holds.map(\.cookie) == [7] && first.holds[0].isSingly && !first.holds[0].isLimited)
    #expect(first.holds[0].terms.trickle_ns == Trickle.single_ns)
    #expect(plan([group], connections, after: 1).holds.isEmpty)
  }

  @Test(arguments: HoldAction.allCases)
  func `a connection that is being closed is left alone, whatever the action`(action: HoldAction) {
    let made = plan([Self.group(1, action: action)], [Self.connection(7, [1]) { $0.use.isLeaving = true }])
    #expect(made.holds.isEmpty && made.leftAlone.map(\.why) == [.closing])
    #expect(made.leftAlone.map(\.groups) == [[Self.id(1)]])
  }

  @Test func `the reasons to leave a connection alone`() {
    func why(_ connection: HoldConnection, sharesFreely: Bool = false) -> [NotHeld] {
      let groups = [1, 2].map { Self.group($0) { $0.sharesFreely = sharesFreely } }
      return plan(groups, [connection], after: 100).leftAlone.map(\.why)
    }
    let ago = { (seconds: Int64) in Self.start + .seconds(100 - seconds) }
    #expect(why(Self.connection(7, [1])).isEmpty)
    #expect(why(Self.connection(7, [1, 2])).isEmpty)
    #expect(why(Self.connection(7, [1, 3])) == [.sharedGroup])
    #expect(why(Self.connection(7, [1, 3]), sharesFreely: true).isEmpty)
    #expect(why(Self.connection(7, [1]) { $0.use.publishedAt = ago(59) }) == [.sharedPublishes])
    #expect(why(Self.connection(7, [1]) { $0.use.publishedAt = ago(60) }).isEmpty)
    #expect(why(Self.connection(7, [1]) { $0.use.publishedAt = ago(1) }, sharesFreely: true).isEmpty)
    func unanswered(_ group: Int) -> HoldConnection {
      Self.connection(7, Set([1, group]).sorted()) { $0.use.unholdable = [Self.id(group): .noAck] }
    }
    #expect(why(unanswered(1), sharesFreely: true) == [.noAck])
    // Another group's deliveries go on, but this one's stop.
    #expect(why(unanswered(3), sharesFreely: true).isEmpty && why(unanswered(3)) == [.sharedGroup])
    #expect(why(Self.connection(7, [3])).isEmpty)
  }

  @Test func `block reaches every connection to the cluster's brokers, and to those that its consumers use`() {
    let other = Endpoint(v4: 0x0a00_00fe, port: 5672)
    let group = Self.group(1, action: .block) { $0.brokers = [Self.broker] }
    let made = plan(
      [group],
      [
        Self.connection(7, []), Self.connection(8, [1]) { $0.server = other },
        Self.connection(9, []) { $0.server = other },
        Self.connection(10, []) { $0.server.port = 1 },
      ])
    #expect(made.refusals == [Self.broker: [Self.id(1)], other: [Self.id(1)]])
    #expect(made.holds.map(\.cookie) == [7, 8, 9])
    #expect(made.holds.allSatisfy { $0.groups == [Self.id(1)] && $0.terms.action == .block })
  }

  @Test func `a connection that is shared by a pause and a throttle is paused, and of two rates the lower counts`() {
    let pause = Self.group(1)
    let slow = Self.group(2, action: .throttle) { $0.rate_bytes_s = 100 }
    let fast = Self.group(3, action: .throttle) { $0.rate_bytes_s = 200 }
    #expect(plan([pause, slow], [Self.connection(7, [1, 2])]).holds.map(\.terms.action) == [.pause])
    #expect(plan([slow, fast], [Self.connection(7, [2, 3])]).holds.map(\.terms.rate_bytes_s) == [100])
  }

  @Test func `over the limit a connection is released until another opening, but for a standing rate`() {
    let opened = Self.group(1) { $0.sharesFreely = true }
    let standing = Self.group(2, state: .closed) {
      $0.sharesFreely = true
      $0.standingRate_bytes_s = 2048
    }
    let old = Self.connection(7, [1]) { $0.heldSince = Self.start }
    let over = plan([opened], [old], after: 600)
    #expect(over.holds.isEmpty && over.leftAlone.map(\.why) == [.holdLimit])
    let openings = [HoldOpening(group: Self.id(1), revision: 1)]
    #expect(over.limitedConnections == [7: openings])
    let passing = Self.connection(7, [1]) { $0.limitedFor = openings }
    #expect(plan([opened], [passing], after: 700).limitedConnections == [7: openings])
    let again = Self.group(1) { $0.revision = 2 }
    #expect(plan([again], [passing], after: 700).holds.map(\.cookie) == [7])
    let both = Self.connection(7, [1, 2]) { $0.heldSince = Self.start }
    let throttled = plan([opened, standing], [both], after: 600)
    #expect(throttled.holds.map(\.terms.rate_bytes_s) == [2048] && throttled.holds.map(\.groups) == [[Self.id(2)]])
    #expect(throttled.leftAlone.map(\.groups) == [[Self.id(1)]])
  }
}
