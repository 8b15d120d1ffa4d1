/// Gaps, loss of sync, and its recovery.
///
/// A candidate is a place where a frame could begin: a request of a known key and version whose client id is the one that
/// the connection's requests carry (any where none is known yet), an answer whose correlation id is in flight. It is
/// believed where a chunk begins with it (a write of the sender's), or where the frame ends with its chunk or before
/// another candidate, and if what is there of the message can be read as one.
extension KafkaDecoder {
  /// A gap of `count` bytes (0: unknown) begins here.
  func cross(_ count: Int, _ role: KafkaRole, _ at: Timestamp, _ sink: some KafkaFactSink) {
    switch self[role].state {
    case .message where count > 0:
      let coming = self[role].reader.left &- self[role].reader.carry.count
      if count <= coming, self[role].reader.skipGap(count, at: at, into: sink) {
        // A request that its answer needs is not whole now.
        if role == .client, client.isKept { return breakFrame(role, at, sink) }
        // What the last bytes complete is complete without them.
        _ = role == .client ? readRequest(RawSpan(), 0, at, sink) : readAnswer(RawSpan(), 0, at, sink)
        return
      }
      breakFrame(role, at, sink)
      crossRest(count, coming, role, at, sink)
    case .skip(let left, _) where count > 0:
      crossRest(count, left, role, at, sink)
    case .start where count > 0 && self[role].head.count >= 4, .head where count > 0 && self[role].head.count >= 4:
      let held = self[role].head
      let size = Int(held.span.bytes.be32(0) ?? 0)
      counters.brokenFrames &+= 1
      sink.withheld(self[role].offset &- held.count..<self[role].offset)
      giveUp(held.count, role)
      self[role].head.removeAll(keepingCapacity: true)
      sink.lost(.unknownFrame(role), bytes: size &+ 4, at: at)
      crossRest(count, size &+ 4 &- held.count, role, at, sink)
    default:
      if case .message = self[role].state { breakFrame(role, at, sink) }
      loseSync(.gap, role, gap: count, at, sink)
    }
  }

  /// `coming` bytes of a frame that is not read were to come.
  private func crossRest(
    _ count: Int, _ coming: Int, _ role: KafkaRole, _ at: Timestamp, _ sink: some KafkaFactSink
  ) {
    if count == coming {
      self[role].state = .head
    } else if count < coming {
      var isUnderstood = false
      if case .skip(_, true) = self[role].state { isUnderstood = true }
      sink.withheld(self[role].offset &+ count..<self[role].offset &+ coming)
      self[role].state = .skip(left: coming &- count, isUnderstood: isUnderstood)
    } else {
      loseSync(.gap, role, gap: count, at, sink)
    }
  }

  func loseSync(
    _ cause: KafkaDesync, _ role: KafkaRole, gap: Int, _ at: Timestamp, _ sink: some KafkaFactSink
  ) {
    let waiting = self[role].head.count
    if waiting > 0 { sink.withheld(self[role].offset &- waiting..<self[role].offset) }
    giveUp(waiting, role)
    self[role].head.removeAll(keepingCapacity: true)
    guard self[role].state != .scan else { return }
    self[role].state = .scan
    self[role].skippedSinceDesync = 0
    counters.desyncs &+= 1
    sink.lost(.outOfSync(role, cause), bytes: gap, at: at)
  }

  /// Looks for a frame; returns where it begins, or the end.
  func scan(
    _ bytes: RawSpan, _ start: Int, _ role: KafkaRole, _ at: Timestamp, _ sink: some KafkaFactSink
  ) -> Int {
    var i = start
    let end = bytes.byteCount
    while i < end {
      // A size's first byte is nearly always 0; the search lives from that.
      // What was believed once and was no frame after all (after SASL it may be taken for a token) is not believed again.
      if bytes.u8(i) == 0 || i == 0, self[role].offset &+ i != self[role].resyncedAt, isBelievable(bytes, i, role) {
        self[role].resyncedAt = self[role].offset &+ i
        sink.withheld(self[role].offset &+ start..<self[role].offset &+ i)
        giveUp(i &- start, role)
        counters.resyncs &+= 1
        sink.lost(.resynchronised(role), bytes: self[role].skippedSinceDesync, at: at)
        self[role].state = .head
        return i
      }
      i &+= 1
    }
    sink.withheld(self[role].offset &+ start..<self[role].offset &+ end)
    giveUp(end &- start, role)
    return end
  }

  private func isBelievable(_ bytes: RawSpan, _ i: Int, _ role: KafkaRole) -> Bool {
    guard let found = candidate(bytes, i, role) else {
      // An answer to a request that was not seen, and nothing else.
      guard role == .broker, i == 0, case .head(let head) = KafkaHead.answer(bytes, at: 0) else { return false }
      return head.size &+ 4 == bytes.byteCount
    }
    let next = i &+ found.head.size &+ 4
    guard
      next == bytes.byteCount || next > bytes.byteCount && i == 0
        || next < bytes.byteCount && candidate(bytes, next, role) != nil
    else { return false }
    return reads(found, bytes, i)
  }

  private struct Candidate {
    var head: KafkaHead
    /// Its first step; nil: not read, so nothing to check.
    var step: Int32?
  }

  /// The head that may begin here.
  private func candidate(_ bytes: RawSpan, _ i: Int, _ role: KafkaRole) -> Candidate? {
    if role == .broker {
      guard case .head(let head) = KafkaHead.answer(bytes, at: i), let exchange = inFlight.find(head.correlation) else {
        return nil
      }
      guard let entry = program.entry(exchange.key), entry.versions.contains(exchange.version) else {
        return Candidate(head: head)
      }
      return Candidate(head: head, step: program.response(entry, exchange.version))
    }
    guard case .head(let head) = KafkaHead.request(bytes, at: i), let entry = program.entry(head.key),
      entry.versions.contains(head.version)
    else { return nil }
    let isKnown = client.clientHash == KeyedHash.hash(head.clientID, in: bytes, client.reader.records.hashKey)
    guard isKnown || client.clientHash == 0 && !head.clientID.isEmpty else { return nil }
    return Candidate(head: head, step: program.request(entry, head.version))
  }

  /// Whether what is there of the message can be read as one.
  private func reads(_ candidate: Candidate, _ bytes: RawSpan, _ i: Int) -> Bool {
    guard let step = candidate.step else { return true }
    return KafkaTrial.reads(step, of: candidate.head, bytes, i)
  }
}
