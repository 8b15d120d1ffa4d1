/// Holds what is to be held, in three steps: decides (`HoldPlan`), orders the kernel (`HoldOrders`), tells (`HoldTelling`).
///
/// In: the ledger's groups, connections, time. Out: orders for the kernel, and events for people.
///
/// Memory: that of `HoldOrders`, and an entry per connection that the limit has released. Cost: a walk over groups, and over connections while something is or was held; after
/// transitions, after changes of consumers, and every `rules.evaluation_ns` in between.
struct HoldPlanner {
  private var orders = HoldOrders()
  private var telling = HoldTelling()
  /// Connections that the limit has released, and the openings that this holds for.
  private var limited: [UInt64: [HoldOpening]] = [:]

  /// Something is held, refused or left alone: to be planned anew as time passes.
  var isActive: Bool { orders.isActive || telling.isAnythingTold }

  /// Decides, and has `kernel` do it. Answers what is to be told.
  mutating func plan(
    _ ledger: Ledger, _ connections: ConnectionTable, _ kernel: any HoldSwitch, at now: Timestamp
  ) -> [HoldTelling.Told] {
    self.plan(groups(ledger), ledger, connections, kernel, at: now)
  }

  /// Releases everything that is held or refused. Answers what is to be told.
  mutating func releaseAll(
    _ ledger: Ledger, _ connections: ConnectionTable, _ kernel: any HoldSwitch, at now: Timestamp
  ) -> [HoldTelling.Told] {
    plan([], ledger, connections, kernel, at: now)
  }

  private mutating func plan(
    _ groups: [HoldGroup], _ ledger: Ledger, _ connections: ConnectionTable, _ kernel: any HoldSwitch,
    at now: Timestamp
  ) -> [HoldTelling.Told] {
    var plan = HoldPlan(groups, ledger.settings.holding, at: now)
    guard isActive || !plan.wants.isEmpty else { return [] }
    plan.decide(
      connections.decoded.compactMap { connection in
        guard connection.cookie != 0, !connection.isOver, let use = connection.use else { return nil }
        let held = orders.held[connection.cookie]
        return HoldConnection(
          cookie: connection.cookie, server: connection.server, use: use, isHeld: held != nil, heldSince: held?.since,
          isTrickled: held.map { $0.keepalive != .nudge } ?? false, limitedFor: limited[connection.cookie] ?? [])
      })
    limited = plan.limitedConnections
    let outcome = orders.carryOut(plan, kernel, at: now)
    for (id, counters) in outcome.released where ledger.isCurrent(id) {
      ledger.groups[Int(id.index)].hold.past += counters
      ledger.groups[Int(id.index)].hold.present = orders.counters(of: id)
    }
    return telling.tell(plan, outcome, ledger, at: now)
  }

  private func groups(_ ledger: Ledger) -> [HoldGroup] {
    ledger.groups.enumerated().compactMap { index, group in
      let settings = group.monitor.settings
      guard settings.mode == .enforce else { return nil }
      let breaker = group.monitor.breaker
      return HoldGroup(
        id: GroupID(index: Int32(index), serial: group.serial), action: settings.action,
        rate_bytes_s: settings.rate_bytes_s, standingRate_bytes_s: settings.standingRate_bytes_s,
        sharesFreely: settings.sharedConnections == .hold, state: breaker.state, since: breaker.since,
        revision: breaker.revision, wantsHold: group.monitor.wantsHold, isBlind: group.monitor.isBlind,
        isLimited: group.hold.isLimited(at: breaker.revision), heldSince: group.hold.since,
        isTrickled: group.hold.keepalive.map { $0 != .nudge } ?? false,
        brokers: settings.action == .block && group.monitor.wantsHold
          ? ledger.clusters.endpoints(of: group.cluster) : [])
    }
  }

  /// What the kernel has counted on a connection since it is held.
  mutating func counted(_ counters: HoldCounters, cookie: UInt64, _ ledger: Ledger) {
    guard let id = orders.counted(counters, cookie: cookie), ledger.isCurrent(id) else { return }
    ledger.groups[Int(id.index)].hold.present = orders.counters(of: id)
  }

  /// Cookies of everything that is held.
  var cookies: [UInt64] { Array(orders.held.keys) }
}
