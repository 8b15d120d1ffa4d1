/// Finds out from bytes, never from ports, whether a connection speaks AMQP 0-9-1 or Kafka, and which side is the client.
///
/// - In: both sides' bytes and gaps as reassembly gives them. Out: an `Answer` after each. When it comes, `handOver`
///   gives everything that was kept to whoever decodes; the bytes that brought the answer were not kept, the caller
///   hands them on himself.
/// - A side that begins with AMQP's protocol header or with connection.start decides at once; so do the first bytes of
///   other protocols, where they are sure. Joined in the middle of a connection, two whole frames in a row decide, or one
///   that is a chunk by itself, one of them a method; the methods tell the client from the server. One side is enough.
/// - Kafka shows in the client's requests alone (`KafkaTrial`): the first bytes, or in the middle a chunk that is a request.
/// - Memory: 4 KiB a side; earlier bytes are handed over as a gap. Gives up when a side has sent 4 MiB without a sign of
///   any protocol: that much of a large message can pass before the first frame. Cost: linear in the bytes.
package struct Detector: Sendable {
  package enum Answer: Equatable, Sendable {
    case undecided
    case amqp(clientSide: Side)
    case kafka(clientSide: Side)
    case other(Undecoded)
  }

  package private(set) var answer = Answer.undecided

  /// `fromStart`: the connection's SYN was seen, so its first bytes are the protocol's first. Anything but AMQP is then
  /// ruled out at once.
  package init(fromStart: Bool) {
    self.fromStart = fromStart
  }

  /// The next bytes of a side. Kept only if the answer stays `.undecided`.
  package mutating func receive(_ bytes: RawSpan, from side: Side, at: Timestamp) -> Answer {
    guard answer == .undecided, !bytes.isEmpty else { return answer }
    let before = self[side].kept.count
    switch self[side].receive(bytes, fromStart: fromStart) {
    case .client: answer = .amqp(clientSide: side)
    case .server: answer = .amqp(clientSide: side.other)
    case .kafkaClient: answer = .kafka(clientSide: side)
    case .other(let reason): answer = .other(reason)
    case .nothing:
      if self[side].ambiguous_bytes >= Self.ambiguousLimit_bytes, let client = likelyClient {
        answer = .amqp(clientSide: client)
      } else if self[side].work_bytes >= Self.workLimit_bytes {
        answer = .other(.unrecognised)
      }
    }
    if answer == .undecided {
      note(Event(side: side, isGap: false, count: bytes.byteCount, at: at))
      forget(side, self[side].kept.count &- Self.keptLimit_bytes)
    } else {
      // The caller hands these on himself.
      self[side].dropLast(self[side].kept.count &- before)
    }
    return answer
  }

  /// The next `count` bytes of a side will never come; 0: nobody knows how many.
  package mutating func lost(_ count: Int, from side: Side, at: Timestamp) -> Answer {
    guard answer == .undecided else { return answer }
    note(Event(side: side, isGap: true, count: max(count, 0), at: at))
    self[side].meetGap()
    return answer
  }

  /// Nothing follows: the best answer there is. Where nothing came at all there was nothing to recognise: kafkajs opens two
  /// connections to each broker and a producer fetches on neither, health checks only connect.
  package mutating func finish() -> Answer {
    guard answer == .undecided, !events.isEmpty else { return answer }
    if let client = likelyClient { answer = .amqp(clientSide: client) } else { answer = .other(.unrecognised) }
    return answer
  }

  /// Gives what was kept to `sink`, in the order in which it came, and forgets it.
  package mutating func handOver(to sink: some ByteSink) {
    var offsets = (first: 0, second: 0)
    for event in events {
      if event.isGap {
        sink.lost(event.count, from: event.side, at: event.at)
        continue
      }
      let start = event.side == .first ? offsets.first : offsets.second
      let bytes = self[event.side].kept.span.bytes.extracting(start..<start &+ event.count)
      if event.side == .first { offsets.first &+= event.count } else { offsets.second &+= event.count }
      if !bytes.isEmpty { sink.received(bytes, from: event.side, at: event.at) }
    }
    events = []
    first = DetectorSide()
    second = DetectorSide()
  }

  private let fromStart: Bool
  private var first = DetectorSide()
  private var second = DetectorSide()
  /// What came, in order. Bytes lie in their side's `kept`, one event's after the other's.
  private var events: [Event] = []

  private struct Event: Sendable {
    var side: Side
    var isGap: Bool
    var count: Int
    var at: Timestamp
  }

  private subscript(side: Side) -> DetectorSide {
    get { side == .first ? first : second }
    _modify {
      if side == .first { yield &first } else { yield &second }
    }
  }

  /// Frames that both sides send are mostly acks, and mostly a consumer's: only where a publisher's confirms are all that
  /// was captured is this wrong.
  private var likelyClient: Side? {
    if first.ambiguous_bytes == 0 && second.ambiguous_bytes == 0 { return nil }
    return first.ambiguous_bytes >= second.ambiguous_bytes ? .first : .second
  }

  private mutating func note(_ event: Event) {
    if let last = events.last, last.side == event.side, last.isGap, event.isGap {
      // A gap of unknown length makes the sum unknown.
      events[events.count - 1].count = last.count == 0 || event.count == 0 ? 0 : last.count &+ event.count
    } else {
      events.append(event)
    }
    if events.count > Self.eventLimit { forget(event.side, self[event.side].kept.count) }
  }

  /// Turns the first `count` bytes kept of a side, and the gaps between them, into one gap.
  private mutating func forget(_ side: Side, _ count: Int) {
    guard count > 0 else { return }
    self[side].trim(count)
    var left = count
    var gap = Event(side: side, isGap: true, count: 0, at: .zero)
    var gapPlace: Int?
    var isUnknown = false
    var rest: [Event] = []
    for var event in events {
      guard event.side == side, left > 0 else {
        rest.append(event)
        continue
      }
      if gapPlace == nil {
        gapPlace = rest.count
        gap.at = event.at
        rest.append(gap)
      }
      let taken = event.isGap ? event.count : min(left, event.count)
      if event.isGap, event.count == 0 { isUnknown = true }
      gap.count &+= taken
      if event.isGap { continue }
      left &-= taken
      event.count &-= taken
      if event.count > 0 { rest.append(event) }
    }
    if let gapPlace { rest[gapPlace].count = isUnknown ? 0 : gap.count }
    events = rest
  }

  private static let keptLimit_bytes = 4_096
  private static let workLimit_bytes = 4 << 20
  /// About 50 acks.
  private static let ambiguousLimit_bytes = 1_024
  private static let eventLimit = 512
}
