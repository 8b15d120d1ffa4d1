@testable import Pipeline

/// A sink that owns its reassembler, as a connection does, and writes down what it is told.
final class StreamRecorder: ByteSink {
  enum Event: Equatable {
    case bytes(Side, [UInt8])
    case lost(Side, Int)
    case ended(Side, StreamEnd)
  }

  var reassembler: Reassembler
  private(set) var events: [Event] = []
  /// Positions reached, holes included.
  private(set) var reached = [0, 0]
  /// Called before bytes are noted, with their side and position.
  var onBytes: ((Side, Int, RawSpan) -> Void)?
  var onLost: ((Side, Int, Int) -> Void)?
  var keepsBytes = true
  private(set) var mostBuffered_bytes = 0

  init(limits: Reassembler.Limits = .init()) {
    reassembler = Reassembler(limits: limits)
  }

  // `#expect` takes only copyable values apart.
  var counters: ReassemblyCounters { reassembler.counters }
  var buffered_bytes: Int { reassembler.buffered_bytes }
  var isWaiting: Bool { reassembler.isWaiting }
  var isOver: Bool { reassembler.isOver }

  func received(_ bytes: RawSpan, from side: Side, at: Timestamp) {
    onBytes?(side, reached[Int(side.rawValue)], bytes)
    reached[Int(side.rawValue)] += bytes.byteCount
    guard keepsBytes else { return }
    let copy = bytes.withUnsafeBytes { [UInt8]($0) }
    if case .bytes(side, let before) = events.last {
      events[events.count - 1] = .bytes(side, before + copy)
    } else {
      events.append(.bytes(side, copy))
    }
  }

  func lost(_ count: Int, from side: Side, at: Timestamp) {
    onLost?(side, reached[Int(side.rawValue)], count)
    reached[Int(side.rawValue)] += count
    events.append(.lost(side, count))
  }

  func ended(_ side: Side, _ end: StreamEnd, at: Timestamp) {
    events.append(.ended(side, end))
  }

  @discardableResult
  func take(_ segment: Segment, _ payload: [UInt8], from side: Side) -> Reassembler.Outcome {
    let outcome = reassembler.ingest(segment, payload.span.bytes, from: side, into: self)
    mostBuffered_bytes = max(mostBuffered_bytes, buffered_bytes)
    return outcome
  }

  /// A segment in short: sequence number, payload, acknowledgement, flags.
  @discardableResult
  func take(
    _ side: Side, _ sequence: UInt32, _ payload: [UInt8] = [], ack: UInt32? = nil, flags: TCPFlags = [],
    length: Int? = nil, at_ms: Int64 = 0
  ) -> Reassembler.Outcome {
    let segment = Segment(
      at: Timestamp(ns: .milliseconds(at_ms)), source: Self.client, destination: Self.server, sequence: sequence,
      acknowledgement: ack ?? 0, flags: ack == nil ? flags : flags.union(.ack), length: length ?? payload.count)
    return take(segment, payload, from: side)
  }

  func flush(at_ms: Int64 = 0) {
    reassembler.flush(at: Timestamp(ns: .milliseconds(at_ms)), into: self)
  }

  func expire(at_ms: Int64) {
    reassembler.expire(at: Timestamp(ns: .milliseconds(at_ms)), into: self)
  }

  /// SYN, SYN-ACK, ACK with initial sequence numbers 1000 and 5000.
  func shakeHands() {
    take(.first, 1000, flags: .syn)
    take(.second, 5000, ack: 1001, flags: .syn)
    take(.first, 1001, ack: 5001)
  }

  static let client = Endpoint(v4: 0x7f00_0001, port: 40000)
  static let server = Endpoint(v4: 0x7f00_0001, port: 5672)
}
