/// Decides which connections are held, and tells what changed since it decided last.
///
/// A connection is held if every group with a consumer on it is to be held, its requests are what brings deliveries, and
/// nobody else depends on it.
///
/// When half-open begins, what a `pause` has held is let go one segment at a time (`Trickle.single_ns`): what a consumer
/// has to say lies in few and large segments by then, the broker answers each with as many deliveries, and one of them can
/// bring all the probes. For people that is released already. Whoever has not asked for its probes within
/// `singly_ns` is let go for good, until it has them.
///
/// In: breakers' states, what connections are used for, time. Out: orders for the kernel, and
/// events for people when something begins, ends, or can't be held.
///
/// Memory: an entry per held connection. Cost: a walk over groups, and over connections while something is or was held;
/// after transitions, after changes of who consumes where, and every `rules.evaluation_ns` in between.
struct HoldPlanner {
  private var held: [UInt64: Held] = [:]
  private var refused: Set<Endpoint> = []
  /// Addresses whose connections are all to be held.
  private var blocked: Set<Endpoint> = []
  /// Some group's status has something in it.
  private var isAnythingTold = false

  private struct Held {
    var terms: HoldTerms
    /// Whose it is counted as.
    var group: GroupID
    var counters = HoldCounters()
  }

  /// How a group is to be held.
  private struct Want {
    var action: HoldAction
    var rate_bytes_s: UInt64
    var phase: Phase
    var sharesFreely: Bool

    enum Phase {
      /// The breaker is open, or the rate is a standing one.
      case open
      /// Half-open has just begun: requests pass one at a time until they have brought the probes.
      case singly
      /// Half-open waits for the answers to its probes.
      case probesOut
    }

    var reason: String { phase == .probesOut ? "probes are out" : action.rawValue }
  }

  /// Something is held, or refused.
  var isActive: Bool { !held.isEmpty || !refused.isEmpty || isAnythingTold }

  /// Decides, and has `kernel` do it. Answers what is to be told.
  mutating func plan(
    _ ledger: Ledger, _ connections: ConnectionTable, _ kernel: any HoldSwitch, at now: Timestamp
  ) -> [Told] {
    var told: [Told] = []
    let wants = wants(ledger, at: now, &told)
    guard isActive || !wants.isEmpty else { return told }
    let used = connections.decoded.compactMap { connection in connection.use.map { (connection, $0) } }
    block(wants, ledger, used, kernel)
    var tally: [GroupID: Tally] = [:]
    var kept: [UInt64: Held] = [:]
    // For people those whose requests pass one at a time are let go.
    func count(_ groups: [GroupID], _ change: (inout Tally) -> Void) {
      for group in groups where wants[group]?.phase != .singly { change(&tally[group, default: .init()]) }
    }
    for (connection, use) in used where connection.cookie != 0 && !connection.isOver {
      switch decide(connection, use, wants, at: now) {
      case nil: break
      case .leave(let groups, let why)?:
        count(groups) { $0.leftAlone[why, default: 0] += 1 }
      case .hold(let terms, let groups)?:
        var entry = held[connection.cookie] ?? Held(terms: terms, group: groups[0])
        if held[connection.cookie]?.terms != terms, let why = kernel.hold(connection.cookie, terms) {
          if !groups.allSatisfy({ wants[$0]?.phase == .singly }) { connection.holdFailure = (why, now) }
          count(groups) { $0.leftAlone[why, default: 0] += 1 }
          continue
        }
        entry.terms = terms
        kept[connection.cookie] = entry
        count(groups) { $0.held += 1 }
      }
    }
    let gone = held.filter { kept[$0.key] == nil }
    held = kept
    for (cookie, entry) in gone {
      let counters = kernel.release(cookie) ?? entry.counters
      guard ledger.isCurrent(entry.group) else { continue }
      ledger.groups[Int(entry.group.index)].hold.past += counters
      sum(entry.group, ledger)
    }
    tell(ledger, tally, wants, at: now, &told)
    return told
  }

  /// New connections to every known address of the clusters that are to be blocked are refused, as long as they are to be.
  private mutating func block(
    _ wants: [GroupID: Want], _ ledger: Ledger, _ used: [(Connection, ConnectionUse)], _ kernel: any HoldSwitch
  ) {
    var wanted: Set<Endpoint> = []
    for (id, want) in wants where want.action == .block {
      let cluster = ledger.groups[Int(id.index)].cluster
      wanted.formUnion(ledger.clusters.endpoints(of: cluster))
      for (connection, use) in used where use.groups.contains(id) { wanted.insert(connection.server) }
    }
    for endpoint in refused.subtracting(wanted) { kernel.allow(endpoint) }
    refused = refused.intersection(wanted)
    // One that could not be refused is tried again at the next plan.
    for endpoint in wanted.subtracting(refused) where kernel.refuse(endpoint) == nil { refused.insert(endpoint) }
    blocked = wanted
  }

  /// What the kernel has counted on a connection since it is held.
  mutating func counted(_ counters: HoldCounters, cookie: UInt64, _ ledger: Ledger) {
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

  private func sum(_ id: GroupID, _ ledger: Ledger) {
    guard ledger.isCurrent(id) else { return }
    var sum = HoldCounters()
    for other in held.values where other.group == id { sum += other.counters }
    ledger.groups[Int(id.index)].hold.present = sum
  }

  // MARK: Deciding

  /// Groups that are to be held now; caps those that were held for long enough.
  private func wants(_ ledger: Ledger, at now: Timestamp, _ told: inout [Told]) -> [GroupID: Want] {
    var wants: [GroupID: Want] = [:]
    for (index, group) in ledger.groups.enumerated() where group.monitor.settings.mode == .enforce {
      let id = GroupID(index: Int32(index), serial: group.serial)
      let settings = group.monitor.settings
      let revision = group.monitor.breaker.revision
      let isWanted = group.monitor.wantsHold
      if isWanted, group.hold.reaches(ledger.settings.holding.limit_ns, at: now), !group.hold.isCapped(at: revision) {
        group.hold.cap(at: revision)
        told.append(
          (
            group,
            HoldEvent(
              at: now, kind: .holdLimit,
              why: "held for \(ledger.settings.holding.limit_ns / 1_000_000_000) s, the longest "
                + "that was tested: traffic passes until the next opening", connections: group.hold.held,
              exposure: group.exposure)
          ))
      }
      let sharesFreely = settings.sharedConnections == .hold
      if isWanted, !group.hold.isCapped(at: revision), !group.monitor.isBlind {
        wants[id] = Want(
          action: settings.action, rate_bytes_s: settings.rate_bytes_s,
          phase: group.monitor.breaker.state == .halfOpen ? .probesOut : .open, sharesFreely: sharesFreely)
      } else if let rate_bytes_s = settings.standingRate_bytes_s {
        wants[id] = Want(
          action: .throttle, rate_bytes_s: rate_bytes_s, phase: .open, sharesFreely: sharesFreely)
      } else if settings.action == .pause, group.monitor.breaker.state == .halfOpen, !isWanted, !group.monitor.isBlind,
        now - group.monitor.breaker.since < Self.singly_ns
      {
        wants[id] = Want(action: .pause, rate_bytes_s: 0, phase: .singly, sharesFreely: sharesFreely)
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
    _ connection: Connection, _ use: ConnectionUse, _ wants: [GroupID: Want], at now: Timestamp
  ) -> Decision? {
    var groups = use.groups.filter { wants[$0] != nil }
    let firm = groups.filter { wants[$0]?.phase != .singly }
    let isBlocked = blocked.contains(connection.server)
    // What is let go one at a time was held until now.
    let isSingly = firm.isEmpty && !isBlocked && held[connection.cookie] != nil
    if !isSingly { groups = firm }
    guard !groups.isEmpty || isBlocked else { return nil }
    if let failure = connection.holdFailure {
      if now - failure.at < Self.retry_ns { return .leave(groups, why: failure.why) }
      connection.holdFailure = nil
    }
    if use.isLeaving { return .leave(groups, why: "the client is closing the connection") }
    let trickle_ns = Trickle.forProtocol(heartbeat_ns: use.heartbeat_ns)
    if isBlocked {
      let whose = groups.isEmpty ? wants.filter { $0.value.action == .block }.map(\.key) : groups
      return .hold(
        HoldTerms(action: .block, trickle_ns: trickle_ns, whole_ns: trickle_ns, holdsAcks: use.isUnanswered), whose)
    }
    if let unholdable = use.unholdable { return .leave(groups, why: unholdable) }
    let sharesFreely = groups.allSatisfy { wants[$0]?.sharesFreely == true }
    if !sharesFreely {
      if groups.count < use.groups.count { return .leave(groups, why: "shared: it serves a group that is not open") }
      if use.publishes { return .leave(groups, why: "shared: it also publishes") }
    }
    let strictest = groups.compactMap { wants[$0] }
    if strictest.contains(where: { $0.action == .pause }) {
      let phase_ns =
        isSingly
        ? Trickle.single_ns
        : strictest.allSatisfy { $0.phase == .probesOut } ? Trickle.probing_ns : Trickle.longest_ns
      let whole_ns = use.isHeardByRequests ? trickle_ns : Trickle.whole(trickle_ns)
      return .hold(
        HoldTerms(action: .pause, trickle_ns: min(trickle_ns, phase_ns), whole_ns: whole_ns), groups)
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
    _ ledger: Ledger, _ tally: [GroupID: Tally], _ wants: [GroupID: Want], at now: Timestamp, _ told: inout [Told]
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
        told.append(
          (group, HoldEvent(at: now, kind: kind, why: why, connections: connections, exposure: group.exposure)))
      }
      if before.held == 0, found.held > 0 { event(.held, wants[id].map(\.reason), found.held) }
      if before.held > 0, found.held == 0 { event(.released, wants[id] == nil ? nil : group.hold.why, before.held) }
      if !found.leftAlone.isEmpty, before.why != group.hold.why {
        event(.notHeld, group.hold.why, found.leftAlone.values.reduce(0, +))
      }
    }
  }

  /// What people are to be told.
  typealias Told = (group: Group, event: HoldEvent)

  private static let retry_ns: Int64 = .seconds(1)
  /// Twice the span in which the consumer's kernel tries again.
  private static let singly_ns: Int64 = .seconds(1)
}
