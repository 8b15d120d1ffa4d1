/// Offsets that transactions in progress would commit, by producer.
///
/// Memory: `bound` producers, and as many places of each.
struct KafkaTransactions {
  private var offsets: [Int64: [Key: (group: KafkaGroup, offset: Int64)]] = [:]

  private struct Key: Hashable {
    var group: ObjectIdentifier
    var place: KafkaPlace
  }

  mutating func add(_ producer: Int64, _ group: KafkaGroup, _ place: KafkaPlace, _ offset: Int64) {
    guard offsets[producer] != nil || offsets.count < Self.bound else { return }
    let key = Key(group: ObjectIdentifier(group), place: place)
    let known = offsets[producer]?[key]
    guard known != nil || offsets[producer]?.count ?? 0 < Self.bound else { return }
    offsets[producer, default: [:]][key] = (group, max(offset, known?.offset ?? 0))
  }

  /// The transaction is over: what it would have committed.
  mutating func take(_ producer: Int64) -> [(group: KafkaGroup, place: KafkaPlace, offset: Int64)] {
    let taken = offsets.removeValue(forKey: producer) ?? [:]
    return taken.map { ($0.value.group, $0.key.place, $0.value.offset) }
      .sorted { ($0.place, $0.group.name) < ($1.place, $1.group.name) }
  }

  private static let bound = 4_096
}
