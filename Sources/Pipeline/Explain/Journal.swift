/// Keeps what the ledger books of each message, in order, for `stormfuse explain`. A live run and a replay have none.
///
/// - In: what `Ledger` books: deliveries, settlements, copies, revisions, inferences; and what sessions know of a
///   message's own id.
/// - Out: `entries` and the names that they refer to; `Explanation` makes stories of them.
/// - Memory: 48 bytes for an entry, a name for each message. At most `limit` entries and as many names; what comes later
///   is counted in `dropped`.
/// - Cost: nothing where there is no journal but the question whether there is one.
final class Journal {
  struct Entry {
    var at: Timestamp
    /// The ledger's hash of the message.
    var message: UInt64
    /// In `groups`.
    var group: UInt32
    var what: What
  }

  enum What {
    /// `connection` is a place in `connections`, `.max` where it is not known.
    case delivered(attempt: Int32, AttemptSource, consumer: UInt32, connection: UInt32, Arrived)
    case settled(Settlement)
    /// The acknowledgement of a delivery that its copy had ended.
    case acknowledged
    /// A copy was published; the place of its destination in `names`.
    case copied(destination: UInt32, DestinationKind)
    /// What was counted as the one has turned out to be the other.
    case revised(from: Settlement, to: Settlement)
    /// A rule has concluded something; the place of its name in `names`.
    case inferred(rule: UInt32)
    /// Why it goes back to its group, said before it does.
    case because(RequeueCause)
    /// The target has handed it back to the group that it came from.
    case moved
    /// Published as it was to where it came from, and nothing says that it failed.
    case returned
    /// The delivery was none: there was no such message.
    case withdrawn

    /// It says how a delivery ended.
    var isEnd: Bool {
      switch self {
      case .settled, .revised: true
      default: false
      }
    }
  }

  struct Arrived: OptionSet {
    let rawValue: UInt8
    /// The wire marks or proves that it was delivered before.
    static let again = Arrived(rawValue: 1)
    /// It had been acknowledged before, or its commit was refused.
    static let duplicate = Arrived(rawValue: 2)
    /// It is a copy that this target has published.
    static let copy = Arrived(rawValue: 4)
    /// The hash is not of an id, but of what the message looks like.
    static let withoutID = Arrived(rawValue: 8)
  }

  let limit: Int
  private(set) var entries: ContiguousArray<Entry> = []
  /// What was booked beyond the limit.
  private(set) var dropped: UInt64 = 0
  private(set) var groups: [Group] = []
  /// Destinations and rules.
  private(set) var names: [String] = []
  private(set) var connections: [Endpoint] = []
  /// Numbers consumers from 1, since the ledger uses its own again.
  private var consumers: [UInt64: UInt32] = [:]
  /// The ids that a message goes by: its own first, then those of its copies.
  private(set) var ids: [UInt64: [String]] = [:]
  /// The connection whose segment is looked at, and when that came.
  private weak var connection: Connection?
  private var now = Timestamp.zero
  private var roots: [UInt64: UInt64] = [:]
  private var groupPlaces: [UInt32: UInt32] = [:]
  private var namePlaces: [String: UInt32] = [:]
  private var connectionPlaces: [Endpoint: UInt32] = [:]

  init(limit: Int) { self.limit = max(1, limit) }

  /// A segment of that connection is looked at.
  func look(at connection: Connection, _ at: Timestamp) {
    self.connection = connection
    now = at
  }

  // MARK: What the ledger tells

  func delivered(
    _ delivery: Delivery, _ source: AttemptSource, isRepeat: Bool, isDuplicate: Bool, isCopy: Bool, hasID: Bool,
    to group: Group
  ) {
    guard entries.count < limit else { return drop() }
    var arrived: Arrived = isRepeat ? .again : []
    if isDuplicate { arrived.insert(.duplicate) }
    if isCopy { arrived.insert(.copy) }
    if !hasID { arrived.insert(.withoutID) }
    let connection = currentConnection()
    let consumer = number(ofConsumer: delivery.consumer, connection)
    add(
      delivery, group, at: delivery.at,
      .delivered(attempt: delivery.attempt, source, consumer: consumer, connection: connection, arrived))
  }

  func settled(_ delivery: Delivery, of group: Group, as settlement: Settlement, at: Timestamp) {
    add(delivery, group, at: at, .settled(settlement))
  }

  func acknowledged(_ delivery: Delivery, of group: Group, at: Timestamp) {
    add(delivery, group, at: at, .acknowledged)
  }

  func copied(_ delivery: Delivery, of group: Group, to producer: ProducerTable.Entry, at: Timestamp) {
    guard entries.count < limit else { return drop() }
    add(delivery, group, at: at, .copied(destination: place(of: producer.destination), producer.shownKind))
  }

  func revised(_ delivery: Delivery, of group: Group, from: Settlement, to: Settlement, at: Timestamp) {
    add(delivery, group, at: at, .revised(from: from, to: to))
  }

  func inferred(_ rule: String, _ message: UInt64, of group: Group) {
    guard entries.count < limit else { return drop() }
    entries.append(
      Entry(at: now, message: root(of: message), group: place(of: group), what: .inferred(rule: place(of: rule))))
  }

  func noted(_ what: What, _ delivery: Delivery, of group: Group) {
    add(delivery, group, at: now, what)
  }

  /// The id shown for that message.
  func name(_ message: UInt64, _ id: String) {
    let message = root(of: message)
    guard !id.isEmpty, ids[message] != nil || ids.count < limit else { return }
    var known = ids[message, default: []]
    guard known.count < Self.mostIDs, !known.contains(id) else { return }
    known.append(id)
    ids[message] = known
  }

  /// What the ledger keeps as the message `copy` is a copy of `message`: both are told as one from now on.
  func join(_ copy: UInt64, to message: UInt64) {
    let message = root(of: message)
    guard copy != message, roots.count < limit else { return }
    roots[copy] = message
    for id in ids.removeValue(forKey: copy) ?? [] { name(message, id) }
  }

  /// The message that it is told as: the one that it is a copy of, if it is one.
  private func root(of message: UInt64) -> UInt64 { roots.isEmpty ? message : roots[message] ?? message }

  // MARK: Places

  private func add(_ delivery: Delivery, _ group: Group, at: Timestamp, _ what: What) {
    guard entries.count < limit else { return drop() }
    entries.append(Entry(at: at, message: root(of: delivery.message), group: place(of: group), what: what))
  }

  private func drop() { dropped &+= 1 }

  private func place(of group: Group) -> UInt32 {
    if let known = groupPlaces[group.serial] { return known }
    groups.append(group)
    groupPlaces[group.serial] = UInt32(groups.count - 1)
    return UInt32(groups.count - 1)
  }

  private func place(of name: String) -> UInt32 {
    if let known = namePlaces[name] { return known }
    names.append(name)
    namePlaces[name] = UInt32(names.count - 1)
    return UInt32(names.count - 1)
  }

  private func number(ofConsumer index: Int32, _ connection: UInt32) -> UInt32 {
    let name = UInt64(UInt32(bitPattern: index)) << 32 | UInt64(connection)
    if let known = consumers[name] { return known }
    consumers[name] = UInt32(consumers.count + 1)
    return UInt32(consumers.count)
  }

  private func currentConnection() -> UInt32 {
    guard let connection else { return .max }
    let client = connection.server == connection.first ? connection.second : connection.first
    if let known = connectionPlaces[client] { return known }
    connections.append(client)
    connectionPlaces[client] = UInt32(connections.count - 1)
    return UInt32(connections.count - 1)
  }

  /// Ids of one message: its own, and those of the copies that it was published as.
  private static let mostIDs = 32
}
