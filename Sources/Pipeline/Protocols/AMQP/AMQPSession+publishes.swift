// What the client publishes: to count it by destination, and to find the deliveries that copies were made of.

extension AMQPSession {
  func beginPublish(_ channel: AMQPChannel, _ publish: AMQPPublish, in frame: RawSpan) {
    channel.outbound.state = .method
    channel.outbound.publication.producer = producer(publish, in: frame)
    channel.outbound.publication.process = process
    channel.outbound.publication.replyKey = publish.exchange.isEmpty ? hash(publish.routingKey, in: frame) : 0
    channel.outbound.publication.marks.removeAll()
    channel.outbound.hashed = 0
    channel.outbound.remaining = 0
  }

  private func producer(_ publish: AMQPPublish, in frame: RawSpan) -> Int32 {
    var hash = KeyedHash(state.key)
    hash.combine(process)
    hash.combine(UInt64(truncatingIfNeeded: cluster))
    hash.combine(publish.exchange, in: frame)
    hash.combine(publish.routingKey, in: frame)
    let filed = hash.finish()
    if let known = ledger.producer(filedUnder: filed, version: topology.version) { return known }
    let name = (publish.routingKey.isEmpty ? publish.exchange : publish.routingKey).string(in: frame)
    return ledger.file(
      .init(
        system: .rabbitmq, destination: destination(publish.exchange, publish.routingKey, in: frame), process: process,
        use: use(of: publish, in: frame), name: name, version: topology.version), under: filed)
  }

  /// What the destination is for (`AMQPTopology.use`), with its queues' groups by their keys.
  private func use(of publish: AMQPPublish, in frame: RawSpan) -> ProducerTable.Use {
    let exchange = publish.exchange.string(in: frame)
    let key = publish.routingKey.string(in: frame)
    var use = topology.use(exchange: exchange, key: key, settings: ledger.settings.destinations)
    let groupKey = { (queue: String) in GroupKey.rabbitmq(vhost: self.topology.vhost, queue: queue) }
    use.groups = use.groups.map(groupKey)
    use.returns = use.returns.map(groupKey)
    use.returnsExpired = use.returnsExpired.map(groupKey)
    if use.kind != .normal, use.isStrong {
      use.named = topology.group(namedIn: destination(publish.exchange, publish.routingKey, in: frame))
    }
    return use
  }

  /// Whether it goes where copies of failed messages go.
  func holdsCopies(_ publish: AMQPPublish, in frame: RawSpan) -> Bool {
    use(of: publish, in: frame).keepsCopies
  }

  func publishHeader(_ channel: AMQPChannel, _ header: AMQPContentHeader, in frame: RawSpan, at: Timestamp) {
    guard channel.outbound.state == .method else { return }
    channel.outbound.state = .content
    channel.outbound.remaining = header.bodySize
    channel.outbound.hasMarks = ledger.consumes
    if channel.outbound.hasMarks {
      channel.outbound.bodyHash = KeyedHash(state.key)
      channel.outbound.bodyHash.combine(header.bodySize)
      channel.outbound.body.begin(size: header.bodySize)
      mark(&channel.outbound.publication.marks, header, in: frame)
    }
    if header.bodySize == 0 { finishPublish(channel, at: at) }
  }

  /// What its properties and headers say of a message, for finding copies.
  func mark(_ marks: inout MessageMarks, _ header: AMQPContentHeader, in frame: RawSpan) {
    ledger.markReader.property(
      Mark.Place.messageID, .identity, frame.extracting(header.messageID.range(in: frame)), into: &marks)
    ledger.markReader.property(
      Mark.Place.correlation, .correlation, frame.extracting(header.correlationID.range(in: frame)), into: &marks)
    marks.expires = !header.expiration.isEmpty
    marks.hasID = !header.messageID.isEmpty || !header.correlationID.isEmpty
    var whole = KeyedHash(state.key)
    whole.combine(header.messageID, in: frame)
    whole.combine(header.correlationID, in: frame)
    // A broker may be set to stamp messages on their way.
    if !marks.hasID { whole.combine(header.timestamp_s ?? 0) }
    var table = AMQPTable(entries: header.headers)
    var entries = 0
    while entries < MessageMarks.bound, let (key, value) = table.next(in: frame) {
      entries += 1
      switch value {
      case .string(let value):
        // Names that the broker itself gives say nothing of the publisher's.
        if !key.equals("x-first-death-queue", in: frame), !key.equals("x-first-death-exchange", in: frame),
          !key.equals("x-first-death-reason", in: frame), !key.equals("x-last-death-queue", in: frame),
          !key.equals("x-last-death-exchange", in: frame), !key.equals("x-last-death-reason", in: frame)
        {
          ledger.markReader.header(
            frame.extracting(key.range(in: frame)), text: frame.extracting(value.range(in: frame)), into: &marks)
        }
      case .int(let number):
        if !key.equals("x-delivery-count", in: frame), !key.equals("x-acquired-count", in: frame) {
          ledger.markReader.header(frame.extracting(key.range(in: frame)), number: number, into: &marks)
        }
      case .array(let items):
        if key.equals("x-death", in: frame) { marks.history = KeyedHash.hash(items, in: frame, state.key) }
      default: break
      }
    }
    marks.whole = whole.finish()
  }

  /// Adds what the body says, once it is complete. `content`: hash of its length and first bytes.
  func mark(_ marks: inout MessageMarks, _ body: borrowing BodySample, content: UInt64) {
    marks.whole ^= content
    marks.add(Mark(value: content, place: Mark.Place.content, kind: .content, name: MarkName(rawValue: 0)))
    ledger.markReader.body(body, into: &marks)
  }

  func publishBody(_ channel: AMQPChannel, _ bytes: RawSpan, lost: Int, at: Timestamp) {
    guard channel.outbound.state == .content else { return }
    if channel.outbound.hasMarks, bytes.byteCount > 0 {
      if channel.outbound.hashed < Self.hashedBytes {
        let count = min(Self.hashedBytes - channel.outbound.hashed, bytes.byteCount)
        channel.outbound.bodyHash.combine(bytes.extracting(first: count))
        channel.outbound.hashed += count
      }
      channel.outbound.body.append(bytes)
    }
    let count = UInt64(bytes.byteCount + lost)
    channel.outbound.remaining = count > channel.outbound.remaining ? 0 : channel.outbound.remaining - count
    if channel.outbound.remaining == 0 { finishPublish(channel, at: at) }
  }

  private func finishPublish(_ channel: AMQPChannel, at: Timestamp) {
    channel.outbound.state = .none
    guard channel.phase == .open else { return }
    if channel.outbound.hasMarks {
      mark(
        &channel.outbound.publication.marks, channel.outbound.body, content: channel.outbound.bodyHash.finish())
      ledger.markReader.words(channel.outbound.body, into: &channel.outbound.publication.marks)
    }
    let keepsCopies = ledger.keepsCopies(channel.outbound.publication.producer)
    if hasRoomInTransaction(channel) {
      noteCopies(keepsCopies, at: at)
      channel.transaction.append(.publish(channel.outbound.publication))
    } else {
      let isCopy = publish(channel.outbound.publication, on: channel, at: at)
      noteCopies(keepsCopies || isCopy, at: at)
    }
  }

  /// It counts now. Answers whether it is a copy of a delivery.
  @discardableResult
  func publish(_ publication: Publication, on channel: AMQPChannel, at: Timestamp) -> Bool {
    ledger.published(publication, at: at) { scope in
      switch scope {
      case .channel: groups(consumedOn: channel)
      case .connection: served.compactMap(ledger.present)
      case .process: state.groups(consumedBy: process)
      }
    }
  }

  private func groups(consumedOn channel: AMQPChannel) -> [GroupID] {
    var groups: [GroupID] = []
    for entry in channel.consumers + channel.retired where !entry.isStream {
      if let group = ledger.present(entry.group), !groups.contains(group) { groups.append(group) }
    }
    return groups
  }

  private func noteCopies(_ holdsCopies: Bool, at: Timestamp) {
    if holdsCopies { publishesCopies = true } else { publishes(at: at) }
  }
}
