/// What the pipeline needs to know of a broker's protocol. Each has a folder of its own here; `BrokerProtocols` lists them,
/// and nothing else names them.
protocol BrokerProtocol: SendableMetatype {
  static var system: MessagingSystem { get }
  /// Names of the protocol's attempt sources, by their bits in `AttemptSource`; at most seven.
  static var attemptSources: [String] { get }
  /// Names of what tells when a message was enqueued, best first: `DelaySource.rank` counts from the first.
  static var delaySources: [String] { get }
  /// Tells whether one connection speaks the protocol.
  static func matcher() -> any ProtocolMatcher
  /// What the connections of one target share.
  static func state(key: KeyedHash.Key, ledger: Ledger) -> any ProtocolState
  /// Blanks the contents and credentials of one connection. `hashKey`: random, one for all connections of a recording.
  static func redactor(hashKey: KeyedHash.Key) -> any ProtocolRedactor
}

/// Looks at the bytes of one connection until it is known whether they are its protocol's, and which side is the client.
/// Decides by bytes, never by ports, and from either side alone if it can.
///
/// Bounded: `look` gets at most what the detector keeps of a side, and answers `.no` for good once it has looked at
/// as many bytes as it allows itself. The cost of all calls together is linear in the bytes.
protocol ProtocolMatcher: Sendable {
  /// A side has sent another chunk. `seen` holds the last bytes of that side, without the gaps between them; the chunk
  /// is its end.
  mutating func look(_ seen: RawSpan, _ chunk: SeenChunk) -> Match
  /// What comes next from that side does not follow what was seen of it.
  mutating func meetGap(_ side: Side)
  /// Nothing follows: the best answer there is; `.more` and `.no` are the same here.
  mutating func finish() -> Match
}

/// A chunk that detection looks at: one segment's bytes, or what reassembly joined.
struct SeenChunk {
  var side: Side
  /// Where in the side's stream `seen` begins; gaps do not count.
  var base: Int
  /// Where in `seen` the chunk begins.
  var start: Int
  /// `seen` begins with the first byte that was captured of this side.
  var hasFirst: Bool
  /// The first byte that was captured is the first that the side sent.
  var fromStart: Bool
}

/// What a matcher makes of a connection.
enum Match: Equatable {
  case mine(client: Side)
  /// A relative of its protocol that is not decoded.
  case other(Undecoded)
  /// It may be its protocol, or nothing speaks against it yet.
  case more
  /// It is not its protocol.
  case no
}

/// What the connections of one target share, with timers of its own.
protocol ProtocolState: AnyObject {
  /// For a connection that was detected. `process`: a hash that stands for the client's process.
  func session(server: Endpoint, process: UInt64) -> any ProtocolSession
  /// Something in it ends by time alone; while it is false, `expire` is not called.
  var isWaiting: Bool { get }
  /// Ends what is due.
  func expire(at: Timestamp)
  /// The capture is over: nothing that is waited for will come.
  func finish(at: Timestamp)
  /// What a destination's name says of it may be another thing from now on: what was worked out from names is old.
  func destinationsChanged()
}

/// Decodes one connection, and gives the ledger commands.
protocol ProtocolSession: AnyObject {
  func receive(_ bytes: RawSpan, fromClient: Bool, at: Timestamp)
  /// `count` bytes will never come; 0 if a gap of unknown length was crossed.
  func lost(_ count: Int, fromClient: Bool, at: Timestamp)
  func ended(client: Bool, _ end: StreamEnd, at: Timestamp)
  /// What the connection is used for.
  var use: ConnectionUse { get }
  /// Bytes that the client wrote and the kernel held: no fact yet. `place` is where they lie in the client's stream, `passed`
  /// how far that has passed. Not necessarily in order, and perhaps told again.
  func peek(_ bytes: RawSpan, at place: Sequence, passed: Sequence, at: Timestamp)
}

/// Zeroes the contents of messages and the credentials of one connection; lengths stay.
protocol ProtocolRedactor {
  /// The next bytes of a side. `out` gets as many; some of them perhaps only with the next ones.
  mutating func receive(_ bytes: RawSpan, fromClient: Bool, into out: inout [UInt8])
  /// The next `count` bytes of a side will never come; 0 if their number is not known. `out` gets what is known of those
  /// before. Returns how many of them are not known, and belong to the gap.
  mutating func lost(_ count: Int, fromClient: Bool, into out: inout [UInt8]) -> Int
  /// A side's stream is over. `out` and the result are those of `lost`.
  mutating func finish(client: Bool, into out: inout [UInt8]) -> Int
}
