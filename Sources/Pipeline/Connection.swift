/// One TCP connection: reassembly, then detection, then a session of the protocol that was detected.
final class Connection: ByteSink {
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
  var isWaiting: Bool { reassembler.isWaiting }
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
  /// How it ended first, told to the session that may yet be made of what was kept.
  private var firstEnd: (side: Side, end: StreamEnd, at: Timestamp)?
  private var reassembler = Reassembler()
  private var detector: Detector
  private var openSides = 2
  private var session: ProtocolSession?
  private var clientSide = Side.first
  private let ledger: Ledger
  private let protocols: ProtocolStates

  enum State: Equatable {
    case undecided
    case decoded(MessagingSystem)
    /// Not for us: why.
    case ruledOut(Undecoded)
  }

  /// The broker's end; meaningful once a protocol was detected.
  var server: Endpoint { clientSide == .first ? second : first }

  /// What it is used for; nil until a protocol was detected.
  var use: ConnectionUse? { session?.use }

  /// A segment of the client's that was held, and so is no fact.
  func peek(_ segment: Segment, _ payload: RawSpan) {
    guard segment.source != server, reassembler[clientSide].phase == .open else { return }
    let passed = reassembler[clientSide].next
    session?.peek(payload, at: Sequence(segment.sequence), passed: passed, at: segment.at)
  }

  init(_ segment: Segment, first: Endpoint, second: Endpoint, serial: Int, ledger: Ledger, protocols: ProtocolStates) {
    self.serial = serial
    cookie = segment.cookie
    self.first = first
    self.second = second
    process = segment.process
    lastActive = segment.at
    detector = Detector(fromStart: segment.flags.contains(.syn))
    self.ledger = ledger
    self.protocols = protocols
  }

  func ingest(_ segment: Segment, _ payload: RawSpan) {
    lastActive = segment.at
    if isRuledOut {
      if !segment.flags.isDisjoint(with: [.fin, .rst]), !isListed {
        isFinished = true
        hasNews = true
      }
      return
    }
    if process == 0 { process = segment.process }
    let side: Side = segment.source == first ? .first : .second
    if reassembler.ingest(segment, payload, from: side, into: self) == .beginsAnew {
      restart()
      _ = reassembler.ingest(segment, payload, from: side, into: self)
    }
    if !isListed, reassembler.isWaiting || reassembler.isOver { hasNews = true }
  }

  /// The same two endpoints begin another connection.
  private func restart() {
    retired += reassembler.counters
    reassembler = Reassembler()
    detector = Detector(fromStart: true)
    openSides = 2
    firstEnd = nil
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

  func expire(at: Timestamp) { reassembler.expire(at: at, into: self) }

  /// Hands on what is held back; `end` is told to the session for every side that had not ended.
  func flush(at: Timestamp, as end: StreamEnd) { reassembler.flush(at: at, as: end, into: self) }

  // MARK: ByteSink

  func received(_ bytes: RawSpan, from side: Side, at: Timestamp) {
    if state == .undecided { decide(detector.receive(bytes, from: side, at: at)) }
    session?.receive(bytes, fromClient: side == clientSide, at: at)
  }

  func lost(_ count: Int, from side: Side, at: Timestamp) {
    if let session {
      session.lost(count, fromClient: side == clientSide, at: at)
    } else if state == .undecided {
      _ = detector.lost(count, from: side, at: at)
    }
  }

  func ended(_ side: Side, _ end: StreamEnd, at: Timestamp) {
    openSides -= 1
    if firstEnd == nil { firstEnd = (side, end, at) }
    if state == .undecided, openSides <= 0 || end != .finished { decide(detector.finish()) }
    if let session, let firstEnd {
      // Where the protocol shows only at the end, the session has not heard yet which side was first.
      session.ended(client: firstEnd.side == clientSide, firstEnd.end, at: firstEnd.at)
      session.ended(client: side == clientSide, end, at: at)
    }
  }

  private func decide(_ answer: Detector.Answer) {
    switch answer {
    case .undecided: return
    case .amqp(let client):
      clientSide = client
      begin(
        .rabbitmq,
        .amqp(AMQPSession(ledger: ledger, state: protocols.amqp, server: server, process: processHash(client))))
    case .kafka(let client):
      clientSide = client
      begin(
        .kafka,
        .kafka(KafkaSession(ledger: ledger, state: protocols.kafka, server: server, process: processHash(client))))
    case .other(let reason): ruleOut(reason)
    }
  }

  private func begin(_ system: MessagingSystem, _ session: ProtocolSession) {
    state = .decoded(system)
    self.session = session
    hasNews = true
    var decided = detector
    detector = Detector(fromStart: false)
    decided.handOver(to: self)
  }

  private func ruleOut(_ reason: Undecoded) {
    state = .ruledOut(reason)
    detector = Detector(fromStart: false)
    // Nothing more is wanted of it, so nothing of it may wait.
    hasNews = true
  }

  /// Which process the client is: live, by its id; without one its address stands for it, the port left out.
  private func processHash(_ client: Side) -> UInt64 {
    if process != 0 { return UInt64(UInt32(bitPattern: process)) }
    let endpoint = client == .first ? first : second
    return (endpoint.high &* 0x9e37_79b9_7f4a_7c15) ^ endpoint.low | 1 << 63
  }
}
