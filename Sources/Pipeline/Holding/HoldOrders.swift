/// The second step of holding: has the kernel do what was decided, and keeps what it does.
///
/// In: a `HoldPlan`. Out: orders for the `HoldSwitch`, only where something changes, and what came of them.
///
/// What the kernel could not hold is tried again after `retry_ns`. Memory: an entry per held connection, one per connection
/// that could not be held, one per refused address.
struct HoldOrders {
  private(set) var held: [UInt64: Held] = [:]
  private var refused: Set<Endpoint> = []
  private var failures: [UInt64: Failure] = [:]

  struct Held {
    var terms: HoldTerms
    /// The group that its counters go to.
    var group: GroupID
    var counters = HoldCounters()
  }

  private struct Failure {
    var words: String
    var at: Timestamp
  }

  /// What came of a plan.
  struct Outcome {
    var held: [HoldPlan.Hold] = []
    /// Not held, and the kernel's words.
    var failed: [(hold: HoldPlan.Hold, words: String)] = []
    /// Of connections that are held no more.
    var released: [(group: GroupID, counters: HoldCounters)] = []
  }

  /// Something is held or refused.
  var isActive: Bool { !held.isEmpty || !refused.isEmpty }

  mutating func carryOut(_ plan: HoldPlan, _ kernel: any HoldSwitch, at now: Timestamp) -> Outcome {
    refuse(plan, kernel)
    var outcome = Outcome()
    var kept: [UInt64: Held] = [:]
    failures = failures.filter { now - $0.value.at < Self.retry_ns }
    for hold in plan.holds {
      if let words = failures[hold.cookie]?.words ?? order(hold, kernel) {
        outcome.failed.append((hold, words))
        if failures[hold.cookie] == nil, !hold.isSingly { failures[hold.cookie] = Failure(words: words, at: now) }
        continue
      }
      var entry = held[hold.cookie] ?? Held(terms: hold.terms, group: hold.groups[0])
      entry.terms = hold.terms
      kept[hold.cookie] = entry
      outcome.held.append(hold)
    }
    let gone = held.filter { kept[$0.key] == nil }
    held = kept
    for (cookie, entry) in gone {
      outcome.released.append((entry.group, kernel.release(cookie) ?? entry.counters))
    }
    return outcome
  }

  /// Answers why the kernel does not hold it; nil if it does.
  private func order(_ hold: HoldPlan.Hold, _ kernel: any HoldSwitch) -> String? {
    held[hold.cookie]?.terms == hold.terms ? nil : kernel.hold(hold.cookie, hold.terms)
  }

  private mutating func refuse(_ plan: HoldPlan, _ kernel: any HoldSwitch) {
    for endpoint in refused where plan.refusals[endpoint] == nil { kernel.allow(endpoint) }
    refused = refused.filter { plan.refusals[$0] != nil }
    // One that could not be refused is tried again at the next plan.
    for endpoint in plan.refusals.keys where !refused.contains(endpoint) {
      if kernel.refuse(endpoint) == nil { refused.insert(endpoint) }
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
}
