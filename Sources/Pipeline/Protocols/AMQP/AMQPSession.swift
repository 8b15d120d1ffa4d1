/// One AMQP 0-9-1 connection: turns what its two decoders say into consumers, deliveries and settlements.
///
/// In: each side's bytes, in causal order (`receive`, `lost`, `ended`). Out: calls on the `Ledger`. What a gap may have
/// swallowed is never guessed: a delivery whose content was cut still counts, an acknowledgement that was not seen leaves
/// its delivery in flight, and the coverage of the connection's groups says how much is missing.
final class AMQPSession: ProtocolSession {
  let ledger: Ledger
  let state: AMQPState
  let server: Endpoint
  /// Hash that stands for the client's process.
  let process: UInt64
  var cluster: ClusterID
  var topology: AMQPTopology
  var brokerMajor = 0
  /// Somebody said connection.close: what is still open ends in good order.
  private(set) var isClosed = false
  private(set) var fromClient = AMQPDecoder(role: .client)
  private var fromServer = AMQPDecoder(role: .server)
  private var isFromClient = true
  private var negotiatedFrame: UInt32?
  /// As both sides agreed; nil if that was not seen.
  private(set) var heartbeat_ns: Int64?
  /// When it last published to a destination that holds no copies of failed messages; nil if it never did.
  private(set) var publishedAt: Timestamp?
  /// It publishes copies of failed messages: an ack may be the end of such a copy, which is no success.
  var publishesCopies = false
  /// When the client tried to say that it leaves; nil once that was heard.
  var leavingSince: Timestamp?
  /// Reads what the client tries to send while the kernel holds it; nil where nothing is held, or nothing can be concluded.
  var heldReader: AMQPHeldReader?
  /// Bytes of the client's are held that could not be read.
  var isHeldUnread = false
  private(set) var channels: [UInt16: AMQPChannel] = [:]
  private var current: AMQPChannel?
  /// Groups that this connection's consumers belong to.
  private(set) var served: [GroupID] = []
  private var covered = (understood: UInt64(0), lost: UInt64(0))

  init(ledger: Ledger, state: AMQPState, server: Endpoint, process: UInt64) {
    self.ledger = ledger
    self.state = state
    self.server = server
    self.process = process
    cluster = ledger.clusters.cluster(at: server)
    // Until connection.open is seen (never, when joined midway) the broker's default virtual host is assumed.
    topology = state.topology(vhost: "/", cluster: cluster)
  }

  var counters: (client: AMQPDecoderCounters, server: AMQPDecoderCounters) {
    (fromClient.counters, fromServer.counters)
  }

  func receive(_ bytes: RawSpan, fromClient speaks: Bool, at: Timestamp) {
    isFromClient = speaks
    if speaks { fromClient.receive(bytes, at: at, into: self) } else { fromServer.receive(bytes, at: at, into: self) }
    applyFrameLimit()
    cover(at: at)
  }

  func lost(_ count: Int, fromClient speaks: Bool, at: Timestamp) {
    isFromClient = speaks
    if speaks { fromClient.lost(count, at: at, into: self) } else { fromServer.lost(count, at: at, into: self) }
    cover(at: at)
  }

  /// It publishes, or tries to, to a destination that holds no copies of failed messages.
  func publishes(at: Timestamp) {
    if !ledger.settings.holding.isShared(publishedAt, at: at) { ledger.isPlanDue = true }
    publishedAt = at
  }

  private func applyFrameLimit() {
    guard let limit = negotiatedFrame else { return }
    negotiatedFrame = nil
    fromClient.limitFrames(to: limit)
    fromServer.limitFrames(to: limit)
  }

  private func cover(at: Timestamp) {
    let client = fromClient.counters
    let server = fromServer.counters
    let understood = client.understoodBytes &+ server.understoodBytes
    let lost = client.skippedBytes &+ server.skippedBytes &+ client.lostBytes &+ server.lostBytes
    // By index: a list that is held on to is counted up and down for every chunk.
    for i in served.indices {
      ledger.cover(
        served[i], understood: understood &- covered.understood, lost: lost &- covered.lost, at: at)
    }
    covered = (understood, lost)
  }

  /// One side's stream is over. Only the first end decides what becomes of open deliveries.
  func ended(client: Bool, _ end: StreamEnd, at: Timestamp) {
    // Facts that waited for proof of where frames begin come now or never.
    isFromClient = client
    if client { fromClient.finish(at: at, into: self) } else { fromServer.finish(at: at, into: self) }
    cover(at: at)
    // What the capture does not show any more is not over.
    guard !isClosed, end != .forgotten else { return }
    isClosed = true
    let crashed = client && (end == .finished || end == .reset)
    let open = channels.values.sorted { $0.number < $1.number }
    if crashed { ledger.crashes(open.flatMap { $0.tags.outstanding.map(\.id) }, at: at) }
    for channel in open { endChannel(channel, crashed ? .crashed : .inOrder, at: at) }
    channels.removeAll()
    current = nil
  }

  // MARK: Channels

  /// The channel of that number, if it was seen before.
  func known(_ number: UInt16) -> AMQPChannel? {
    if let current, current.number == number { return current }
    guard let known = channels[number] else { return nil }
    current = known
    return known
  }

  /// The channel of that number, made if need be; nil where there is no room for another one, counted.
  private func channel(_ number: UInt16) -> AMQPChannel? {
    if let known = known(number) { return known }
    guard state.channels < AMQPState.channelBound else {
      ledger.drop(\.channels)
      return nil
    }
    let made = AMQPChannel(number: number, state: state)
    channels[number] = made
    current = made
    return made
  }

  /// Everything open on the channel ends. After a crash or a timeout the oldest delivery of each consumer was being worked
  /// on; the others had only been prefetched.
  private func endChannel(_ channel: AMQPChannel, _ end: AMQPChannel.End, at: Timestamp) {
    leaves()
    var blamed: Set<Int32> = []
    while case let id = channel.tags.takeFirst(through: .max), id != 0 {
      if end == .timedOut {
        ledger.timeOut(id, blamed: &blamed, at: at)
      } else {
        ledger.lose(id, crashed: end == .crashed, blamed: &blamed, at: at)
      }
    }
    for entry in channel.consumers + channel.retired { free(entry) }
    channel.consumers = []
    channel.retired = []
  }

  /// Ends the channel by a close. With a `phase` its number stays known, for what is still under way to it.
  func closeChannel(
    _ number: UInt16, as phase: AMQPChannel.Phase? = nil, _ end: AMQPChannel.End = .inOrder, at: Timestamp
  ) {
    if let channel = channels.removeValue(forKey: number) {
      if current === channel { current = nil }
      endChannel(channel, end, at: at)
    }
    if let phase { channel(number)?.phase = phase }
  }

  private func closeConnection(at: Timestamp) {
    for number in channels.keys.sorted() { closeChannel(number, at: at) }
    isClosed = true
  }

  /// The group of a queue that this client consumes.
  func group(of queue: AMQPQueue) -> GroupID {
    if let group = queue.group, ledger.isCurrent(group) {
      serve(group)
      return group
    }
    let key = GroupKey.rabbitmq(vhost: topology.vhost, queue: queue.name)
    let group = ledger.group(AMQPProtocol.self, key: key, name: queue.name, destination: queue.name, cluster: cluster)
    topology.consumes(queue, as: group)
    ledger.setDeadLetterTarget(queue.deadLetterTarget, of: group)
    ledger.setDeliveryLimit(queue.declaration?.deliveryLimit, of: group)
    serve(group)
    return group
  }

  private func serve(_ group: GroupID) {
    guard !served.contains(group) else { return }
    served.removeAll { !ledger.isCurrent($0) }
    served.append(group)
    state.consumes(group, process: process)
  }
}

// MARK: - Facts

extension AMQPSession: AMQPFactSink {
  func protocolHeader(major: UInt8, minor: UInt8, revision: UInt8, at: Timestamp) {}
  func heartbeat(at: Timestamp) {}
  func bodyFrameEnded(channel: UInt16, at: Timestamp) {}

  func method(_ method: AMQPMethod, channel number: UInt16, in frame: RawSpan, at: Timestamp) {
    guard !isClosed else { return }
    if isFromClient {
      clientMethod(method, channel: number, in: frame, at: at)
    } else {
      serverMethod(method, channel: number, in: frame, at: at)
    }
  }

  private func clientMethod(_ method: AMQPMethod, channel number: UInt16, in frame: RawSpan, at: Timestamp) {
    switch method {
    // The most frequent first: acknowledgements need no channel that was not seen before.
    case .basicAck(let tag, let multiple):
      acknowledge(known(number), tag: tag, multiple: multiple, .ack, at: at)
    case .basicNack(let tag, let multiple, let requeue):
      acknowledge(known(number), tag: tag, multiple: multiple, requeue ? .requeue : .reject, at: at)
    case .basicReject(let tag, let requeue):
      acknowledge(known(number), tag: tag, multiple: false, requeue ? .requeue : .reject, at: at)
    case .connectionTuneOk(let tune):
      negotiatedFrame = tune.frameMax_bytes
      heartbeat_ns = .seconds(Int64(tune.heartbeat_s))
    case .connectionOpen(let vhost):
      // Once there are channels, their queues belong to the virtual host that was opened before them.
      if channels.isEmpty { topology = state.topology(vhost: vhost.string(in: frame), cluster: cluster) }
    case .connectionClose:
      leave(at: at)
      closeConnection(at: at)
    case .connectionCloseOk: closeConnection(at: at)
    case .channelOpen, .channelCloseOk: closeChannel(number, at: at)
    case .channelClose:
      leave(channel: number, at: at)
      closeChannel(number, as: .closedByClient, at: at)
    case .basicPublish, .basicRecoverAsync, .basicGet, .basicConsume, .basicCancel, .basicQos,
      .queueDeclare, .queueBind, .queueUnbind, .queueDelete, .exchangeDeclare, .exchangeDelete, .exchangeBind,
      .exchangeUnbind, .txSelect, .txCommit, .txRollback:
      // What a client still says on a channel that the server closed is void.
      guard let channel = channel(number), channel.phase == .open else { return }
      clientMethod(method, on: channel, in: frame, at: at)
    default: break
    }
  }

  private func clientMethod(_ method: AMQPMethod, on channel: AMQPChannel, in frame: RawSpan, at: Timestamp) {
    switch method {
    case .basicPublish(let publish): beginPublish(channel, publish, in: frame)
    // Whatever the requeue bit says: RabbitMQ refuses false, and others hand everything out again just the same. It is
    // no part of a transaction. The synchronous one counts at its answer: GarageMQ refuses it and closes the connection.
    case .basicRecoverAsync: settle(channel, tag: .max, multiple: true, .requeue, at: at)
    case .basicGet(let queue, let noAck): beginGet(channel, queue: queue, noAck: noAck, in: frame)
    case .basicConsume(let consume): beginConsume(channel, consume, in: frame)
    case .basicCancel(let tag, _): cancel(channel, tag: tag, isOver: false, in: frame, at: at)
    case .basicQos(_, let count, let global):
      if global { channel.prefetchPerChannel = UInt32(count) } else { channel.prefetchPerConsumer = UInt32(count) }
    case .queueDeclare(let declare): beginDeclare(channel, declare, in: frame)
    case .queueBind(let bind):
      topology.bind(
        queue: queueName(bind.queue, channel, in: frame), exchange: bind.exchange.string(in: frame),
        key: bind.routingKey.string(in: frame))
    case .queueUnbind(let bind):
      topology.unbind(
        queue: queueName(bind.queue, channel, in: frame), exchange: bind.exchange.string(in: frame),
        key: bind.routingKey.string(in: frame))
    case .exchangeDeclare(let declare):
      if !declare.passive {
        topology.declare(
          exchange: declare.exchange.string(in: frame), type: AMQPTopology.ExchangeType(declare.type, in: frame))
      }
    case .exchangeDelete(let exchange, _, _): topology.delete(exchange: exchange.string(in: frame))
    case .exchangeBind(let bind):
      topology.bind(
        exchange: bind.destination.string(in: frame), to: bind.source.string(in: frame),
        key: bind.routingKey.string(in: frame))
    case .exchangeUnbind(let bind):
      topology.unbind(
        exchange: bind.destination.string(in: frame), from: bind.source.string(in: frame),
        key: bind.routingKey.string(in: frame))
    case .queueDelete(let queue, _, _, _): topology.delete(queue: queueName(queue, channel, in: frame))
    case .txSelect: channel.isTransactional = true
    case .txCommit: endTransaction(channel, isCommit: true)
    case .txRollback: endTransaction(channel, isCommit: false)
    default: break
    }
  }

  private func serverMethod(_ method: AMQPMethod, channel number: UInt16, in frame: RawSpan, at: Timestamp) {
    switch method {
    case .basicDeliver, .basicGetOk, .basicGetEmpty, .basicReturn, .basicConsumeOk, .basicCancel, .basicCancelOk,
      .basicRecoverOk, .queueDeclareOk, .txCommitOk, .txRollbackOk:
      // What the server still sends on a channel that the client is closing reaches nobody.
      guard let channel = channel(number), channel.phase == .open else { return }
      serverMethod(method, on: channel, in: frame, at: at)
    case .connectionStart(let start): if channels.isEmpty { learnServer(start, in: frame) }
    case .channelClose(let close): serverCloses(number, close, in: frame, at: at)
    case .channelCloseOk: closeChannel(number, at: at)
    case .connectionClose(let close):
      count(close, of: served, in: frame)
      closeConnection(at: at)
    case .connectionCloseOk: closeConnection(at: at)
    default: break
    }
  }

  @inline(__always)
  private func serverMethod(_ method: AMQPMethod, on channel: AMQPChannel, in frame: RawSpan, at: Timestamp) {
    switch method {
    case .basicDeliver(let deliver): beginDelivery(channel, deliver, in: frame)
    case .basicGetOk(let getOk): beginGetOk(channel, getOk, in: frame)
    case .basicGetEmpty: _ = takeGet(channel)
    case .basicReturn:
      cutDelivery(channel, at: at)
      channel.inbound.state = .ignored
    case .basicConsumeOk(let tag): finishConsume(channel, tag: tag, in: frame)
    case .basicCancel(let tag, _), .basicCancelOk(let tag): cancel(channel, tag: tag, isOver: true, in: frame, at: at)
    case .basicRecoverOk: settle(channel, tag: .max, multiple: true, .requeue, at: at)
    case .queueDeclareOk(let queue, _, _): finishDeclare(channel, queue: queue, in: frame)
    case .txCommitOk: finishTransaction(channel, isCommit: true, at: at)
    case .txRollbackOk: finishTransaction(channel, isCommit: false, at: at)
    default: break
    }
  }

  func contentHeader(_ header: AMQPContentHeader, channel number: UInt16, in frame: RawSpan, at: Timestamp) {
    guard !isClosed, let channel = known(number) else { return }
    if isFromClient {
      publishHeader(channel, header, in: frame, at: at)
    } else {
      deliveryHeader(channel, header, in: frame, at: at)
    }
  }

  func body(_ bytes: RawSpan, channel number: UInt16, at: Timestamp) {
    guard !isClosed, let channel = known(number) else { return }
    if isFromClient {
      publishBody(channel, bytes, lost: 0, at: at)
    } else {
      deliveryBody(channel, bytes, lost: 0, at: at)
    }
  }

  func lost(_ loss: AMQPLoss, bytes: Int, at: Timestamp) {
    guard !isClosed else { return }
    switch loss {
    case .body(let number):
      guard let channel = known(number) else { return }
      if isFromClient {
        publishBody(channel, RawSpan(), lost: bytes, at: at)
      } else {
        deliveryBody(channel, RawSpan(), lost: bytes, at: at)
      }
    case .frame(let number):
      if let channel = known(number) { missFacts(channel, at: at) }
    case .outOfSync:
      for channel in channels.values.sorted(by: { $0.number < $1.number }) { missFacts(channel, at: at) }
    case .resynchronised: break
    }
  }

  /// Facts of the side that spoke are missing on this channel.
  private func missFacts(_ channel: AMQPChannel, at: Timestamp) {
    if isFromClient {
      channel.outbound = .init()
      return
    }
    cutDelivery(channel, at: at)
    doubtAnswers(channel)
  }

  private func learnServer(_ start: AMQPStart, in frame: RawSpan) {
    var table = AMQPTable(entries: start.serverProperties)
    while let (key, value) = table.next(in: frame) {
      guard case .string(let text) = value else { continue }
      if key.equals("cluster_name", in: frame) {
        cluster = ledger.clusters.learn(text.string(in: frame), at: server)
        topology = state.topology(vhost: topology.vhost, cluster: cluster)
      } else if key.equals("version", in: frame) {
        brokerMajor = Int(text.string(in: frame).prefix { $0.isNumber }) ?? 0
      }
    }
  }

  func queueName(_ text: Text, _ channel: AMQPChannel, in frame: RawSpan) -> String {
    text.isEmpty ? channel.lastDeclared ?? "" : text.string(in: frame)
  }
}
