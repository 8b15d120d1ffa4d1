// Where a message goes: through exchanges and their bindings to queues, and from queues that let it wait back to others.

extension AMQPTopology {
  enum ExchangeType {
    case direct, fanout, topic
    /// Another one (headers, or a plugin's), whose bindings' keys say nothing certain.
    case other

    init(_ name: Text, in frame: RawSpan) {
      self =
        name.equals("direct", in: frame)
        ? .direct : name.equals("fanout", in: frame) ? .fanout : name.equals("topic", in: frame) ? .topic : .other
    }
  }

  /// The queues that a message to (exchange, key) is known to reach; empty when nothing is known. Without a key: those that
  /// any key reaches.
  func targets(exchange: String, key: String?) -> Set<String> {
    guard let key else {
      return exchanges[exchange]?.all ?? []
    }
    if exchange.isEmpty { return byName[key] == nil ? [] : [key] }
    var found: Set<String> = []
    var seen: Set<String> = []
    route(exchange, key, into: &found, &seen)
    return found
  }

  private func route(_ exchange: String, _ key: String, into found: inout Set<String>, _ seen: inout Set<String>) {
    guard seen.count < Self.exchangesFollowed, seen.insert(exchange).inserted else { return }
    let type = exchangeTypes[exchange]
    exchanges[exchange]?.forEach(key, type) { found.formUnion($0) }
    var others: Set<String> = []
    exchangeBindings[exchange]?.forEach(key, type) { others.formUnion($0) }
    for other in others { route(other, key, into: &found, &seen) }
  }

  /// Whether a binding key may match others than itself.
  static func isPattern(_ binding: String) -> Bool {
    binding.utf8.contains(UInt8(ascii: "*")) || binding.utf8.contains(UInt8(ascii: "#"))
  }

  /// `*` stands for one word, `#` for any number of words (AMQP 0-9-1, section 3.1.3.3).
  static func topicMatches(_ binding: String, _ key: String) -> Bool {
    guard isPattern(binding) else { return binding == key }
    let pattern = binding.split(separator: ".", omittingEmptySubsequences: false)
    let words = key.split(separator: ".", omittingEmptySubsequences: false)
    // Positions of the pattern that may come next; keys have at most 255 bytes, so few words.
    var places: Set<Int> = [0]
    func close(_ set: Set<Int>) -> Set<Int> {
      var all = set
      for var place in set {
        while place < pattern.count, pattern[place] == "#" {
          place += 1
          all.insert(place)
        }
      }
      return all
    }
    places = close(places)
    for word in words {
      var next: Set<Int> = []
      for place in places where place < pattern.count {
        if pattern[place] == "#" { next.insert(place) }
        if pattern[place] == "*" || pattern[place] == word { next.insert(place + 1) }
      }
      places = close(next)
    }
    return places.contains(pattern.count)
  }

  // MARK: What destinations are for

  /// What (exchange, key) is for: by where bindings and declarations lead, by what a consumed queue names as its dead-letter
  /// target, by its name. The groups are named by their queues.
  ///
  /// Under an exchange of its own a routing key says what happened, not where it goes: there it counts for dead letters
  /// alone, and `payment.retry.requested` is an event like any other.
  func use(exchange: String, key: String, settings: DestinationSettings) -> ProducerTable.Use {
    var use = byName(exchange.isEmpty ? key : exchange, settings)
    if !exchange.isEmpty, !key.isEmpty, use.why != .configured {
      // The configuration may mean the destination as the report writes it, or its routing key.
      for name in [exchange + ":" + key, key] where use.why != .configured {
        let listed = settings.use(of: name)
        if listed.why == .configured { use = listed }
      }
    }
    if use.why == .configured, use.kind == .normal { return use }
    if !exchange.isEmpty {
      if use.kind != .normal, use.why == .name, isBoundToConsumedQueue(exchange) { use = .init() }
      let byKey = byName(key, settings)
      if use.kind == .normal, byKey.kind == .deadLetter { use = byKey }
    }
    if use.kind == .normal || !use.isStrong, isDeadLetterTarget(exchange: exchange, key: key) {
      use = .init(kind: .deadLetter, isStrong: true, why: .deadLetterTarget)
    }
    var reached = targets(exchange: exchange, key: key)
    reached.formUnion(receivers(of: exchange, key))
    for name in reached.sorted() {
      guard let index = byName[name] else { continue }
      let queue = queues[Int(index)]
      if queue.group != nil {
        use.groups.append(name)
        continue
      }
      for back in queue.returnedTo where isConsumed(back) && !use.returns.contains(back) { use.returns.append(back) }
      guard let declaration = queue.declaration, let dead = declaration.deadLetterExchange else { continue }
      for back in targets(exchange: dead, key: declaration.deadLetterRoutingKey ?? key).sorted() where isConsumed(back)
      {
        if declaration.messageTTL_ms == nil {
          if !use.returnsExpired.contains(back) { use.returnsExpired.append(back) }
        } else if !use.returns.contains(back) {
          use.returns.append(back)
        }
      }
    }
    if !use.groups.isEmpty { use.why = .consumed } else if !use.returns.isEmpty { use.why = .declared }
    return use
  }

  /// What a name says; of one that extends a consumed queue's name only what it has beyond that: `.failed` of
  /// `orders-retry.failed` where `orders-retry` is consumed.
  private func byName(_ name: String, _ settings: DestinationSettings) -> ProducerTable.Use {
    var settings = settings
    // Names that the broker makes (specification, 2.2.1.3) say nothing, whatever letters they have.
    if name.hasPrefix("amq.") { settings.conventional = false }
    let whole = settings.use(of: name)
    guard whole.kind != .normal, whole.why != .configured else { return whole }
    var own = name.utf8[...]
    for queue in consumed where name.hasPrefix(queue.name) {
      let rest = name.utf8.dropFirst(queue.name.utf8.count)
      guard rest.count < own.count, let next = rest.first else { continue }
      let goesOn = (next >= UInt8(ascii: "a") && next <= UInt8(ascii: "z")) || (next >= 48 && next <= 57)
      if !goesOn { own = rest }
    }
    return settings.use(of: String(own) ?? name)
  }

  /// The group of the consumed queue with the longest name that the destination's contains (`BorneName`): `orders` of
  /// `orders.dlq`, `dead-letters.orders` and `orders.dlx:key`. Else of the only one that was declared to send its dead letters
  /// there.
  func group(namedIn destination: String) -> GroupID? {
    var longest: AMQPQueue?
    let name = Array(destination.utf8)
    for queue in consumed where queue.nameBytes.count > longest?.nameBytes.count ?? 0 {
      if BorneName.stands(queue.nameBytes, in: name) { longest = queue }
    }
    if let longest { return longest.group }
    let sources = consumed.filter { $0.deadLetterTarget == destination }
    return sources.count == 1 ? sources[0].group : nil
  }

  /// Queues that were seen to get what goes there.
  private func receivers(of exchange: String, _ key: String) -> [String] {
    exchange.isEmpty ? [] : consumed.filter { $0.gets(exchange, key) }.map(\.name)
  }

  /// A message came to a queue after it had expired in another one. If that one is called so, it is where messages wait; a
  /// queue of dead letters gets what expired elsewhere, too.
  func noteReturn(from waiting: Text, to queue: AMQPQueue, in frame: RawSpan) {
    let name = frame.extracting(waiting.range(in: frame))
    if queue.knownWaiting.contains(where: { name.equals($0) }) { return }
    guard queue.knownWaiting.count < Self.waitingBound else { return }
    queue.knownWaiting.append(name.withUnsafeBytes { Array($0) })
    let text = waiting.string(in: frame)
    guard room.destinations.use(of: text).kind == .retry, let index = self.queue(named: text),
      !queues[Int(index)].returnedTo.contains(queue.name)
    else { return }
    queues[Int(index)].returnedTo.append(queue.name)
    learned()
  }

  private static var exchangesFollowed: Int { 16 }
  private static var waitingBound: Int { 64 }
}
