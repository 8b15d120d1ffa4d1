/// One consumer group of one target: its counters over the whole run, its deliveries in flight, its monitor.
final class Group {
  let type: any BrokerProtocol.Type
  let system: MessagingSystem
  private let attemptNames: [String]
  private let delayNames: [String]
  let key: String
  /// Changes when it is united with another.
  var cluster: ClusterID
  /// As the broker names it, for people.
  let name: String
  /// What it consumes, in the order in which that was seen.
  private(set) var destinations: [String]
  /// Of systems whose destinations have them.
  var partitions: ContiguousArray<Partition> = []
  /// Where in `partitions` one is, by destination and number.
  var partitionIndex: [UInt64: Int32] = [:]
  var monitor: GroupMonitor
  var totals = Totals()
  /// How often each inference decided something, by its name in the report.
  var inferences: [String: UInt64] = [:]
  /// Of the requeued ones, how many went back for another reason than that their consumer handed them back.
  var requeueCauses: [RequeueCause: UInt64] = [:]
  /// Deliveries whose acknowledgement came too late, and that may come again.
  var expired = ExpiredDeliveries()
  /// What its brokers refused.
  var brokerErrors = BrokerErrors()
  var attempts = AttemptCounts()
  var attemptSources: AttemptSource = []
  var delay = Histogram()
  var settleLatency = Histogram()
  var retryLatency = Histogram()
  var delaySource: DelaySource?
  /// Who gets its deliveries now.
  var consumers = GroupConsumers()
  var alerts = Alerts()
  /// What of it is held.
  var hold = HoldStatus()
  var lastActive = Timestamp.zero
  /// Time alone changes nothing about it before this moment; whatever happens sets it back.
  var quietUntil = Timestamp.zero
  /// Tells it from the group that was filed under the same index before.
  let serial: UInt32
  /// The latest transitions; what came before is counted.
  private(set) var transitions: [Transition] = []
  private(set) var transitionsDropped = 0
  /// The latest transitions of an earlier run.
  var remembered: [Report.TransitionReport] = []
  /// Who asked for the breaker's state, and why; nil for rules and timers.
  var note: OperatorNote?
  /// Deliveries in flight, linked oldest delivery first.
  private(set) var oldest: DeliveryID = 0
  private(set) var newest: DeliveryID = 0
  private(set) var inFlight = 0
  /// Since when nothing is in flight, where nothing is.
  var emptySince = Timestamp.zero
  /// Since when something is in flight, but for pauses too short to count: while work is taken away and handed out again.
  private var busySince = Timestamp.zero
  /// Deliveries that an own copy has settled and whose acknowledgement may still come, linked oldest copy first.
  private(set) var oldestPaired: DeliveryID = 0
  private var newestPaired: DeliveryID = 0
  /// Why `pause` could not hold it; nil if it could.
  var unholdable: NotHeld? { consumers.unholdable }
  /// Deliveries that would still run if its consumers' requests were held now: those in flight, and those that the broker
  /// may send without being asked again. (It may hand out more than the limit: quorum queues do after requeues. What a
  /// consumer joined midway may be sent was not seen.)
  var exposure: Int { max(inFlight, consumers.prefetch) }
  /// What a consumer joined midway may be sent is missing in `exposure`.
  var isExposureMinimum: Bool { consumers.isPrefetchMinimum }
  /// Mixed into message hashes, so that one message in two groups is two records.
  let salt: UInt64
  /// Where the broker sends what it rejects, as far as declarations tell.
  var deadLetterTarget: String?
  /// Returns that a message survives, as far as declarations tell.
  var deliveryLimit: Int64?
  /// Copies that its consumers published, by producer entry.
  var copies: [Int32: UInt64] = [:]
  /// The delivery that was acknowledged last, of those in the `SourceTable`.
  var latestAcked: UInt32 = 0
  /// Ids of failing messages, for people; bounded.
  var labels: [UInt64: String] = [:]

  /// The delivery in flight that was enqueued first; 0 when unknown since that one settled.
  private var earliest: DeliveryID = 0
  private var earliestSearchedAt = Timestamp(ns: .min)

  init(
    of type: any BrokerProtocol.Type, key: String, cluster: ClusterID, name: String, destination: String?,
    serial: UInt32,
    monitor: GroupMonitor
  ) {
    self.serial = serial
    self.type = type
    system = type.system
    attemptNames = type.attemptSources
    delayNames = type.delaySources
    self.key = key
    self.cluster = cluster
    self.name = name
    destinations = destination.map { [$0] } ?? []
    self.monitor = monitor
    salt = key.utf8.reduce(UInt64(bitPattern: Int64(cluster)) &+ 0x51_7c_c1_b7) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
  }

  /// As the report writes them.
  var attemptSourceName: String { attemptSources.name(attemptNames) }
  func name(of source: AttemptSource) -> String { source.name(attemptNames) }
  var delaySourceName: String? { delaySource?.name(delayNames) }

  func addDestination(_ destination: String) -> Int32 {
    if let known = destinations.firstIndex(of: destination) { return Int32(known) }
    destinations.append(destination)
    return Int32(destinations.count - 1)
  }

  /// What was known by another name (a topic by its id) has one.
  func rename(_ destination: String, to name: String) {
    if let known = destinations.firstIndex(of: destination) { destinations[known] = name }
  }

  func link(_ id: DeliveryID, in deliveries: inout DeliveryTable) {
    deliveries[id].previous = newest
    deliveries[id].next = 0
    if newest != 0 { deliveries[newest].next = id } else { oldest = id }
    newest = id
    if inFlight == 0, deliveries[id].at - emptySince > Self.pause_ns { busySince = deliveries[id].at }
    inFlight += 1
    if inFlight == 1 || (earliest != 0 && age(id, deliveries) < age(earliest, deliveries)) { earliest = id }
  }

  func unlink(_ id: DeliveryID, in deliveries: inout DeliveryTable) {
    let previous = deliveries[id].previous
    let next = deliveries[id].next
    if previous != 0 { deliveries[previous].next = next } else { oldest = next }
    if next != 0 { deliveries[next].previous = previous } else { newest = previous }
    inFlight -= 1
    if earliest == id { earliest = 0 }
  }

  func linkPaired(_ id: DeliveryID, in deliveries: inout DeliveryTable) {
    deliveries[id].previous = newestPaired
    deliveries[id].next = 0
    if newestPaired != 0 { deliveries[newestPaired].next = id } else { oldestPaired = id }
    newestPaired = id
  }

  func unlinkPaired(_ id: DeliveryID, in deliveries: inout DeliveryTable) {
    let previous = deliveries[id].previous
    let next = deliveries[id].next
    if previous != 0 { deliveries[previous].next = next } else { oldestPaired = next }
    if next != 0 { deliveries[next].previous = previous } else { newestPaired = previous }
  }

  /// When the delivery would have had to be settled to have no delay at all.
  private func age(_ id: DeliveryID, _ deliveries: borrowing DeliveryTable) -> Int64 {
    deliveries[id].enqueued_ns &+ deliveries[id].deliberate_ns
  }

  /// The oldest by enqueue time. It is kept up as deliveries come and go; only when that very one has settled the list is
  /// searched, and a list of more than `searchFreely` at most once in 100 ms, the oldest delivery standing in meanwhile.
  private func earliestInFlight(_ deliveries: borrowing DeliveryTable, at: Timestamp) -> DeliveryID {
    if earliest != 0 || oldest == 0 { return earliest }
    if inFlight > Self.searchFreely, at - earliestSearchedAt < .milliseconds(100) { return oldest }
    earliestSearchedAt = at
    var candidate = oldest
    var id = deliveries[oldest].next
    while id != 0 {
      if age(id, deliveries) < age(candidate, deliveries) { candidate = id }
      id = deliveries[id].next
    }
    earliest = candidate
    return candidate
  }

  /// False while a stand-in is taken for the oldest: the next look may find another one.
  var isEarliestKnown: Bool { earliest != 0 || oldest == 0 }

  func context(deliveries: borrowing DeliveryTable, consumers: borrowing ConsumerTable, at: Timestamp) -> JudgeContext {
    var context = JudgeContext()
    context.attemptSource = attemptSourceName
    context.held = isHeld
    context.delaySource = (delaySource ?? .firstSeen).name(delayNames)
    let id = earliestInFlight(deliveries, at: at)
    guard id != 0 else { return context }
    context.oldestInFlight_ns = max(0, at.ns &- age(id, deliveries))
    context.oldestInFlightIsLowerBound = deliveries[id].flags.contains(.lowerBound)
    context.headOfLine_ns = headOfLine_ns(deliveries, consumers, at: at)
    return context
  }

  /// How long the group has been busy with the oldest head-of-line delivery: since its message was first delivered here,
  /// however often it was taken away since, or since that consumer's last ack. Only the deliveries in flight longest can be
  /// one.
  private func headOfLine_ns(
    _ deliveries: borrowing DeliveryTable, _ consumers: borrowing ConsumerTable, at: Timestamp
  ) -> Int64 {
    var longest_ns: Int64 = 0
    var id = oldest
    var looked = 0
    while id != 0, looked < Self.headsLookedAt {
      let since = max(deliveries[id].first, consumers[deliveries[id].consumer].lastAcked, busySince)
      longest_ns = max(longest_ns, at - since)
      id = deliveries[id].next
      looked += 1
    }
    return longest_ns
  }

  func keep(_ transition: Transition) {
    note = transition.note
    if transitions.count == Self.transitionBound {
      transitions.removeFirst()
      transitionsDropped += 1
    }
    transitions.append(transition)
  }

  /// Keeps a message's own id for people, should it turn out to fail again and again. Past the bound all begin anew: one
  /// that goes on failing is back at once.
  func label(_ message: UInt64, _ id: @autoclosure () -> String) {
    guard labels[message] == nil else { return }
    if labels.count >= Self.labelBound { labels.removeAll(keepingCapacity: true) }
    labels[message] = id()
  }

  /// What a message without an id is called: `hash:` and 16 hexadecimal digits.
  static func unnamed(_ message: UInt64) -> String {
    let digits = String(message, radix: 16)
    return "hash:" + String(repeating: "0", count: 16 - digits.count) + digits
  }

  /// Longer than clients take to connect again after a close.
  private static let pause_ns: Int64 = .seconds(60)
  private static let headsLookedAt = 64
  private static let searchFreely = 256
  private static let labelBound = 1024
  private static let transitionBound = 1024
}
