/// The first step of holding: decides what is to be held and how, and what is left alone and why.
///
/// In: the breakers of groups in mode `enforce`, what connections are used for, time. Out: this value. Nothing is done
/// and nothing is told here: `HoldOrders` carries it out, `HoldTelling` tells of it.
///
/// A connection is held if every group with a consumer on it is to be held, its requests are what brings deliveries, and
/// nothing else depends on it.
///
/// In half-open, `pause` lets requests pass one segment at a time (`Trickle.single_ns`). Held requests have gathered into few
/// large segments, and each can bring all probes. The report shows the group as released. A connection that has sent no
/// request within `singly_ns` is fully released until the probes have been received.
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
    /// `hold_limit` counts for it. It does not for a standing rate, nor while requests pass one at a time.
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
      let limit_ns = settings.limit(isTrickled: group.isTrickled)
      let reachesLimit = group.wantsHold && group.heldSince.map { now - $0 >= limit_ns } ?? false
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
    let limit_ns = settings.limit(isTrickled: connection.isTrickled)
    if let heldSince = connection.heldSince, now - heldSince >= limit_ns { return true }
    return openings.allSatisfy { connection.limitedFor.contains($0) }
  }

  private func whyNot(_ connection: HoldConnection, _ groups: [GroupID], isBlocked: Bool) -> NotHeld? {
    let use = connection.use
    if use.isLeaving { return .closing }
    if isBlocked { return nil }
    if let unholdable = groups.lazy.compactMap({ use.unholdable[$0] }).min() { return unholdable }
    if groups.allSatisfy({ wants[$0]?.sharesFreely == true }) { return nil }
    if groups.count < use.groups.count { return .sharedGroup }
    return settings.isShared(use.publishedAt, at: now) ? .sharedPublishes : nil
  }

  private func terms(_ use: ConnectionUse, _ wants: [HoldWant], isBlocked: Bool, isSingly: Bool) -> HoldTerms {
    let trickle_ns = Trickle.forProtocol(silence_ns: use.silence_ns)
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
      : wants.allSatisfy { $0.phase == .probesOut } ? Trickle.probing_ns : Trickle.never_ns
    let whole_ns = use.isHeardByRequests ? trickle_ns : Trickle.whole(trickle_ns)
    return HoldTerms(action: .pause, trickle_ns: min(trickle_ns, phase_ns), whole_ns: whole_ns)
  }
}
