/// What all AMQP connections of one target share: the topology of each virtual host, by cluster.
final class AMQPState: ProtocolState {
  let key: KeyedHash.Key
  private let ledger: Ledger
  /// Channels that are open now, on all connections.
  var channels = 0
  private var topologies: [Place: AMQPTopology] = [:]
  private let room: AMQPTopology.Room
  /// Groups that were consumed by a process, of the processes that consumed last.
  private var consumed: [UInt64: [GroupID]] = [:]

  private struct Place: Hashable {
    var vhost: String
    var cluster: ClusterID
  }

  init(key: KeyedHash.Key, ledger: Ledger) {
    self.key = key
    self.ledger = ledger
    room = AMQPTopology.Room(ledger: ledger)
  }

  func session(server: Endpoint, process: UInt64) -> any ProtocolSession {
    AMQPSession(ledger: ledger, state: self, server: server, process: process)
  }

  // Nothing in AMQP ends by time alone.
  var isWaiting: Bool { false }
  func expire(at: Timestamp) {}
  func finish(at: Timestamp) {}

  func topology(vhost: String, cluster: ClusterID) -> AMQPTopology {
    let place = Place(vhost: vhost, cluster: ledger.clusters.root(cluster))
    if let known = topologies[place] { return known }
    let made = AMQPTopology(vhost: vhost, cluster: cluster, room: room)
    if topologies.count < Self.bound { topologies[place] = made } else { _ = room.refuse() }
    return made
  }

  func consumes(_ group: GroupID, process: UInt64) {
    if consumed[process] == nil, consumed.count >= Self.bound { consumed.removeAll() }
    var groups = groups(consumedBy: process)
    guard !groups.contains(group), groups.count < Self.bound else { return }
    groups.append(group)
    consumed[process] = groups
  }

  func groups(consumedBy process: UInt64) -> [GroupID] { consumed[process]?.compactMap(ledger.present) ?? [] }

  func destinationsChanged() { for topology in topologies.values { topology.learned() } }

  private static let bound = 4096
  /// A client that opens channels without end costs 1 KB for each: beyond this they are not followed.
  static let channelBound = 131_072
}
