@testable import Pipeline

// A protocol of lines that nothing speaks, written for the tests: what a protocol takes is this folder and a line in the
// list. The client says `FERRY 1` and `TAKE <queue>`, then `DONE <id>` or `AGAIN <id>`; the server `MSG <id> <body>`, or
// `MSG <id> again <body>` for one that it gives out once more. What is not answered within five seconds expires.

enum FerryProtocol: BrokerProtocol {
  static var system: MessagingSystem { .ferry }
  static let attemptSources: [String] = []
  static let delaySources: [String] = []
  static func matcher() -> any ProtocolMatcher { FerryMatcher() }
  static func state(key: KeyedHash.Key, ledger: Ledger) -> any ProtocolState { FerryState(key: key, ledger: ledger) }
  static func redactor(hashKey: KeyedHash.Key) -> any ProtocolRedactor { FerryRedactor() }
}

extension MessagingSystem {
  static let ferry = MessagingSystem(rawValue: "ferry")
}

struct FerryMatcher: ProtocolMatcher {
  func look(_ seen: RawSpan, _ chunk: SeenChunk) -> Match {
    switch seen.begins(with: "FERRY 1\n") {
    case .match: .mine(client: chunk.side)
    case .unfinished where chunk.hasFirst: .more
    default: .no
    }
  }
  func meetGap(_ side: Side) {}
  func finish() -> Match { .no }
}

final class FerryState: ProtocolState {
  let key: KeyedHash.Key
  let ledger: Ledger
  /// Oldest first.
  fileprivate var open: [(id: DeliveryID, due: Timestamp)] = []

  init(key: KeyedHash.Key, ledger: Ledger) {
    self.key = key
    self.ledger = ledger
  }

  func session(server: Endpoint, process: UInt64) -> any ProtocolSession {
    FerrySession(self, server: server, process: process)
  }

  var isWaiting: Bool { !open.isEmpty }

  func expire(at: Timestamp) {
    open.removeAll { delivery in
      guard ledger.isLive(delivery.id) else { return true }
      guard delivery.due <= at else { return false }
      ledger.settle(delivery.id, as: .expired, at: at)
      return true
    }
  }

  func finish(at: Timestamp) {}
  func destinationsChanged() {}
}

final class FerrySession: ProtocolSession {
  private let state: FerryState
  private let cluster: ClusterID
  private let process: UInt64
  private var lines: (client: [UInt8], server: [UInt8]) = ([], [])
  private var group: GroupID?
  private var consumer: Int32 = 0
  private var deliveries: [String: DeliveryID] = [:]
  private var ledger: Ledger { state.ledger }

  init(_ state: FerryState, server: Endpoint, process: UInt64) {
    self.state = state
    self.process = process
    cluster = state.ledger.clusters.cluster(at: server)
  }

  func receive(_ bytes: RawSpan, fromClient: Bool, at: Timestamp) {
    for i in 0..<bytes.byteCount {
      guard let byte = bytes.u8(i) else { continue }
      if byte != UInt8(ascii: "\n") {
        if fromClient { lines.client.append(byte) } else { lines.server.append(byte) }
        continue
      }
      let line = String(decoding: fromClient ? lines.client : lines.server, as: UTF8.self)
      if fromClient { lines.client = [] } else { lines.server = [] }
      take(line.split(separator: " ").map(String.init), at: at)
    }
    if let group { ledger.cover(group, understood: UInt64(bytes.byteCount), lost: 0, at: at) }
  }

  private func take(_ words: [String], at: Timestamp) {
    guard words.count >= 2 else { return }
    switch words[0] {
    case "TAKE":
      let id = ledger.group(
        FerryProtocol.self, key: GroupKey.key(.ferry, words[1]), name: words[1], destination: words[1], cluster: cluster)
      group = id
      consumer = ledger.addConsumer(Consumer(process: process, noAck: false, prefetch: 1), of: id)
    case "MSG":
      guard let group else { return }
      var hash = KeyedHash(state.key)
      for byte in words[1].utf8 { hash.combine(UInt64(byte)) }
      var arrival = Arrival(group: group.index, consumer: consumer, at: at, message: hash.finish())
      arrival.hasOwnID = true
      arrival.redelivered = words.dropFirst(2).first == "again"
      let id = ledger.deliver(arrival, noAck: false, isStream: false)
      deliveries[words[1]] = id
      state.open.append((id, at + .seconds(5)))
    case "DONE", "AGAIN":
      guard let id = deliveries.removeValue(forKey: words[1]), ledger.isLive(id) else {
        return ledger.drop(\.unmatchedSettlements)
      }
      ledger.settle(id, as: words[0] == "DONE" ? .acked : .requeued, at: at)
    default: break
    }
  }

  func lost(_ count: Int, fromClient: Bool, at: Timestamp) {
    if let group { ledger.cover(group, understood: 0, lost: UInt64(count), at: at) }
  }

  func ended(client: Bool, _ end: StreamEnd, at: Timestamp) {
    var blamed: Set<Int32> = []
    for id in deliveries.values.sorted() { ledger.lose(id, crashed: client, blamed: &blamed, at: at) }
    deliveries = [:]
  }

  var use: ConnectionUse { ConnectionUse(groups: group.map { [$0] } ?? []) }
  func peek(_ bytes: RawSpan, at place: Sequence, passed: Sequence, at: Timestamp) {}
}

/// Everything behind the second space of a server's line is a body.
struct FerryRedactor: ProtocolRedactor {
  private var spaces = 0

  mutating func receive(_ bytes: RawSpan, fromClient: Bool, into out: inout [UInt8]) {
    for i in 0..<bytes.byteCount {
      let byte = bytes.u8(i) ?? 0
      if !fromClient { spaces = byte == UInt8(ascii: "\n") ? 0 : spaces + (byte == UInt8(ascii: " ") ? 1 : 0) }
      let isBody = !fromClient && spaces >= 2 && byte != UInt8(ascii: " ")
      out.append(isBody ? 0 : byte)
    }
  }

  mutating func lost(_ count: Int, fromClient: Bool, into out: inout [UInt8]) -> Int { 0 }
  mutating func finish(client: Bool, into out: inout [UInt8]) -> Int { 0 }
}
