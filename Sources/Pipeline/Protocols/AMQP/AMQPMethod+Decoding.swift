extension AMQPMethod {
  /// Reads a method frame's payload. Nil if a field runs beyond its end. Bytes after the last field are allowed, so that
  /// a later revision's extra field does no harm, and reported: `exact` is false then, and for an unknown method.
  static func decode(_ frame: RawSpan, exact: inout Bool) -> AMQPMethod? {
    guard let number = frame.be32(0) else { return nil }
    var reader = AMQPReader(offset: 4, end: frame.byteCount)
    let method = decode(number, &reader, frame)
    guard !reader.failed else { return nil }
    exact = reader.isComplete
    if case .unknown = method { exact = false }
    return method
  }

  private static func decode(_ number: UInt32, _ reader: inout AMQPReader, _ frame: RawSpan) -> AMQPMethod {
    switch number &>> 16 {
    case 60: basic(number, &reader, frame)
    case 10: connection(number, &reader, frame)
    case 20: channel(number, &reader, frame)
    case 40: exchange(number, &reader, frame)
    case 50: queue(number, &reader, frame)
    default: other(number, &reader, frame)
    }
  }

  @inline(__always)
  private static func basic(_ number: UInt32, _ r: inout AMQPReader, _ s: RawSpan) -> AMQPMethod {
    switch number & 0xffff {
    case 60:
      let consumerTag = r.shortString(s)
      let deliveryTag = r.u64(s)
      let redelivered = r.bits(s) & 1 != 0
      let exchange = r.shortString(s)
      return .basicDeliver(
        AMQPDeliver(
          deliveryTag: deliveryTag, consumerTag: consumerTag, exchange: exchange, routingKey: r.shortString(s),
          redelivered: redelivered))
    case 80:
      let tag = r.u64(s)
      return .basicAck(deliveryTag: tag, multiple: r.bits(s) & 1 != 0)
    case 40:
      _ = r.u16(s)
      let exchange = r.shortString(s)
      let routingKey = r.shortString(s)
      let bits = r.bits(s)
      return .basicPublish(
        AMQPPublish(exchange: exchange, routingKey: routingKey, mandatory: bits & 1 != 0, immediate: bits & 2 != 0))
    case 120:
      let tag = r.u64(s)
      let bits = r.bits(s)
      return .basicNack(deliveryTag: tag, multiple: bits & 1 != 0, requeue: bits & 2 != 0)
    case 90:
      let tag = r.u64(s)
      return .basicReject(deliveryTag: tag, requeue: r.bits(s) & 1 != 0)
    case 10:
      let size = r.u32(s)
      let count = r.u16(s)
      return .basicQos(prefetchSize: size, prefetchCount: count, global: r.bits(s) & 1 != 0)
    case 11: return .basicQosOk
    case 20:
      _ = r.u16(s)
      let queue = r.shortString(s)
      let consumerTag = r.shortString(s)
      let bits = r.bits(s)
      return .basicConsume(
        AMQPConsume(
          queue: queue, consumerTag: consumerTag, noLocal: bits & 1 != 0, noAck: bits & 2 != 0,
          exclusive: bits & 4 != 0, noWait: bits & 8 != 0, arguments: r.longString(s)))
    case 21: return .basicConsumeOk(consumerTag: r.shortString(s))
    case 30:
      let consumerTag = r.shortString(s)
      return .basicCancel(consumerTag: consumerTag, noWait: r.bits(s) & 1 != 0)
    case 31: return .basicCancelOk(consumerTag: r.shortString(s))
    case 50:
      let code = r.u16(s)
      let reason = r.shortString(s)
      let exchange = r.shortString(s)
      return .basicReturn(AMQPReturn(code: code, reason: reason, exchange: exchange, routingKey: r.shortString(s)))
    case 70:
      _ = r.u16(s)
      let queue = r.shortString(s)
      return .basicGet(queue: queue, noAck: r.bits(s) & 1 != 0)
    case 71:
      let tag = r.u64(s)
      let redelivered = r.bits(s) & 1 != 0
      let exchange = r.shortString(s)
      let routingKey = r.shortString(s)
      return .basicGetOk(
        AMQPGetOk(
          deliveryTag: tag, exchange: exchange, routingKey: routingKey, messages: r.u32(s), redelivered: redelivered))
    case 72:
      _ = r.shortString(s)
      return .basicGetEmpty
    case 100: return .basicRecoverAsync(requeue: r.bits(s) & 1 != 0)
    case 110: return .basicRecover(requeue: r.bits(s) & 1 != 0)
    case 111: return .basicRecoverOk
    default: return unknown(number)
    }
  }

  private static func connection(_ number: UInt32, _ r: inout AMQPReader, _ s: RawSpan) -> AMQPMethod {
    switch number & 0xffff {
    case 10:
      let major = r.u8(s)
      let minor = r.u8(s)
      let properties = r.longString(s)
      let mechanisms = r.longString(s)
      return .connectionStart(
        AMQPStart(
          major: major, minor: minor, serverProperties: properties, mechanisms: mechanisms, locales: r.longString(s)))
    case 11:
      let properties = r.longString(s)
      let mechanism = r.shortString(s)
      let response = r.longString(s)
      return .connectionStartOk(
        AMQPStartOk(clientProperties: properties, mechanism: mechanism, response: response, locale: r.shortString(s)))
    case 20: return .connectionSecure(challenge: r.longString(s))
    case 21: return .connectionSecureOk(response: r.longString(s))
    case 30: return .connectionTune(tune(&r, s))
    case 31: return .connectionTuneOk(tune(&r, s))
    case 40:
      let vhost = r.shortString(s)
      _ = r.shortString(s)
      _ = r.bits(s)
      return .connectionOpen(vhost: vhost)
    case 41:
      _ = r.shortString(s)
      return .connectionOpenOk
    case 50: return .connectionClose(close(&r, s))
    case 51: return .connectionCloseOk
    case 60: return .connectionBlocked(reason: r.shortString(s))
    case 61: return .connectionUnblocked
    case 70:
      let secret = r.longString(s)
      return .connectionUpdateSecret(secret: secret, reason: r.shortString(s))
    case 71: return .connectionUpdateSecretOk
    default: return unknown(number)
    }
  }

  private static func channel(_ number: UInt32, _ r: inout AMQPReader, _ s: RawSpan) -> AMQPMethod {
    switch number & 0xffff {
    case 10:
      _ = r.shortString(s)
      return .channelOpen
    case 11:
      _ = r.longString(s)
      return .channelOpenOk
    case 20: return .channelFlow(active: r.bits(s) & 1 != 0)
    case 21: return .channelFlowOk(active: r.bits(s) & 1 != 0)
    case 40: return .channelClose(close(&r, s))
    case 41: return .channelCloseOk
    default: return unknown(number)
    }
  }

  private static func exchange(_ number: UInt32, _ r: inout AMQPReader, _ s: RawSpan) -> AMQPMethod {
    switch number & 0xffff {
    case 10:
      _ = r.u16(s)
      let exchange = r.shortString(s)
      let type = r.shortString(s)
      let bits = r.bits(s)
      return .exchangeDeclare(
        AMQPExchangeDeclare(
          exchange: exchange, type: type, passive: bits & 1 != 0, durable: bits & 2 != 0, autoDelete: bits & 4 != 0,
          internal: bits & 8 != 0, noWait: bits & 16 != 0, arguments: r.longString(s)))
    case 11: return .exchangeDeclareOk
    case 20:
      _ = r.u16(s)
      let exchange = r.shortString(s)
      let bits = r.bits(s)
      return .exchangeDelete(exchange: exchange, ifUnused: bits & 1 != 0, noWait: bits & 2 != 0)
    case 21: return .exchangeDeleteOk
    case 30: return .exchangeBind(exchangeBind(&r, s))
    case 31: return .exchangeBindOk
    case 40: return .exchangeUnbind(exchangeBind(&r, s))
    case 51: return .exchangeUnbindOk
    default: return unknown(number)
    }
  }

  private static func queue(_ number: UInt32, _ r: inout AMQPReader, _ s: RawSpan) -> AMQPMethod {
    switch number & 0xffff {
    case 10:
      _ = r.u16(s)
      let queue = r.shortString(s)
      let bits = r.bits(s)
      return .queueDeclare(
        AMQPQueueDeclare(
          queue: queue, passive: bits & 1 != 0, durable: bits & 2 != 0, exclusive: bits & 4 != 0,
          autoDelete: bits & 8 != 0, noWait: bits & 16 != 0, arguments: r.longString(s)))
    case 11:
      let queue = r.shortString(s)
      let messages = r.u32(s)
      return .queueDeclareOk(queue: queue, messages: messages, consumers: r.u32(s))
    case 20: return .queueBind(queueBind(&r, s, hasNoWait: true))
    case 21: return .queueBindOk
    case 30:
      _ = r.u16(s)
      let queue = r.shortString(s)
      return .queuePurge(queue: queue, noWait: r.bits(s) & 1 != 0)
    case 31: return .queuePurgeOk(messages: r.u32(s))
    case 40:
      _ = r.u16(s)
      let queue = r.shortString(s)
      let bits = r.bits(s)
      return .queueDelete(queue: queue, ifUnused: bits & 1 != 0, ifEmpty: bits & 2 != 0, noWait: bits & 4 != 0)
    case 41: return .queueDeleteOk(messages: r.u32(s))
    case 50: return .queueUnbind(queueBind(&r, s, hasNoWait: false))
    case 51: return .queueUnbindOk
    default: return unknown(number)
    }
  }

  private static func other(_ number: UInt32, _ r: inout AMQPReader, _ s: RawSpan) -> AMQPMethod {
    switch number {
    case 30 << 16 | 10:
      let realm = r.shortString(s)
      _ = r.bits(s)
      return .accessRequest(realm: realm)
    case 30 << 16 | 11: return .accessRequestOk(ticket: r.u16(s))
    case 85 << 16 | 10: return .confirmSelect(noWait: r.bits(s) & 1 != 0)
    case 85 << 16 | 11: return .confirmSelectOk
    case 90 << 16 | 10: return .txSelect
    case 90 << 16 | 11: return .txSelectOk
    case 90 << 16 | 20: return .txCommit
    case 90 << 16 | 21: return .txCommitOk
    case 90 << 16 | 30: return .txRollback
    case 90 << 16 | 31: return .txRollbackOk
    default: return unknown(number)
    }
  }

  private static func tune(_ r: inout AMQPReader, _ s: RawSpan) -> AMQPTune {
    let channelMax = r.u16(s)
    let frameMax = r.u32(s)
    return AMQPTune(channelMax: channelMax, frameMax_bytes: frameMax, heartbeat_s: r.u16(s))
  }

  private static func close(_ r: inout AMQPReader, _ s: RawSpan) -> AMQPClose {
    let code = r.u16(s)
    let reason = r.shortString(s)
    let classID = r.u16(s)
    return AMQPClose(code: code, reason: reason, classID: classID, methodID: r.u16(s))
  }

  private static func exchangeBind(_ r: inout AMQPReader, _ s: RawSpan) -> AMQPExchangeBind {
    _ = r.u16(s)
    let destination = r.shortString(s)
    let source = r.shortString(s)
    let routingKey = r.shortString(s)
    let noWait = r.bits(s) & 1 != 0
    return AMQPExchangeBind(
      destination: destination, source: source, routingKey: routingKey, noWait: noWait, arguments: r.longString(s))
  }

  private static func queueBind(_ r: inout AMQPReader, _ s: RawSpan, hasNoWait: Bool) -> AMQPQueueBind {
    _ = r.u16(s)
    let queue = r.shortString(s)
    let exchange = r.shortString(s)
    let routingKey = r.shortString(s)
    let noWait = hasNoWait && r.bits(s) & 1 != 0
    return AMQPQueueBind(
      queue: queue, exchange: exchange, routingKey: routingKey, noWait: noWait, arguments: r.longString(s))
  }

  private static func unknown(_ number: UInt32) -> AMQPMethod {
    .unknown(classID: UInt16(truncatingIfNeeded: number &>> 16), methodID: UInt16(truncatingIfNeeded: number))
  }
}
