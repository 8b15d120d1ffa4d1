/// What the first bytes that one side was seen sending say about its protocol. By bytes, never by port.
enum FirstBytes: Equatable {
  /// They fit nothing that is known.
  case nothing
  /// They fit the beginning of something; more must be seen.
  case unfinished
  /// AMQP 0-9-1's protocol header.
  case amqpHeader
  /// AMQP 0-9-1's first method, from the server.
  case amqpStart
  /// A request of Kafka's, from the client.
  case kafkaRequest
  /// A proxy's line about the real client; what it carries comes after it.
  case proxyHeader
  case other(Undecoded)

  init(_ span: RawSpan) {
    self = Self.amqp(span)
    if self == .nothing || self == .unfinished { settle(Self.tls(span)) }
    if self == .nothing || self == .unfinished { settle(Self.text(span)) }
    if self == .nothing || self == .unfinished { settle(Self.lengthPrefixed(span)) }
    if self == .nothing || self == .unfinished { settle(Self.fixed(span)) }
  }

  private mutating func settle(_ found: FirstBytes) {
    if found != .nothing { self = found }
  }

  /// The protocol header "AMQP", protocol id, major, minor, revision; connection.start.
  private static func amqp(_ span: RawSpan) -> FirstBytes {
    switch prefix("AMQP", span) {
    case .unfinished: return .unfinished
    case .match:
      guard let id = span.be16(4), let version = span.be16(6) else { return .unfinished }
      // AMQP 1.0: protocol id 0 (AMQP), 2 (TLS) or 3 (SASL), then version 1.0.0 (OASIS AMQP 1.0, section 2.2 and 5).
      if version == 0, [0x0001, 0x0201, 0x0301].contains(id) { return .other(.amqp10) }
      if id == 0, version == 0x0901 { return .amqpHeader }
      // Before it: 1 1 0 9 (0-9), 1 1 8 0 and 1 1 0 8 (0-8), 1 1 0 10 (0-10).
      return id == 0x0101 && [0x0009, 0x0800, 0x0008, 0x000a].contains(version) ? .other(.amqp08) : .nothing
    case .no: break
    }
    guard span.u8(0) == AMQPFrame.method else { return .nothing }
    guard let channel = span.be16(1), let size = span.be32(3), let number = span.be32(7) else { return .unfinished }
    guard channel == 0, size >= 18, size <= AMQPFrame.defaultMax, number == 10 << 16 | 10 else { return .nothing }
    return .amqpStart
  }

  /// A TLS record: type 20 to 23, version 3.x, length within 2^14 + 2048 (RFC 8446 section 5.1, RFC 5246 section 6.2.3).
  private static func tls(_ span: RawSpan) -> FirstBytes {
    guard let type = span.u8(0), 20...23 ~= type, span.u8(1) ?? 3 == 3, span.u8(2) ?? 0 <= 4 else { return .nothing }
    guard let length = span.be16(3), span.byteCount > 5 else { return .unfinished }
    guard length > 0, length <= 16_384 + 2_048 else { return .nothing }
    // A handshake in the clear is a hello at first.
    if type == 22, let message = span.u8(5), message > 24 { return .nothing }
    return .other(.tls)
  }

  private static func text(_ span: RawSpan) -> FirstBytes {
    if prefix("PROXY ", span) == .match || prefix("\r\n\r\n\0\r\nQUIT\n", span) == .match { return .proxyHeader }
    for (word, reason) in words {
      switch prefix(word, span) {
      case .match: return .other(reason)
      case .unfinished: return .unfinished
      case .no: continue
      }
    }
    // A RESP command: an array of bulk strings.
    if span.u8(0) == UInt8(ascii: "*") { return resp(span) }
    return natsLine(span)
  }

  /// `*<count>\r\n$`: what a Redis client sends.
  private static func resp(_ span: RawSpan) -> FirstBytes {
    var i = 1
    while let digit = span.u8(i), UInt8(ascii: "0")...UInt8(ascii: "9") ~= digit, i < 9 { i += 1 }
    guard i > 1 else { return span.byteCount == 1 ? .unfinished : .nothing }
    for wanted in [UInt8(ascii: "\r"), UInt8(ascii: "\n"), UInt8(ascii: "$")] {
      guard let byte = span.u8(i) else { return .unfinished }
      guard byte == wanted else { return .nothing }
      i += 1
    }
    return .other(.redis)
  }

  /// A NATS line in the middle of a connection: PUB, HPUB, MSG or HMSG, printable, ending in a number and CR LF.
  private static func natsLine(_ span: RawSpan) -> FirstBytes {
    for word: StaticString in ["PUB ", "HPUB ", "MSG ", "HMSG "] {
      switch prefix(word, span) {
      case .no: continue
      case .unfinished: return .unfinished
      case .match:
        for i in 0..<lineLimit {
          guard let byte = span.u8(i) else { return .unfinished }
          if byte == UInt8(ascii: "\r") {
            guard let last = span.u8(i - 1), UInt8(ascii: "0")...UInt8(ascii: "9") ~= last else { return .nothing }
            return .other(.nats)
          }
          guard 0x20..<0x7f ~= byte || byte == UInt8(ascii: "\t") else { return .nothing }
        }
        return .nothing
      }
    }
    return .nothing
  }

  /// Requests that begin with their length in four bytes, highest first: Kafka, RabbitMQ streams, PostgreSQL.
  private static func lengthPrefixed(_ span: RawSpan) -> FirstBytes {
    // Below 16 MiB: above it, the first byte could be an AMQP frame's type.
    guard span.u8(0) == 0 else { return .nothing }
    guard let size = span.be32(0), let key = span.be16(4), let version = span.be16(6) else { return .unfinished }
    if size >= 8, size <= 10_000 {
      // PostgreSQL: requests for cancelling, TLS and GSS; start-up of protocol 3.x, then a parameter's name (its
      // documentation, section 55.7). Kafka's key 3 is followed by a correlation id instead.
      if key == 1234, 5678...5680 ~= version { return .other(.notABroker) }
      if key == 3, version == 0 || version == 2 {
        guard let letter = span.u8(8) else { return .unfinished }
        if UInt8(ascii: "_")...UInt8(ascii: "z") ~= letter { return .other(.notABroker) }
      }
    }
    guard size >= 8, size < 16_777_216 else { return .nothing }
    if let stream = rabbitmqStream(span, size: size, key: key, version: version) { return stream }
    return kafka(span)
  }

  /// RabbitMQ's stream protocol opens with PeerProperties, key 17 (its answer: 0x8011), version 1: correlation id, then
  /// in the request a map's count and its first key. In the middle of a connection only answers are told, and deliveries
  /// (key 8), whose payload begins with a subscription id and an Osiris chunk (magic 5, version 0).
  private static func rabbitmqStream(_ span: RawSpan, size: UInt32, key: UInt16, version: UInt16) -> FirstBytes? {
    guard version == 1 || version == 2 else { return nil }
    switch key {
    case 17:
      guard size >= 12 else { return nil }
      guard let count = span.be32(12) else { return .unfinished }
      guard count <= 64 else { return nil }
      if count == 0 { return size == 12 ? .other(.rabbitmqStream) : nil }
      guard let length = span.be16(16) else { return .unfinished }
      return length > 0 && length <= 64 ? .other(.rabbitmqStream) : nil
    case 0x8001...0x8020:
      // Correlation id, response code.
      guard let code = span.be16(12) else { return .unfinished }
      return code >= 1 && code <= 32 ? .other(.rabbitmqStream) : nil
    case 8:
      guard let chunk = span.u8(9) ?? (span.byteCount >= 10 ? 0 : nil) else { return .unfinished }
      return chunk == 0x50 ? .other(.rabbitmqStream) : nil
    default: return nil
    }
  }

  /// A Kafka request, all that is there of it. Without a client id only what clients begin with.
  private static func kafka(_ span: RawSpan) -> FirstBytes {
    switch KafkaTrial(span, at: 0) {
    case .no: .nothing
    case .unfinished: .unfinished
    case .request(let request): !request.hasClientID && !request.opens ? .nothing : .kafkaRequest
    }
  }

  /// Fields at fixed places: MQTT, MySQL, MongoDB, DNS.
  private static func fixed(_ span: RawSpan) -> FirstBytes {
    // MQTT CONNECT: type 1, a length of one or two bytes, the protocol's name.
    if span.u8(0) == 0x10 {
      for start in [2, 3] where span.be16(start) == 4 || span.be16(start) == 6 {
        if span.be16(start + 2) == 0x4d51 { return .other(.mqtt) }
      }
      if span.byteCount < 7 { return .unfinished }
    }
    // MySQL's greeting: length (lowest first), number 0, protocol 10, a version that begins with a digit.
    if let word = span.be32(0), word & 0xffff == 0, word > 0, span.u8(4) == 10, let digit = span.u8(5),
      UInt8(ascii: "1")...UInt8(ascii: "9") ~= digit
    {
      return .other(.notABroker)
    }
    // MongoDB: OP_MSG 2013 or OP_QUERY 2004, lowest byte first.
    if let operation = span.be32(12), operation == 0xdd07_0000 || operation == 0xd407_0000, span.u8(3) == 0 {
      return .other(.notABroker)
    }
    // DNS: a query with one question, within its length.
    if let length = span.be16(0), length >= 17, let flags = span.be16(4), flags & 0xf8cf == 0, span.be16(6) == 1,
      span.be32(8) == 0, Int(length) + 2 == span.byteCount
    {
      return .other(.notABroker)
    }
    return .nothing
  }

  private enum Prefix { case match, unfinished, no }

  private static func prefix(_ word: StaticString, _ span: RawSpan) -> Prefix {
    let count = min(word.utf8CodeUnitCount, span.byteCount)
    for i in 0..<count where span.u8(i) != word.utf8Start[i] { return .no }
    return count == word.utf8CodeUnitCount ? .match : .unfinished
  }

  /// How protocols of lines begin. HTTP's CONNECT comes after NATS's, which is followed by an object.
  private static let words: [(StaticString, Undecoded)] = [
    ("INFO {", .nats), ("CONNECT {", .nats), ("CONNECT\n", .stomp), ("CONNECT\r\n", .stomp), ("STOMP\n", .stomp),
    ("STOMP\r\n", .stomp), ("CONNECTED\n", .stomp), ("GET /", .notABroker), ("POST /", .notABroker),
    ("PUT /", .notABroker), ("HEAD /", .notABroker), ("DELETE /", .notABroker), ("PATCH /", .notABroker),
    ("OPTIONS ", .notABroker), ("CONNECT ", .notABroker), ("PRI * HTTP/2.0", .notABroker), ("HTTP/1.", .notABroker),
    ("SSH-", .notABroker), ("220 ", .notABroker), ("220-", .notABroker), ("EHLO ", .notABroker),
  ]
  private static let lineLimit = 1_024
}
