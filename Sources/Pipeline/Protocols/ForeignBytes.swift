/// Protocols that are recognised and not decoded, by the first bytes that one side was seen sending. By bytes, never by port.
enum ForeignBytes: Equatable {
  /// They fit nothing that is known here.
  case nothing
  /// They fit the beginning of something; more must be seen.
  case unfinished
  case known(Undecoded)

  init(_ span: RawSpan) {
    self = .nothing
    for look in [Self.tls, Self.text, Self.lengthPrefixed, Self.fixed] {
      let found = look(span)
      if found != .nothing { self = found }
      if case .known = found { return }
    }
  }

  /// A TLS record: type 20 to 23, version 3.x, length within 2^14 + 2048 (RFC 8446 section 5.1, RFC 5246 section 6.2.3).
  private static func tls(_ span: RawSpan) -> ForeignBytes {
    guard let type = span.u8(0), 20...23 ~= type, span.u8(1) ?? 3 == 3, span.u8(2) ?? 0 <= 4 else { return .nothing }
    guard let length = span.be16(3), span.byteCount > 5 else { return .unfinished }
    guard length > 0, length <= 16_384 + 2_048 else { return .nothing }
    // A handshake in the clear is a hello at first.
    if type == 22, let message = span.u8(5), message > 24 { return .nothing }
    return .known(.tls)
  }

  private static func text(_ span: RawSpan) -> ForeignBytes {
    for (word, reason) in words {
      switch span.begins(with: word) {
      case .match: return .known(reason)
      case .unfinished: return .unfinished
      case .no: continue
      }
    }
    // A RESP command: an array of bulk strings.
    if span.u8(0) == UInt8(ascii: "*") { return resp(span) }
    return natsLine(span)
  }

  /// `*<count>\r\n$`: what a Redis client sends.
  private static func resp(_ span: RawSpan) -> ForeignBytes {
    var i = 1
    while let digit = span.u8(i), UInt8(ascii: "0")...UInt8(ascii: "9") ~= digit, i < 9 { i += 1 }
    guard i > 1 else { return span.byteCount == 1 ? .unfinished : .nothing }
    for wanted in [UInt8(ascii: "\r"), UInt8(ascii: "\n"), UInt8(ascii: "$")] {
      guard let byte = span.u8(i) else { return .unfinished }
      guard byte == wanted else { return .nothing }
      i += 1
    }
    return .known(.redis)
  }

  /// A NATS line in the middle of a connection: PUB, HPUB, MSG or HMSG, printable, ending in a number and CR LF.
  private static func natsLine(_ span: RawSpan) -> ForeignBytes {
    for word: StaticString in ["PUB ", "HPUB ", "MSG ", "HMSG "] {
      switch span.begins(with: word) {
      case .no: continue
      case .unfinished: return .unfinished
      case .match:
        for i in 0..<lineLimit {
          guard let byte = span.u8(i) else { return .unfinished }
          if byte == UInt8(ascii: "\r") {
            guard let last = span.u8(i - 1), UInt8(ascii: "0")...UInt8(ascii: "9") ~= last else { return .nothing }
            return .known(.nats)
          }
          guard 0x20..<0x7f ~= byte || byte == UInt8(ascii: "\t") else { return .nothing }
        }
        return .nothing
      }
    }
    return .nothing
  }

  /// Messages that begin with their length in four bytes, highest first: PostgreSQL, RabbitMQ streams.
  private static func lengthPrefixed(_ span: RawSpan) -> ForeignBytes {
    // Below 16 MiB.
    guard span.u8(0) == 0 else { return .nothing }
    guard let size = span.be32(0), let key = span.be16(4), let version = span.be16(6) else { return .unfinished }
    if size >= 8, size <= 10_000 {
      // PostgreSQL: requests for cancelling, TLS and GSS; start-up of protocol 3.x, then a parameter's name (its
      // documentation, section 55.7). Kafka's key 3 is followed by a correlation id instead.
      if key == 1234, 5678...5680 ~= version { return .known(.notABroker) }
      if key == 3, version == 0 || version == 2 {
        guard let letter = span.u8(8) else { return .unfinished }
        if UInt8(ascii: "_")...UInt8(ascii: "z") ~= letter { return .known(.notABroker) }
      }
    }
    guard size >= 8, size < 16_777_216 else { return .nothing }
    return rabbitmqStream(span, size: size, key: key, version: version)
  }

  /// RabbitMQ's stream protocol opens with PeerProperties, key 17 (its answer: 0x8011), version 1: correlation id, then
  /// in the request a map's count and its first key. In the middle of a connection only answers are told, and deliveries
  /// (key 8), whose payload begins with a subscription id and an Osiris chunk (magic 5, version 0).
  private static func rabbitmqStream(_ span: RawSpan, size: UInt32, key: UInt16, version: UInt16) -> ForeignBytes {
    guard version == 1 || version == 2 else { return .nothing }
    switch key {
    case 17:
      guard size >= 12 else { return .nothing }
      guard let count = span.be32(12) else { return .unfinished }
      guard count <= 64 else { return .nothing }
      if count == 0 { return size == 12 ? .known(.rabbitmqStream) : .nothing }
      guard let length = span.be16(16) else { return .unfinished }
      return length > 0 && length <= 64 ? .known(.rabbitmqStream) : .nothing
    case 0x8001...0x8020:
      // Correlation id, response code.
      guard let code = span.be16(12) else { return .unfinished }
      return code >= 1 && code <= 32 ? .known(.rabbitmqStream) : .nothing
    case 8:
      guard let chunk = span.u8(9) ?? (span.byteCount >= 10 ? 0 : nil) else { return .unfinished }
      return chunk == 0x50 ? .known(.rabbitmqStream) : .nothing
    default: return .nothing
    }
  }

  /// Fields at fixed places: MQTT, MySQL, MongoDB, DNS.
  private static func fixed(_ span: RawSpan) -> ForeignBytes {
    // MQTT CONNECT: type 1, a length of one or two bytes, the protocol's name.
    if span.u8(0) == 0x10 {
      for start in [2, 3] where span.be16(start) == 4 || span.be16(start) == 6 {
        if span.be16(start + 2) == 0x4d51 { return .known(.mqtt) }
      }
      if span.byteCount < 7 { return .unfinished }
    }
    // MySQL's greeting: length (lowest first), number 0, protocol 10, a version that begins with a digit.
    if let word = span.be32(0), word & 0xffff == 0, word > 0, span.u8(4) == 10, let digit = span.u8(5),
      UInt8(ascii: "1")...UInt8(ascii: "9") ~= digit
    {
      return .known(.notABroker)
    }
    // MongoDB: OP_MSG 2013 or OP_QUERY 2004, lowest byte first.
    if let operation = span.be32(12), operation == 0xdd07_0000 || operation == 0xd407_0000, span.u8(3) == 0 {
      return .known(.notABroker)
    }
    // DNS: a query with one question, within its length.
    if let length = span.be16(0), length >= 17, let flags = span.be16(4), flags & 0xf8cf == 0, span.be16(6) == 1,
      span.be32(8) == 0, Int(length) + 2 == span.byteCount
    {
      return .known(.notABroker)
    }
    return .nothing
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
