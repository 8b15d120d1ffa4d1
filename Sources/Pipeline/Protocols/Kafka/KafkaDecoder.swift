/// Both sides of one Kafka connection: bytes and gaps in, facts out (`KafkaFactSink`).
///
/// - In: each side's bytes once and in order, in chunks of any size; a chunk's limits (TCP segments) help to find sync
///   again. Gaps by their length. Between the sides a request comes before its answer.
/// - Out: the fields of `KafkaSchema`, message by message as they come, answers together with what they need of their
///   requests. Records are counted off by their length, unread and unbuffered, except where the sink asks.
/// - Loss: a gap within a frame whose size is known is skipped by arithmetic and costs that frame, or within records those
///   alone. Else the next plausible frame is looked for (`KafkaDecoder+Sync`); requests in flight survive.
/// - Memory: a message's kept strings (256 KiB at most, mostly a few bytes), requests in flight (1,024, and 1 MiB of
///   their bodies). Cost: constant per field; nothing is allocated per message.
package final class KafkaDecoder {
  package internal(set) var counters = KafkaDecoderCounters()

  let client: KafkaSide
  let broker: KafkaSide
  var inFlight = KafkaInFlight()
  /// After a SaslHandshake of version 0: the client's frames are tokens, until one is a request.
  var hasTokens = false
  let program = KafkaProgram.shared

  /// `hashKey`: for the hashes of keys and values; one for the life of an engine.
  package init(hashKey: KeyedHash.Key) {
    client = KafkaSide(.client, hashKey)
    broker = KafkaSide(.broker, hashKey)
  }

  /// The next bytes of a side. `bytes` is read only during the call.
  package func receive(
    _ bytes: RawSpan, from role: KafkaRole, at: Timestamp, into sink: some KafkaFactSink
  ) {
    counters.receivedBytes &+= UInt64(bytes.byteCount)
    var i = 0
    while i < bytes.byteCount {
      i = role == .client ? readClient(bytes, i, at, sink) : readBroker(bytes, i, at, sink)
    }
    self[role].offset &+= bytes.byteCount
  }

  /// The next `count` bytes of a side will never come; 0 if nobody knows how many.
  package func lost(_ count: Int, from role: KafkaRole, at: Timestamp, into sink: some KafkaFactSink) {
    counters.gaps &+= 1
    counters.lostBytes &+= UInt64(max(count, 0))
    cross(max(count, 0), role, at, sink)
    self[role].offset &+= max(count, 0)
  }

  /// A side's stream is over, or both are.
  package func finish(_ role: KafkaRole, at: Timestamp, into sink: some KafkaFactSink) {
    let waiting = self[role].head.count
    giveUp(waiting, role)
    self[role].head.removeAll()
    if case .message = self[role].state { breakFrame(role, at, sink) }
    self[role].state = .head
  }

  /// Bytes received that are neither understood nor given up yet.
  package var pendingBytes: Int { client.head.count + broker.head.count }

  /// Bytes that are kept now; bounded (see above).
  package var heldBytes: Int { client.heldBytes + broker.heldBytes + inFlight.heldBytes }

  subscript(role: KafkaRole) -> KafkaSide {
    @inline(__always) get { role == .client ? client : broker }
  }

  /// The last bytes of a side that wait for more: no step has taken them yet, nor were they given up.
  func waitingBytes(_ role: KafkaRole) -> Int {
    guard case .message = self[role].state else { return self[role].head.count }
    return self[role].reader.carry.count
  }

  func giveUp(_ count: Int, _ role: KafkaRole) {
    counters.skippedBytes &+= UInt64(count)
    self[role].skippedSinceDesync &+= count
  }
}

/// Where one side stands. An object, so that a side is picked without copying it: it is large.
final class KafkaSide {
  enum State: Equatable, Sendable {
    /// Nothing was seen but the beginning of a head.
    case start
    /// At a frame's beginning; the head's first bytes are in `head`.
    case head
    case message
    /// In a frame that is not read; `left` bytes are to come. Never 0. `isUnderstood`: nothing of it is needed.
    case skip(left: Int, isUnderstood: Bool)
    /// Out of sync.
    case scan
  }

  let role: KafkaRole
  var state = State.start
  /// Bytes received and lost before the chunk, or the gap, that is being read.
  var offset = 0
  var head: [UInt8] = []
  var reader: KafkaMessageReader
  /// Of the frame that is read, with its size's four bytes.
  var frameSize = 0
  /// Bytes of it that count as understood so far.
  var frameUnderstood = 0
  /// The request that is read is in the table, and its bytes are wanted.
  var isKept = false
  var isInFlight = false
  /// Bytes given up since sync was lost.
  var skippedSinceDesync = 0
  /// Where a frame was found last while out of sync.
  var resyncedAt = -1
  /// Hash of the client id that requests carry; 0: not known.
  private(set) var clientHash: UInt64 = 0
  private var lastClient = KafkaLastName<UInt64>()

  init(_ role: KafkaRole, _ hashKey: KeyedHash.Key) {
    self.role = role
    reader = KafkaMessageReader(hashKey: hashKey)
  }

  var heldBytes: Int { head.count + reader.carry.count + reader.kept.count }

  /// A request carries that client id.
  func noteClient(_ id: Text, in bytes: RawSpan) {
    if let known = lastClient.find(id, in: bytes) {
      clientHash = known
    } else {
      clientHash = KeyedHash.hash(id, in: bytes, reader.records.hashKey)
      lastClient.remember(clientHash, id, in: bytes)
    }
  }
}
