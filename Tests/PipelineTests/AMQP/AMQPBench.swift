import Testing

@testable import Pipeline

/// An engine, a clock and connections that speak to it in TCP segments. After every segment the equation must hold.
final class AMQPBench {
  var engine: Engine
  var now = Timestamp(ns: 1_800_000_000 * 1_000_000_000)
  /// What every segment takes.
  var step_ns: Int64 = .milliseconds(1)
  private var ports: UInt16 = 40_000

  init(origin: Engine.Origin = .replay, _ change: (inout Settings) -> Void = { _ in }) {
    var settings = Settings()
    change(&settings)
    engine = Engine(settings: settings, target: "bench", origin: origin)
  }

  /// A connection that went through its handshake and opened channel 1. `vhost` nil: caught in its middle.
  func connect(
    vhost: String? = "/", cluster: String? = "rabbit@one", version: String = "3.13.7", client: UInt32 = 0x0a00_0001,
    server: UInt32 = 0x0a00_00ff, dialled: Endpoint? = nil, port: UInt16? = nil, channels: [UInt16] = [1],
    cookie: UInt64 = 0
  ) -> AMQPLink {
    ports += 1
    let link = AMQPLink(
      self, client: Endpoint(v4: client, port: port ?? ports), server: Endpoint(v4: server, port: 5672),
      cookie: cookie)
    link.dialled = dialled
    guard let vhost else { return link }
    link.handshake(vhost: vhost, cluster: cluster, version: version)
    for channel in channels { link.openChannel(channel) }
    return link
  }

  func pass(_ seconds: Double) {
    now = now + Int64(seconds * 1e9)
    engine.tick(at: now)
    check()
  }

  func ingest(_ segment: Segment, _ payload: [UInt8]) {
    engine.ingest(segment, payload.span.bytes)
    check()
  }

  func check(_ location: SourceLocation = #_sourceLocation) {
    for group in engine.ledger.groups where group.totals.delivered != group.totals.settled + UInt64(group.inFlight) {
      Issue.record("the equation of \(group.key)", sourceLocation: location)
    }
  }

  var reports: [Report.Group] { engine.report().groups }

  func group(_ key: String, _ location: SourceLocation = #_sourceLocation) throws -> Report.Group {
    try #require(reports.first { $0.key == key }, "no group \(key)", sourceLocation: location)
  }

  /// The totals of one queue in the default virtual host that are not 0, by their names in the report, and `in_flight`.
  func counts(_ queue: String, vhost: String = "/", _ location: SourceLocation = #_sourceLocation) throws -> [String:
    Int]
  {
    try counts(of: group(GroupKey.rabbitmq(vhost: vhost, queue: queue), location))
  }

  func counts(of group: Report.Group) -> [String: Int] {
    let totals = group.totals
    let all: [String: UInt64] = [
      "delivered": totals.delivered, "redelivered": totals.redelivered, "acked": totals.acked,
      "acked_paired": totals.acked_paired, "requeued": totals.requeued, "rejected": totals.rejected,
      "dead_lettered": totals.dead_lettered, "crashed": totals.crashed, "abandoned": totals.abandoned,
      "exhausted": totals.exhausted, "expired": totals.expired, "duplicates": totals.duplicates,
      "skewed": totals.skewed,
      "in_flight": UInt64(group.in_flight),
    ]
    return all.filter { $0.value > 0 }.mapValues(Int.init)
  }
}

/// One TCP connection as its capture shows it.
final class AMQPLink {
  enum End { case client, server }

  unowned let bench: AMQPBench
  let client: Endpoint
  let server: Endpoint
  /// The server's address as the client dialled it, where it is translated on the way: live, what comes in bears it.
  var dialled: Endpoint?
  /// 0 as in a capture file.
  let cookie: UInt64
  private var sent: [UInt32] = [1000, 9000]
  private var nextTags: [UInt16: UInt64] = [:]
  /// The sequence number of what the client sends next.
  var clientNext: UInt32 { sent[0] }

  init(_ bench: AMQPBench, client: Endpoint, server: Endpoint, cookie: UInt64 = 0) {
    self.cookie = cookie
    self.bench = bench
    self.client = client
    self.server = server
  }

  func handshake(vhost: String, cluster: String?, version: String, isn: UInt32 = 1000) {
    sent = [isn, isn &+ 8000]
    segment(.client, [], flags: .syn)
    segment(.server, [], flags: [.syn, .ack])
    segment(.client, [])
    send(.client, Array("AMQP".utf8) + [0, 0, 9, 1])
    send(.server, AMQPWire.start(cluster: cluster, version: version))
    send(.client, AMQPWire.startOk)
    send(.server, AMQPWire.tune)
    send(.client, AMQPWire.tuneOk + AMQPWire.open(vhost: vhost))
    send(.server, AMQPWire.openOk)
  }

  func openChannel(_ channel: UInt16) {
    send(.client, AMQPWire.channelOpen(channel))
    send(.server, AMQPWire.channelOpenOk(channel))
    nextTags[channel] = nil
  }

  /// What one end sends; it was captured unless `isLost`.
  func send(_ end: End, _ bytes: [UInt8], isLost: Bool = false) { segment(end, bytes, isLost: isLost) }

  func fromClient(_ bytes: [UInt8]) { send(.client, bytes) }
  func fromServer(_ bytes: [UInt8]) { send(.server, bytes) }

  func finish(_ end: End) { segment(end, [], flags: [.fin, .ack]) }
  func reset(_ end: End) { segment(end, [], flags: [.rst, .ack]) }

  func segment(_ end: End, _ payload: [UInt8], flags: TCPFlags = [.ack, .psh], isLost: Bool = false) {
    let made = take(end, payload, flags: flags)
    if !isLost { bench.ingest(made, payload) }
  }

  /// The segment, not yet captured.
  func take(_ end: End, _ payload: [UInt8], flags: TCPFlags = [.ack, .psh]) -> Segment {
    let mine = end == .client ? 0 : 1
    bench.now = bench.now + bench.step_ns
    let segment = Segment(
      at: bench.now, source: mine == 0 ? client : dialled ?? server, destination: mine == 0 ? server : client,
      sequence: sent[mine], acknowledgement: flags.contains(.ack) ? sent[1 - mine] : 0, flags: flags,
      length: payload.count, cookie: cookie,
      direction: cookie == 0 ? nil : end == .client ? .egress : .ingress)
    let takesPlace = flags.isDisjoint(with: [.syn, .fin]) ? 0 : 1
    sent[mine] &+= UInt32(payload.count + takesPlace)
    return segment
  }

  // MARK: What clients and brokers do

  func consume(
    _ queue: String, tag: String = "c", on channel: UInt16 = 1, prefetch: Int? = 100, noAck: Bool = false,
    _ arguments: [(String, AMQPWire.Field)] = []
  ) {
    if let prefetch {
      fromClient(AMQPWire.qos(channel, prefetch: prefetch))
      fromServer(AMQPWire.method(channel, 60, 11))
    }
    fromClient(AMQPWire.consume(channel, queue, tag: tag, noAck: noAck, arguments))
    fromServer(AMQPWire.consumeOk(channel, tag: tag))
  }

  func declare(_ queue: String, on channel: UInt16 = 1, _ arguments: [(String, AMQPWire.Field)] = []) {
    fromClient(AMQPWire.declare(channel, queue, arguments))
    fromServer(AMQPWire.declareOk(channel, queue))
  }

  func bind(_ queue: String, exchange: String, key: String, on channel: UInt16 = 1) {
    fromClient(AMQPWire.bind(channel, queue, exchange: exchange, key: key))
    fromServer(AMQPWire.method(channel, 50, 21))
  }

  func nextTag(on channel: UInt16 = 1) -> UInt64 {
    nextTags[channel, default: 0] += 1
    return nextTags[channel, default: 0]
  }

  /// Delivers one message; answers its delivery tag.
  @discardableResult
  func deliver(
    _ body: String, to consumer: String = "c", on channel: UInt16 = 1, redelivered: Bool = false, exchange: String = "",
    key: String = "q", _ properties: AMQPWire.Properties = .init()
  ) -> UInt64 {
    let tag = nextTag(on: channel)
    fromServer(
      AMQPWire.deliver(channel, consumer: consumer, tag: tag, redelivered: redelivered, exchange: exchange, key: key)
        + AMQPWire.content(channel, Array(body.utf8), properties))
    return tag
  }

  @discardableResult
  func get(
    _ queue: String, _ body: String, on channel: UInt16 = 1, noAck: Bool = false, redelivered: Bool = false
  ) -> UInt64 {
    fromClient(AMQPWire.method(channel, 60, 70, AMQPWire.u16(0) + AMQPWire.short(queue) + [noAck ? 1 : 0]))
    let tag = nextTag(on: channel)
    fromServer(
      AMQPWire.getOk(channel, tag: tag, redelivered: redelivered, key: queue)
        + AMQPWire.content(channel, Array(body.utf8)))
    return tag
  }

  func publish(
    _ body: String, exchange: String = "", key: String, on channel: UInt16 = 1,
    _ properties: AMQPWire.Properties = .init()
  ) {
    fromClient(
      AMQPWire.publish(channel, exchange: exchange, key: key)
        + AMQPWire.content(channel, Array(body.utf8), properties))
  }

  func ack(_ tag: UInt64, multiple: Bool = false, on channel: UInt16 = 1) {
    fromClient(AMQPWire.ack(channel, tag, multiple: multiple))
  }

  func nack(_ tag: UInt64, multiple: Bool = false, requeue: Bool = true, on channel: UInt16 = 1) {
    fromClient(AMQPWire.nack(channel, tag, multiple: multiple, requeue: requeue))
  }

  func reject(_ tag: UInt64, requeue: Bool, on channel: UInt16 = 1) {
    fromClient(AMQPWire.reject(channel, tag, requeue: requeue))
  }
}
