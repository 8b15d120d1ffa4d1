/// Decides which connections are held, and tells what changed since it decided last.
///
/// A connection is held if every group with a consumer on it is to be held, its requests are what brings deliveries, and
/// nobody else depends on it. In: breakers' states, what connections are used for, time. Out: orders for the kernel, and
/// events for people when something begins, ends, or can't be held.
///
/// Memory: an entry per held connection. Cost: a walk over groups, and over connections while something is or was held;
/// after transitions, after changes of who consumes where, and every `rules.evaluation_ns` in between.
struct HoldPlanner {
  private var held: [UInt64: Held] = [:]
  /// Released, their last counts not told yet.
  private var retiring: [UInt64: GroupID] = [:]
  private var refused: Set<Endpoint> = []
  /// Some group's status has something in it.
  private var isAnythingTold = false

  private struct Held {
    let connection: Connection
    var terms: HoldTerms
    /// Whose it is counted as.
    var group: GroupID
    var counters = HoldCounters()
  }

  /// How a group is to be held.
  private struct Want {
    var action: HoldAction
    var rate_bytes_s: UInt64
    var isProbing: Bool
    var sharesFreely: Bool

    var reason: String { isProbing ? "probes are out" : action.rawValue }
  }

  /// Something is held, or refused.
  var isActive: Bool { !held.isEmpty || !refused.isEmpty || isAnythingTold }

  mutating func plan(_ ledger: Ledger, _ connections: ConnectionTable, at now: Timestamp) -> Plan {
    var plan = Plan()
    let wants = wants(ledger, at: now, &plan)
    guard isActive || !wants.isEmpty else { return plan }
    var tally: [GroupID: Tally] = [:]
    var kept: [UInt64: Held] = [:]
    var blocked: Set<Endpoint> = []
    for (id, want) in wants where want.action == .block {
      for connection in connections.decoded where connection.use?.groups.contains(id) == true {
        blocked.insert(connection.server)
      }
    }
    for connection in connections.decoded where connection.cookie != 0 && !connection.isOver {
      guard let decision = decide(connection, wants, blocked, ledger, at: now) else { continue }
      switch decision {
      case .leave(let groups, let why):
        for group in groups { tally[group, default: .init()].leftAlone[why, default: 0] += 1 }
      case .hold(let terms, let groups):
        for group in groups { tally[group, default: .init()].held += 1 }
        var entry = held[connection.cookie] ?? Held(connection: connection, terms: terms, group: groups[0])
        if held[connection.cookie]?.terms != terms { plan.orders.append(.hold(cookie: connection.cookie, terms)) }
        entry.terms = terms
        kept[connection.cookie] = entry
      }
    }
    for (cookie, entry) in held where kept[cookie] == nil {
      plan.orders.append(.release(cookie: cookie))
      retire(cookie, entry)
    }
    for endpoint in blocked where !refused.contains(endpoint) { plan.orders.append(.refuse(endpoint)) }
    for endpoint in refused where !blocked.contains(endpoint) { plan.orders.append(.allow(endpoint)) }
    let gone = held.filter { kept[$0.key] == nil }
    held = kept
    for entry in gone.values { sum(entry.group, ledger) }
    refused = blocked
    tell(ledger, tally, wants, at: now, &plan)
    return plan
  }

  /// The kernel could not do it: said as the reason, and tried again when `retry` has passed.
  mutating func failed(cookie: UInt64, why: String, at now: Timestamp) {
    guard let entry = held.removeValue(forKey: cookie) else { return }
    entry.connection.holdFailure = (why, now)
  }

  /// What the kernel has counted on a connection since it is held, or in all if it was released.
  mutating func counted(_ counters: HoldCounters, cookie: UInt64, _ ledger: Ledger) {
    if let id = retiring.removeValue(forKey: cookie) {
      if ledger.isCurrent(id) { ledger.groups[Int(id.index)].hold.past += counters }
      return
    }
    guard let entry = held[cookie] else { return }
    held[cookie]?.counters = counters
    sum(entry.group, ledger)
  }

  /// Cookies of everything that is held.
  var cookies: [UInt64] { Array(held.keys) }

  /// What is held to a rate, which has no longest time of its own.
  var throttled: [(cookie: UInt64, terms: HoldTerms)] {
    held.filter { $0.value.terms.action == .throttle }.map { ($0.key, $0.value.terms) }
  }

  private mutating func retire(_ cookie: UInt64, _ entry: Held) {
    if retiring.count >= Self.retiringBound { retiring.removeAll() }
    retiring[cookie] = entry.group
  }

  private func sum(_ id: GroupID, _ ledger: Ledger) {
    guard ledger.isCurrent(id) else { return }
    var sum = HoldCounters()
    for other in held.values where other.group == id { sum += other.counters }
    ledger.groups[Int(id.index)].hold.present = sum
  }

  // MARK: Deciding

  /// Groups that are to be held now; caps those that were held for long enough.
  private func wants(_ ledger: Ledger, at now: Timestamp, _ plan: inout Plan) -> [GroupID: Want] {
    var wants: [GroupID: Want] = [:]
    for (index, group) in ledger.groups.enumerated() {
      let monitor = group.monitor
      guard monitor.settings.mode == .enforce else { continue }
      let id = GroupID(index: Int32(index), serial: group.serial)
      let revision = monitor.breaker.revision
      if group.hold.reaches(ledger.settings.holding.limit_ns, at: now), !group.hold.isCapped(at: revision),
        monitor.wantsHold
      {
        group.hold.cap(at: revision)
        plan.events.append(
          (
            group,
            HoldEvent(
              at: now, kind: .holdLimit,
              why: "held for \(ledger.settings.holding.limit_ns / 1_000_000_000) s, the longest "
                + "that was tested: traffic passes until the next opening", connections: group.hold.held,
              exposure: group.inFlight)
          ))
      }
      if monitor.wantsHold, !group.hold.isCapped(at: revision), !monitor.isBlind {
        wants[id] = Want(
          action: monitor.settings.action, rate_bytes_s: monitor.settings.rate_bytes_s,
          isProbing: monitor.breaker.state == .halfOpen,
          sharesFreely: monitor.settings.sharedConnections == .hold)
      } else if let rate_bytes_s = monitor.settings.standingRate_bytes_s {
        wants[id] = Want(
          action: .throttle, rate_bytes_s: rate_bytes_s, isProbing: false,
          sharesFreely: monitor.settings.sharedConnections == .hold)
      }
    }
    return wants
  }

  private enum Decision {
    case hold(HoldTerms, [GroupID])
    case leave([GroupID], why: String)
  }

  /// Nil where no group of the connection is to be held.
  private func decide(
    _ connection: Connection, _ wants: [GroupID: Want], _ blocked: Set<Endpoint>, _ ledger: Ledger, at now: Timestamp
  ) -> Decision? {
    guard let use = connection.use else { return nil }
    let groups = use.groups.filter { wants[$0] != nil }
    let isBlocked = blocked.contains(connection.server)
    guard !groups.isEmpty || isBlocked else { return nil }
    if let failure = connection.holdFailure {
      if now - failure.at < Self.retry_ns { return .leave(groups, why: failure.why) }
      connection.holdFailure = nil
    }
    if use.isLeaving { return .leave(groups, why: "the client is closing the connection") }
    let trickle_ns = Trickle.forProtocol(heartbeat_ns: use.heartbeat_ns)
    if isBlocked {
      let whose = groups.isEmpty ? wants.filter { $0.value.action == .block }.map(\.key) : groups
      return .hold(HoldTerms(action: .block, trickle_ns: trickle_ns, holdsAcks: use.isUnanswered), whose)
    }
    if let unholdable = use.unholdable { return .leave(groups, why: unholdable) }
    let sharesFreely = groups.allSatisfy { wants[$0]?.sharesFreely == true }
    if !sharesFreely {
      if groups.count < use.groups.count { return .leave(groups, why: "shared: it serves a group that is not open") }
      if use.publishes { return .leave(groups, why: "shared: it also publishes") }
    }
    let strictest = groups.compactMap { wants[$0] }
    if strictest.contains(where: { $0.action == .pause }) {
      let probing_ns = strictest.allSatisfy(\.isProbing) ? Trickle.probing_ns : Trickle.longest_ns
      return .hold(HoldTerms(action: .pause, trickle_ns: min(trickle_ns, probing_ns)), groups)
    }
    let rate_bytes_s = strictest.map(\.rate_bytes_s).min() ?? 0
    return .hold(HoldTerms(action: .throttle, trickle_ns: trickle_ns, rate_bytes_s: rate_bytes_s), groups)
  }

  // MARK: Telling

  private struct Tally {
    var held = 0
    var leftAlone: [String: Int] = [:]
  }

  private mutating func tell(
    _ ledger: Ledger, _ tally: [GroupID: Tally], _ wants: [GroupID: Want], at now: Timestamp, _ plan: inout Plan
  ) {
    isAnythingTold = false
    for (index, group) in ledger.groups.enumerated() {
      let id = GroupID(index: Int32(index), serial: group.serial)
      let found = tally[id] ?? Tally()
      let before = group.hold
      group.hold.update(
        held: found.held, leftAlone: found.leftAlone, isWanted: group.monitor.wantsHold, at: now)
      if found.held > 0 || !found.leftAlone.isEmpty { isAnythingTold = true }
      func event(_ kind: HoldEvent.Kind, _ why: String?, _ connections: Int) {
        plan.events.append(
          (group, HoldEvent(at: now, kind: kind, why: why, connections: connections, exposure: group.inFlight)))
      }
      if before.held == 0, found.held > 0 { event(.held, wants[id].map(\.reason), found.held) }
      if before.held > 0, found.held == 0 { event(.released, wants[id] == nil ? nil : group.hold.why, before.held) }
      if !found.leftAlone.isEmpty, before.why != group.hold.why {
        event(.notHeld, group.hold.why, found.leftAlone.values.reduce(0, +))
      }
    }
  }

  /// What is to be done, and said.
  struct Plan {
    var orders: [Effect] = []
    var events: [(group: Group, event: HoldEvent)] = []
  }

  private static let retry_ns: Int64 = .seconds(1)
  private static let retiringBound = 65_536
}
