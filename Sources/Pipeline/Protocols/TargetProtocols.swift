/// The protocols as one target's connections speak them: each with the state that they share.
struct TargetProtocols {
  private let entries: [(type: any BrokerProtocol.Type, state: any ProtocolState)]

  init(_ protocols: [any BrokerProtocol.Type], key: KeyedHash.Key, ledger: Ledger) {
    entries = protocols.map { ($0, $0.state(key: key, ledger: ledger)) }
  }

  func front(fromStart: Bool) -> ConnectionFront {
    ConnectionFront(fromStart: fromStart, protocols: entries.map(\.type))
  }

  func type(of system: MessagingSystem) -> (any BrokerProtocol.Type)? {
    entries.first { $0.type.system == system }?.type
  }

  /// A session of the protocol that was detected. `process`: a hash that stands for the client's process.
  func session(of system: MessagingSystem, server: Endpoint, process: UInt64) -> (any ProtocolSession)? {
    entries.first { $0.type.system == system }?.state.session(server: server, process: process)
  }

  /// Something ends by time alone.
  var isWaiting: Bool { entries.contains { $0.state.isWaiting } }

  func expire(at: Timestamp) {
    for entry in entries where entry.state.isWaiting { entry.state.expire(at: at) }
  }

  /// What a destination's name says of it may be another thing from now on (`DestinationSettings` were replaced).
  func destinationsChanged() {
    for entry in entries { entry.state.destinationsChanged() }
  }

  /// The capture is over.
  func finish(at: Timestamp) {
    for entry in entries { entry.state.finish(at: at) }
  }
}
