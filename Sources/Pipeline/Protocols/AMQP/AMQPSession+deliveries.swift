// Deliveries and their settlements.

extension AMQPSession {
  func beginDelivery(_ channel: AMQPChannel, _ deliver: AMQPDeliver, in frame: RawSpan) {
    cutDelivery(channel, at: ledger.now)
    let entry = consumer(
      channel, tag: deliver.consumerTag, exchange: deliver.exchange, routingKey: deliver.routingKey, in: frame)
    guard let entry else {
      ledger.countUnattributed(.rabbitmq, destination(deliver.exchange, deliver.routingKey, in: frame))
      channel.inbound.state = .ignored
      return
    }
    begin(channel, entry, tag: deliver.deliveryTag, redelivered: deliver.redelivered)
    begun(channel, deliver.exchange, deliver.routingKey, in: frame)
  }

  func beginGetOk(_ channel: AMQPChannel, _ getOk: AMQPGetOk, in frame: RawSpan) {
    cutDelivery(channel, at: ledger.now)
    var get = takeGet(channel)
    if get == nil, getOk.exchange.isEmpty { get = .init(queue: getOk.routingKey.string(in: frame), noAck: false) }
    guard let get, let entry = getConsumer(channel, queue: get.queue, noAck: get.noAck) else {
      ledger.countUnattributed(.rabbitmq, destination(getOk.exchange, getOk.routingKey, in: frame))
      channel.inbound.state = .ignored
      return
    }
    begin(channel, entry, tag: getOk.deliveryTag, redelivered: getOk.redelivered)
    begun(channel, getOk.exchange, getOk.routingKey, in: frame)
  }

  private func begun(_ channel: AMQPChannel, _ exchange: Text, _ key: Text, in frame: RawSpan) {
    channel.inbound.identity = place(exchange, key, in: frame)
    guard ledger.wantsMarks else { return }
    let queue = topology[channel.inbound.consumer.queue]
    if queue.noteSource(channel.inbound.identity, exchange, key, in: frame) { topology.learned() }
  }

  private func begin(_ channel: AMQPChannel, _ entry: AMQPChannel.ConsumerEntry, tag: UInt64, redelivered: Bool) {
    channel.inbound.state = .method
    channel.inbound.tag = tag
    channel.inbound.consumer = entry
    channel.inbound.isStream = entry.isStream
    channel.inbound.remaining = 0
    channel.inbound.hashed = 0
    channel.inbound.bodyHash = KeyedHash(state.key)
    channel.inbound.arrival = Arrival(
      group: entry.group.index, consumer: entry.id, at: .zero, message: 0)
    channel.inbound.arrival.redelivered = redelivered
  }

  func deliveryHeader(_ channel: AMQPChannel, _ header: AMQPContentHeader, in frame: RawSpan, at: Timestamp) {
    guard channel.inbound.state == .method else {
      if channel.inbound.state == .ignored { channel.inbound.state = .none }
      return
    }
    let queue = topology[channel.inbound.consumer.queue]
    let headers = AMQPHeaders(header.headers, in: frame)
    let history = AMQPHistory(headers.deaths, in: frame, queue: queue, topology: topology)
    if headers.isFromStream { channel.inbound.isStream = true }
    if history.returnedAfterWaiting, !queue.returnsAfterWaiting {
      queue.returnsAfterWaiting = true
      topology.learned()
    }
    identify(&channel.inbound, header, in: frame)
    count(&channel.inbound.arrival, headers, history, queue)
    date(&channel.inbound.arrival, header, headers, history)
    channel.inbound.hasMarks = ledger.wantsMarks && !channel.inbound.isStream
    let isRepeat = channel.inbound.arrival.redelivered || channel.inbound.arrival.attempt ?? 1 > 1
    if !header.messageID.isEmpty, isRepeat || ledger.tellsMessages(of: channel.inbound.consumer.group) {
      ledger.label(
        channel.inbound.arrival.message, of: channel.inbound.consumer.group, header.messageID.string(in: frame))
    }
    if channel.inbound.hasMarks {
      channel.inbound.marks.removeAll()
      channel.inbound.body.begin(size: header.bodySize)
      mark(&channel.inbound.marks, header, in: frame)
      if !header.replyTo.isEmpty {
        channel.inbound.marks.add(
          Mark(value: hash(header.replyTo, in: frame), place: Mark.Place.replyTo, kind: .reply, name: []))
      }
      let label = header.messageID.isEmpty ? header.correlationID : header.messageID
      frame.extracting(label.range(in: frame)).withUnsafeBytes { channel.inbound.marks.label.append(contentsOf: $0) }
      channel.inbound.arrival.toldAttempt = channel.inbound.marks.toldAttempt
    } else if headers.mayCountTries {
      channel.inbound.arrival.toldAttempt = toldAttempt(header.headers, in: frame)
    }
    channel.inbound.state = .content
    channel.inbound.remaining = header.bodySize
    if header.bodySize == 0 { finishDelivery(channel, at: at) }
  }

  /// The publisher's id, else what the message looks like: place, properties and (added when complete) body.
  private func identify(_ inbound: inout AMQPChannel.Inbound, _ header: AMQPContentHeader, in frame: RawSpan) {
    inbound.bodyHash.combine(header.bodySize)
    if !header.messageID.isEmpty {
      inbound.arrival.message = hash(header.messageID, in: frame)
      inbound.arrival.hasOwnID = true
      return
    }
    var hash = KeyedHash(state.key)
    hash.combine(inbound.identity)
    hash.combine(header.bodySize)
    hash.combine(header.timestamp_s ?? 0)
    hash.combine(header.correlationID, in: frame)
    hash.combine(header.type, in: frame)
    inbound.identity = hash.finish()
  }

  /// The highest number of tries that a header tells, by its name; 0 if none does.
  private func toldAttempt(_ headers: Text, in frame: RawSpan) -> Int32 {
    var told: Int32 = 0
    var table = AMQPTable(entries: headers)
    for _ in 0..<MessageMarks.bound {
      guard let (key, value) = table.next(in: frame) else { break }
      let number: Int64? =
        if case .string(let text) = value { MarkReader.number(frame.extracting(text.range(in: frame))) } else {
          value.integer
        }
      guard let number, !key.equals("x-delivery-count", in: frame), !key.equals("x-acquired-count", in: frame) else {
        continue
      }
      told = max(told, ledger.markReader.attempt(toldBy: frame.extracting(key.range(in: frame)), number))
    }
    return told
  }

  private func count(_ arrival: inout Arrival, _ headers: AMQPHeaders, _ history: AMQPHistory, _ queue: AMQPQueue) {
    let returns = max(0, headers.deliveryCount ?? 0)
    if headers.deliveryCount != nil || history.deaths > 0 {
      arrival.attempt = Int32(clamping: 1 + min(returns, Int64(Int32.max)) + history.deaths)
      arrival.attemptSource = headers.deliveryCount != nil ? .deliveryCount : []
      if history.deaths > 0 { arrival.attemptSource.insert(.death) }
      arrival.attemptIsMinimum = headers.deliveryCount == nil
    }
    if headers.deliveryCount == nil, let acquired = headers.acquiredCount, acquired > 0 {
      arrival.attemptBoundSource = .acquiredCount
      arrival.attemptBound = Int32(clamping: 1 + min(acquired, Int64(Int32.max)) + history.deaths)
    }
    if let limit = queue.declaration?.deliveryLimit { arrival.isLastAttempt = returns >= limit }
  }

  private func date(
    _ arrival: inout Arrival, _ header: AMQPContentHeader, _ headers: AMQPHeaders, _ history: AMQPHistory
  ) {
    arrival.deliberate_ns = history.waited_ns
    if let ms = headers.timestamp_ms, ms > 0, ms < Int64.max / 1_000_000 {
      arrival.enqueued = Timestamp(ns: ms * 1_000_000)
      arrival.delaySource = .timestampInMs
      arrival.enqueuedResolution_ns = .milliseconds(1)
    } else if let stamp = header.timestamp_s, stamp > 0 {
      // Seconds by the specification; above the year 5138 it is one of the clients that send milliseconds.
      let inMilliseconds = stamp > 100_000_000_000
      let unit_ns: UInt64 = inMilliseconds ? 1_000_000 : 1_000_000_000
      // Beyond what can be said in nanoseconds it is as wrong as any other moment in the far future.
      let ns = stamp.multipliedReportingOverflow(by: unit_ns)
      arrival.enqueued = ns.overflow ? .distantFuture : Timestamp(ns: Int64(clamping: ns.partialValue))
      arrival.delaySource = .timestamp
      arrival.enqueuedResolution_ns = inMilliseconds ? .milliseconds(1) : .seconds(1)
    }
  }

  func deliveryBody(_ channel: AMQPChannel, _ bytes: RawSpan, lost: Int, at: Timestamp) {
    guard channel.inbound.state == .content else { return }
    if channel.inbound.hashed < Self.hashedBytes, bytes.byteCount > 0 {
      let count = min(Self.hashedBytes - channel.inbound.hashed, bytes.byteCount)
      channel.inbound.bodyHash.combine(bytes.extracting(first: count))
      channel.inbound.hashed += count
    }
    if channel.inbound.hasMarks, bytes.byteCount > 0 { channel.inbound.body.append(bytes) }
    let count = UInt64(bytes.byteCount + lost)
    channel.inbound.remaining = count > channel.inbound.remaining ? 0 : channel.inbound.remaining - count
    if channel.inbound.remaining == 0 { finishDelivery(channel, at: at) }
  }

  /// A delivery that was announced but whose content a gap cut: the client has it all the same.
  func cutDelivery(_ channel: AMQPChannel, at: Timestamp) {
    switch channel.inbound.state {
    case .method, .content: finishDelivery(channel, at: at)
    case .none, .ignored: channel.inbound.state = .none
    }
  }

  private func finishDelivery(_ channel: AMQPChannel, at: Timestamp) {
    channel.inbound.state = .none
    channel.inbound.arrival.at = at
    let content = channel.inbound.bodyHash.finish()
    if !channel.inbound.arrival.hasOwnID { channel.inbound.arrival.message = channel.inbound.identity ^ content }
    if !ledger.isCurrent(channel.inbound.consumer.group) {
      renewGroup(of: &channel.inbound.consumer, on: channel)
      channel.inbound.arrival.group = channel.inbound.consumer.group.index
    }
    let tag = channel.inbound.tag
    if tag <= channel.tags.last { beginAnew(channel, at: at) }
    if channel.inbound.hasMarks {
      channel.inbound.hasMarks = false
      mark(&channel.inbound.marks, channel.inbound.body, content: content)
      ledger.describe(&channel.inbound.marks)
    }
    let id = ledger.deliver(
      channel.inbound.arrival, noAck: channel.inbound.consumer.noAck, isStream: channel.inbound.isStream)
    _ = channel.tags.insert(tag, id) { ledger.isLive($0) }
  }

  /// Tags count from 1 again: the channel was closed and opened in a gap. What it held then went back to the queue.
  private func beginAnew(_ channel: AMQPChannel, at: Timestamp) {
    while case let id = channel.tags.takeFirst(through: .max), id != 0 {
      if ledger.isLive(id) { ledger.abandon(id, at: at) }
    }
    channel.tags = AMQPTags()
  }

  // MARK: Settlements

  /// `tag` 0 with `multiple` means all that is outstanding when it is said.
  func acknowledge(
    _ channel: AMQPChannel?, tag: UInt64, multiple: Bool, _ how: AMQPChannel.Acknowledgement, at: Timestamp
  ) {
    guard let channel else {
      ledger.drop(\.unmatchedSettlements)
      return
    }
    // After the server closed the channel the client's acknowledgements are void.
    guard channel.phase == .open else { return }
    let isAll = multiple && tag == 0
    let tag = isAll ? channel.tags.last : tag
    if hasRoomInTransaction(channel) {
      channel.transaction.append(.settle(tag: tag, multiple: multiple, how))
      return
    }
    if how != .requeue, channel.returns.isActive { channel.returns.end() }
    if multiple || !channel.doubts.isEmpty {
      // Tag 0 stands for what is outstanding, whatever that is.
      doubt(channel, tag: isAll ? nil : tag, through: tag, multiple: multiple, isAck: how == .ack, at: at)
    }
    guard multiple else {
      let id = channel.tags.take(tag)
      if id == 0, channel.doubts.isEmpty { channel.doubts.add(tag, at: ledger.advance(to: at)) }
      return how == .requeue ? handBack(channel, id, at: at) : settle(id, how, at: at)
    }
    while case let id = channel.tags.takeFirst(through: tag), id != 0 {
      if how == .requeue { handBack(channel, id, at: at) } else { settle(id, how, at: at) }
    }
  }

  func settle(
    _ channel: AMQPChannel, tag: UInt64, multiple: Bool, _ how: AMQPChannel.Acknowledgement, at: Timestamp
  ) {
    guard multiple else {
      settle(channel.tags.take(tag), how, at: at)
      return
    }
    while case let id = channel.tags.takeFirst(through: tag), id != 0 { settle(id, how, at: at) }
  }

  func settle(_ id: DeliveryID, _ how: AMQPChannel.Acknowledgement, at: Timestamp) {
    switch (ledger.standing(of: id), how) {
    // Not seen, settled before, or given up by a bound.
    case (nil, _): ledger.drop(\.unmatchedSettlements)
    case (.open?, .ack), (.credit?, _): ledger.settle(id, as: .acked, at: at)
    case (.paired?, _): ledger.acknowledgePaired(id, at: at)
    case (.open?, .requeue): ledger.settle(id, as: .requeued, at: at)
    case (.open?, .reject):
      switch topology.rejection(from: topology[ledger.place(of: id)], settings: ledger.settings.destinations) {
      case .final: ledger.settle(id, as: .rejected, at: at)
      case .unknown: ledger.settle(id, as: .rejected, at: at, causeUnknown: true)
      case .delayed: ledger.requeue(id, .delayed, at: at)
      case .itself: ledger.requeue(id, .itself, at: at)
      }
    }
  }

  // MARK: Transactions

  /// Whether what is said now waits for the end of a transaction. What finds no room in one counts at once.
  func hasRoomInTransaction(_ channel: AMQPChannel) -> Bool {
    guard channel.isTransactional else { return false }
    guard channel.transaction.count < Self.transactionBound else {
      ledger.drop(\.transactions)
      return false
    }
    return true
  }

  /// tx.commit or tx.rollback: it concerns what came before it; what follows belongs to the next transaction.
  func endTransaction(_ channel: AMQPChannel, isCommit: Bool) {
    // Whoever ends one has begun one, even if that was not seen.
    channel.isTransactional = true
    guard channel.transactionEnds.count < Self.pendingBound else {
      ledger.drop(\.transactions)
      return
    }
    channel.transactionEnds.append(.init(count: channel.transaction.count, isCommit: isCommit))
  }

  /// The answer: what came before the commit counts now, what came before the rollback never will. The answer to one that
  /// was not seen is taken for that of everything so far.
  func finishTransaction(_ channel: AMQPChannel, isCommit: Bool, at: Timestamp) {
    var count = channel.transaction.count
    if let end = channel.transactionEnds.firstIndex(where: { $0.isCommit == isCommit }) {
      count = min(count, channel.transactionEnds[end].count)
      // Answers come in order: those of the ends before it were lost.
      channel.transactionEnds.removeFirst(end + 1)
    }
    if isCommit {
      for operation in channel.transaction.prefix(count) {
        switch operation {
        case .settle(let tag, let multiple, let how): settle(channel, tag: tag, multiple: multiple, how, at: at)
        case .publish(let publication): publish(publication, on: channel, at: at)
        }
      }
    }
    channel.transaction.removeFirst(count)
    for i in channel.transactionEnds.indices {
      channel.transactionEnds[i].count = max(0, channel.transactionEnds[i].count - count)
    }
  }

  private func place(_ exchange: Text, _ routingKey: Text, in frame: RawSpan) -> UInt64 {
    var hash = KeyedHash(state.key)
    hash.combine(exchange, in: frame)
    hash.combine(routingKey, in: frame)
    return hash.finish()
  }

  /// As OpenTelemetry names a RabbitMQ destination: exchange and routing key, or whichever there is.
  func destination(_ exchange: Text, _ routingKey: Text, in frame: RawSpan) -> String {
    if exchange.isEmpty { return routingKey.string(in: frame) }
    if routingKey.isEmpty { return exchange.string(in: frame) }
    return exchange.string(in: frame) + ":" + routingKey.string(in: frame)
  }

  /// Bytes of a body that tell messages apart, beside its length and properties.
  static var hashedBytes: Int { 512 }
  /// Operations of one transaction that are kept until its commit; what comes after counts at once.
  static var transactionBound: Int { 65_536 }
}
