import Testing

@testable import Pipeline

/// A ledger, a clock and Kafka sessions that are told facts, as a decoder would tell them. After every fact the equation
/// must hold.
///
/// Places are written as text: `orders-0@5` is offset 5 of partition 0 of `orders`, `orders-0@5...9` are records,
/// `#7-0@5` names the topic by its id.
final class KafkaBench {
  let ledger: Ledger
  let state: KafkaState
  var now = Timestamp(ns: 1_800_000_000 * 1_000_000_000)
  /// What every message takes.
  var step_ns: Int64 = .milliseconds(1)
  /// Strings of all facts: every `Text` is a slice of it.
  private(set) var frame: [UInt8] = []
  /// Facts so far.
  var told = 0
  private var texts: [[UInt8]: Text] = [:]
  private var ports: UInt16 = 40_000
  static let key = KeyedHash.Key(1, 2)

  init(_ change: (inout Settings) -> Void = { _ in }) {
    var settings = Settings()
    change(&settings)
    ledger = Ledger(settings: settings, target: "bench")
    state = KafkaState(key: Self.key, ledger: ledger)
    _ = ledger.advance(to: now)
  }

  func text(_ string: String) -> Text { text(Array(string.utf8)) }

  func text(_ bytes: [UInt8]) -> Text {
    if bytes.isEmpty { return .empty }
    if let known = texts[bytes] { return known }
    let made = Text(offset: UInt32(frame.count), count: UInt32(bytes.count))
    frame += bytes
    texts[bytes] = made
    return made
  }

  /// A connection of a process to a broker.
  func connect(process: String = "app", broker: UInt32 = 1, client: String = "app-1") -> KafkaLink {
    KafkaLink(
      self,
      KafkaSession(
        ledger: ledger, state: state, server: Endpoint(v4: 0x0a00_0000 + broker, port: 9092),
        process: Self.hash(process)),
      client: client)
  }

  /// A member of a classic group with a connection to its coordinator and one to fetch on, that has just been assigned
  /// these partitions (`orders-0`).
  func consumer(
    _ group: String = "g", _ member: String = "m", _ partitions: [String] = ["orders-0"], process: String = "app",
    client: String = "app-1", generation: Int32 = 1, instance: String = ""
  ) -> KafkaConsumer {
    let consumer = KafkaConsumer(
      group: group, member: member, instance: instance, coordinator: connect(process: process, client: client),
      fetcher: connect(process: process, client: client))
    consumer.assign(partitions, generation: generation)
    return consumer
  }

  func step() { now = now + step_ns }

  func pass(_ seconds: Double) {
    now = now + Int64(seconds * 1e9)
    state.expire(at: now)
    ledger.tick(at: now)
    check()
  }

  func check(_ location: SourceLocation = #_sourceLocation) {
    for group in ledger.groups where group.totals.delivered != group.totals.settled + UInt64(group.inFlight) {
      Issue.record("the equation of \(group.key)", sourceLocation: location)
    }
  }

  func group(_ name: String = "g", _ location: SourceLocation = #_sourceLocation) throws -> Pipeline.Group {
    try #require(ledger.groups.first { $0.name == name }, "no group \(name)", sourceLocation: location)
  }

  /// The totals that are not 0, by their names in the report, and `in_flight`.
  func counts(_ name: String = "g", _ location: SourceLocation = #_sourceLocation) throws -> [String: Int] {
    let group = try group(name, location)
    let totals = group.totals
    let all: [String: UInt64] = [
      "delivered": totals.delivered, "redelivered": totals.redelivered, "acked": totals.acked,
      "acked_paired": totals.ackedPaired, "requeued": totals.requeued, "rejected": totals.rejected,
      "dead_lettered": totals.deadLettered, "crashed": totals.crashed, "abandoned": totals.abandoned,
      "expired": totals.expired, "refetched": totals.refetched, "returned": totals.returned,
      "duplicates": totals.duplicates,
      "commit_failures": totals.commitFailures, "rebalances": totals.rebalances, "skewed": totals.skewed,
      "in_flight": UInt64(group.inFlight),
    ]
    return all.filter { $0.value > 0 }.mapValues(Int.init)
  }

  func failures(_ name: String = "g") throws -> Int { Int(try group(name).totals.failures) }

  /// What people are shown of messages that failed.
  func named(_ name: String = "g") throws -> Set<String> { Set(try group(name).labels.values) }

  /// Attempts of the delivery in flight at that place; nil if there is none.
  func attempt(_ place: String, _ name: String = "g") throws -> Int? {
    let spot = KafkaSpot(place)
    let group = try #require(state.group(name, cluster: cluster))
    let partition = group.partitions.first {
      state.topics[$0.key].name == spot.topic && KafkaTopics.partition(of: $0.key) == spot.partition
    }?.value
    guard let id = partition?.deliveries.find(spot.first), ledger.deliveries.isLive(id) else { return nil }
    return Int(ledger.deliveries[id].attempt)
  }

  var cluster: ClusterID { ledger.groups.first?.cluster ?? 0 }
  var ungrouped: UInt64 { ledger.ungrouped.counts.values.reduce(0, +) }
  var unattributed: UInt64 { ledger.unattributed.counts.values.reduce(0, +) }

  static func hash(_ text: String) -> UInt64 {
    var hash = KeyedHash(key)
    let bytes = Array(text.utf8)
    hash.combine(bytes.span.bytes)
    return hash.finish()
  }
}

/// `orders-0@5...9`
struct KafkaSpot {
  var topic: String
  /// 0: by name.
  var id: UInt64 = 0
  var partition: Int32
  var first: Int64 = -1
  var last: Int64 = -1

  init(_ text: String) {
    let halves = text.split(separator: "@")
    let dash = halves[0].lastIndex(of: "-") ?? halves[0].startIndex
    topic = String(halves[0][..<dash])
    partition = Int32(halves[0][halves[0].index(after: dash)...]) ?? 0
    if topic.hasPrefix("#") {
      id = UInt64(topic.dropFirst()) ?? 0
      topic = ""
    }
    guard halves.count > 1 else { return }
    let ends = halves[1].split(separator: "...")
    first = Int64(ends[0]) ?? -1
    last = ends.count > 1 ? Int64(ends[1]) ?? -1 : first
  }
}

/// A member of a classic group, and what client libraries do for it.
final class KafkaConsumer {
  let group: String
  let member: String
  let instance: String
  let coordinator: KafkaLink
  let fetcher: KafkaLink
  private(set) var generation: Int32 = -1

  init(group: String, member: String, instance: String, coordinator: KafkaLink, fetcher: KafkaLink) {
    self.group = group
    self.member = member
    self.instance = instance
    self.coordinator = coordinator
    self.fetcher = fetcher
  }

  func assign(_ partitions: [String], generation: Int32) {
    self.generation = generation
    coordinator.join(group, member, partitions, generation: generation, instance: instance)
  }

  /// Fetches from where the records begin, and gets them.
  func poll(_ records: String...) {
    fetcher.fetch(
      records.map {
        let spot = KafkaSpot($0)
        return "\(spot.topic)-\(spot.partition)@\(spot.first)"
      })
    fetcher.answer(records.map { KafkaGot($0) })
  }

  func commit(_ positions: String..., error: Int16 = 0) {
    coordinator.commit(group, member, generation: generation, positions, error: error)
  }

  func leave() { coordinator.leave(group, member) }

  func end(client: Bool = true, _ end: StreamEnd = .finished) {
    for link in [coordinator, fetcher] { link.end(client: client, end) }
  }
}
