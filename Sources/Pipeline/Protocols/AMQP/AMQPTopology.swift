/// What the declarations that passed say of one virtual host's queues: limits, dead-letter targets, bindings.
///
/// Only what a client of the target declared is known; policies are invisible on the wire. At most `bound` queues, and
/// `Room` for all virtual hosts together; past it a queue gives way that nobody reads and that was not named for a while
/// (reply queues come and go by the thousand). What finds no room is not kept, counted in `Ledger.Dropped`.
final class AMQPTopology {
  let vhost: String
  let cluster: ClusterID
  private(set) var queues: ContiguousArray<AMQPQueue> = []
  /// Changes whenever something is learned that may change what a destination is.
  private(set) var version: UInt64 = 0
  private(set) var byName: [String: Int32] = [:]
  /// Queues that the target consumes, or did.
  private(set) var consumed: [AMQPQueue] = []
  /// Queues by exchange.
  private(set) var exchanges: [String: AMQPBindings] = [:]
  /// Types of exchanges, and exchanges that are bound to others, as far as that was declared.
  private(set) var exchangeTypes: [String: ExchangeType] = [:]
  private(set) var exchangeBindings: [String: AMQPBindings] = [:]
  private var bindingsOf: [String: Set<Binding>] = [:]
  /// Where the search for a queue that may give way goes on.
  private var hand = 0
  let room: Room

  private struct Binding: Hashable {
    var exchange: String
    var key: String
  }

  /// Queues and bindings that may yet be kept, shared by all virtual hosts of a target.
  final class Room {
    var left = 100_000
    private let ledger: Ledger

    init(ledger: Ledger) { self.ledger = ledger }

    /// As they are configured now.
    var destinations: DestinationSettings { ledger.settings.destinations }

    /// Room for one more; false if there is none, counted.
    func take() -> Bool {
      guard left > 0 else { return refuse() }
      left -= 1
      return true
    }

    func refuse() -> Bool {
      ledger.drop(\.declarations)
      return false
    }
  }

  init(vhost: String, cluster: ClusterID, room: Room) {
    self.vhost = vhost
    self.cluster = cluster
    self.room = room
  }

  /// Index of the queue's record, made if need be; nil without a name or where there is no room.
  func queue(named name: String) -> Int32? {
    if let known = byName[name] {
      queues[Int(known)].wasNamed = true
      return known
    }
    guard !name.isEmpty else { return nil }
    // A record that gives way is counted as dropped, whichever of the two it is.
    if queues.count < Self.bound ? room.take() : room.refuse() {
      queues.append(AMQPQueue(name: name))
      byName[name] = Int32(queues.count - 1)
      return Int32(queues.count - 1)
    }
    guard let place = giveWay() else { return nil }
    queues[place] = AMQPQueue(name: name)
    byName[name] = Int32(place)
    return Int32(place)
  }

  /// The place of a queue that nobody reads and that was not named since the hand passed it last.
  private func giveWay() -> Int? {
    for _ in 0..<2 * queues.count {
      hand = hand + 1 < queues.count ? hand + 1 : 0
      let queue = queues[hand]
      if queue.readers > 0 { continue }
      if queue.wasNamed {
        queue.wasNamed = false
        continue
      }
      forgetBindings(of: queue.name)
      if queue.group != nil { consumed.removeAll { $0 === queue } }
      byName[queue.name] = nil
      learned()
      return hand
    }
    return nil
  }

  subscript(_ index: Int32) -> AMQPQueue { queues[Int(index)] }

  func learned() { version &+= 1 }

  /// The target consumes it, as that group.
  func consumes(_ queue: AMQPQueue, as group: GroupID) {
    if queue.group == nil { consumed.append(queue) }
    queue.group = group
    learned()
  }

  func bind(queue: String, exchange: String, key: String) {
    let binding = Binding(exchange: exchange, key: key)
    guard !queue.isEmpty, bindingsOf[queue]?.contains(binding) != true, room.take() else { return }
    exchanges[exchange, default: .init()].add(queue, key: key)
    bindingsOf[queue, default: []].insert(binding)
    learned()
  }

  func declare(exchange: String, type: ExchangeType) {
    guard exchangeTypes[exchange] != type, exchangeTypes[exchange] != nil || room.take() else { return }
    exchangeTypes[exchange] = type
    learned()
  }

  func bind(exchange destination: String, to source: String, key: String) {
    guard exchangeBindings[source]?.byKey[key]?.contains(destination) != true, room.take() else { return }
    exchangeBindings[source, default: .init()].add(destination, key: key)
    learned()
  }

  func unbind(exchange destination: String, from source: String, key: String) {
    guard exchangeBindings[source]?.remove(destination, key: key) == true else { return }
    if exchangeBindings[source]?.isEmpty == true { exchangeBindings[source] = nil }
    room.left += 1
    learned()
  }

  /// The exchange is deleted, and with it its bindings, from either end.
  func delete(exchange: String) {
    if exchangeTypes.removeValue(forKey: exchange) != nil { room.left += 1 }
    for (key, queues) in exchanges[exchange]?.byKey ?? [:] {
      for queue in queues { unbind(queue: queue, exchange: exchange, key: key) }
    }
    for (key, destinations) in exchangeBindings[exchange]?.byKey ?? [:] {
      for destination in destinations { unbind(exchange: destination, from: exchange, key: key) }
    }
    for (source, bindings) in exchangeBindings {
      for (key, destinations) in bindings.byKey where destinations.contains(exchange) {
        unbind(exchange: exchange, from: source, key: key)
      }
    }
    for queue in queues { queue.forgetSources(by: exchange) }
    learned()
  }

  func unbind(queue: String, exchange: String, key: String) {
    let binding = Binding(exchange: exchange, key: key)
    if let index = byName[queue] { queues[Int(index)].forgetSources(by: exchange) }
    guard bindingsOf[queue]?.remove(binding) != nil else { return learned() }
    if bindingsOf[queue]?.isEmpty == true { bindingsOf[queue] = nil }
    forget(binding, of: queue)
    learned()
  }

  func delete(queue: String) {
    if let index = byName[queue] { queues[Int(index)].forgetDeclaration() }
    forgetBindings(of: queue)
    learned()
  }

  private func forgetBindings(of queue: String) {
    for binding in bindingsOf.removeValue(forKey: queue) ?? [] { forget(binding, of: queue) }
  }

  private func forget(_ binding: Binding, of queue: String) {
    exchanges[binding.exchange]?.remove(queue, key: binding.key)
    if exchanges[binding.exchange]?.isEmpty == true { exchanges[binding.exchange] = nil }
    room.left += 1
  }

  /// Where a message rejected from this queue ends.
  func rejection(from queue: AMQPQueue, settings: DestinationSettings) -> AMQPQueue.Rejection {
    if queue.rejectionVersion == version { return queue.rejection }
    queue.rejectionVersion = version
    queue.rejection = workOutRejection(from: queue, settings: settings)
    return queue.rejection
  }

  private func workOutRejection(from queue: AMQPQueue, settings: DestinationSettings) -> AMQPQueue.Rejection {
    guard !queue.returnsAfterWaiting else { return .delayed }
    guard let exchange = queue.declaration?.deadLetterExchange else { return .final }
    let key = queue.declaration?.deadLetterRoutingKey
    let declared = targets(exchange: exchange, key: key).compactMap {
      byName[$0].flatMap { queues[Int($0)].declaration }
    }
    if declared.contains(where: { returnsAfterWaiting($0, to: queue, key: key) }) { return .delayed }
    if leadsBack(exchange, key, to: queue) { return .itself }
    if !declared.isEmpty { return .final }
    switch settings.kind(of: exchange.isEmpty ? (key ?? "") : exchange + " " + (key ?? "")) {
    case .retry: return .delayed
    case .deadLetter where isFinalByName(key ?? exchange): return .final
    case .deadLetter, .normal: return .unknown
    }
  }

  /// Whether messages wait in the queue declared so and then come back: it has a limit, and its dead letters reach `queue`,
  /// or go where nothing is known to be bound. `key` is the routing key they came with, if it is known.
  private func returnsAfterWaiting(_ waiting: AMQPQueue.Declaration, to queue: AMQPQueue, key: String?) -> Bool {
    guard waiting.messageTTL_ms != nil, let exchange = waiting.deadLetterExchange else { return false }
    let back = targets(exchange: exchange, key: waiting.deadLetterRoutingKey ?? key)
    return back.isEmpty || back.contains(queue.name)
  }

  /// Whether a dead letter is in the same queue again at once. Without a key of its own it keeps the one that it came with:
  /// it comes back if it can go nowhere else.
  private func leadsBack(_ exchange: String, _ key: String?, to queue: AMQPQueue) -> Bool {
    let reached = targets(exchange: exchange, key: key)
    return key == nil ? reached == [queue.name] : reached.contains(queue.name)
  }

  /// `dlx` names an exchange, and delayed retries use one as well; the other names mean a last resting place.
  private func isFinalByName(_ name: String) -> Bool {
    DestinationSettings.conventionalKind(of: name) == .deadLetter
      && !name.lowercased().split(whereSeparator: { !$0.isLetter }).contains("dlx")
  }

  /// Whether a publish to (exchange, key) goes where a consumed queue sends its dead letters. Never the default exchange
  /// alone, never an exchange to which a consumed queue is bound.
  func isDeadLetterTarget(exchange: String, key: String) -> Bool {
    for queue in consumed {
      guard let declaration = queue.declaration, declaration.deadLetterExchange == exchange else { continue }
      if exchange.isEmpty {
        if declaration.deadLetterRoutingKey == key { return true }
      } else if !isBoundToConsumedQueue(exchange), declaration.deadLetterRoutingKey.map({ $0 == key }) ?? true {
        return true
      }
    }
    return false
  }

  /// By a declaration that passed, or since messages came to the queue through the exchange.
  func isBoundToConsumedQueue(_ exchange: String) -> Bool {
    guard !exchange.isEmpty else { return false }
    return consumed.contains { $0.gets(from: exchange) }
      || exchanges[exchange]?.byKey.values.contains { $0.contains(where: isConsumed) } == true
  }

  /// How long the queue keeps a message, if it was declared so (`x-message-ttl`).
  func messageTTL_ms(of queue: String) -> Int64? {
    byName[queue].flatMap { queues[Int($0)].declaration?.messageTTL_ms }
  }

  /// Whether a target's consumer reads this queue.
  func isConsumed(_ queue: String) -> Bool {
    byName[queue].map { queues[Int($0)].group != nil } ?? false
  }

  private static let bound = 10_000
}
