/// One TCP connection: reassembly, then what lies in front of its session, then a session of the protocol that was detected.
final class Connection: ByteSink, ProtocolReader {
  /// 0 in a capture file.
  let cookie: UInt64
  /// The ends by `Side`.
  let first: Endpoint
  let second: Endpoint
  /// The target's process; 0 if unknown.
  private(set) var process: Int32
  private(set) var state = State.undecided
  /// State changed in a way that the table wants to know, or there is something to wait for.
  var hasNews = false
  var isListed = false
  /// Bytes of it were lost before a protocol was known, or after.
  var counters: ReassemblyCounters { reassembler.counters }
  var isWaiting: Bool { reassembler.isWaiting || front.isWaiting }
  var isOver: Bool { reassembler.isOver || isFinished }
  var lastActive: Timestamp
  /// In which order the table made its connections.
  let serial: Int
  /// The table has let go of it.
  var isGone = false
  /// Connections between the same endpoints that came after the first.
  private(set) var restarts = 0
  /// It was ruled out, and one side has ended since.
  private var isFinished = false
  /// The other end as packets name it: live, those that go out bear the address after a translation (NAT), those that come
  /// in the one before.
  private var remote: (outgoing: Endpoint?, incoming: Endpoint?)
  /// What only acknowledgements show of a side that was never seen.
  private(set) var unseen = UnseenSide()
  /// How it ended first, told to the session that may yet be made of what was kept.
  private var firstEnd: (side: Side, end: StreamEnd, at: Timestamp)?
  private var reassembler = Reassembler()
  private var front: ConnectionFront
  private var openSides = 2
  private var session: (any ProtocolSession)?
  private var clientSide = Side.first
  private let protocols: TargetProtocols
  /// When the table was last told that nothing of it is wanted.
  private var ruledOutToldAt = Timestamp.zero

  enum State: Equatable {
    case undecided
    case decoded(MessagingSystem)
    /// Not for us: why.
    case ruledOut(Undecoded)
  }

  /// The broker's end; meaningful once a protocol was detected.
  var server: Endpoint { clientSide == .first ? second : first }

  /// Where the server's address is translated on the way (a Kubernetes service's to a pod's): the one that the client
  /// dialled, and the one that packets go to. Nil where both are the same, or one is not known.
  var translation: (dialled: Endpoint, server: Endpoint)? {
    guard let sent = remote.outgoing, let heard = remote.incoming, clientSide == .first, sent != heard else {
      return nil
    }
    return (heard, sent)
  }

  /// What it is used for; nil until a protocol was detected.
  var use: ConnectionUse? { session?.use }

  /// A segment of the client's that was held, and so is no fact.
  func peek(_ segment: Segment, _ payload: RawSpan) {
    // What a layer in front has changed is not what the session reads.
    guard front.isTransparent, segment.source != server, reassembler[clientSide].phase == .open else { return }
    let passed = reassembler[clientSide].next
    session?.peek(payload, at: Sequence(segment.sequence), passed: passed, at: segment.at)
  }

  init(_ segment: Segment, first: Endpoint, second: Endpoint, serial: Int, protocols: TargetProtocols) {
    self.serial = serial
    cookie = segment.cookie
    self.first = first
    self.second = second
    process = segment.process
    lastActive = segment.at
    front = protocols.front(fromStart: segment.flags.contains(.syn))
    self.protocols = protocols
  }

  func ingest(_ segment: Segment, _ payload: RawSpan) {
    lastActive = segment.at
    if isRuledOut { return passOver(segment) }
    if process == 0 { process = segment.process }
    let side: Side = segment.source == first ? .first : .second
    if !unseen.isSettled { unseen.note(segment, from: side) }
    if cookie != 0, remote.outgoing == nil || remote.incoming == nil { note(segment, from: side) }
    if reassembler.ingest(segment, payload, from: side, into: self) == .beginsAnew {
      restart()
      _ = reassembler.ingest(segment, payload, from: side, into: self)
    }
    if !isListed, reassembler.isWaiting || reassembler.isOver { hasNews = true }
  }

  private func note(_ segment: Segment, from side: Side) {
    if side == .first { remote.outgoing = segment.destination } else { remote.incoming = segment.source }
    if translation != nil { hasNews = true }
  }

  /// Nothing of it is wanted; but the kernel forgets that of a connection that is silent for a minute, and is told again.
  private func passOver(_ segment: Segment) {
    if !segment.flags.isDisjoint(with: [.fin, .rst]), !isListed {
      isFinished = true
      hasNews = true
    } else if segment.at - ruledOutToldAt >= Self.repeatIgnore_ns {
      ruledOutToldAt = segment.at
      hasNews = true
    }
  }

  /// What was on its way when the kernel was told comes within this time.
  private static let repeatIgnore_ns: Int64 = .seconds(1)

  /// The same two endpoints begin another connection.
  private func restart() {
    retired += reassembler.counters
    reassembler = Reassembler()
    front = protocols.front(fromStart: true)
    openSides = 2
    firstEnd = nil
    unseen.restart()
    session = nil
    state = .undecided
    restarts += 1
  }

  var isDecoded: Bool { if case .decoded = state { true } else { false } }
  var isRuledOut: Bool { if case .ruledOut = state { true } else { false } }

  /// What earlier connections between the same endpoints counted.
  private(set) var retired = ReassemblyCounters()

  func lost(_ loss: CaptureLoss) {
    if case .ruledOut = state { return }
    reassembler.lost(loss)
  }

  func expire(at: Timestamp) {
    reassembler.expire(at: at, into: self)
    front.expire(at: at, into: self)
  }

  /// Hands on what is held back; `end` is told to the session for every side that had not ended.
  func flush(at: Timestamp, as end: StreamEnd) { reassembler.flush(at: at, as: end, into: self) }

  // MARK: ByteSink

  func received(_ bytes: RawSpan, from side: Side, at: Timestamp) {
    if !isRuledOut { front.received(bytes, from: side, at: at, into: self) }
  }

  func lost(_ count: Int, from side: Side, at: Timestamp) {
    if !isRuledOut { front.lost(count, from: side, at: at, into: self) }
  }

  func ended(_ side: Side, _ end: StreamEnd, at: Timestamp) {
    openSides -= 1
    if !isRuledOut, let (silent, bytes) = unseen.end() { front.lost(bytes, from: silent, at: at, into: self) }
    if firstEnd == nil { firstEnd = (side, end, at) }
    if !isRuledOut { front.ended(side, isLast: openSides <= 0 || end != .finished, at: at, into: self) }
    if let session, let firstEnd {
      // Where the protocol shows only at the end, the session has not heard yet which side was first.
      session.ended(client: firstEnd.side == clientSide, firstEnd.end, at: firstEnd.at)
      session.ended(client: side == clientSide, end, at: at)
    }
  }

  // MARK: ProtocolReader

  func decided(_ answer: Detector.Answer, at: Timestamp) {
    switch answer {
    case .undecided: break
    case .known(let system, let client):
      clientSide = client
      session = protocols.session(of: system, server: server, process: processHash(client))
      state = .decoded(system)
      hasNews = true
    case .other(let reason):
      state = .ruledOut(reason)
      ruledOutToldAt = at
      // Nothing more is wanted of it, so nothing of it may wait.
      hasNews = true
    }
  }

  func read(_ bytes: RawSpan, from side: Side, at: Timestamp) {
    session?.receive(bytes, fromClient: side == clientSide, at: at)
  }

  func missed(_ count: Int, from side: Side, at: Timestamp) {
    session?.lost(count, fromClient: side == clientSide, at: at)
  }

  /// Which process the client is: live, by its id; without one its address stands for it, the port left out.
  private func processHash(_ client: Side) -> UInt64 {
    if process != 0 { return UInt64(UInt32(bitPattern: process)) }
    let endpoint = client == .first ? first : second
    return (endpoint.high &* 0x9e37_79b9_7f4a_7c15) ^ endpoint.low | 1 << 63
  }
}
