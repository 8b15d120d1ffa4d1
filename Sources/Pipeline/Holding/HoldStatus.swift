/// What is held of one group, as it was told last.
struct HoldStatus {
  /// Connections that are held.
  private(set) var held = 0
  /// Addresses to which new connections are refused.
  private(set) var refused = 0
  /// Connections of the group that are left alone although it is to be held, by reason.
  private(set) var leftAlone: [NotHeld: Int] = [:]
  /// The kernel's words, where it is in the way of a hold or a refusal.
  private(set) var detail: String?
  /// How what is held is kept alive: by the trickle if one connection is; nil if nothing is held.
  private(set) var keepalive: Keepalive?
  /// Since when something is held without a break because the breaker says so. Half-open is one: requests pass.
  private(set) var since: Timestamp?
  /// The breaker's revision at which the longest hold was reached: nothing is held until it has moved on.
  private(set) var limitedRevision: UInt64?
  /// Of connections that are no longer held, and of those that are.
  var past = HoldCounters()
  var present = HoldCounters()

  var counters: HoldCounters {
    var sum = past
    sum += present
    return sum
  }

  /// Why not everything is held, what is told first first.
  var reasons: [NotHeld] { Set(leftAlone.keys).union(detail == nil ? [] : [.kernel]).sorted() }
  /// The first of them; nil if there is none.
  var why: NotHeld? { reasons.first }
  var isHolding: Bool { held > 0 || refused > 0 }

  func isLimited(at revision: UInt64) -> Bool { limitedRevision == revision }

  mutating func limit(at revision: UInt64) { limitedRevision = revision }

  /// `isWanted`: the breaker says so; else what is held is held to its standing rate.
  mutating func update(
    held: Int, refused: Int, leftAlone: [NotHeld: Int], detail: String?, keepalive: Keepalive?, isWanted: Bool,
    at now: Timestamp
  ) {
    self.keepalive = keepalive
    self.held = held
    self.refused = refused
    self.leftAlone = leftAlone
    self.detail = detail
    if held == 0 || !isWanted { since = nil } else if since == nil { since = now }
  }
}

extension Group {
  /// Traffic is being held, or new connections refused, because the breaker says so; a standing rate alone does not count.
  var isHeld: Bool {
    hold.isHolding && monitor.wantsHold && !monitor.isBlind && !hold.isLimited(at: monitor.breaker.revision)
  }

  /// Why nothing, or not everything, is held although the breaker is open and the mode is `enforce`, with the kernel's
  /// words where it is in the way. `whyCannotHold`: the kernel's words where nothing can be held at all.
  func whyNotHeld(_ whyCannotHold: String?) -> (why: NotHeld, detail: String?)? {
    if let whyCannotHold { return (.kernel, whyCannotHold) }
    if hold.isLimited(at: monitor.breaker.revision) { return (.holdLimit, nil) }
    if monitor.isBlind { return (.lowCoverage, nil) }
    if let why = hold.why { return (why, why == .kernel ? hold.detail : nil) }
    return hold.isHolding ? nil : (.noConnection, nil)
  }

  var holdReport: Report.Hold? {
    let counters = hold.counters
    guard hold.isHolding || !hold.leftAlone.isEmpty || counters != HoldCounters() else { return nil }
    let leftAlone = Dictionary(uniqueKeysWithValues: hold.leftAlone.map { ($0.key.rawValue, $0.value) })
    return Report.Hold(
      connections: hold.held, refused: hold.refused > 0 ? hold.refused : nil, left_alone: leftAlone,
      keepalive: hold.keepalive?.name, keepalive_why: hold.keepalive?.why,
      held_packets: counters.held.packets, held_bytes: counters.held.bytes, passed_packets: counters.passed.packets,
      passed_bytes: counters.passed.bytes)
  }
}
