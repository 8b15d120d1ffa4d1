// What a connection is used for, as far as holding its client's requests is concerned.

extension AMQPSession {
  var use: ConnectionUse {
    var use = ConnectionUse(
      publishedAt: publishedAt, silence_ns: silence_ns,
      isLeaving: leavingSince.map { ledger.now - $0 < Self.leaving_ns } ?? false)
    for channel in channels.values {
      for entry in channel.consumers where !entry.isCancelled {
        guard let group = ledger.present(entry.group) else { continue }
        if !use.groups.contains(group) { use.groups.append(group) }
        let consumer = ledger.consumer(entry.id)
        if let why = consumer.unholdable ?? (consumer.mayBeUnanswered ? .acksNotSeen : nil) {
          use.unholdable[group] = min(use.unholdable[group] ?? why, why)
        }
        if entry.noAck, !entry.isGet { use.isUnanswered = true }
      }
    }
    return use
  }

  /// RabbitMQ closes a connection from which it has received nothing for two heartbeats
  /// (https://www.rabbitmq.com/docs/heartbeats). One that was negotiated before capture began is taken for the shortest that
  /// a common client asks for by default (amqp091-go, 10 s).
  private var silence_ns: Int64? {
    let heartbeat_ns = heartbeat_ns ?? .seconds(10)
    let span_ns = heartbeat_ns > 0 ? heartbeat_ns * 2 / 5 : nil
    return isHeldUnread ? min(span_ns ?? .max, Self.unreadClose_ns) : span_ns
  }

  /// How long a cancel or close may be held that is not recognised, because the held bytes can't be read.
  private static var unreadClose_ns: Int64 { .seconds(5) }

  /// Something of the client's ended: what it said of leaving was heard.
  func leaves() {
    leavingSince = nil
    ledger.isPlanDue = true
  }

  /// Looks at bytes that the client sent and the kernel held, a segment at a time. They are no facts: they settle
  /// nothing, and come again when they pass. But some must not wait for that:
  /// - basic.cancel, channel.close, connection.close: the client waits for their answers, and may be killed for it;
  /// - basic.publish to an ordinary destination: the connection is not only a consumer's;
  /// - acknowledgements of probes: what half-open is waiting for.
  ///
  /// - Parameters:
  ///   - place: Of the first byte in the client's stream.
  ///   - passed: Up to where that stream has passed, and was received.
  func peek(_ bytes: RawSpan, at place: Sequence, passed: Sequence, at: Timestamp) {
    guard !isClosed else { return }
    // Also where another hold shows again what the one before had shown.
    if place == passed { heldReader = AMQPHeldReader(self, fromClient, at: place) }
    heldReader?.read(bytes, at: place, at: at)
    if heldReader?.isLost == true { heldReader = nil }
    guard isHeldUnread != (heldReader == nil) else { return }
    isHeldUnread.toggle()
    ledger.isPlanDue = true
  }

  /// A method that is held.
  func peek(_ method: AMQPMethod, channel number: UInt16, in frame: RawSpan, at: Timestamp) {
    switch method {
    case .connectionClose, .channelClose, .basicCancel:
      leavingSince = at
      ledger.isPlanDue = true
    case .basicPublish(let publish):
      if holdsCopies(publish, in: frame) {
        publishesCopies = true
      } else {
        publishes(at: at)
      }
    case .basicAck(let tag, let multiple):
      // Behind a copy to a dead-letter or retry destination an ack says nothing good: its fact will tell.
      answered(number, tag, multiple, publishesCopies ? nil : .acked, at: at)
    case .basicNack(let tag, let multiple, let requeue):
      answered(number, tag, multiple, requeue ? .requeued : .rejected, at: at)
    case .basicReject(let tag, let requeue): answered(number, tag, false, requeue ? .requeued : .rejected, at: at)
    default: break
    }
  }

  /// `settlement` nil: what becomes of them is not certain.
  private func answered(_ number: UInt16, _ tag: UInt64, _ multiple: Bool, _ settlement: Settlement?, at: Timestamp) {
    guard let channel = known(number), channel.phase == .open else { return }
    let settlement = channel.isTransactional ? nil : settlement
    channel.tags.forEach(multiple && tag == 0 ? channel.tags.last : tag, multiple: multiple) { id in
      if ledger.isLive(id) { ledger.answeredHeld(id, as: settlement, at: at) }
    }
  }

  /// What was said of leaving and not heard within this time was no leave, or its answer was missed.
  private static var leaving_ns: Int64 { .seconds(10) }
}
