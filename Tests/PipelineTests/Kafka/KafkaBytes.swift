/// Bytes of Kafka's protocol, put together by hand.
enum KafkaBytes {
  static func i8(_ n: Int) -> [UInt8] { [UInt8(truncatingIfNeeded: n)] }
  static func i16(_ n: Int) -> [UInt8] { big(n, 2) }
  static func i32(_ n: Int) -> [UInt8] { big(n, 4) }
  static func i64(_ n: Int) -> [UInt8] { big(n, 8) }
  static func string(_ text: String) -> [UInt8] { i16(text.utf8.count) + Array(text.utf8) }
  static func bytes(_ content: [UInt8]) -> [UInt8] { i32(content.count) + content }

  /// A request's frame, header version 1.
  static func request(_ key: Int, _ version: Int, _ correlation: Int, _ body: [UInt8], client: String = "app-1")
    -> [UInt8]
  {
    bytes(i16(key) + i16(version) + i32(correlation) + string(client) + body)
  }

  /// An answer's frame, header version 0.
  static func answer(_ correlation: Int, _ body: [UInt8]) -> [UInt8] { bytes(i32(correlation) + body) }

  /// Heartbeat, version 0.
  static func heartbeat(_ correlation: Int) -> [UInt8] {
    request(12, 0, correlation, string("g1") + i32(7) + string("m-1"))
  }
  static func heartbeatAnswer(_ correlation: Int, error: Int = 0) -> [UInt8] { answer(correlation, i16(error)) }

  /// Fetch, version 4: isolation read_committed, no topics.
  static func fetch(_ correlation: Int, isolation: Int = 1) -> [UInt8] {
    request(1, 4, correlation, i32(-1) + i32(500) + i32(1) + i32(1_000) + i8(isolation) + i32(0))
  }

  /// Its answer: one topic, one partition.
  static func fetchAnswer(_ correlation: Int, aborted: [(producer: Int, first: Int)] = [], _ records: [UInt8])
    -> [UInt8]
  {
    let transactions = aborted.flatMap { i64($0.producer) + i64($0.first) }
    return answer(
      correlation,
      i32(0) + i32(1) + string("orders") + i32(1) + i32(3) + i16(0) + i64(2_000) + i64(2_000) + i32(aborted.count)
        + transactions + bytes(records))
  }

  /// Produce, version 3: one topic, one partition.
  static func produce(_ correlation: Int, acks: Int = 1, _ records: [UInt8]) -> [UInt8] {
    request(
      0, 3, correlation,
      i16(-1) + i16(acks) + i32(1_000) + i32(1) + string("orders") + i32(1) + i32(3) + bytes(records))
  }

  static let transactional = 0x10
  static let control = 0x20
  static let logAppendTime = 0x08

  /// A batch of magic 2; `records` are already encoded.
  static func batch(
    _ base: Int, count: Int, last: Int? = nil, attributes: Int = 0, producer: Int = -1, _ records: [UInt8],
    length: Int? = nil
  ) -> [UInt8] {
    let rest =
      i32(6) + i8(2) + i32(0) + i16(attributes) + i32(last ?? count - 1) + i64(1_000) + i64(2_000) + i64(producer)
      + i16(0) + i32(0) + i32(count) + records
    return i64(base) + i32(length ?? rest.count) + rest
  }

  static func record(
    _ offset: Int, key: [UInt8]? = nil, value: [UInt8]? = [], headers: [(String, [UInt8]?)] = [], time: Int = 0
  ) -> [UInt8] {
    var body = i8(0) + varint(time) + varint(offset)
    body += key.map { varint($0.count) + $0 } ?? varint(-1)
    body += value.map { varint($0.count) + $0 } ?? varint(-1)
    body += varint(headers.count)
    for (name, content) in headers { body += header(name, content) }
    return varint(body.count) + body
  }

  static func header(_ name: String, _ content: [UInt8]?) -> [UInt8] {
    varint(name.utf8.count) + Array(name.utf8) + (content.map { varint($0.count) + $0 } ?? varint(-1))
  }

  /// What ends a transaction: 0 aborts it, 1 commits it.
  static func marker(_ base: Int, producer: Int, commits: Bool) -> [UInt8] {
    batch(
      base, count: 1, attributes: transactional | control, producer: producer,
      record(0, key: i16(0) + i16(commits ? 1 : 0), value: i16(0) + i32(0)))
  }

  /// A message of magic 0 or 1.
  static func message(_ offset: Int, magic: Int, attributes: Int = 0, key: [UInt8]? = nil, value: [UInt8]?) -> [UInt8] {
    var body = i32(0) + i8(magic) + i8(attributes)
    if magic == 1 { body += i64(1_500) }
    body += key.map(bytes) ?? i32(-1)
    body += value.map(bytes) ?? i32(-1)
    return i64(offset) + bytes(body)
  }

  static func varint(_ n: Int) -> [UInt8] { unsigned(UInt64(bitPattern: Int64(n << 1 ^ n >> 63))) }

  static func unsigned(_ n: UInt64) -> [UInt8] {
    n < 0x80 ? [UInt8(n)] : [UInt8(n & 0x7f) | 0x80] + unsigned(n >> 7)
  }

  private static func big(_ n: Int, _ count: Int) -> [UInt8] {
    (0..<count).map { UInt8(truncatingIfNeeded: n >> (8 * (count - 1 - $0))) }
  }
}
