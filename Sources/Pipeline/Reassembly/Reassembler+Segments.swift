/// Every segment that is not simply the next one.
extension Reassembler {
  @inline(never)
  mutating func ingestSlowly<S: ByteSink>(
    _ segment: Segment, _ payload: RawSpan, from side: Side, into sink: S
  ) -> Outcome {
    guard segment.length >= 0, segment.length <= Self.largestSegment else {
      counters.malformed_segments &+= 1
      return .taken
    }
    if began == nil { began = now(segment.at) }
    if beginsAnew(segment, from: side) {
      flush(at: segment.at, as: .replaced, into: sink)
      return .beginsAnew
    }
    var sequence = Sequence(segment.sequence)
    if segment.flags.contains(.syn), !segment.flags.contains(.rst) {
      sequence = sequence.advanced(by: 1)
      open(side, afterSYN: sequence)
    } else if self[side].phase == .unseen {
      if self[side].isStartKnown { open(side, at: self[side].start) } else { self[side].phase = .seen }
    }
    noteAcknowledgement(segment, from: side)
    if segment.flags.contains(.rst) {
      noteReset(at: sequence, segment, from: side)
    } else {
      if segment.length > 0 { take(segment, payload, at: sequence, from: side, into: sink) }
      if segment.flags.contains(.fin) {
        noteEnd(at: sequence.advanced(by: segment.length), .finished, segment, from: side)
      }
    }
    settle(at: segment.at, into: sink)
    return .taken
  }

  /// True if the segment can't belong to this connection, but opens one between the same endpoints.
  private func beginsAnew(_ segment: Segment, from side: Side) -> Bool {
    if segment.flags.contains(.syn), !segment.flags.contains(.rst) {
      guard self[side].phase == .open || self[side].phase == .ended else { return false }
      let behind = self[side].start.distance(from: Sequence(segment.sequence).advanced(by: 1))
      if behind == 0 { return false }
      // A SYN captured late, after its side's bytes were taken for caught in the middle.
      if !self[side].isStartKnown, behind > 0, behind < Self.lateSYN_bytes, counters.segments < limits.grace_segments {
        return false
      }
      return true
    }
    // Over, and yet there are bytes of an ended side, from nowhere near its end: the new SYN was missed.
    guard isOver, self[side].phase == .ended, segment.length > 0, !segment.flags.contains(.rst) else { return false }
    return abs(Sequence(segment.sequence).distance(from: self[side].next)) > Self.farFromEnd_bytes
  }

  /// Opens a side at the first byte after its SYN.
  private mutating func open(_ side: Side, afterSYN position: Sequence) {
    switch self[side].phase {
    case .unseen, .seen, .starting:
      open(side, at: position)
      self[side].isStartKnown = true
    case .open, .ended: break
    }
  }

  /// From here on bytes of this side are handed on, beginning at `position`.
  mutating func open(_ side: Side, at position: Sequence) {
    self[side].phase = .open
    self[side].start = position
    self[side].next = position
    self[side].stuck = nil
    let dropped = self[side].held.trim(before: position)
    counters.retransmitted_bytes &+= UInt64(dropped)
    if let end = self[side].end, !(0...Sequence.window).contains(end.position.distance(from: position)) {
      self[side].end = nil
    }
    self[side].forgetReached()
  }

  private mutating func noteAcknowledgement(_ segment: Segment, from side: Side) {
    guard segment.flags.contains(.ack) else { return }
    let other = side.other
    let value = Sequence(segment.acknowledgement)
    if segment.flags.contains(.syn), !segment.flags.contains(.rst), !self[other].isStartKnown {
      // A SYN-ACK tells where the other side's stream begins, even if its SYN was not captured or comes later.
      switch self[other].phase {
      case .unseen:
        self[other].start = value
        self[other].isStartKnown = true
      case .seen, .starting:
        open(other, at: value)
        self[other].isStartKnown = true
      case .open, .ended: break
      }
    }
    guard self[other].phase == .open || self[other].phase == .starting else { return }
    let ahead = value.distance(from: self[other].next)
    guard ahead > 0, ahead <= Sequence.window else { return }
    if let known = self[other].acknowledged, value.distance(from: known) <= 0 { return }
    self[other].acknowledged = value
  }

  private mutating func noteReset(at position: Sequence, _ segment: Segment, from side: Side) {
    var position = position
    switch self[side].phase {
    case .ended: return
    case .unseen, .seen:
      open(side, at: position)
    case .starting:
      open(side, at: self[side].held.start ?? position)
    case .open: break
    }
    let ahead = position.distance(from: self[side].next)
    guard ahead >= -Sequence.window, ahead <= limits.held_bytes else {
      counters.out_of_window_segments &+= 1
      return
    }
    if ahead < 0 { position = self[side].next }
    noteEnd(at: position, .reset, segment, from: side)
    // Nothing will be sent again: what is missing before the reset is lost after the grace, acknowledged or not.
    if ahead > 0, self[side].acknowledged.map({ position.distance(from: $0) > 0 }) ?? true {
      self[side].acknowledged = position
    }
  }

  private mutating func noteEnd(at position: Sequence, _ kind: StreamEnd, _ segment: Segment, from side: Side) {
    switch self[side].phase {
    case .ended: return
    case .unseen, .seen: startHolding(side, from: position, at: segment.at)
    case .starting, .open: break
    }
    let ahead = position.distance(from: self[side].next)
    // A FIN sent again, or one whose place has been passed.
    guard ahead >= 0, ahead <= Sequence.window else { return }
    if let known = self[side].end, known.kind == .reset || kind == .finished { return }
    self[side].end = StreamState.End(
      position: position, kind: kind, acknowledges: Acknowledgement(segment), at: segment.at)
  }

  /// Caught in the middle: earlier bytes may yet come, out of order.
  private mutating func startHolding(_ side: Side, from position: Sequence, at: Timestamp) {
    self[side].phase = .starting
    self[side].next = position.advanced(by: -Sequence.window / 2)
    self[side].stuck = now(at)
  }

  private mutating func take<S: ByteSink>(
    _ segment: Segment, _ payload: RawSpan, at sequence: Sequence, from side: Side, into sink: S
  ) {
    switch self[side].phase {
    case .ended:
      if sequence.distance(from: self[side].next) >= 0 {
        counters.malformed_segments &+= 1
      } else {
        noteRepeated(segment.length)
      }
      return
    case .unseen, .seen: startHolding(side, from: sequence, at: segment.at)
    case .starting, .open: break
    }
    let begin = sequence.distance(from: self[side].next)
    let end = begin + segment.length
    guard begin >= -Sequence.window, end <= Sequence.window else {
      takeFarOff(segment, payload, at: sequence, from: side, into: sink)
      return
    }
    self[side].outOfWindow = 0
    guard end > 0 else { return noteRepeated(segment.length) }
    let captured = min(payload.byteCount, segment.length)
    let acknowledges = Acknowledgement(segment)
    // `offset` is the first byte of the segment not dealt with.
    var offset = max(0, -begin)
    if offset > 0 { noteRepeated(offset) }

    if begin <= 0, offset < captured, self[side].phase == .open, !isBlocked(acknowledges, side) {
      var stop = captured
      if let held = self[side].held.start { stop = min(stop, held.distance(from: sequence)) }
      if stop > offset {
        self[side].next = sequence.advanced(by: stop)
        self[side].stuck = nil
        counters.bytes &+= UInt64(stop - offset)
        sink.received(payload.extracting(offset..<stop), from: side, at: segment.at)
        offset = stop
      }
    }
    if begin > 0, self[side].phase == .open { counters.out_of_order_segments &+= 1 }
    let origin = self[side].next
    if offset < captured {
      let repeated = self[side].held.add(
        payload, from: offset, count: captured - offset, isMissing: false, start: sequence.advanced(by: offset),
        origin: origin, acknowledges: acknowledges, at: segment.at)
      if repeated > 0 { noteRepeated(repeated) }
      offset = captured
    }
    if offset < segment.length {
      _ = self[side].held.add(
        payload, from: offset, count: segment.length - offset, isMissing: true, start: sequence.advanced(by: offset),
        origin: origin, acknowledges: acknowledges, at: segment.at)
    }
  }

  /// A stray segment is ignored. Many in a row mean that the stream went on elsewhere while nothing was captured.
  private mutating func takeFarOff<S: ByteSink>(
    _ segment: Segment, _ payload: RawSpan, at sequence: Sequence, from side: Side, into sink: S
  ) {
    counters.out_of_window_segments &+= 1
    self[side].outOfWindow += 1
    guard self[side].outOfWindow >= Self.farOffToResynchronise else { return }
    counters.resynchronised &+= 1
    if self[side].phase == .starting { open(side, at: self[side].held.start ?? self[side].next) }
    while let start = self[side].held.start {
      if start == self[side].next {
        handOnFirst(of: side, at: segment.at, into: sink)
      } else {
        lose(upTo: start, of: side, .hole, at: segment.at, into: sink)
      }
    }
    self[side].forgetAll()
    self[side].next = sequence
    self[side].outOfWindow = 0
    sink.lost(0, from: side, at: segment.at)
    take(segment, payload, at: sequence, from: side, into: sink)
  }

  private mutating func noteRepeated(_ count: Int) {
    counters.retransmitted_segments &+= 1
    counters.retransmitted_bytes &+= UInt64(truncatingIfNeeded: count)
  }

  func now(_ at: Timestamp) -> Moment { Moment(at: at, segment: counters.segments) }

  /// No segment is longer: Linux builds them up to 4 MiB at most (BIG TCP, kernel 6.3).
  static let largestSegment = 16 << 20
  /// How far a SYN may lie before the first byte seen and still be that connection's.
  static let lateSYN_bytes = 1 << 20
  /// Stragglers of a connection that is over lie nearer to its end than this; a new one begins anywhere.
  static let farFromEnd_bytes = 1 << 20
  static let farOffToResynchronise = 16
}
