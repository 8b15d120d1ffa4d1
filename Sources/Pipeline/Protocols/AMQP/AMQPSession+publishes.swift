// What the client publishes: to count it by destination, and to pair copies with the deliveries they were made of.

extension AMQPSession {
  func beginPublish(_ channel: AMQPChannel, _ publish: AMQPPublish, in frame: RawSpan) {
    channel.outbound.state = .method
    channel.outbound.publication.producer = producer(publish, in: frame)
    channel.outbound.publication.process = process
    channel.outbound.publication.ids.removeAll(keepingCapacity: true)
    channel.outbound.publication.body = 0
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

  /// What the destination is for: by its name, by what a consumed queue names as its dead-letter target.
  ///
  /// Under an exchange of its own a routing key says what happened, not where it goes: there it counts for dead letters
  /// alone, and `payment.retry.requested` is an event like any other.
  private func use(of publish: AMQPPublish, in frame: RawSpan) -> ProducerTable.Use {
    let exchange = publish.exchange.string(in: frame)
    let key = publish.routingKey.string(in: frame)
    let settings = ledger.settings.destinations
    var kind: DestinationKind
    if exchange.isEmpty {
      kind = settings.kind(of: key)
    } else {
      kind = settings.kind(of: exchange)
      if kind != .normal, topology.isBoundToConsumedQueue(exchange) { kind = .normal }
      if kind == .normal, settings.kind(of: key) == .deadLetter { kind = .deadLetter }
    }
    if kind == .normal, topology.isDeadLetterTarget(exchange: exchange, key: key) { kind = .deadLetter }
    let isConsumed = exchange.isEmpty && topology.isConsumed(key)
    return ProducerTable.Use(
      kind: kind, consumedGroup: isConsumed ? GroupKey.rabbitmq(vhost: topology.vhost, queue: key) : nil)
  }

  /// Whether it goes where copies of failed messages go.
  func holdsCopies(_ publish: AMQPPublish, in frame: RawSpan) -> Bool {
    let use = use(of: publish, in: frame)
    return use.kind != .normal || use.consumedGroup != nil
  }

  private func mayBeCopy(_ publication: Publication) -> Bool {
    ledger.mayHoldCopies(publication.producer)
  }

  func publishHeader(_ channel: AMQPChannel, _ header: AMQPContentHeader, in frame: RawSpan, at: Timestamp) {
    guard channel.outbound.state == .method else { return }
    channel.outbound.state = .content
    channel.outbound.remaining = header.bodySize
    if mayBeCopy(channel.outbound.publication) {
      channel.outbound.bodyHash = KeyedHash(state.key)
      channel.outbound.bodyHash.combine(header.bodySize)
      for id in [header.messageID, header.correlationID] where !id.isEmpty {
        channel.outbound.publication.ids.append(hash(id, in: frame))
      }
      var table = AMQPTable(entries: header.headers)
      while channel.outbound.publication.ids.count < Self.idBound, let (_, value) = table.next(in: frame) {
        if case .string(let text) = value, !text.isEmpty {
          channel.outbound.publication.ids.append(hash(text, in: frame))
        }
      }
    }
    if header.bodySize == 0 { finishPublish(channel, at: at) }
  }

  func publishBody(_ channel: AMQPChannel, _ bytes: RawSpan, lost: Int, at: Timestamp) {
    guard channel.outbound.state == .content else { return }
    if channel.outbound.hashed < Self.hashedBytes, bytes.byteCount > 0, mayBeCopy(channel.outbound.publication) {
      let count = min(Self.hashedBytes - channel.outbound.hashed, bytes.byteCount)
      channel.outbound.bodyHash.combine(bytes.extracting(first: count))
      channel.outbound.hashed += count
    }
    let count = UInt64(bytes.byteCount + lost)
    channel.outbound.remaining = count > channel.outbound.remaining ? 0 : channel.outbound.remaining - count
    if channel.outbound.remaining == 0 { finishPublish(channel, at: at) }
  }

  private func finishPublish(_ channel: AMQPChannel, at: Timestamp) {
    channel.outbound.state = .none
    guard channel.phase == .open else { return }
    if mayBeCopy(channel.outbound.publication) {
      publishesCopies = true
    } else {
      publishes(at: at)
    }
    if mayBeCopy(channel.outbound.publication) {
      channel.outbound.publication.body = channel.outbound.bodyHash.finish()
    }
    if hasRoomInTransaction(channel) {
      channel.transaction.append(.publish(channel.outbound.publication))
    } else {
      ledger.published(channel.outbound.publication, at: at)
    }
  }

  /// Header values of one message that are tried as the id of its source.
  private static var idBound: Int { 32 }
}
