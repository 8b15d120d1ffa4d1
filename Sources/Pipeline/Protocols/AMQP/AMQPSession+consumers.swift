// Consumers and the queues they read: declare, consume, get, cancel.

extension AMQPSession {
  func beginDeclare(_ channel: AMQPChannel, _ declare: AMQPQueueDeclare, in frame: RawSpan) {
    let name = declare.queue.string(in: frame)
    let declaration =
      declare.passive ? nil : AMQPQueue.Declaration(declare.arguments, in: frame, brokerMajor: brokerMajor)
    if !name.isEmpty {
      channel.lastDeclared = name
    } else if !declare.passive {
      // The server makes the name; nobody knows it before the answer. (A passive one asks for the last declared queue.)
      channel.lastDeclared = nil
    }
    if declare.noWait {
      declared(name, declaration)
    } else if channel.pendingDeclares.count < Self.pendingBound {
      channel.pendingDeclares.append(.init(name: name, declaration: declaration))
    } else {
      ledger.drop(\.requests)
    }
  }

  /// The answer: only now the arguments are the queue's own. (It refuses those that differ from the queue's, and closes
  /// the channel.)
  func finishDeclare(_ channel: AMQPChannel, queue: Text, in frame: RawSpan) {
    let name = queue.string(in: frame)
    if !channel.pendingDeclares.isEmpty { declared(name, channel.pendingDeclares.removeFirst().declaration) }
    // The server's word counts: it makes the names that were left empty.
    if channel.pendingDeclares.isEmpty { channel.lastDeclared = name }
  }

  private func declared(_ name: String, _ declaration: AMQPQueue.Declaration?) {
    guard let declaration, let index = topology.queue(named: name) else { return }
    let queue = topology[index]
    queue.declare(declaration)
    topology.learned()
    if let group = queue.group {
      ledger.setDeadLetterTarget(queue.deadLetterTarget, of: group)
      ledger.setDeliveryLimit(declaration.deliveryLimit, of: group)
    }
  }

  /// A gap may have swallowed answers. A declaration that was refused would have ended the channel, so those count. What
  /// else is pending is told apart by its answer, or not at all.
  func doubtAnswers(_ channel: AMQPChannel) {
    for pending in channel.pendingDeclares { declared(pending.name, pending.declaration) }
    channel.pendingDeclares = []
    if !channel.pendingConsumes.isEmpty || !channel.pendingGets.isEmpty { channel.areAnswersDoubtful = true }
  }

  func beginConsume(_ channel: AMQPChannel, _ consume: AMQPConsume, in frame: RawSpan) {
    var isStream = false
    var arguments = AMQPTable(entries: consume.arguments)
    while let (key, _) = arguments.next(in: frame) {
      if key.equals("x-stream-offset", in: frame) { isStream = true }
    }
    let pending = AMQPChannel.PendingConsume(
      tagHash: consume.consumerTag.isEmpty ? 0 : hash(consume.consumerTag, in: frame),
      queue: queueName(consume.queue, channel, in: frame), noAck: consume.noAck, isStream: isStream,
      prefetch: channel.prefetchPerChannel > 0 ? channel.prefetchPerChannel : channel.prefetchPerConsumer)
    if consume.noWait {
      _ = addConsumer(channel, pending, tagHash: pending.tagHash)
    } else if channel.pendingConsumes.count < Self.pendingBound {
      channel.pendingConsumes.append(pending)
    } else {
      ledger.drop(\.requests)
    }
  }

  /// The answer names the tag that was asked for, so it is known by that; where the server makes the tags, by the order.
  func finishConsume(_ channel: AMQPChannel, tag: Text, in frame: RawSpan) {
    let tagHash = hash(tag, in: frame)
    if let asked = channel.pendingConsumes.firstIndex(where: { $0.tagHash == tagHash }) {
      _ = addConsumer(channel, channel.pendingConsumes.remove(at: asked), tagHash: tagHash)
      return
    }
    guard let first = channel.pendingConsumes.firstIndex(where: { $0.tagHash == 0 }) else { return }
    let pending = channel.pendingConsumes[first]
    if channel.areAnswersDoubtful,
      channel.pendingConsumes.contains(where: {
        $0.tagHash == 0 && ($0.queue != pending.queue || $0.noAck != pending.noAck)
      })
    {
      // It may answer any of them, and what is not known is not guessed.
      channel.pendingConsumes.removeAll { $0.tagHash == 0 }
    } else {
      channel.pendingConsumes.remove(at: first)
      _ = addConsumer(channel, pending, tagHash: tagHash)
    }
    if channel.pendingConsumes.isEmpty, channel.pendingGets.isEmpty { channel.areAnswersDoubtful = false }
  }

  /// Nil where nothing tells which queue it reads, or there is no room.
  private func addConsumer(
    _ channel: AMQPChannel, _ pending: AMQPChannel.PendingConsume, tagHash: UInt64
  ) -> AMQPChannel.ConsumerEntry? {
    let name = pending.queue.isEmpty ? channel.lastDeclared ?? "" : pending.queue
    var consumer = Consumer(
      process: process, noAck: pending.noAck, isStream: pending.isStream, prefetch: pending.prefetch)
    consumer.hasUnseenPrefetch = pending.prefetch == nil
    return add(consumer, to: channel, queue: name, tagHash: tagHash)
  }

  private func add(
    _ consumer: Consumer, to channel: AMQPChannel, queue name: String, tagHash: UInt64?
  ) -> AMQPChannel.ConsumerEntry? {
    guard let index = topology.queue(named: name) else { return nil }
    let queue = topology[index]
    let group = group(of: queue)
    var consumer = consumer
    consumer.place = index
    if queue.isStream { consumer.isStream = true }
    let id = ledger.addConsumer(consumer, of: group)
    guard id != 0 else { return nil }
    queue.readers += 1
    let entry = AMQPChannel.ConsumerEntry(
      // No consumer tag hashes to a get's: gets have none, and the entry is found by its queue.
      tagHash: tagHash ?? UInt64(bitPattern: -1 - Int64(index)), id: id, queue: index, group: group,
      noAck: consumer.noAck, isStream: consumer.isStream, isGet: consumer.isGetter)
    // A tag can be used again once its consumer was cancelled.
    let replaced = channel.consumer(tagHash: entry.tagHash)
    if replaced >= 0, !entry.isGet { retire(replaced, of: channel) }
    channel.consumers.append(entry)
    return entry
  }

  /// The consumer is gone. Its record stays as long as it holds deliveries.
  private func retire(_ index: Int, of channel: AMQPChannel) {
    ledger.enter(channel.consumers[index].id, nil)
    channel.retired.append(channel.consumers.remove(at: index))
    guard channel.retired.count >= channel.sweepAt else { return }
    channel.retired.removeAll {
      guard ledger.consumer($0.id).inFlight == 0 else { return false }
      free($0)
      return true
    }
    channel.sweepAt = max(AMQPChannel.sweepLeast, 2 * channel.retired.count)
  }

  func free(_ entry: AMQPChannel.ConsumerEntry) {
    topology[entry.queue].readers -= 1
    ledger.remove(consumer: entry.id)
  }

  /// The group of a consumer, made anew if a bound has dropped it.
  func renewGroup(of entry: inout AMQPChannel.ConsumerEntry, on channel: AMQPChannel) {
    entry.group = group(of: topology[entry.queue])
    if ledger.consumer(entry.id).group != nil { ledger.enter(entry.id, entry.group) }
    for i in channel.consumers.indices where channel.consumers[i].id == entry.id {
      channel.consumers[i].group = entry.group
    }
  }

  /// The consumer behind a tag. One whose consume-ok was not seen is known by the tag that it asked for; one whose consume
  /// was not seen, by the queue that the default exchange names. Nil: nothing tells which queue it reads.
  func consumer(
    _ channel: AMQPChannel, tag: Text, exchange: Text, routingKey: Text, in frame: RawSpan
  ) -> AMQPChannel.ConsumerEntry? {
    let tagHash = hash(tag, in: frame)
    let known = channel.consumer(tagHash: tagHash)
    if known >= 0 { return channel.consumers[known] }
    if let pending = channel.pendingConsumes.firstIndex(where: { $0.tagHash == tagHash }) {
      return addConsumer(channel, channel.pendingConsumes.remove(at: pending), tagHash: tagHash)
    }
    guard exchange.isEmpty, !routingKey.isEmpty else { return nil }
    return addConsumer(
      channel, .init(tagHash: tagHash, queue: routingKey.string(in: frame), noAck: false, isStream: false),
      tagHash: tagHash)
  }

  /// Settles nothing. Until it `isOver` (the server's word), deliveries to that tag may be under way.
  func cancel(_ channel: AMQPChannel, tag: Text, isOver: Bool, in frame: RawSpan) {
    let index = channel.consumer(tagHash: hash(tag, in: frame))
    leaves()
    guard index >= 0 else { return }
    ledger.cancel(consumer: channel.consumers[index].id)
    guard !isOver else { return retire(index, of: channel) }
    channel.consumers[index].isCancelled = true
    // Those that wanted no answer stay until their tag is used again, but not without end.
    let cancelled = channel.consumers.indices.filter { channel.consumers[$0].isCancelled }
    if cancelled.count > Self.cancelledBound { retire(cancelled[0], of: channel) }
  }

  func beginGet(_ channel: AMQPChannel, queue: Text, noAck: Bool, in frame: RawSpan) {
    guard channel.pendingGets.count < Self.pendingBound else {
      ledger.drop(\.requests)
      return
    }
    channel.pendingGets.append(.init(queue: queueName(queue, channel, in: frame), noAck: noAck))
  }

  /// The get that the next answer is for; nil if none is known, or it could be one of several.
  func takeGet(_ channel: AMQPChannel) -> AMQPChannel.PendingGet? {
    guard let first = channel.pendingGets.first else { return nil }
    if channel.areAnswersDoubtful, channel.pendingGets.contains(where: { $0 != first }) {
      channel.pendingGets = []
      return nil
    }
    channel.pendingGets.removeFirst()
    if channel.pendingConsumes.isEmpty, channel.pendingGets.isEmpty { channel.areAnswersDoubtful = false }
    return first
  }

  /// What stands for the gets of one queue on one channel.
  func getConsumer(_ channel: AMQPChannel, queue name: String, noAck: Bool) -> AMQPChannel.ConsumerEntry? {
    if let index = topology.queue(named: name),
      let known = channel.consumers.first(where: { $0.isGet && $0.queue == index && $0.noAck == noAck })
    {
      return known
    }
    return add(Consumer(process: process, noAck: noAck, isGetter: true), to: channel, queue: name, tagHash: nil)
  }

  func hash(_ text: Text, in frame: RawSpan) -> UInt64 { KeyedHash.hash(text, in: frame, state.key) }

  /// Requests that wait for an answer, per channel and kind: more than any client pipelines.
  static var pendingBound: Int { 4096 }
  private static var cancelledBound: Int { 256 }
}
