// Settlements that are revised: what a client handed back untried when it left, and acks that the broker never took.

extension AMQPSession {
  /// A reject or nack with requeue. What comes to a consumer after it has begun to leave, and what it hands back with the
  /// rest when it leaves, was not tried.
  func handBack(_ channel: AMQPChannel, _ id: DeliveryID, at: Timestamp) {
    guard ledger.standing(of: id) == .open else { return settle(id, .requeue, at: at) }
    let at = ledger.advance(to: at)
    let delivery = ledger.delivery(id)
    if delivery.at >= ledger.consumer(delivery.consumer).leftAt || channel.returns.isUntried(delivery, at: at) {
      ledger.countInference(Self.untried, ofDelivery: delivery)
      ledger.settle(id, as: .abandoned, at: at)
      return
    }
    let ended = SettledAck(delivery: delivery, at: at, inBatch: false)
    if !channel.returns.append(ended, tag: channel.tags.taken) { ledger.drop(\.revisions) }
    settle(id, .requeue, at: at)
  }

  /// The client cancels a consumer or, nil, closes the channel: what it handed back right before had only been prefetched.
  /// All but the first of each consumer, which that may have been working on; unless one that came before it is still
  /// outstanding. Answers since when the consumer has been leaving.
  @discardableResult
  func leave(_ channel: AMQPChannel, consumer: Int32?, at: Timestamp) -> Timestamp {
    guard channel.returns.isActive else { return at }
    let began = channel.returns.began
    let returned = channel.returns.take(of: consumer, at: at)
    guard !returned.isEmpty else { return at }
    // What it still had before: how many, and the first one's tag.
    var kept: [Int32: (count: Int, first: UInt64)] = [:]
    for (tag, id) in channel.tags.outstanding where ledger.standing(of: id) == .open {
      let delivery = ledger.delivery(id)
      if delivery.at < began { kept[delivery.consumer, default: (0, tag)].count += 1 }
    }
    var seen: Set<Int32> = []
    var isLeaving = false
    for entry in returned {
      let consumer = entry.ended.delivery.consumer
      let isFirst = seen.insert(consumer).inserted
      // More than one: it did not hand back what it had. Cancelled before: it has worked on since.
      if kept[consumer]?.count ?? 0 > 1 || ledger.consumer(consumer).leftAt <= began { continue }
      isLeaving = true
      let hasEarlier = kept[consumer].map { $0.first < entry.tag } ?? false
      if isFirst, !hasEarlier { continue }
      ledger.takeBack(entry.ended, countedAs: .requeued, by: Self.untried, at: at)
    }
    return isLeaving ? began : at
  }

  /// The client closes its channels: all of them, or one.
  func leave(channel number: UInt16? = nil, at: Timestamp) {
    for channel in channels.values.sorted(by: { $0.number < $1.number })
    where number == nil || channel.number == number {
      leave(channel, consumer: nil, at: at)
    }
  }

  /// An acknowledgement of a tag that is perhaps not outstanding (nil: of none in particular), or one behind such a tag.
  func doubt(
    _ channel: AMQPChannel, tag: UInt64?, through last: UInt64, multiple: Bool, isAck: Bool, at: Timestamp
  ) {
    let at = ledger.advance(to: at)
    if let tag, !channel.tags.contains(tag) { channel.doubts.add(tag, at: at) }
    guard isAck, !channel.doubts.isEmpty else { return }
    channel.tags.forEach(last, multiple: multiple) { id in
      guard ledger.standing(of: id) == .open else { return }
      let ack = SettledAck(delivery: ledger.delivery(id), at: at, inBatch: false)
      if !channel.doubts.append(ack) { ledger.drop(\.revisions) }
    }
  }

  /// The broker closes the channel because of an acknowledgement that it refuses: those behind it never counted.
  func takeBackVoidAcks(_ channel: AMQPChannel, _ close: AMQPClose, in frame: RawSpan, at: Timestamp) {
    guard !channel.doubts.isEmpty, let tag = close.refusedTag(in: frame) else { return }
    for ack in channel.doubts.behind(tag) { ledger.takeBack(ack, countedAs: .acked, by: Self.voidAck, at: at) }
    channel.doubts = AMQPDoubts()
  }

  // Names of inferences.
  private static var untried: String { "returned_untried" }
  private static var voidAck: String { "void_ack" }
}

extension AMQPClose {
  /// Of `PRECONDITION_FAILED - unknown delivery tag 7`: the tag.
  func refusedTag(in frame: RawSpan) -> UInt64? {
    guard code == 406 else { return nil }
    let words = reason.string(in: frame).split(separator: " ")
    guard words.count > 3, words.dropLast().suffix(3) == ["unknown", "delivery", "tag"] else { return nil }
    return UInt64(words[words.count - 1])
  }
}
