/// The second step of holding: has the kernel do what was decided, and keeps what it does.
///
/// In: a `HoldPlan`. Out: orders for the `HoldSwitch`, where something changes and every `renew_ns`, since the kernel
/// bounds each in time; and what came of them.
///
/// What the kernel could not do is tried again after `retry_ns`. Memory: an entry per held connection, one per refused
/// address, one per connection or address that the kernel refused to take.
struct HoldOrders {
  private(set) var held: [UInt64: Held] = [:]
  /// With the moment of the last order.
  private var refused: [Endpoint: Timestamp] = [:]
  private var failures: [UInt64: Failure] = [:]
  private var refusalFailures: [Endpoint: Failure] = [:]

  struct Held {
    var terms: HoldTerms
    /// The group that its counters go to.
    var group: GroupID
    var counters = HoldCounters()
    /// Since when it is held without a break because breakers ask for it; nil for a standing rate, and while its requests
    /// pass one at a time.
    var since: Timestamp?
    /// When the kernel was told last.
    var orderedAt: Timestamp
    var keepalive = Keepalive.nudge
  }

  private struct Failure {
    var words: String
    var at: Timestamp
  }

  /// What came of a plan.
  struct Outcome {
    var held: [(hold: HoldPlan.Hold, keepalive: Keepalive)] = []
    /// Not held, and the kernel's words.
    var failed: [(hold: HoldPlan.Hold, words: String)] = []
    /// Of connections that are held no more.
    var released: [(group: GroupID, counters: HoldCounters)] = []
    var refused: [Endpoint] = []
    /// Not refused, and the kernel's words.
    var notRefused: [(endpoint: Endpoint, words: String)] = []
  }

  /// Something is held or refused.
  var isActive: Bool { !held.isEmpty || !refused.isEmpty }

  mutating func carryOut(_ plan: HoldPlan, _ kernel: any HoldSwitch, at now: Timestamp) -> Outcome {
    var outcome = Outcome()
    refuse(plan, kernel, at: now, &outcome)
    var kept: [UInt64: Held] = [:]
    failures = failures.filter { now - $0.value.at < Self.retry_ns }
    for hold in plan.holds {
      var entry = held[hold.cookie] ?? Held(terms: hold.terms, group: hold.groups[0], orderedAt: now)
      var words = failures[hold.cookie]?.words
      if words == nil, held[hold.cookie]?.terms != hold.terms || now - entry.orderedAt >= Self.renew_ns {
        words = kernel.hold(hold.cookie, hold.terms)
        entry.orderedAt = now
        if let words, !hold.isSingly { failures[hold.cookie] = Failure(words: words, at: now) }
      }
      if let words {
        outcome.failed.append((hold, words))
        continue
      }
      entry.terms = hold.terms
      entry.since = hold.isLimited ? entry.since ?? now : nil
      entry.keepalive = kernel.keepalive(hold.cookie)
      kept[hold.cookie] = entry
      outcome.held.append((hold, entry.keepalive))
    }
    let gone = held.filter { kept[$0.key] == nil }.sorted { $0.key < $1.key }
    held = kept
    let gap_ns = min(Self.gap_ns, Self.drain_ns / Int64(max(gone.count, 1)))
    for (place, (cookie, entry)) in gone.enumerated() {
      let counters = kernel.release(cookie, after_ns: Int64(place) * gap_ns)
      outcome.released.append((entry.group, counters ?? entry.counters))
    }
    return outcome
  }

  private mutating func refuse(
    _ plan: HoldPlan, _ kernel: any HoldSwitch, at now: Timestamp, _ outcome: inout Outcome
  ) {
    for endpoint in refused.keys where plan.refusals[endpoint] == nil { kernel.allow(endpoint) }
    refused = refused.filter { plan.refusals[$0.key] != nil }
    refusalFailures = refusalFailures.filter { now - $0.value.at < Self.retry_ns }
    for endpoint in plan.refusals.keys {
      var words = refusalFailures[endpoint]?.words
      if words == nil, refused[endpoint].map({ now - $0 >= Self.renew_ns }) ?? true {
        words = kernel.refuse(endpoint)
        refused[endpoint] = words == nil ? now : nil
        if let words { refusalFailures[endpoint] = Failure(words: words, at: now) }
      }
      if let words { outcome.notRefused.append((endpoint, words)) } else { outcome.refused.append(endpoint) }
    }
  }

  /// What the kernel has counted on a connection since it is held. Answers the group that it is counted for; nil if it is
  /// not held.
  mutating func counted(_ counters: HoldCounters, cookie: UInt64) -> GroupID? {
    guard let entry = held[cookie] else { return nil }
    held[cookie]?.counters = counters
    return entry.group
  }

  /// Counters of a group's connections that are held now.
  func counters(of group: GroupID) -> HoldCounters {
    var sum = HoldCounters()
    for entry in held.values where entry.group == group { sum += entry.counters }
    return sum
  }

  private static let retry_ns: Int64 = .seconds(1)
  /// Connections that are let go at once go one after the other: what they have gathered must not reach the broker in one
  /// burst.
  private static let gap_ns: Int64 = .milliseconds(50)
  private static let drain_ns: Int64 = .seconds(1)
  /// Shorter than the shortest bound that the kernel is given: `hold_limit` is a second at least, and its margin five.
  private static let renew_ns: Int64 = .seconds(2)
}
