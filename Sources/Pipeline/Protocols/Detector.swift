/// Finds out from bytes, never from ports, which protocol a connection speaks, and which side is the client.
///
/// - In: both sides' bytes and gaps. Out: an `Answer` after each. When it comes, `handOver` gives everything that was
///   kept; the bytes that brought the answer were not kept, the caller hands them on.
/// - The matchers of all protocols look at each chunk; the first that knows its own decides. So do the first bytes of
///   protocols that are not decoded (`ForeignBytes`).
/// - Memory: 4 KiB a side; earlier bytes are handed over as a gap. Gives up when every matcher does. Cost: linear in the
///   bytes.
package struct Detector: Sendable {
  package enum Answer: Equatable, Sendable {
    case undecided
    case known(MessagingSystem, client: Side)
    case other(Undecoded)
  }

  package private(set) var answer = Answer.undecided

  /// `fromStart`: the connection's SYN was seen, so its first bytes are the protocol's first. What fits no protocol's
  /// beginning is then ruled out at once.
  package init(fromStart: Bool) { self.init(fromStart: fromStart, protocols: BrokerProtocols.all) }

  init(fromStart: Bool, protocols: [any BrokerProtocol.Type]) {
    self.fromStart = fromStart
    matchers = protocols.map { ($0.system, $0.matcher(), false) }
  }

  /// The next bytes of a side. Kept only if the answer stays `.undecided`.
  package mutating func receive(_ bytes: RawSpan, from side: Side, at: Timestamp) -> Answer {
    guard answer == .undecided, !bytes.isEmpty else { return answer }
    let start = self[side].kept.count
    bytes.withUnsafeBytes { self[side].kept.append(contentsOf: $0) }
    // Out of self, so that it can be read while the matchers change.
    var kept: [UInt8] = []
    swap(&kept, &self[side].kept)
    answer = look(kept.span.bytes, side, start)
    swap(&kept, &self[side].kept)
    if answer == .undecided {
      note(Event(side: side, isGap: false, count: bytes.byteCount, at: at))
      forget(side, self[side].kept.count &- Self.keptLimit_bytes)
    } else {
      // The caller hands these on.
      self[side].kept.removeLast(bytes.byteCount)
    }
    return answer
  }

  private mutating func look(_ seen: RawSpan, _ side: Side, _ start: Int) -> Answer {
    let chunk = SeenChunk(
      side: side, base: self[side].base, start: start, hasFirst: self[side].hasFirst, fromStart: fromStart)
    if self[side].firstIsOpen {
      switch ForeignBytes(seen) {
      case .known(let reason): return .other(reason)
      // A request of RabbitMQ's streams could be one of Kafka's until more of it has come.
      case .unfinished: return .undecided
      case .nothing: self[side].firstIsOpen = false
      }
    }
    var isOpen = false
    for i in matchers.indices where !matchers[i].isOut {
      switch matchers[i].matcher.look(seen, chunk) {
      case .mine(let client): return .known(matchers[i].system, client: client)
      case .other(let reason): return .other(reason)
      case .more: isOpen = true
      case .no: matchers[i].isOut = true
      }
    }
    if isOpen { return .undecided }
    return .other(chunk.hasFirst && fromStart ? .notABroker : .unrecognised)
  }

  /// The next `count` bytes of a side will never come; 0 if their number is not known.
  package mutating func lost(_ count: Int, from side: Side, at: Timestamp) -> Answer {
    guard answer == .undecided else { return answer }
    note(Event(side: side, isGap: true, count: max(count, 0), at: at))
    self[side].meetGap()
    // What the other side says first may be an answer to what was lost.
    fromStart = false
    for i in matchers.indices { matchers[i].matcher.meetGap(side) }
    return answer
  }

  /// Nothing follows: the best answer there is. Where nothing came at all there was nothing to recognise: kafkajs opens two
  /// connections to each broker and a producer fetches on neither, health checks only connect.
  package mutating func finish() -> Answer {
    guard answer == .undecided, !events.isEmpty else { return answer }
    answer = .other(.unrecognised)
    for i in matchers.indices where !matchers[i].isOut {
      if case .mine(let client) = matchers[i].matcher.finish() {
        answer = .known(matchers[i].system, client: client)
        break
      }
    }
    return answer
  }

  /// Gives what was kept to `reader`, in the order in which it came, and forgets it.
  mutating func handOver(to reader: some ProtocolReader) {
    var offsets = (first: 0, second: 0)
    for event in events {
      if event.isGap {
        reader.missed(event.count, from: event.side, at: event.at)
        continue
      }
      let start = event.side == .first ? offsets.first : offsets.second
      let bytes = self[event.side].kept.span.bytes.extracting(start..<start &+ event.count)
      if event.side == .first { offsets.first &+= event.count } else { offsets.second &+= event.count }
      if !bytes.isEmpty { reader.read(bytes, from: event.side, at: event.at) }
    }
    events = []
    first = Kept()
    second = Kept()
  }

  private var fromStart: Bool
  private var matchers: [(system: MessagingSystem, matcher: any ProtocolMatcher, isOut: Bool)]
  private var first = Kept()
  private var second = Kept()
  /// What came, in order. Bytes lie in their side's `kept`, one event's after the other's.
  private var events: [Event] = []

  private struct Event: Sendable {
    var side: Side
    var isGap: Bool
    var count: Int
    var at: Timestamp
  }

  /// The last bytes of a side, without the gaps between them.
  private struct Kept: Sendable {
    var kept: [UInt8] = []
    /// Where in the side's stream `kept` begins; gaps do not count.
    var base = 0
    var hasFirst = true
    /// The first bytes may still turn out to be a foreign protocol's.
    var firstIsOpen = true

    mutating func meetGap() {
      hasFirst = false
      firstIsOpen = false
    }

    /// Forgets the first `count` bytes.
    mutating func trim(_ count: Int) {
      let count = min(count, kept.count)
      kept.removeFirst(count)
      base &+= count
      meetGap()
    }
  }

  private subscript(side: Side) -> Kept {
    get { side == .first ? first : second }
    _modify {
      if side == .first { yield &first } else { yield &second }
    }
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
  private static let eventLimit = 512
}
