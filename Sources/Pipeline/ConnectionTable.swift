/// The connections of one target: by socket cookie live, by addresses in a capture file.
///
/// Memory: at most `bound` connections. Past it one that was ruled out goes; if there is none, the one that has been silent
/// longest: what its consumers held is abandoned, and it is counted in `counters.evicted`. A connection that is over is kept for a minute, so that its
/// stragglers don't look like a new one. Cost: a look-up per segment, a compare for a connection seen lately.
struct ConnectionTable {
  private(set) var counters = ConnectionCounters()
  private var byCookie: [UInt64: Connection] = [:]
  private var byAddress: [AddressPair: Connection] = [:]
  /// Connections found lately, each at its `shortcut`: most segments are of one of them.
  private var recent = ContiguousArray<Connection?>(repeating: nil, count: 1 << Self.shortcutBits)
  /// Connections that wait for something: to be looked at as time passes.
  private var waiting: [Connection] = []
  /// The next to go, last first, each with when it was active at the time.
  private var candidates: [(connection: Connection, lastActive: Timestamp)] = []
  private let bound: Int
  private let protocols: TargetProtocols

  /// Both ends, the lesser first.
  private struct AddressPair: Hashable {
    var lesser: Endpoint
    var greater: Endpoint

    init(_ a: Endpoint, _ b: Endpoint) {
      let ordered = (a.high, a.low, a.port) <= (b.high, b.low, b.port)
      lesser = ordered ? a : b
      greater = ordered ? b : a
    }
  }

  init(bound: Int, protocols: TargetProtocols) {
    self.bound = max(1, bound)
    self.protocols = protocols
  }

  /// The segment's connection, made if need be.
  mutating func connection(of segment: Segment) -> Connection {
    let shortcut = Self.shortcut(segment.source, segment.destination)
    if let known = recent[shortcut], known.cookie == segment.cookie,
      known.isBetween(segment.source, segment.destination), !segment.flags.contains(.syn)
    {
      return known
    }
    guard let found = find(segment) else { return make(segment) }
    // Another connection between the same endpoints: this one may be for us.
    if found.isRuledOut, segment.cookie == 0, segment.flags.contains(.syn), !segment.flags.contains(.ack) {
      forget(found)
      return make(segment)
    }
    recent[shortcut] = found
    return found
  }

  /// The segment's connection, if it was seen before.
  func find(_ segment: Segment) -> Connection? {
    segment.cookie != 0 ? byCookie[segment.cookie] : byAddress[AddressPair(segment.source, segment.destination)]
  }

  /// Those whose protocol is known.
  var decoded: [Connection] { byAddress.values.filter(\.isDecoded) }

  private mutating func make(_ segment: Segment) -> Connection {
    let pair = AddressPair(segment.source, segment.destination)
    if byAddress.count >= bound { evict(at: segment.at) }
    let isEgress = segment.direction != .ingress
    let connection = Connection(
      segment, first: isEgress ? segment.source : segment.destination,
      second: isEgress ? segment.destination : segment.source, serial: counters.connections,
      protocols: protocols)
    if segment.cookie != 0 { byCookie[segment.cookie] = connection }
    if let replaced = byAddress.updateValue(connection, forKey: pair) { retire(replaced, at: segment.at) }
    counters.connections += 1
    recent[Self.shortcut(connection.first, connection.second)] = connection
    return connection
  }

  mutating func lost(_ loss: CaptureLoss) { byCookie[loss.cookie]?.lost(loss) }

  /// The connection has something to wait for, is over, or was ruled out.
  mutating func note(_ connection: Connection, into effects: inout [Effect]) {
    connection.hasNews = false
    if case .ruledOut = connection.state, connection.cookie != 0 {
      effects.append(.interest(cookie: connection.cookie, .ignore))
    }
    if !connection.isListed, connection.isWaiting || connection.isOver {
      connection.isListed = true
      waiting.append(connection)
    }
  }

  /// Some connection waits for time to pass.
  var isWaiting: Bool { !waiting.isEmpty }

  mutating func expire(at: Timestamp) {
    guard !waiting.isEmpty else { return }
    var still: [Connection] = []
    for connection in waiting {
      if connection.isOver, at - connection.lastActive > Self.keepOver_ns {
        remove(connection)
        continue
      }
      connection.expire(at: at)
      connection.isListed = connection.isWaiting || connection.isOver
      if connection.isListed { still.append(connection) }
    }
    waiting = still
  }

  /// The capture is over.
  mutating func finish(at: Timestamp) {
    for connection in byAddress.values.sorted(by: Self.isSilentLonger) { connection.flush(at: at, as: .forgotten) }
  }

  private static func isSilentLonger(_ a: Connection, _ b: Connection) -> Bool {
    (a.lastActive, a.serial) < (b.lastActive, b.serial)
  }

  private mutating func forget(_ connection: Connection) {
    if connection.isListed { waiting.removeAll { $0 === connection } }
    remove(connection)
  }

  private mutating func remove(_ connection: Connection) {
    counters.add(connection)
    connection.isGone = true
    if connection.cookie != 0 { byCookie[connection.cookie] = nil }
    let pair = AddressPair(connection.first, connection.second)
    if byAddress[pair] === connection { byAddress[pair] = nil }
    forgetShortcut(to: connection)
  }

  private mutating func forgetShortcut(to connection: Connection) {
    let shortcut = Self.shortcut(connection.first, connection.second)
    if recent[shortcut] === connection { recent[shortcut] = nil }
  }

  /// The same both ways, and cheap. Whoever picks addresses that collide costs us the look-up, no more.
  @inline(__always) private static func shortcut(_ a: Endpoint, _ b: Endpoint) -> Int {
    let mixed = (a.low &+ b.low &+ (UInt64(a.port) &+ UInt64(b.port)) &<< 40) &* 0x9e37_79b9_7f4a_7c15
    return Int(truncatingIfNeeded: mixed &>> (64 &- shortcutBits))
  }

  /// Another connection took its addresses.
  private mutating func retire(_ connection: Connection, at: Timestamp) {
    connection.flush(at: at, as: .replaced)
    counters.add(connection)
    connection.isGone = true
    if connection.cookie != 0 { byCookie[connection.cookie] = nil }
    forgetShortcut(to: connection)
    if connection.isListed { waiting.removeAll { $0 === connection } }
  }

  private mutating func evict(at: Timestamp) {
    guard
      let connection = nextToGo()
        ?? {
          findCandidates(); return nextToGo()
        }()
    else { return }
    if !connection.isRuledOut {
      connection.flush(at: at, as: .replaced)
      counters.evicted += 1
    }
    forget(connection)
  }

  /// A candidate that is still one.
  private mutating func nextToGo() -> Connection? {
    while let (connection, lastActive) = candidates.popLast() {
      if !connection.isGone, connection.lastActive == lastActive { return connection }
    }
    return nil
  }

  /// Sorting all of them once for a sixteenth keeps the cost of a new connection low however many there are.
  private mutating func findCandidates() {
    let sorted = byAddress.values.sorted {
      $0.isRuledOut != $1.isRuledOut ? $0.isRuledOut : Self.isSilentLonger($0, $1)
    }
    candidates = sorted.prefix(max(1, sorted.count / 16)).reversed().map { ($0, $0.lastActive) }
  }

  /// Counters of those that are gone and those that are there.
  func total() -> ConnectionCounters {
    var total = counters
    for connection in byAddress.values { total.add(connection) }
    return total
  }

  private static let keepOver_ns: Int64 = .seconds(60)
  private static var shortcutBits: UInt64 { 6 }
}

/// Sums over connections.
struct ConnectionCounters {
  var connections = 0
  var evicted: UInt64 = 0
  /// Decoded ones of which one side was never seen although it sent something, and how much that was.
  var oneSided = 0
  var unseen_bytes: UInt64 = 0
  var reassembly = ReassemblyCounters()
  /// Connections that were decoded.
  var decoded = DecodedConnections()
  /// Connections that were not, by reason.
  var undecoded: [String: ConnectionSample] = [:]

  mutating func add(_ connection: Connection) {
    connections += connection.restarts
    reassembly += connection.counters
    reassembly += connection.retired
    switch connection.state {
    case .undecided: break
    case .decoded(let system):
      decoded.bySystem[system, default: 0] += 1
      if connection.unseen.missing_bytes > 0 {
        oneSided += 1
        unseen_bytes += connection.unseen.missing_bytes
      }
    case .ruledOut(let reason): undecoded[reason.rawValue, default: .init()].add(connection.second)
    }
  }
}

extension Connection {
  @inline(__always) func isBetween(_ a: Endpoint, _ b: Endpoint) -> Bool {
    (first == a && second == b) || (first == b && second == a)
  }
}
