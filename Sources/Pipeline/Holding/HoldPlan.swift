/// The first step of holding: decides what is to be held and how, and what is left alone and why.
///
/// In: the breakers of groups in mode `enforce`, what connections are used for, time. Out: this value. Nothing is done
/// and nothing is told here: `HoldOrders` carries it out, `HoldTelling` tells of it.
///
/// A connection is held if every group with a consumer on it is to be held, its requests are what brings deliveries, and
/// nothing else depends on it.
///
/// A `pause` in half-open releases requests one segment at a time (`Trickle.single_ns`): what a consumer has to say lies
/// in few and large segments by then, the broker answers each with as many deliveries, and one of them can bring all the
/// probes. For people that is released already. A connection that has not asked for its probes within `singly_ns` is
/// released, until it has them.
///
/// Cost: a walk over the groups, and over the connections where some group is to be held.
struct HoldPlan {
  /// How each group is to be held; a group that is not has no entry.
  private(set) var wants: [GroupID: HoldWant] = [:]
  /// Groups that have just been held for as long as the limit allows.
  private(set) var limited: [GroupID] = []
  /// Connections that the limit releases, each with the openings that it is not held for any more.
  private(set) var limitedConnections: [UInt64: [HoldOpening]] = [:]
  private(set) var holds: [Hold] = []
  private(set) var leftAlone: [LeftAlone] = []
  /// Where new connections are to be refused and all others held, and for which groups.
  private(set) var refusals: [Endpoint: [GroupID]] = [:]

  /// One connection that is to be held.
  struct Hold {
    var cookie: UInt64
    var terms: HoldTerms
    /// Never empty. Its counters go to the first.
    var groups: [GroupID]
    /// It passes one request at a time: for people it is released.
    var isSingly: Bool
    /// Breakers ask for it; else only a standing rate does, which has no limit in time.
    var isLimited: Bool
  }

  struct LeftAlone {
    var groups: [GroupID]
    var why: NotHeld
  }

  private let settings: HoldSettings
  private let now: Timestamp

  init(_ groups: [HoldGroup], _ settings: HoldSettings, at now: Timestamp) {
    self.settings = settings
    self.now = now
    for group in groups {
      let reachesLimit = group.wantsHold && group.heldSince.map { now - $0 >= settings.limit_ns } ?? false
      if reachesLimit, !group.isLimited { limited.append(group.id) }
      wants[group.id] = HoldWant(group, isLimited: group.isLimited || reachesLimit, at: now)
      guard wants[group.id]?.action == .block else { continue }
      for broker in group.brokers { refusals[broker, default: []].append(group.id) }
    }
  }

  /// Decides about every connection whose protocol is known.
  mutating func decide(_ connections: [HoldConnection]) {
    // A broker that only its own consumers lead to is blocked as well.
    for connection in connections {
      for id in connection.use.groups where wants[id]?.action == .block {
        if refusals[connection.server]?.contains(id) != true { refusals[connection.server, default: []].append(id) }
      }
    }
    for connection in connections { decide(connection) }
  }

  private mutating func decide(_ connection: HoldConnection) {
    let use = connection.use
    let served = use.groups.filter { wants[$0] != nil }
    let firm = served.filter { wants[$0]?.phase != .singly }
    let blocking = refusals[connection.server] ?? []
    // Only what was held until now passes its requests one at a time.
    let isSingly = firm.isEmpty && blocking.isEmpty && connection.isHeld
    let own = isSingly ? served : firm
    var groups = own + blocking.filter { !own.contains($0) }
    let openings = openings(groups)
    if isOverLimit(connection, openings) {
      limitedConnections[connection.cookie] = openings
      leftAlone.append(LeftAlone(groups: openings.map(\.group), why: .holdLimit))
      groups.removeAll { id in openings.contains { $0.group == id } }
    }
    guard !groups.isEmpty else { return }
    if let why = whyNot(connection, groups, isBlocked: !blocking.isEmpty) {
      leftAlone.append(LeftAlone(groups: groups, why: why))
    } else {
      let terms = terms(use, groups.compactMap { wants[$0] }, isBlocked: !blocking.isEmpty, isSingly: isSingly)
      let isLimited = !isSingly && groups.contains { wants[$0]?.isStanding == false }
      holds.append(
        Hold(cookie: connection.cookie, terms: terms, groups: groups, isSingly: isSingly, isLimited: isLimited))
    }
  }

  private func openings(_ groups: [GroupID]) -> [HoldOpening] {
    groups.compactMap { id in
      guard let want = wants[id], !want.isStanding else { return nil }
      return HoldOpening(group: id, revision: want.revision)
    }
  }

  /// Groups that open one after the other hold a connection that they share for longer than each of them is open.
  private func isOverLimit(_ connection: HoldConnection, _ openings: [HoldOpening]) -> Bool {
    guard !openings.isEmpty else { return false }
    if let heldSince = connection.heldSince, now - heldSince >= settings.limit_ns { return true }
    return openings.allSatisfy { connection.limitedFor.contains($0) }
  }

  private func whyNot(_ connection: HoldConnection, _ groups: [GroupID], isBlocked: Bool) -> NotHeld? {
    let use = connection.use
    if use.isLeaving { return .closing }
    if isBlocked { return nil }
    if let unholdable = use.unholdable { return unholdable }
    if groups.allSatisfy({ wants[$0]?.sharesFreely == true }) { return nil }
    if groups.count < use.groups.count { return .sharedGroup }
    return settings.isShared(use.publishedAt, at: now) ? .sharedPublishes : nil
  }

  private func terms(_ use: ConnectionUse, _ wants: [HoldWant], isBlocked: Bool, isSingly: Bool) -> HoldTerms {
    let trickle_ns = Trickle.forProtocol(heartbeat_ns: use.heartbeat_ns)
    if isBlocked {
      return HoldTerms(action: .block, trickle_ns: trickle_ns, whole_ns: trickle_ns, holdsAcks: use.isUnanswered)
    }
    guard wants.contains(where: { $0.action == .pause }) else {
      let rate_bytes_s = wants.map(\.rate_bytes_s).min() ?? 0
      return HoldTerms(action: .throttle, trickle_ns: trickle_ns, rate_bytes_s: rate_bytes_s)
    }
    let phase_ns =
      isSingly
      ? Trickle.single_ns
      : wants.allSatisfy { $0.phase == .probesOut } ? Trickle.probing_ns : Trickle.longest_ns
    let whole_ns = use.isHeardByRequests ? trickle_ns : Trickle.whole(trickle_ns)
    return HoldTerms(action: .pause, trickle_ns: min(trickle_ns, phase_ns), whole_ns: whole_ns)
  }
}

/// One group in mode `enforce`, as far as holding it depends on it.
struct HoldGroup {
  var id: GroupID
  var action: HoldAction
  var rate_bytes_s: UInt64
  var standingRate_bytes_s: UInt64?
  var sharesFreely: Bool
  var state: BreakerState
  /// When the breaker's state began.
  var since: Timestamp
  var revision: UInt64
  /// The breaker asks for it (`GroupMonitor.wantsHold`).
  var wantsHold: Bool
  /// Too little is seen of it to hold anything.
  var isBlind: Bool
  /// It has reached the limit since its breaker opened.
  var isLimited: Bool
  /// Since when it is held without a break; nil if it is not.
  var heldSince: Timestamp?
  /// Addresses of its cluster's brokers; needed for `block` alone.
  var brokers: [Endpoint]
}

/// One connection whose protocol is known, as far as holding it depends on it.
struct HoldConnection {
  var cookie: UInt64
  var server: Endpoint
  var use: ConnectionUse
  /// The kernel holds it now.
  var isHeld: Bool
  /// Since when it is held without a break because breakers ask for it; nil if it is not.
  var heldSince: Timestamp?
  /// Openings that it is not held for any more.
  var limitedFor: [HoldOpening] = []
}

/// One opening of one group's breaker.
struct HoldOpening: Equatable {
  var group: GroupID
  /// The breaker's.
  var revision: UInt64
}

/// How a group is to be held.
struct HoldWant {
  var action: HoldAction
  var rate_bytes_s: UInt64
  var phase: Phase
  /// The breaker's.
  var revision: UInt64
  /// Connections that others depend on are held as well.
  var sharesFreely: Bool

  enum Phase {
    /// The group's standing rate, whatever the breaker says.
    case standing
    case open
    /// Half-open has just begun: requests pass one at a time until they have brought the probes.
    case singly
    /// Half-open waits for the answers to its probes.
    case probesOut
  }

  /// Nil if it is not to be held at all.
  init?(_ group: HoldGroup, isLimited: Bool, at now: Timestamp) {
    sharesFreely = group.sharesFreely
    revision = group.revision
    rate_bytes_s = 0
    if group.wantsHold, !isLimited, !group.isBlind {
      (action, rate_bytes_s) = (group.action, group.rate_bytes_s)
      phase = group.state == .halfOpen ? .probesOut : .open
    } else if let standing = group.standingRate_bytes_s {
      (action, rate_bytes_s, phase) = (.throttle, standing, .standing)
    } else if group.action == .pause, group.state == .halfOpen, !group.wantsHold, !group.isBlind,
      now - group.since < Self.singly_ns
    {
      (action, phase) = (.pause, .singly)
    } else {
      return nil
    }
  }

  var isStanding: Bool { phase == .standing }
  var why: HoldEvent.Why { phase == .probesOut ? .probesOut : .action(action) }

  /// Twice the span in which the consumer's kernel tries again.
  private static let singly_ns: Int64 = .seconds(1)
}
