/// One partition of one topic: the topic's number in the `KafkaTopics` in the upper half, the partition's in the lower.
typealias KafkaPlace = UInt64

/// Topics by name and by id. Old requests speak of names, new ones of ids (KIP-516), and only Metadata says which belong
/// together: joined midway, one topic may be known twice for a while.
///
/// Memory: `bound` topics; those past it get no number.
struct KafkaTopics {
  struct Entry {
    /// Its id as text until the name is known.
    var name: String
    var kind: DestinationKind
    var hasName: Bool
    var cluster: ClusterID
    /// As it was learned last.
    var id: KafkaTopicID
    /// It turned out to be another one; −1: it is itself.
    var successor: Int32 = -1
  }

  /// What was learned of a topic.
  enum News {
    case nothing
    /// It has a name by now.
    case named(was: String, now: String)
    /// Two were one: `from` is known as `to` from now on; or `from` is the id of what was made anew under the name of `to`.
    case merged(from: Int32, to: Int32, isRemade: Bool)
    /// The topic of that name was deleted and made anew: its offsets begin anew as well.
    case remade(Int32)
  }

  private(set) var entries: [Entry] = [] { didSet { version &+= 1 } }
  private let key: KeyedHash.Key
  private var settings: DestinationSettings
  private var byName: [UInt64: Int32] = [:] { didSet { version &+= 1 } }
  private var byID: [KafkaTopicID: Int32] = [:] { didSet { version &+= 1 } }
  /// Counts changes of any kind: a number that was looked up before must be looked up again.
  private(set) var version: UInt64 = 0

  init(key: KeyedHash.Key, settings: DestinationSettings) {
    self.key = key
    self.settings = settings
  }

  mutating func replace(settings: DestinationSettings) {
    self.settings = settings
    for i in entries.indices where entries[i].hasName { entries[i].kind = settings.kind(of: entries[i].name) }
  }

  subscript(_ place: KafkaPlace) -> Entry { entries[Int(place >> 32)] }

  /// What its name says that it is for.
  func use(of place: KafkaPlace) -> ProducerTable.Use {
    let entry = self[place]
    return entry.hasName ? settings.use(of: entry.name) : .init()
  }

  static func place(_ topic: Int32, _ partition: Int32) -> KafkaPlace {
    KafkaPlace(UInt32(bitPattern: topic)) << 32 | KafkaPlace(UInt32(bitPattern: partition))
  }

  static func partition(of place: KafkaPlace) -> Int32 { Int32(truncatingIfNeeded: place) }

  /// The topic's number, made if need be; nil where there is no room, or the topic is not said.
  mutating func number(of topic: KafkaTopic, in frame: RawSpan, cluster: ClusterID) -> Int32? {
    if !topic.name.isEmpty {
      let hash = hash(topic.name, in: frame, cluster)
      if let known = byName[hash] { return known }
      return add(topic.name.string(in: frame), hash, nil, cluster)
    }
    guard topic.id != .none else { return nil }
    return byID[topic.id] ?? add(Self.text(topic.id), nil, topic.id, cluster)
  }

  /// The topic's number if it is known by that name.
  func number(named name: Text, in frame: RawSpan, cluster: ClusterID) -> Int32? {
    byName[hash(name, in: frame, cluster)]
  }

  /// A topic's name and id stand side by side.
  mutating func learn(_ topic: KafkaTopic, in frame: RawSpan, cluster: ClusterID) -> News {
    guard topic.id != .none, !topic.name.isEmpty else { return .nothing }
    let hash = hash(topic.name, in: frame, cluster)
    switch (byName[hash], byID[topic.id]) {
    case (nil, nil): _ = add(topic.name.string(in: frame), hash, topic.id, cluster)
    case (let named?, nil):
      guard byID.count < Self.bound else { return .nothing }
      byID[topic.id] = named
      let isRemade = entries[Int(named)].id != .none
      entries[Int(named)].id = topic.id
      return isRemade ? .remade(named) : .nothing
    case (nil, let known?):
      byName[hash] = known
      let was = entries[Int(known)].name
      let name = topic.name.string(in: frame)
      entries[Int(known)] = Entry(
        name: name, kind: settings.kind(of: name), hasName: true, cluster: cluster, id: topic.id)
      return .named(was: was, now: name)
    case (let named?, let known?):
      guard named != known else { return .nothing }
      byID[topic.id] = named
      // A topic that was deleted and made anew has another id, but it had a name all the time.
      guard !entries[Int(known)].hasName else { return .nothing }
      let isRemade = entries[Int(named)].id != .none
      entries[Int(known)].successor = named
      entries[Int(named)].id = topic.id
      return .merged(from: known, to: named, isRemade: isRemade)
    }
    return .nothing
  }

  /// The place by the number that its topic has by now.
  func current(_ place: KafkaPlace) -> KafkaPlace {
    let successor = entries[Int(place >> 32)].successor
    return successor < 0 ? place : Self.place(successor, Self.partition(of: place))
  }

  /// The number by which a topic goes by now.
  func current(_ topic: Int32) -> Int32 {
    let successor = entries[Int(topic)].successor
    return successor < 0 ? topic : successor
  }

  /// Two clusters are one: topics of `from` go by their names in `to`. Those that are known there already are these from
  /// now on.
  mutating func unite(_ from: ClusterID, with to: ClusterID) -> [(from: Int32, to: Int32)] {
    var merged: [(from: Int32, to: Int32)] = []
    for i in entries.indices where entries[i].cluster == from {
      entries[i].cluster = to
      guard entries[i].hasName, entries[i].successor < 0 else { continue }
      let name = Array(entries[i].name.utf8)
      let hash = hash(Text(offset: 0, count: UInt32(name.count)), in: name.span.bytes, to)
      guard let known = byName[hash], known != i else {
        byName[hash] = Int32(i)
        continue
      }
      for j in entries.indices where entries[j].successor == Int32(i) { entries[j].successor = known }
      entries[i].successor = known
      merged.append((Int32(i), known))
    }
    return merged
  }

  private mutating func add(_ name: String, _ hash: UInt64?, _ id: KafkaTopicID?, _ cluster: ClusterID) -> Int32? {
    guard entries.count < Self.bound else { return nil }
    let kind = hash == nil ? DestinationKind.normal : settings.kind(of: name)
    entries.append(Entry(name: name, kind: kind, hasName: hash != nil, cluster: cluster, id: id ?? .none))
    let number = Int32(entries.count - 1)
    if let hash { byName[hash] = number }
    if let id { byID[id] = number }
    return number
  }

  /// What a name is filed by, in its cluster.
  func hash(_ name: Text, in frame: RawSpan, _ cluster: ClusterID) -> UInt64 {
    var hash = KeyedHash(key)
    hash.combine(UInt64(truncatingIfNeeded: cluster))
    hash.combine(name, in: frame)
    return hash.finish()
  }

  /// As Kafka's tools write ids: base64url of sixteen bytes, without padding.
  private static func text(_ id: KafkaTopicID) -> String {
    let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8)
    var text: [UInt8] = []
    var bits: UInt32 = 0
    var count = 0
    for shift in stride(from: 120, through: 0, by: -8) {
      let half = shift >= 64 ? id.high >> UInt64(shift - 64) : id.low >> UInt64(shift)
      bits = bits << 8 | UInt32(half & 0xff)
      count += 8
      while count >= 6 {
        text.append(alphabet[Int(bits >> UInt32(count - 6)) & 63])
        count -= 6
      }
    }
    text.append(alphabet[Int(bits << UInt32(6 - count)) & 63])
    return String(decoding: text, as: UTF8.self)
  }

  static let bound = 16_384
}
