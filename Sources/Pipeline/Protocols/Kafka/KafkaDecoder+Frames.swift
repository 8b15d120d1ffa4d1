/// Reading frames while in sync.
extension KafkaDecoder {
  func readClient(_ bytes: RawSpan, _ i: Int, _ at: Timestamp, _ sink: some KafkaFactSink) -> Int {
    switch client.state {
    case .start, .head: readHead(bytes, i, .client, at, sink)
    case .message: readRequest(bytes, i, at, sink)
    case .skip(let left, let isUnderstood): skipFrame(bytes, i, .client, left, isUnderstood)
    case .scan: scan(bytes, i, .client, at, sink)
    }
  }

  func readBroker(_ bytes: RawSpan, _ i: Int, _ at: Timestamp, _ sink: some KafkaFactSink) -> Int {
    switch broker.state {
    case .start, .head: readHead(bytes, i, .broker, at, sink)
    case .message: readAnswer(bytes, i, at, sink)
    case .skip(let left, let isUnderstood): skipFrame(bytes, i, .broker, left, isUnderstood)
    case .scan: scan(bytes, i, .broker, at, sink)
    }
  }

  /// A head in place, or with what of it came before.
  private func readHead(
    _ bytes: RawSpan, _ start: Int, _ role: KafkaRole, _ at: Timestamp, _ sink: some KafkaFactSink
  ) -> Int {
    if self[role].head.isEmpty {
      switch head(bytes, start, role) {
      case .head(let head):
        let position = self[role].offset &+ start
        return begin(head, bytes, start, position, role, at, sink) ? start &+ head.length : start
      case .needs:
        bytes.extracting(unchecked: start..<bytes.byteCount).withUnsafeBytes { self[role].head.append(contentsOf: $0) }
        return bytes.byteCount
      case .no:
        return mislaid(bytes, start, role, at, sink)
      }
    }
    // Byte by byte, as far as it is a head: it is short, and rarely cut.
    var i = start
    while i < bytes.byteCount {
      self[role].head.append(bytes.u8(i) ?? 0)
      i &+= 1
      var held: [UInt8] = []
      swap(&held, &self[role].head)
      defer {
        held.removeAll(keepingCapacity: true)
        if self[role].head.isEmpty { swap(&held, &self[role].head) }
      }
      switch head(held.span.bytes, 0, role) {
      case .head(let head):
        let position = self[role].offset &+ i &- held.count
        guard begin(head, held.span.bytes, 0, position, role, at, sink) else {
          sink.withheld(position..<position &+ held.count)
          giveUp(held.count, role)
          return i
        }
        // A token shows only behind its head that it is none of Kafka's requests.
        var j = head.length
        while j < held.count {
          j = role == .client ? readClient(held.span.bytes, j, at, sink) : readBroker(held.span.bytes, j, at, sink)
        }
        return i
      case .needs:
        swap(&held, &self[role].head)
      case .no:
        let isStart = self[role].state == .start
        let position = self[role].offset &+ i
        sink.withheld(position &- held.count..<position)
        giveUp(held.count, role)
        loseSync(isStart ? .joinedMidway : .malformed, role, gap: 0, at, sink)
        self[role].skippedSinceDesync &+= held.count
        return i
      }
    }
    return i
  }

  private func head(_ span: RawSpan, _ i: Int, _ role: KafkaRole) -> KafkaHead.Result {
    if role == .client {
      return hasTokens ? tokenOrRequest(span, i) : KafkaHead.request(span, at: i)
    }
    if inFlight.expectsToken {
      guard let size = span.be32(i) else { return .needs(4) }
      guard size <= Self.tokenLimit else { return .no }
      return .head(KafkaHead(size: Int(size), correlation: 0, length: 4))
    }
    return KafkaHead.answer(span, at: i)
  }

  /// A token's size and nothing more, unless a request of a known version follows. No mechanism's token begins like one:
  /// text has no two bytes below 0x20 in its third and fourth place, and GSSAPI's begin with 0x60 or 0x05.
  private func tokenOrRequest(_ span: RawSpan, _ i: Int) -> KafkaHead.Result {
    guard let size = span.be32(i) else { return .needs(4) }
    if size >= 10 {
      switch KafkaHead.request(span, at: i) {
      case .needs(let count): return .needs(count)
      case .head(let head):
        if let entry = program.entry(head.key), entry.versions.contains(head.version) { return .head(head) }
      case .no: break
      }
    }
    guard size <= Self.tokenLimit else { return .no }
    return .head(KafkaHead(size: Int(size), correlation: 0, length: 4))
  }

  /// Nothing begins here that must: the chunk is searched from here on.
  private func mislaid(
    _ bytes: RawSpan, _ i: Int, _ role: KafkaRole, _ at: Timestamp, _ sink: some KafkaFactSink
  ) -> Int {
    loseSync(self[role].state == .start ? .joinedMidway : .malformed, role, gap: 0, at, sink)
    return i
  }

  /// A head is complete; its frame begins at `position` of its side. False: it is given up, nothing of it was taken.
  private func begin(
    _ head: KafkaHead, _ bytes: RawSpan, _ i: Int, _ position: Int, _ role: KafkaRole, _ at: Timestamp,
    _ sink: some KafkaFactSink
  ) -> Bool {
    if self[role].state == .start, role == .broker, inFlight.find(head.correlation) == nil, !inFlight.expectsToken,
      bytes.byteCount &- i != head.size &+ 4
    {
      loseSync(.joinedMidway, role, gap: 0, at, sink)
      return false
    }
    self[role].frameSize = head.size &+ 4
    self[role].reader.frameEnd = position &+ head.size &+ 4
    self[role].frameUnderstood = 0
    self[role].skippedSinceDesync = 0
    understand(head.length, role)
    if role == .client { begin(request: head, bytes, at, sink) } else { begin(answer: head, at, sink) }
    return true
  }

  private func begin(
    request head: KafkaHead, _ bytes: RawSpan, _ at: Timestamp, _ sink: some KafkaFactSink
  ) {
    let left = head.size &+ 4 &- head.length
    client.isKept = false
    client.isInFlight = false
    guard head.key.rawValue >= 0 else {
      // A token: never read.
      sink.fact(.saslToken(from: .client), of: KafkaExchange.none, in: RawSpan(), at: at)
      if !inFlight.append(.none, isToken: true) { forget(at, sink) }
      sink.masked(client.reader.frameEnd &- left..<client.reader.frameEnd)
      return skip(left, .client, isUnderstood: true)
    }
    hasTokens = false
    counters.requests &+= 1
    let exchange = KafkaExchange(
      key: head.key, version: head.version, correlation: head.correlation, requestedAt: at)
    client.noteClient(head.clientID, in: bytes)
    sink.fact(.request(clientID: head.clientID), of: exchange, in: bytes, at: at)
    client.isInFlight = inFlight.append(exchange)
    if !client.isInFlight { forget(at, sink) }
    guard let entry = program.entry(head.key) else {
      inFlight.complete(nil)
      return seal(left, .client, isUnderstood: true, sink)
    }
    guard entry.versions.contains(head.version) else {
      counters.brokenFrames &+= 1
      sink.lost(.version(head.key, head.version, .client), bytes: client.frameSize, at: at)
      return seal(left, .client, isUnderstood: false, sink)
    }
    client.isKept = entry.keepsRequest && client.isInFlight
    client.reader.reset()
    client.reader.exchange = exchange
    client.reader.begin(program.request(entry, head.version), size: left)
    client.state = .message
    // What the head alone decides, and messages of no length.
    if left == 0 { _ = readRequest(RawSpan(), 0, at, sink) }
  }

  private func begin(answer head: KafkaHead, _ at: Timestamp, _ sink: some KafkaFactSink) {
    let left = head.size &+ 4 &- head.length
    if head.length == 4 {
      inFlight.takeToken()
      sink.fact(.saslToken(from: .broker), of: KafkaExchange.none, in: RawSpan(), at: at)
      sink.masked(broker.reader.frameEnd &- left..<broker.reader.frameEnd)
      return skip(left, .broker, isUnderstood: true)
    }
    guard var request = inFlight.take(head.correlation) else {
      counters.unmatchedAnswers &+= 1
      counters.brokenFrames &+= 1
      sink.lost(.unknownFrame(.broker), bytes: broker.frameSize, at: at)
      // Where the correlation id would be, a token may be.
      sink.withheld(broker.reader.frameEnd &- broker.frameSize &+ 4..<broker.reader.frameEnd)
      return seal(left, .broker, isUnderstood: false, sink)
    }
    counters.answers &+= 1
    let key = request.exchange.key
    guard let entry = program.entry(key) else { return seal(left, .broker, isUnderstood: true, sink) }
    guard entry.versions.contains(request.exchange.version) else {
      if key == .apiVersions {
        // Newer than known: brokers that do not know it either answer as in version 0.
        return begin(answer: entry, version: 0, &request, left, at, sink)
      }
      counters.brokenFrames &+= 1
      sink.lost(.version(key, request.exchange.version, .broker), bytes: broker.frameSize, at: at)
      return seal(left, .broker, isUnderstood: false, sink)
    }
    guard request.isWhole || !entry.keepsRequest else {
      counters.brokenFrames &+= 1
      sink.lost(.frame(key, .broker), bytes: broker.frameSize, at: at)
      inFlight.reuse(&request.body)
      return seal(left, .broker, isUnderstood: false, sink)
    }
    begin(answer: entry, version: request.exchange.version, &request, left, at, sink)
  }

  private func begin(
    answer entry: KafkaProgram.Entry, version: Int16, _ request: inout KafkaInFlight.Entry, _ left: Int,
    _ at: Timestamp,
    _ sink: some KafkaFactSink
  ) {
    broker.reader.reset()
    broker.reader.exchange = request.exchange
    if entry.keepsRequest {
      broker.reader.isPrelude = true
      let count = request.body.count
      broker.reader.begin(program.request(entry, version), size: count)
      _ = broker.reader.read(
        request.body.storage.span.bytes.extracting(first: count), from: 0, at: at, into: sink)
      broker.reader.isPrelude = false
      inFlight.reuse(&request.body)
    }
    broker.reader.terms = request.terms
    broker.reader.begin(program.response(entry, version), size: left)
    broker.state = .message
    if left == 0 { _ = readAnswer(RawSpan(), 0, at, sink) }
  }

  func readRequest(
    _ bytes: RawSpan, _ start: Int, _ at: Timestamp, _ sink: some KafkaFactSink
  ) -> Int {
    let i = client.reader.read(bytes, from: start, at: at, into: sink)
    understand(i &- start, .client)
    if client.isKept, i > start, !inFlight.keep(bytes.extracting(unchecked: start..<i)) {
      client.isKept = false
      client.isInFlight = false
      forget(at, sink)
    }
    switch client.reader.status {
    case .running, .idle: return i
    case .broken: breakFrame(.client, at, sink)
    case .ended:
      if client.isInFlight {
        let isUnanswered = client.reader.exchange.key == .produce && client.reader[.acks] == 0
        if isUnanswered { inFlight.dropNewest() } else { inFlight.complete(client.reader.terms) }
      }
      endFrame(.client, sink)
    }
    return i
  }

  func readAnswer(
    _ bytes: RawSpan, _ start: Int, _ at: Timestamp, _ sink: some KafkaFactSink
  ) -> Int {
    let i = broker.reader.read(bytes, from: start, at: at, into: sink)
    understand(i &- start, .broker)
    switch broker.reader.status {
    case .running, .idle: return i
    case .broken:
      let error = Int16(truncatingIfNeeded: broker.reader[.error])
      guard broker.reader.exchange.key == .apiVersions, error == KafkaError.unsupportedVersion else {
        breakFrame(.broker, at, sink)
        return i
      }
      // Some write the list otherwise (librdkafka's mock broker); clients look at the error alone.
      sink.fact(.apiVersionsAnswered(error: error), of: broker.reader.exchange, in: RawSpan(), at: at)
      skip(broker.reader.left &- broker.reader.carry.count, .broker, isUnderstood: true)
    case .ended:
      let exchange = broker.reader.exchange
      if exchange.key == .saslHandshake, exchange.version == 0, broker.reader[.error] == 0 { hasTokens = true }
      endFrame(.broker, sink)
    }
    return i
  }

  /// What a frame has left is not needed.
  private func endFrame(_ role: KafkaRole, _ sink: some KafkaFactSink) {
    let left = self[role].reader.left
    if self[role].reader.leavesPlainRest {
      skip(left, role, isUnderstood: true)
    } else {
      seal(left, role, isUnderstood: true, sink)
    }
  }

  /// The rest of the frame is not read.
  func skip(_ left: Int, _ role: KafkaRole, isUnderstood: Bool) {
    self[role].reader.status = .idle
    if !isUnderstood { disown(role) }
    self[role].state = left == 0 ? .head : .skip(left: left, isUnderstood: isUnderstood)
  }

  private func skipFrame(
    _ bytes: RawSpan, _ i: Int, _ role: KafkaRole, _ left: Int, _ isUnderstood: Bool
  ) -> Int {
    let count = min(left, bytes.byteCount &- i)
    if isUnderstood { understand(count, role) } else { giveUp(count, role) }
    self[role].state = count == left ? .head : .skip(left: left &- count, isUnderstood: isUnderstood)
    return i &+ count
  }

  /// The frame that is being read is malformed, or its end never comes.
  func breakFrame(_ role: KafkaRole, _ at: Timestamp, _ sink: some KafkaFactSink) {
    counters.brokenFrames &+= 1
    // Field by field: a copy of the reader out of the subscript was read after it was freed (Swift 6.3.1, optimised).
    let key = self[role].reader.exchange.key
    let end = self[role].reader.frameEnd
    let waiting = self[role].reader.carry.count
    let left = self[role].reader.left &- waiting
    sink.lost(.frame(key, role), bytes: self[role].frameSize, at: at)
    if waiting > 0 { sink.withheld(end &- left &- waiting..<end &- left) }
    seal(left, role, isUnderstood: false, sink)
  }

  /// The rest of the frame is not read, by nobody.
  private func seal(_ left: Int, _ role: KafkaRole, isUnderstood: Bool, _ sink: some KafkaFactSink) {
    let end = self[role].reader.frameEnd
    if left > 0 { sink.withheld(end &- left..<end) }
    skip(left, role, isUnderstood: isUnderstood)
  }

  /// Requests in flight are too many, or too long.
  private func forget(_ at: Timestamp, _ sink: some KafkaFactSink) {
    counters.forgottenRequests &+= 1
    sink.lost(.inFlight, bytes: 0, at: at)
  }

  private func understand(_ count: Int, _ role: KafkaRole) {
    counters.understoodBytes &+= UInt64(count)
    self[role].frameUnderstood &+= count
  }

  /// What was understood of the frame so far is of no use.
  private func disown(_ role: KafkaRole) {
    let count = self[role].frameUnderstood
    counters.understoodBytes &-= UInt64(count)
    self[role].frameUnderstood = 0
    giveUp(count, role)
  }

  /// Tokens are a few hundred bytes, tickets some thousands.
  private static let tokenLimit: UInt32 = 1 << 20
}

extension KafkaExchange {
  /// Of a token, which has no request.
  static let none = KafkaExchange(key: KafkaKey(rawValue: -1), version: 0, correlation: 0, requestedAt: .zero)
}
