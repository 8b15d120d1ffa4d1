/// The third step of holding: keeps each group's `HoldStatus` and says what has changed.
///
/// In: a plan and what came of it. Out: events for people when something begins, ends, or can't be held.
struct HoldTelling {
  /// Some group's status has something in it.
  private(set) var isAnythingTold = false

  /// An event and the group that it is about.
  typealias Told = (group: Group, event: HoldEvent)

  private struct Tally {
    var held = 0
    var refused = 0
    var leftAlone: [NotHeld: Int] = [:]
    /// The kernel's words, where it is in the way.
    var detail: String?
    var keepalive: Keepalive?
  }

  mutating func tell(
    _ plan: HoldPlan, _ outcome: HoldOrders.Outcome, _ ledger: Ledger, at now: Timestamp
  ) -> [Told] {
    var told = plan.limited.map { id in
      let group = ledger.groups[Int(id.index)]
      group.hold.limit(at: group.monitor.breaker.revision)
      return event(group, .holdLimit, .not(.holdLimit), group.hold.held, at: now)
    }
    let tallies = tallies(plan, outcome)
    isAnythingTold = false
    for (index, group) in ledger.groups.enumerated() {
      let id = GroupID(index: Int32(index), serial: group.serial)
      let tally = tallies[id] ?? Tally()
      let before = group.hold
      group.hold.update(
        held: tally.held, refused: tally.refused, leftAlone: tally.leftAlone, detail: tally.detail,
        keepalive: tally.keepalive, isWanted: group.monitor.wantsHold, at: now)
      if group.hold.isHolding || group.hold.why != nil { isAnythingTold = true }
      let why = group.hold.why.map { HoldEvent.Why.not($0) }
      if !before.isHolding, group.hold.isHolding {
        told.append(event(group, .held, plan.wants[id]?.why, tally.held, at: now))
      } else if before.keepalive == .nudge, case .trickle = group.hold.keepalive {
        told.append(event(group, .keepalive, nil, tally.held, at: now))
      }
      if before.isHolding, !group.hold.isHolding {
        told.append(event(group, .released, plan.wants[id] == nil ? nil : why, before.held, at: now))
      }
      if why != nil, before.reasons != group.hold.reasons || before.detail != group.hold.detail {
        told.append(event(group, .notHeld, why, tally.leftAlone.values.reduce(0, +), at: now))
      }
    }
    return told
  }

  /// How many connections of each group are held, and how many are not. A group whose requests pass one at a time counts as
  /// released.
  private func tallies(_ plan: HoldPlan, _ outcome: HoldOrders.Outcome) -> [GroupID: Tally] {
    var tallies: [GroupID: Tally] = [:]
    func count(_ groups: [GroupID], _ change: (inout Tally) -> Void) {
      for group in groups where plan.wants[group]?.phase != .singly { change(&tallies[group, default: Tally()]) }
    }
    for (hold, keepalive) in outcome.held {
      count(hold.groups) {
        $0.held += 1
        if $0.keepalive == nil || keepalive != .nudge { $0.keepalive = keepalive }
      }
    }
    for left in plan.leftAlone { count(left.groups) { $0.leftAlone[left.why, default: 0] += 1 } }
    for endpoint in outcome.refused { count(plan.refusals[endpoint] ?? []) { $0.refused += 1 } }
    for (endpoint, words) in outcome.notRefused {
      count(plan.refusals[endpoint] ?? []) { $0.detail = min($0.detail ?? words, words) }
    }
    for (hold, words) in outcome.failed {
      count(hold.groups) {
        $0.leftAlone[.kernel, default: 0] += 1
        $0.detail = min($0.detail ?? words, words)
      }
    }
    return tallies
  }

  private func event(
    _ group: Group, _ kind: HoldEvent.Kind, _ why: HoldEvent.Why?, _ connections: Int, at now: Timestamp
  ) -> Told {
    let detail = why == .not(.kernel) ? group.hold.detail : nil
    return (
      group,
      HoldEvent(
        at: now, kind: kind, why: why, detail: detail,
        keepalive: kind == .held || kind == .keepalive ? group.hold.keepalive : nil, connections: connections,
        exposure: group.exposure)
    )
  }
}
