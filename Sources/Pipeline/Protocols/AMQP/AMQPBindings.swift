/// What is bound to one exchange, by binding key: queues, or other exchanges.
///
/// Keys with `*` or `#` are kept apart, so that a routing key costs a look-up and a comparison with those alone, however many
/// bindings there are.
struct AMQPBindings {
  private(set) var byKey: [String: Set<String>] = [:]
  /// Keys that may match others than themselves.
  private var patterns: Set<String> = []

  var isEmpty: Bool { byKey.isEmpty }

  /// All that is bound, by whatever key.
  var all: Set<String> { byKey.values.reduce(into: []) { $0.formUnion($1) } }

  mutating func add(_ target: String, key: String) {
    byKey[key, default: []].insert(target)
    if AMQPTopology.isPattern(key) { patterns.insert(key) }
  }

  /// Answers whether it was bound.
  @discardableResult
  mutating func remove(_ target: String, key: String) -> Bool {
    guard byKey[key]?.remove(target) != nil else { return false }
    if byKey[key]?.isEmpty == true {
      byKey[key] = nil
      patterns.remove(key)
    }
    return true
  }

  /// Calls `body` with what receives a message with that routing key. If the exchange's type was not seen, the rule of any
  /// type counts.
  func forEach(_ key: String, _ type: AMQPTopology.ExchangeType?, _ body: (Set<String>) -> Void) {
    if type == .fanout { return byKey.values.forEach(body) }
    if let exact = byKey[key] { body(exact) }
    if type == .other || type == nil, !key.isEmpty, let unkeyed = byKey[""] { body(unkeyed) }
    guard type == .topic || type == nil else { return }
    for pattern in patterns where pattern != key && AMQPTopology.topicMatches(pattern, key) {
      if let bound = byKey[pattern] { body(bound) }
    }
  }
}
