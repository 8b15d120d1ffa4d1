/// AMQP 0-9-1 frames, written field by field from the specification: what clients and brokers send in these tests. Knows
/// nothing of the decoder under test.
enum AMQPWire {
  static func u16(_ n: Int) -> [UInt8] { [UInt8(truncatingIfNeeded: n >> 8), UInt8(truncatingIfNeeded: n)] }
  static func u32(_ n: Int) -> [UInt8] { u16(n >> 16) + u16(n) }
  static func u64(_ n: UInt64) -> [UInt8] { (0..<8).map { UInt8(truncatingIfNeeded: n >> UInt64(56 - 8 * $0)) } }
  static func short(_ text: String) -> [UInt8] { [UInt8(truncatingIfNeeded: text.utf8.count)] + Array(text.utf8) }
  static func long(_ bytes: [UInt8]) -> [UInt8] { u32(bytes.count) + bytes }

  /// A value of a field table.
  indirect enum Field {
    case text(String), int(Int64), time(UInt64), array([Field]), table([(String, Field)])

    var bytes: [UInt8] {
      switch self {
      case .text(let text): [UInt8(ascii: "S")] + long(Array(text.utf8))
      case .int(let number): [UInt8(ascii: "l")] + u64(UInt64(bitPattern: number))
      case .time(let seconds): [UInt8(ascii: "T")] + u64(seconds)
      case .array(let items): [UInt8(ascii: "A")] + long(items.flatMap(\.bytes))
      case .table(let entries): [UInt8(ascii: "F")] + AMQPWire.table(entries)
      }
    }
  }

  static func table(_ entries: [(String, Field)]) -> [UInt8] { long(entries.flatMap { short($0.0) + $0.1.bytes }) }

  static func frame(_ type: UInt8, _ channel: UInt16, _ payload: [UInt8]) -> [UInt8] {
    [type] + u16(Int(channel)) + u32(payload.count) + payload + [0xce]
  }

  static func method(_ channel: UInt16, _ classID: Int, _ methodID: Int, _ arguments: [UInt8] = []) -> [UInt8] {
    frame(1, channel, u16(classID) + u16(methodID) + arguments)
  }

  /// The properties of a message that matter here.
  struct Properties {
    var headers: [(String, Field)] = []
    var correlationID: String?
    var expiration: String?
    var messageID: String?
    var replyTo: String?
    var timestamp: UInt64?

    init(
      id: String? = nil, timestamp: UInt64? = nil, correlationID: String? = nil, replyTo: String? = nil,
      expiration: String? = nil, headers: [(String, Field)] = []
    ) {
      self.replyTo = replyTo
      self.expiration = expiration
      self.headers = headers
      self.correlationID = correlationID
      messageID = id
      self.timestamp = timestamp
    }
  }

  /// Content header and body frames, the body cut into pieces of `piece` bytes.
  static func content(
    _ channel: UInt16, _ body: [UInt8], _ properties: Properties = Properties(), piece: Int = 4096
  ) -> [UInt8] {
    contentFrames(channel, body, properties, piece: piece).flatMap(\.self)
  }

  static func contentFrames(
    _ channel: UInt16, _ body: [UInt8], _ properties: Properties, piece: Int = 4096
  ) -> [[UInt8]] {
    var flags = 0
    var fields: [UInt8] = []
    if !properties.headers.isEmpty {
      flags |= 1 << 13
      fields += table(properties.headers)
    }
    if let id = properties.correlationID {
      flags |= 1 << 10
      fields += short(id)
    }
    if let address = properties.replyTo {
      flags |= 1 << 9
      fields += short(address)
    }
    if let expiration = properties.expiration {
      flags |= 1 << 8
      fields += short(expiration)
    }
    if let id = properties.messageID {
      flags |= 1 << 7
      fields += short(id)
    }
    if let timestamp = properties.timestamp {
      flags |= 1 << 6
      fields += u64(timestamp)
    }
    let header = frame(2, channel, u16(60) + u16(0) + u64(UInt64(body.count)) + u16(flags) + fields)
    let pieces = stride(from: 0, to: body.count, by: piece).map {
      frame(3, channel, Array(body[$0..<min($0 + piece, body.count)]))
    }
    return [header] + pieces
  }

  static func deliver(
    _ channel: UInt16, consumer: String, tag: UInt64, redelivered: Bool = false, exchange: String = "", key: String
  ) -> [UInt8] {
    method(
      channel, 60, 60, short(consumer) + u64(tag) + [redelivered ? 1 : 0] + short(exchange) + short(key))
  }

  static func getOk(
    _ channel: UInt16, tag: UInt64, redelivered: Bool = false, exchange: String = "", key: String
  ) -> [UInt8] {
    method(channel, 60, 71, u64(tag) + [redelivered ? 1 : 0] + short(exchange) + short(key) + u32(0))
  }

  static func ack(_ channel: UInt16, _ tag: UInt64, multiple: Bool = false) -> [UInt8] {
    method(channel, 60, 80, u64(tag) + [multiple ? 1 : 0])
  }

  static func nack(_ channel: UInt16, _ tag: UInt64, multiple: Bool = false, requeue: Bool) -> [UInt8] {
    method(channel, 60, 120, u64(tag) + [(multiple ? 1 : 0) | (requeue ? 2 : 0)])
  }

  static func reject(_ channel: UInt16, _ tag: UInt64, requeue: Bool) -> [UInt8] {
    method(channel, 60, 90, u64(tag) + [requeue ? 1 : 0])
  }

  static func publish(_ channel: UInt16, exchange: String, key: String) -> [UInt8] {
    method(channel, 60, 40, u16(0) + short(exchange) + short(key) + [0])
  }

  static func consume(
    _ channel: UInt16, _ queue: String, tag: String, noAck: Bool = false, noWait: Bool = false,
    _ arguments: [(String, Field)] = []
  ) -> [UInt8] {
    method(
      channel, 60, 20, u16(0) + short(queue) + short(tag) + [(noAck ? 2 : 0) | (noWait ? 8 : 0)] + table(arguments))
  }

  static func consumeOk(_ channel: UInt16, tag: String) -> [UInt8] { method(channel, 60, 21, short(tag)) }

  static func declare(
    _ channel: UInt16, _ queue: String, passive: Bool = false, noWait: Bool = false,
    _ arguments: [(String, Field)] = []
  ) -> [UInt8] {
    method(channel, 50, 10, u16(0) + short(queue) + [(passive ? 1 : 0) | (noWait ? 16 : 0)] + table(arguments))
  }

  static func declareOk(_ channel: UInt16, _ queue: String) -> [UInt8] {
    method(channel, 50, 11, short(queue) + u32(0) + u32(0))
  }

  static func bind(_ channel: UInt16, _ queue: String, exchange: String, key: String) -> [UInt8] {
    method(channel, 50, 20, u16(0) + short(queue) + short(exchange) + short(key) + [0] + table([]))
  }

  static func unbind(_ channel: UInt16, _ queue: String, exchange: String, key: String) -> [UInt8] {
    method(channel, 50, 50, u16(0) + short(queue) + short(exchange) + short(key) + table([]))
  }

  static func qos(_ channel: UInt16, prefetch: Int, global: Bool = false) -> [UInt8] {
    method(channel, 60, 10, u32(0) + u16(prefetch) + [global ? 1 : 0])
  }

  static func close(_ channel: UInt16, code: Int = 200, reason: String = "") -> [UInt8] {
    method(channel, channel == 0 ? 10 : 20, channel == 0 ? 50 : 40, u16(code) + short(reason) + u16(0) + u16(0))
  }

  static func closeOk(_ channel: UInt16) -> [UInt8] { method(channel, channel == 0 ? 10 : 20, channel == 0 ? 51 : 41) }

  static func start(cluster: String?, version: String) -> [UInt8] {
    var properties: [(String, Field)] = [("product", .text("RabbitMQ")), ("version", .text(version))]
    if let cluster { properties.append(("cluster_name", .text(cluster))) }
    return method(0, 10, 10, [0, 9] + table(properties) + long(Array("PLAIN".utf8)) + long(Array("en_US".utf8)))
  }

  static let startOk = method(
    0, 10, 11, table([]) + short("PLAIN") + long(Array("\0u\0p".utf8)) + short("en_US"))
  static let tune = method(0, 10, 30, u16(2047) + u32(131_072) + u16(60))
  static let tuneOk = method(0, 10, 31, u16(2047) + u32(131_072) + u16(60))
  static func open(vhost: String) -> [UInt8] { method(0, 10, 40, short(vhost) + short("") + [0]) }
  static let openOk = method(0, 10, 41, short(""))
  static func channelOpen(_ channel: UInt16) -> [UInt8] { method(channel, 20, 10, short("")) }
  static func channelOpenOk(_ channel: UInt16) -> [UInt8] { method(channel, 20, 11, long([])) }
}
