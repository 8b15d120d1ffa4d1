internal import CProbe
internal import Pipeline

/// Turns the kernel's loss counters, which only grow, into `CaptureLoss`es: each lost segment once.
struct LossLedger {
  private typealias Counters = (segments: UInt64, bytes: UInt64)

  /// As last reported: by cookie, and those that the kernel could not tie to one.
  private var byCookie = [UInt64: connection_losses]()
  private var unattributed: [Counters] = Array(repeating: (0, 0), count: CaptureLoss.Cause.allCases.count)
  private var seen: UInt64 = 0
  private var collected_ns = Int64.min
  private var waiting = [CaptureLoss]()

  /// Whether something was lost since the last time, and enough time has passed for another look.
  func areDue(_ state: borrowing capture_state, now_ns: Int64) -> Bool {
    guard Self.segments(state) != seen else { return false }
    return collected_ns == .min || now_ns - collected_ns >= Self.every_ns
  }

  mutating func collect(_ state: capture_state, map: Int32, at: Timestamp, now_ns: Int64) {
    collected_ns = now_ns
    seen = Self.segments(state)
    var cookie: UInt64 = 0
    var found = cprobe_map_next_key(map, nil, &cookie) == 0
    var budget = Int(LOST_MAXIMUM.rawValue) + 1
    while found && budget > 0 {
      budget -= 1
      report(cookie, map: map, at: at)
      var next: UInt64 = 0
      found = cprobe_map_next_key(map, &cookie, &next) == 0
      cookie = next
    }
    for (index, cause) in CaptureLoss.Cause.allCases.enumerated() {
      let now = Self.counters(state.unattributed, cause)
      append(cause, cookie: 0, now, since: unattributed[index], at)
      unattributed[index] = now
    }
  }

  mutating func take() -> [CaptureLoss] {
    defer { waiting = [] }
    return waiting
  }

  /// Removes connections from the kernel's table, so that it does not fill up; what they lost meanwhile is kept.
  mutating func forget(map: Int32, at: Timestamp, where isGone: (UInt64) -> Bool) {
    for cookie in byCookie.keys where isGone(cookie) {
      report(cookie, map: map, at: at)
      var key = cookie
      _ = cprobe_map_delete(map, &key)
      byCookie[cookie] = nil
    }
  }

  static func total(_ state: capture_state, _ cause: CaptureLoss.Cause) -> (segments: UInt64, bytes: UInt64) {
    counters(state.losses, cause)
  }

  private mutating func report(_ cookie: UInt64, map: Int32, at: Timestamp) {
    var key = cookie
    var now = connection_losses()
    guard cprobe_map_lookup(map, &key, &now) == 0 else { return }
    let before = byCookie[cookie] ?? connection_losses()
    for cause in CaptureLoss.Cause.allCases {
      append(
        cause, cookie: cookie, Self.counters(now.by_cause, cause), since: Self.counters(before.by_cause, cause), at)
    }
    byCookie[cookie] = now
  }

  private mutating func append(
    _ cause: CaptureLoss.Cause, cookie: UInt64, _ now: Counters, since before: Counters, _ at: Timestamp
  ) {
    guard now.segments != before.segments || now.bytes != before.bytes else { return }
    waiting.append(
      CaptureLoss(
        at: at, cookie: cookie, segments: now.segments &- before.segments, bytes: now.bytes &- before.bytes,
        cause: cause))
  }

  private static func segments(_ state: borrowing capture_state) -> UInt64 {
    state.losses.0.segments &+ state.losses.1.segments &+ state.losses.2.segments
  }

  /// In the order of `enum loss_cause`.
  private static func counters(_ losses: (loss, loss, loss), _ cause: CaptureLoss.Cause) -> Counters {
    switch cause {
    case .ringFull: (losses.0.segments, losses.0.bytes)
    case .tableFull: (losses.1.segments, losses.1.bytes)
    case .copyFailed: (losses.2.segments, losses.2.bytes)
    }
  }

  private static let every_ns: Int64 = .milliseconds(5)
}
