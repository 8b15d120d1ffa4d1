/// What transactions in progress would do, by producer: offsets that they would commit, copies of failed records that they
/// would publish; and which partitions they work on, as equal contents of what they produce tell.
///
/// Memory: `bound` producers, and as many places and copies of each.
struct KafkaTransactions {
  /// `producer`: in the ledger's table.
  struct Copy {
    /// Nil: it does not say of what.
    var source: KafkaSource?
    var producer: Int32
    var rule: KafkaInference
    /// How it ends its source; `.acked`: not at all (`ReturnedRecord`).
    var settlement: Settlement
    /// Of its key and value (`EqualCopy.contents`).
    var contents: UInt64 = 0
    /// Where it goes.
    var place: KafkaPlace = 0
  }

  private var copies: [Int64: [Copy]] = [:]
  private var worked: [Int64: Set<KafkaPlace>] = [:]
  private var offsets: [Int64: [Key: (group: KafkaGroup, offset: Int64)]] = [:]

  private struct Key: Hashable {
    var group: ObjectIdentifier
    var place: KafkaPlace
  }

  /// False: there is no room for it.
  mutating func add(_ producer: Int64, _ group: KafkaGroup, _ place: KafkaPlace, _ offset: Int64) -> Bool {
    guard offsets[producer] != nil || offsets.count < Self.bound else { return false }
    let key = Key(group: ObjectIdentifier(group), place: place)
    let known = offsets[producer]?[key]
    guard known != nil || offsets[producer]?.count ?? 0 < Self.bound else { return false }
    offsets[producer, default: [:]][key] = (group, max(offset, known?.offset ?? 0))
    return true
  }

  /// False: there is no room for it.
  mutating func add(_ producer: Int64, _ copy: Copy) -> Bool {
    guard copies[producer] != nil || copies.count < Self.bound, copies[producer]?.count ?? 0 < Self.bound else {
      return false
    }
    copies[producer, default: []].append(copy)
    return true
  }

  /// Within the transaction a record was produced that contains the same as one that is in flight there.
  mutating func add(_ producer: Int64, workedOn place: KafkaPlace) {
    guard worked[producer] != nil || worked.count < Self.bound, worked[producer]?.count ?? 0 < Self.bound else {
      return
    }
    worked[producer, default: []].insert(place)
  }

  /// The transaction is over: what it worked on.
  mutating func takeWorked(_ producer: Int64) -> Set<KafkaPlace> { worked.removeValue(forKey: producer) ?? [] }

  /// The transaction is over: what it would have published.
  mutating func takeCopies(_ producer: Int64) -> [Copy] { copies.removeValue(forKey: producer) ?? [] }

  /// The transaction is over: what it would have committed.
  mutating func take(_ producer: Int64) -> [(group: KafkaGroup, place: KafkaPlace, offset: Int64)] {
    let taken = offsets.removeValue(forKey: producer) ?? [:]
    return taken.map { ($0.value.group, $0.key.place, $0.value.offset) }
      .sorted { ($0.place, $0.group.name) < ($1.place, $1.group.name) }
  }

  private static let bound = 4_096
}
