/// What is held: when it is handed on, and when waiting ends.
extension Reassembler {
  /// Hands on what can be, gives up what was waited for long enough, keeps the bound.
  mutating func settle<S: ByteSink>(at now: Timestamp, into sink: S) {
    if isYoung, var began {
      isYoung = !began.isOlder(than: limits.grace_ns, or: limits.start_grace_segments, now: self.now(now))
      self.began = began
    }
    repeat {
      handOn(at: now, into: sink)
    } while giveUp(on: .first, at: now, into: sink) || giveUp(on: .second, at: now, into: sink)
    for side in [Side.first, .second] {
      while self[side].held.cost_bytes > limits.held_bytes {
        makeRoom(side, at: now, into: sink)
        handOn(at: now, into: sink)
      }
    }
    isCalm =
      self[.first].isQuiet && self[.second].isQuiet && self[.first].outOfWindow == 0 && self[.second].outOfWindow == 0
      && !(isYoung
        && (self[.first].phase.rawValue < StreamState.Phase.open.rawValue
          || self[.second].phase.rawValue < StreamState.Phase.open.rawValue))
  }

  /// Whether bytes of `side` must wait for the other side to be handed on up to what they acknowledge.
  func isBlocked(_ acknowledges: Acknowledgement, _ side: Side) -> Bool {
    let other = side.other
    // What follows these bytes was sent after them, and so had acknowledged at least as much.
    if let later = self[side].held.acknowledges, later.isValid, !isBehind(later, other) { return false }
    return acknowledges.isValid && isBehind(acknowledges, other)
  }

  /// Whether `side` is still to be handed on before it reaches what was acknowledged.
  private func isBehind(_ acknowledges: Acknowledgement, _ side: Side) -> Bool {
    let ahead: Int
    switch self[side].phase {
    case .unseen, .seen: return isYoung
    case .starting: return true
    case .open: ahead = acknowledges.upTo.distance(from: self[side].next)
    case .ended: return false
    }
    return ahead > 0 && ahead <= Sequence.window
  }

  /// Hands on all that is in order and not waiting for the other side.
  mutating func handOn<S: ByteSink>(at now: Timestamp, into sink: S) {
    var hasMoved: Bool
    repeat {
      hasMoved = false
      while step(.first, at: now, into: sink) { hasMoved = true }
      while step(.second, at: now, into: sink) { hasMoved = true }
    } while hasMoved
    self[.first].forgetReached()
    self[.second].forgetReached()
  }

  private mutating func step<S: ByteSink>(_ side: Side, at now: Timestamp, into sink: S) -> Bool {
    guard self[side].phase == .open else { return false }
    if let end = self[side].end, end.position.distance(from: self[side].next) <= 0 {
      guard !(end.acknowledges.isValid && isBehind(end.acknowledges, side.other)) else { return false }
      finish(side, end, into: sink)
      return true
    }
    guard let acknowledges = self[side].held.acknowledges, self[side].held.start == self[side].next,
      self[side].held.isFirstMissing || !isBlocked(acknowledges, side)
    else { return false }
    handOnFirst(of: side, at: now, into: sink)
    return true
  }

  /// Hands on the first held chunk, or tells it as lost if its bytes are known to be missing.
  mutating func handOnFirst<S: ByteSink>(of side: Side, at now: Timestamp, into sink: S) {
    guard let chunk = self[side].held.popFirst() else { return }
    self[side].next = chunk.end
    self[side].stuck = nil
    if chunk.isMissing {
      count(lost: chunk.count, .snapLength)
      sink.lost(chunk.count, from: side, at: chunk.at)
    } else {
      counters.bytes &+= UInt64(chunk.count)
      sink.received(chunk.bytes.span.bytes, from: side, at: chunk.at)
    }
  }

  private mutating func finish<S: ByteSink>(_ side: Side, _ end: StreamState.End, into sink: S) {
    self[side].phase = .ended
    self[side].wasReset = end.kind == .reset
    // A FIN takes a sequence number of its own.
    self[side].next = end.kind == .finished ? end.position.advanced(by: 1) : end.position
    self[side].forgetAll()
    sink.ended(side, end.kind, at: end.at)
  }

  /// Tells the hole from `next` to `position`.
  mutating func lose<S: ByteSink>(
    upTo position: Sequence, of side: Side, _ cause: ReassemblyCounters.Cause, at now: Timestamp, into sink: S
  ) {
    let count = position.distance(from: self[side].next)
    guard count > 0 else { return }
    self[side].next = position
    self[side].stuck = nil
    self.count(lost: count, cause)
    sink.lost(count, from: side, at: now)
  }

  /// Counts lost bytes, by the cause that the capture announced, if it did.
  private mutating func count(lost count: Int, _ cause: ReassemblyCounters.Cause) {
    var rest = UInt64(count)
    for announcedCause in CaptureLoss.Cause.allCases where rest > 0 && announced.lost_bytes > 0 {
      let explained = announced.take(rest, announcedCause)
      counters.lost(explained, announcedCause)
      rest -= explained
    }
    counters.lost(rest, cause)
  }

  /// Ends one wait of `side` if it has lasted long enough; true if something changed.
  private mutating func giveUp<S: ByteSink>(on side: Side, at moment: Timestamp, into sink: S) -> Bool {
    guard self[side].phase == .starting || self[side].phase == .open, !self[side].isQuiet else {
      self[side].stuck = nil
      return false
    }
    let now = self.now(moment)
    var stuck = self[side].stuck ?? now
    defer { if self[side].stuck != nil { self[side].stuck = stuck } }
    self[side].stuck = stuck
    if self[side].phase == .starting {
      guard stuck.isOlder(than: limits.grace_ns, or: limits.start_grace_segments, now: now) else { return false }
      return force(side, .hole, at: moment, into: sink)
    }
    guard self[side].hasHole else {
      // Held only because of the other side. Its holes are given up within twice the grace: what waits longer waits
      // for numbers that contradict each other.
      let wait_ns = limits.grace_ns * 3
      guard stuck.isOlder(than: wait_ns, or: limits.grace_segments * 3, now: now) else { return false }
      counters.causality_forced &+= 1
      return release(likelierFirst(side), at: moment, into: sink)
    }
    ripen(side, now: now)
    if let ripe = self[side].ripe, ripe.distance(from: self[side].next) > 0 {
      var stop = ripe
      if let end = self[side].holeEnd, end.distance(from: stop) < 0 { stop = end }
      lose(upTo: stop, of: side, .hole, at: moment, into: sink)
      return true
    }
    if self[side].holeEnd != nil, stuck.isOlder(than: limits.patience_ns, or: .max, now: now) {
      return force(side, .hole, at: moment, into: sink)
    }
    return false
  }

  /// Moves on the acknowledgement that is older than the grace: between one and two graces behind the newest.
  private mutating func ripen(_ side: Side, now: Moment) {
    guard let acknowledged = self[side].acknowledged else { return }
    let newest = StreamState.Candidate(upTo: acknowledged, since: now)
    guard var candidate = self[side].candidate else {
      self[side].candidate = newest
      return
    }
    if candidate.since.isOlder(than: limits.grace_ns, or: limits.grace_segments, now: now) {
      self[side].ripe = candidate.upTo
      candidate = newest
    }
    self[side].candidate = candidate
  }

  /// Gives up a wait of `side` that holds more than the bound allows.
  private mutating func makeRoom<S: ByteSink>(_ side: Side, at now: Timestamp, into sink: S) {
    if self[side].phase == .starting || self[side].hasHole {
      _ = force(side, .bound, at: now, into: sink)
      return
    }
    // In order, but waiting for the other side: what that one misses is lost first.
    if self[side.other].hasHole || self[side.other].phase == .starting,
      force(side.other, .bound, at: now, into: sink)
    {
      return
    }
    counters.causality_forced &+= 1
    if !release(side, at: now, into: sink) { self[side].held.removeAll() }
  }

  /// Ends a wait of either side, whichever it is; false if nothing waits. Holes go first: bytes that wait only for the
  /// other side then come in causal order.
  mutating func force<S: ByteSink>(at now: Timestamp, into sink: S) -> Bool {
    for side in [Side.first, .second] where self[side].phase == .starting {
      if force(side, .hole, at: now, into: sink) { return true }
    }
    for side in [Side.first, .second] where self[side].hasHole {
      if force(side, .hole, at: now, into: sink) { return true }
    }
    for side in [Side.first, .second] where self[side].phase == .open && !self[side].isQuiet {
      counters.causality_forced &+= 1
      if release(likelierFirst(side), at: now, into: sink) { return true }
    }
    return false
  }

  /// Opens a side that is starting, or gives up its hole up to what is known after it.
  private mutating func force<S: ByteSink>(
    _ side: Side, _ cause: ReassemblyCounters.Cause, at now: Timestamp, into sink: S
  ) -> Bool {
    if self[side].phase == .starting {
      open(side, at: self[side].held.start ?? self[side].end?.position ?? self[side].next)
      return true
    }
    guard self[side].hasHole, let stop = self[side].holeEnd ?? self[side].acknowledged else { return false }
    lose(upTo: stop, of: side, cause, at: now, into: sink)
    return true
  }

  /// Which side to release when `side` waits in vain. If each waits for the other, one of the two was sent again,
  /// acknowledging what was a reply to its original: most likely the one captured later.
  private func likelierFirst(_ side: Side) -> Side {
    guard let mine = self[side].held.first, let other = self[side.other].held.first,
      self[side.other].phase == .open, other.start == self[side.other].next
    else { return side }
    return other.at > mine.at ? side.other : side
  }

  /// Hands on the first of what is in order without regard to the other side.
  private mutating func release<S: ByteSink>(_ side: Side, at now: Timestamp, into sink: S) -> Bool {
    if let end = self[side].end, end.position.distance(from: self[side].next) <= 0 {
      finish(side, end, into: sink)
      return true
    }
    guard self[side].held.start == self[side].next else { return false }
    handOnFirst(of: side, at: now, into: sink)
    return true
  }
}
