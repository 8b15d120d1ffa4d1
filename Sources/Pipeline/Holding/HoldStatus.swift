/// What is held of one group, as the planner decided last.
struct HoldStatus {
  /// Connections that are held.
  var held = 0
  /// Connections of the group that are left alone although it is to be held, by reason.
  var leftAlone: [String: Int] = [:]
  /// Since when something is held without a break because the breaker says so. Half-open is one: requests pass.
  private(set) var since: Timestamp?
  /// The breaker's revision at which the longest hold was reached: nothing is held until it has moved on.
  private(set) var cappedRevision: UInt64?
  /// Of connections that are no longer held, and of those that are.
  var past = HoldCounters()
  var present = HoldCounters()

  var counters: HoldCounters {
    var sum = past
    sum += present
    return sum
  }

  /// Why something is left alone, for people; nil if nothing is.
  var why: String? {
    leftAlone.isEmpty ? nil : leftAlone.keys.sorted().joined(separator: "; ")
  }

  func isCapped(at revision: UInt64) -> Bool { cappedRevision == revision }

  /// The longest hold is reached at this moment.
  func reaches(_ limit_ns: Int64, at now: Timestamp) -> Bool { since.map { now - $0 >= limit_ns } ?? false }

  mutating func cap(at revision: UInt64) { cappedRevision = revision }

  /// `isWanted`: the breaker says so; else what is held is held to its standing rate.
  mutating func update(held: Int, leftAlone: [String: Int], isWanted: Bool, at now: Timestamp) {
    self.held = held
    self.leftAlone = leftAlone
    if held == 0 || !isWanted { since = nil } else if since == nil { since = now }
  }
}

extension Group {
  /// Traffic is being held because the breaker says so; a standing rate alone does not count.
  var isHeld: Bool {
    hold.held > 0 && monitor.wantsHold && !monitor.isBlind && !hold.isCapped(at: monitor.breaker.revision)
  }

  /// Why nothing, or not everything, is held although the breaker is open and the mode is `enforce`.
  func whyNotHeld(_ whyCannotHold: String?) -> String? {
    if let whyCannotHold { return whyCannotHold }
    if hold.isCapped(at: monitor.breaker.revision) { return "hold limit" }
    if monitor.isBlind { return "too little of the traffic is seen" }
    return hold.why ?? (hold.held > 0 ? nil : "no connection with a consumer of it is known")
  }

  var holdReport: Report.Hold? {
    let counters = hold.counters
    guard hold.held > 0 || !hold.leftAlone.isEmpty || counters != HoldCounters() else { return nil }
    return Report.Hold(
      connections: hold.held, left_alone: hold.leftAlone, held_packets: counters.held.packets,
      held_bytes: counters.held.bytes, passed_packets: counters.passed.packets, passed_bytes: counters.passed.bytes)
  }
}
