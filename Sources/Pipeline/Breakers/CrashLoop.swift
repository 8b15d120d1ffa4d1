/// Crashes of one group's consumers that follow one another with hardly an ack between them.
///
/// In: each crash with what was in flight then, the running number of acks. Out: whether the consumers are in a loop, which
/// messages were in flight at every crash of it (suspects), and which come nearest to the broker's delivery limit
/// (victims). A series of crashes ends with `acks` acks, or when none came for `within_ns`.
///
/// One incident may end several connections, those of one process or all behind one address that went: a connection that
/// ends within a second of the crash before, and had nothing in flight that came after it, belongs to that crash.
///
/// Memory: nothing until the first crash; then at most 64 moments, 256 messages in flight and as many suspects, and 16
/// victims. Cost: a crash compares what is in flight with the suspects; an ack costs nothing.
package struct CrashLoop: Equatable, Sendable {
  /// One delivery that was in flight at a crash.
  package struct InFlight: Equatable, Sendable, BitwiseCopyable {
    /// `Outcome.message`.
    package var message: UInt64
    package var deliveredAt: Timestamp
    /// How many more returns the broker's delivery limit allows after this one: below 0, it gave the message up. Nil
    /// without a known limit.
    package var returnsLeft: Int64?

    package init(message: UInt64, deliveredAt: Timestamp, returnsLeft: Int64? = nil) {
      self.message = message
      self.deliveredAt = deliveredAt
      self.returnsLeft = returnsLeft
    }
  }

  /// Crashes of the series, oldest first; the latest of them where there are many.
  private var moments: [Timestamp] = []
  /// Crashes of the series.
  package private(set) var count = 0
  /// In flight at every crash of the series.
  package private(set) var suspects: [UInt64] = []
  /// The same before the latest crash; nil if that was the first.
  private var suspectsBefore: [UInt64]?
  /// In flight at the latest crash.
  private var latest: [UInt64] = []
  /// Nearest to the limit first.
  package private(set) var victims: [InFlight] = []
  private var acksAtLatest: UInt32 = 0

  /// Nobody crashed yet.
  package var isEmpty: Bool { moments.isEmpty }
  package var last: Timestamp? { moments.last }

  /// A consumer broke off with these in its hands. `acks`: the group's running number of acks.
  mutating func crashed(_ inFlight: [InFlight], acks: UInt32, rule: CrashLoopSettings, at now: Timestamp) {
    if isSameIncident(inFlight, at: now) {
      add(inFlight)
      return
    }
    if !isSeries(acks: acks, rule, at: now) {
      moments.removeAll(keepingCapacity: true)
      count = 0
      victims = []
    }
    suspectsBefore = moments.isEmpty ? nil : suspects
    if moments.count == Self.mostMoments { moments.removeFirst() }
    moments.append(now)
    count += 1
    acksAtLatest = acks
    latest = []
    add(inFlight)
  }

  /// Whether the consumers are in a loop.
  func isLooping(acks: UInt32, _ rule: CrashLoopSettings, at now: Timestamp) -> Bool {
    rule.enabled && acksSince(acks) < rule.acks && recent(rule, at: now) >= rule.crashes
  }

  /// Crashes of the series within the rule's time.
  func recent(_ rule: CrashLoopSettings, at now: Timestamp) -> Int {
    moments.reduce(0) { now - $1 <= rule.within_ns ? $0 + 1 : $0 }
  }

  /// Acks since the latest crash; acks that were revoked may make it less than none.
  func acksSince(_ acks: UInt32) -> Int { max(0, Int(Int32(bitPattern: acks &- acksAtLatest))) }

  /// When the first of the crashes that make a loop leaves the rule's time.
  func unchangedUntil(_ rule: CrashLoopSettings, at now: Timestamp) -> Timestamp {
    guard rule.enabled, let first = moments.first(where: { now - $0 <= rule.within_ns }) else { return .distantFuture }
    return first + rule.within_ns + 1
  }

  private func isSeries(acks: UInt32, _ rule: CrashLoopSettings, at now: Timestamp) -> Bool {
    guard let last = moments.last else { return false }
    return now - last <= rule.within_ns && acksSince(acks) < rule.acks
  }

  private func isSameIncident(_ inFlight: [InFlight], at now: Timestamp) -> Bool {
    guard let last = moments.last, now - last <= Self.incident_ns else { return false }
    return inFlight.allSatisfy { $0.deliveredAt <= last }
  }

  private mutating func add(_ inFlight: [InFlight]) {
    for delivery in inFlight where latest.count < Self.most && !latest.contains(delivery.message) {
      latest.append(delivery.message)
    }
    suspects = suspectsBefore.map { $0.filter(latest.contains) } ?? latest
    for delivery in inFlight { offer(delivery) }
  }

  private mutating func offer(_ delivery: InFlight) {
    victims.removeAll { $0.message == delivery.message }
    guard let left = delivery.returnsLeft else { return }
    let place = victims.firstIndex { ($0.returnsLeft ?? .max) > left } ?? victims.endIndex
    guard place < Self.mostVictims else { return }
    victims.insert(delivery, at: place)
    if victims.count > Self.mostVictims { victims.removeLast() }
  }

  private static let incident_ns: Int64 = .seconds(1)
  private static let mostMoments = 64
  private static let most = 256
  private static let mostVictims = 16
}
