/// Makes two byte streams of one connection's segments.
///
/// - In: segments of both sides in the order of the capture, which may repeat, overlap, reorder, cut and lose them.
/// - Out: to a `ByteSink`, each side's bytes once and in order, holes by their length, ends; in causal order: bytes
///   that acknowledge byte N of the other side come after that side was handed on, or given up, up to N.
/// - Memory: what waits is held, at most `Limits.held_bytes` for each side.
/// - Cost: the next expected segment, with nothing waiting, takes a few compares: no copy, no allocation.
/// - Loss: a hole is given up once the other side has acknowledged it and a grace has passed (captures deliver
///   acknowledgements before what they acknowledge), when more can't be held, after 30 s, or when the stream ends.
///   A hole that nobody acknowledged will be sent again, and is waited for.
///
/// A side caught in the middle starts at the lowest byte seen within its first moments. A side never seen is never
/// waited for, nor are its bytes called lost. No input makes it wait for ever, given later segments, `expire` or `flush`.
package struct Reassembler: ~Copyable {
  package struct Limits: Sendable {
    /// Most that is held back for each side, with 128 bytes' allowance for every held segment.
    package var held_bytes = 4 << 20
    /// How long an acknowledged hole may yet be filled, on whichever clock passes first.
    package var grace_ns: Int64 = .milliseconds(200)
    package var grace_segments: UInt64 = 256
    /// How long a stream caught in the middle is held back to see whether earlier bytes come.
    package var start_grace_segments: UInt64 = 32
    /// How long a hole is waited for that nobody acknowledged.
    package var patience_ns: Int64 = .seconds(30)

    package init() {}
  }

  package enum Outcome: Sendable {
    case taken
    /// The segment opens another connection between the same endpoints. All of this one was handed on and both sides
    /// ended as `.replaced`: make a new reassembler and give it the segment.
    case beginsAnew
  }

  package internal(set) var counters = ReassemblyCounters()
  /// Both sides' states, apart from this value so that a side is picked without copying its state.
  private let streams: UnsafeMutablePointer<StreamState>
  /// Nothing is held, missing or awaited on either side.
  var isCalm = false
  /// Within the first moments of the connection, where a side not yet seen may still be about to show.
  var isYoung = true
  var began: Moment?
  /// Bytes that the capture said it lost, not yet matched with holes.
  var announced = ReassemblyCounters()
  let limits: Limits

  package init(limits: Limits = Limits()) {
    self.limits = limits
    streams = .allocate(capacity: 2)
    streams.initialize(to: StreamState())
    (streams + 1).initialize(to: StreamState())
  }

  deinit {
    streams.deinitialize(count: 2)
    streams.deallocate()
  }

  /// Takes one segment of `side`.
  ///
  /// `payload` are the first of the segment's `length` bytes; what it lacks is a hole. The sink is called before this
  /// returns, with `payload` itself where it is what comes next. The sink may own this reassembler, but must not touch
  /// it from within a call.
  package mutating func ingest<S: ByteSink>(
    _ segment: Segment, _ payload: RawSpan, from side: Side, into sink: S
  ) -> Outcome {
    counters.segments &+= 1
    if isCalm, segment.flags.isDisjoint(with: [.syn, .fin, .rst]) {
      let next = self[side].next
      let count = payload.byteCount
      if self[side].phase == .open, segment.sequence == next.number, segment.length == count, count < Sequence.window,
        self[side.other].phase != .open
          || Sequence(segment.acknowledgement).distance(from: self[side.other].next) <= 0
          || !segment.flags.contains(.ack)
      {
        guard count > 0 else { return .taken }
        self[side].next = next.advanced(by: count)
        counters.bytes &+= UInt64(truncatingIfNeeded: count)
        sink.received(payload, from: side, at: segment.at)
        return .taken
      }
    }
    return ingestSlowly(segment, payload, from: side, into: sink)
  }

  /// Notes what the capture says it lost of this connection. The hole itself is found by sequence number; this gives
  /// it its cause.
  package mutating func lost(_ loss: CaptureLoss) {
    announced.lost(loss.bytes, loss.cause)
  }

  /// Gives up what has been waited for long enough. To be called every so often while `isWaiting`, for connections
  /// that have fallen silent.
  package mutating func expire<S: ByteSink>(at now: Timestamp, into sink: S) {
    guard isWaiting else { return }
    settle(at: now, into: sink)
  }

  /// Hands on everything held, tells the holes between, and ends both sides that were seen and had not ended. Announced
  /// losses that no hole explained are added to the counters. Segments that come later are ignored.
  package mutating func flush<S: ByteSink>(at now: Timestamp, as end: StreamEnd = .forgotten, into sink: S) {
    isYoung = false
    repeat { handOn(at: now, into: sink) } while force(at: now, into: sink)
    for side in [Side.first, .second] where self[side].phase != .ended {
      let wasSeen = self[side].phase != .unseen
      self[side].phase = .ended
      self[side].forgetAll()
      if wasSeen { sink.ended(side, end, at: now) }
    }
    counters += announced
    announced = ReassemblyCounters()
    isCalm = false
  }

  /// Something is held or missed: `expire` should be called as time passes.
  // Asked for every segment: inlined, since a call of it copied the whole value first.
  package var isWaiting: Bool {
    @inline(__always) get { !self[.first].isQuiet || !self[.second].isQuiet }
  }

  /// Payload bytes held back now.
  package var buffered_bytes: Int { self[.first].held.count + self[.second].held.count }

  /// Both sides have ended, or one was reset: only stragglers can follow.
  package var isOver: Bool {
    @inline(__always) get {
      (self[.first].phase == .ended && self[.second].phase == .ended) || self[.first].wasReset
        || self[.second].wasReset
    }
  }

  subscript(side: Side) -> StreamState {
    @inline(__always) unsafeAddress { UnsafePointer(streams + Int(side.rawValue)) }
    @inline(__always) unsafeMutableAddress { streams + Int(side.rawValue) }
  }
}
