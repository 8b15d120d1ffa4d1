package import Pipeline

/// Records live traffic so that its replay gives the live run's report, without what must not leave memory.
///
/// - In: segments and losses as the capture gives them. Out: a pcapng file. Unless `withBodies`, each connection is
///   reassembled first and what is written are its ordered bytes as a `Redactor` leaves them, in segments with sequence
///   numbers of their own; holes stay holes. A connection that is no broker's is left out.
/// - With bodies, every segment is written as it passed.
/// - Memory: that of reassembly and decoding for each connection; at most `connectionBound` connections, the rest is not
///   recorded and counted in `leftOut`.
/// - Not kept of RabbitMQ: what tells messages without an id apart by their bodies. Such messages look alike in the replay
///   if their size, place and properties do.
package final class Recorder {
  private let writer: TraceWriter
  private let withBodies: Bool
  fileprivate let hashKey = KeyedHash.Key(.random(in: .min ... .max), .random(in: .min ... .max))
  private var connections: [UInt64: RecordedConnection] = [:]
  private var flushedAt = Timestamp.zero
  package private(set) var leftOut: UInt64 = 0
  /// The first error; nothing is written after it.
  package private(set) var failure: TraceWriteError?

  package init(path: String, limit_bytes: UInt64, withBodies: Bool) throws(TraceWriteError) {
    writer = try TraceWriter(path: path, limit_bytes: limit_bytes)
    self.withBodies = withBodies
  }

  /// The size limit was reached.
  package var isFull: Bool { writer.isFull }
  package var bytes_written: UInt64 { writer.bytes_written }

  package func take(_ segment: Segment, _ payload: RawSpan) {
    guard failure == nil, !isFull else { return }
    guard !withBodies else { return write(segment, payload) }
    if let known = connections[segment.cookie] {
      known.take(segment, payload)
    } else if connections.count < Self.connectionBound {
      let made = RecordedConnection(segment, recorder: self)
      connections[segment.cookie] = made
      made.take(segment, payload)
    } else {
      leftOut += 1
    }
    if let connection = connections[segment.cookie], connection.isOver { connections[segment.cookie] = nil }
  }

  package func lost(_ loss: CaptureLoss) { connections[loss.cookie]?.lost(loss) }

  /// Gives up what has been waited for long enough, and once a second has what was recorded written, so that it can be read
  /// after a crash. To be called every second or more often.
  package func tick(at: Timestamp) {
    for connection in connections.values { connection.expire(at: at) }
    guard failure == nil, at - flushedAt >= .seconds(1) else { return }
    flushedAt = at
    do { try writer.flush() } catch { failure = error }
  }

  /// Writes what is held back, and closes the file.
  package func close(at: Timestamp) throws(TraceWriteError) {
    for connection in connections.values { connection.flush(at: at) }
    connections = [:]
    if let failure { throw failure }
    try writer.close()
  }

  fileprivate func write(_ segment: Segment, _ payload: RawSpan) {
    guard failure == nil else { return }
    do { _ = try writer.write(segment, payload) } catch { failure = error }
  }

  private static let connectionBound = 4096
}

/// One connection on its way into a redacted recording.
private final class RecordedConnection: ByteSink, ProtocolReader {
  private unowned let recorder: Recorder
  private let first: Endpoint
  private let second: Endpoint
  private var reassembler = Reassembler()
  private var front: ConnectionFront
  private var openSides = 2
  private var redactor: Redactor?
  private var isRuledOut = false
  private let fromStart: Bool
  private var hasBegun = false
  /// Next sequence number of each side.
  private var next: (first: UInt32, second: UInt32) = (0, 0)

  init(_ segment: Segment, recorder: Recorder) {
    self.recorder = recorder
    let isEgress = segment.direction != .ingress
    first = isEgress ? segment.source : segment.destination
    second = isEgress ? segment.destination : segment.source
    fromStart = segment.flags.contains(.syn)
    front = ConnectionFront(fromStart: fromStart)
  }

  var isOver: Bool { isRuledOut || (reassembler.isOver && !reassembler.isWaiting) }

  func take(_ segment: Segment, _ payload: RawSpan) {
    _ = reassembler.ingest(segment, payload, from: segment.source == first ? .first : .second, into: self)
  }

  func lost(_ loss: CaptureLoss) { reassembler.lost(loss) }
  func expire(at: Timestamp) {
    reassembler.expire(at: at, into: self)
    front.expire(at: at, into: self)
  }
  func flush(at: Timestamp) { reassembler.flush(at: at, into: self) }

  func received(_ bytes: RawSpan, from side: Side, at: Timestamp) {
    if !isRuledOut { front.received(bytes, from: side, at: at, into: self) }
  }

  func lost(_ count: Int, from side: Side, at: Timestamp) {
    if !isRuledOut { front.lost(count, from: side, at: at, into: self) }
  }

  func ended(_ side: Side, _ end: StreamEnd, at: Timestamp) {
    openSides -= 1
    if !isRuledOut { front.ended(side, isLast: openSides <= 0 || end != .finished, at: at, into: self) }
    if isRuledOut { return }
    var kept: [UInt8] = []
    let waited = redactor?.finish(side, into: &kept) ?? 0
    write(kept, side, at)
    skip(waited, side)
    switch end {
    case .finished: write([], side, [.ack, .fin], at)
    case .reset: write([], side, [.ack, .rst], at)
    case .replaced, .forgotten: break
    }
  }

  func decided(_ answer: Detector.Answer, at: Timestamp) {
    redactor = Redactor(answer, hashKey: recorder.hashKey)
    isRuledOut = redactor == nil
  }

  func read(_ bytes: RawSpan, from side: Side, at: Timestamp) {
    var kept: [UInt8] = []
    redactor?.receive(bytes, from: side, into: &kept)
    write(kept, side, at)
  }

  func missed(_ count: Int, from side: Side, at: Timestamp) {
    var kept: [UInt8] = []
    let waited = redactor?.lost(count, from: side, into: &kept) ?? 0
    write(kept, side, at)
    // Of unknown length: one byte stands for it.
    skip(max(count, 1) + waited, side)
  }

  /// A hole.
  private func skip(_ count: Int, _ side: Side) {
    let hole = UInt32(truncatingIfNeeded: count)
    if side == .first { next.first &+= hole } else { next.second &+= hole }
  }

  private func write(_ bytes: [UInt8], _ side: Side, _ at: Timestamp) {
    if !bytes.isEmpty { write(bytes, side, [.ack, .psh], at) }
  }

  private func write(_ bytes: [UInt8], _ side: Side, _ flags: TCPFlags, _ at: Timestamp) {
    if !hasBegun { begin(at) }
    let isFirst = side == .first
    let segment = Segment(
      at: at, source: isFirst ? first : second, destination: isFirst ? second : first,
      sequence: isFirst ? next.first : next.second, acknowledgement: isFirst ? next.second : next.first, flags: flags,
      length: bytes.count)
    recorder.write(segment, bytes.span.bytes)
    let taken = UInt32(truncatingIfNeeded: bytes.count) &+ (flags.contains(.fin) ? 1 : 0)
    if isFirst { next.first &+= taken } else { next.second &+= taken }
  }

  /// The handshake, if it was seen: it tells a replay that the first bytes are the protocol's first.
  private func begin(_ at: Timestamp) {
    hasBegun = true
    guard fromStart else { return }
    recorder.write(
      Segment(at: at, source: first, destination: second, sequence: 0, flags: [.syn], length: 0), RawSpan())
    recorder.write(
      Segment(
        at: at, source: second, destination: first, sequence: 0, acknowledgement: 1, flags: [.syn, .ack], length: 0),
      RawSpan())
    next = (1, 1)
  }
}
