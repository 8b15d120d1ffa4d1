import Foundation
import Testing

@testable import Pipeline

/// Batches and records, byte by byte after KIP-98, KIP-31 and KIP-32.
@Suite struct KafkaRecordTests {
  typealias Bytes = KafkaBytes

  /// The facts between `fetchPartition` and `fetchPartitionEnded`, and that one.
  private func fetched(
    _ records: [UInt8], aborted: [(producer: Int, first: Int)] = [], _ wanted: KafkaDetail = [.records],
    losses: [KafkaLoss] = []
  ) -> [String] {
    var answers: [[String]] = []
    let answer = Bytes.fetchAnswer(1, aborted: aborted, records)
    for piece in [answer.count, 1, 7, 64] {
      var feed = KafkaFeed(wanted)
      feed.client(Bytes.fetch(1))
      var i = 0
      while i < answer.count {
        feed.broker(answer[i..<min(i + piece, answer.count)])
        i += piece
      }
      #expect(feed.recorder.losses.map(\.loss) == losses)
      #expect(feed.unaccounted == nil)
      #expect(feed.recorder.facts.last == "fetchEnded")
      let facts = feed.recorder.facts
      let from = facts.firstIndex { $0.hasPrefix("fetchPartition(") } ?? 0
      answers.append(facts[(from + 1)...].dropLast().filter { !$0.hasPrefix("abortedTransaction") })
    }
    #expect(Set(answers).count == 1, "pieces of other sizes say something else")
    return answers[0]
  }

  private func field(_ name: String, _ fact: String) -> String? {
    guard let start = fact.range(of: name + ": ") else { return nil }
    return String(fact[start.upperBound...].prefix { $0 != "," && $0 != ")" })
  }

  private func fields(_ name: String, _ facts: [String], _ kind: String) -> [String] {
    facts.filter { $0.hasPrefix(kind + "(") }.compactMap { field(name, $0) }
  }

  @Test func `counts a compressed batch by its header, whatever the codec`() {
    for (codec, name) in [(1, "gzip"), (2, "snappy"), (3, "lz4"), (4, "zstd"), (5, "unknown"), (7, "unknown")] {
      let facts = fetched(Bytes.batch(100, count: 40, last: 49, attributes: codec, [UInt8](repeating: 0xff, count: 99)))
      #expect(fields("codec", facts, "batch") == [name])
      #expect(fields("count", facts, "batch") == ["40"])
      #expect(fields("lastOffset", facts, "batch") == ["149"])
      #expect(fields("offset", facts, "record").isEmpty)
    }
  }

  @Test func `takes the broker's time for every record where the batch says so`() {
    let records = Bytes.record(0, time: 5) + Bytes.record(1, time: 9)
    let created = fetched(Bytes.batch(0, count: 2, records))
    #expect(fields("timestamp_ms", created, "record") == ["1005", "1009"])
    let appended = fetched(Bytes.batch(0, count: 2, attributes: Bytes.logAppendTime, records))
    #expect(fields("timestamp_ms", appended, "record") == ["2000", "2000"])
    #expect(fields("isLogAppendTime", appended, "batch") == ["true"])
  }

  @Test func `delivers nothing of a batch that the answer's size cut, wherever it is cut`() {
    let whole = Bytes.batch(0, count: 1, Bytes.record(0, value: [1, 2, 3]))
    let next = Bytes.batch(1, count: 1, Bytes.record(0, value: [4, 5, 6]))
    for length in 1..<next.count {
      let facts = fetched(whole + next[..<length])
      #expect(fields("baseOffset", facts, "batch") == ["0"], "cut at \(length)")
      #expect(fields("endsInPart", facts, "fetchPartitionEnded") == ["true"])
      #expect(fields("isIncomplete", facts, "fetchPartitionEnded") == ["false"])
    }
  }

  @Test func `tells aborted transactions' batches from committed ones, up to the marker`() {
    let t = Bytes.transactional
    let records =
      Bytes.batch(10, count: 1, attributes: t, producer: 5, Bytes.record(0))  // aborted
      + Bytes.batch(11, count: 1, attributes: t, producer: 6, Bytes.record(0))  // committed
      + Bytes.batch(12, count: 1, Bytes.record(0))  // no transaction
      + Bytes.marker(13, producer: 5, commits: false)
      + Bytes.marker(14, producer: 6, commits: true)
      + Bytes.batch(15, count: 1, attributes: t, producer: 5, Bytes.record(0))  // committed
      + Bytes.marker(16, producer: 5, commits: true)
      + Bytes.batch(20, count: 1, attributes: t, producer: 5, Bytes.record(0))  // aborted again
    let facts = fetched(records, aborted: [(5, 10), (5, 20)])
    #expect(
      fields("isAborted", facts, "batch") == ["true", "false", "false", "false", "false", "false", "false", "true"])
    #expect(
      fields("isControl", facts, "batch") == ["false", "false", "false", "true", "true", "false", "true", "false"])
    // Control records are the broker's, not messages.
    #expect(fields("offset", facts, "record") == ["10", "11", "12", "15", "20"])
  }

  @Test func `counts aborted transactions that are too many to keep`() {
    let aborted = (0..<2_000).map { (producer: $0, first: 0) }
    let facts = fetched(
      Bytes.batch(0, count: 1, attributes: Bytes.transactional, producer: 3, Bytes.record(0)), aborted: aborted,
      losses: [.abortedTransactions])
    #expect(fields("isAborted", facts, "batch") == ["true"])
  }

  @Test func `reads messages of magic 0 and 1, and counts wrappers by offsets alone`() {
    let records =
      Bytes.message(5, magic: 0, key: [1], value: [2, 3]) + Bytes.message(6, magic: 1, value: nil)
      + Bytes.message(16, magic: 1, attributes: 1, value: [UInt8](repeating: 0, count: 50))
      + Bytes.message(19, magic: 0, attributes: 2, value: [0])
    let facts = fetched(records)
    #expect(fields("count", facts, "batch") == ["1", "1", "-1", "-1"])
    #expect(fields("baseOffset", facts, "batch") == ["5", "6", "-1", "-1"])
    #expect(fields("lastOffset", facts, "batch") == ["5", "6", "16", "19"])
    #expect(fields("maxTimestamp_ms", facts, "batch") == ["-1", "1500", "1500", "-1"])
    #expect(fields("keySize_bytes", facts, "record") == ["1", "-1"])
    #expect(fields("valueSize_bytes", facts, "record") == ["2", "-1"])
  }

  @Test func `hashes keys and values as the keyed hash of their bytes, in pieces of any size`() {
    let key = Array("a key".utf8)
    let value = (0..<1_000).map { UInt8(truncatingIfNeeded: $0) }
    let hashKey = KeyedHash.Key(1, 2)
    let expected = (KeyedHash.hash(key.span.bytes, hashKey), KeyedHash.hash(value.span.bytes, hashKey))
    let new = fetched(Bytes.batch(0, count: 1, Bytes.record(0, key: key, value: value)), [.hashes])
    #expect(fields("keyHash", new, "record") == ["\(expected.0)"])
    #expect(fields("valueHash", new, "record") == ["\(expected.1)"])
    let old = fetched(Bytes.message(0, magic: 1, key: key, value: value), [.hashes])
    #expect(fields("keyHash", old, "record") == ["\(expected.0)"])
    #expect(fields("valueHash", old, "record") == ["\(expected.1)"])
  }

  @Test func `reads nothing of records that nobody wants, nor of compressed ones`() {
    let broken = Bytes.batch(0, count: 3, [UInt8](repeating: 0xff, count: 30))
    #expect(fields("offset", fetched(broken, []), "record").isEmpty)
    let facts = fetched(broken, losses: [.records])
    #expect(fields("isIncomplete", facts, "fetchPartitionEnded") == ["true"])
  }

  @Test func `reads what a dead letter's headers say of its source`() {
    let spring: [(String, [UInt8]?)] = [
      ("kafka_dlt-original-topic", Array("orders".utf8)), ("kafka_dlt-original-partition", Bytes.i32(3)),
      ("kafka_dlt-original-offset", Bytes.i64(1_234)), ("kafka_dlt-original-timestamp", Bytes.i64(1_700_000_000_000)),
      ("kafka_dlt-original-consumer-group", Array("g1".utf8)), ("kafka_dlt-exception-message", nil),
      ("traceparent", Array("00-x".utf8)),
    ]
    let retry: [(String, [UInt8]?)] = [
      ("retry_topic-attempts", Bytes.i32(3)), ("retry_topic-backoff-timestamp", [0x01, 0x8b, 0xcf, 0xe5, 0x68, 0x00]),
      ("retry_topic-original-timestamp", Bytes.i64(1_700_000_000_000)), ("kafka_original-offset", Bytes.i64(77)),
    ]
    let connect: [(String, [UInt8]?)] = [
      ("__connect.errors.topic", Array("orders".utf8)), ("__connect.errors.partition", Array("3".utf8)),
      ("__connect.errors.offset", Array("1234".utf8)),
    ]
    let share: [(String, [UInt8]?)] = [
      ("__dlq.errors.topic", Array("orders".utf8)), ("__dlq.errors.offset", Bytes.i64(9)),
      ("__dlq.errors.delivery.count", Bytes.i16(5)), ("__dlq.errors.group", Array("g1".utf8)),
    ]
    let facts = fetched(
      Bytes.batch(
        0, count: 5,
        Bytes.record(0, headers: spring) + Bytes.record(1, headers: retry) + Bytes.record(2, headers: connect)
          + Bytes.record(3, headers: share) + Bytes.record(4, headers: [("retry_topic-attempts", [2])])))
    func all(_ name: String) -> [String] { fields(name, facts, "record") }
    #expect(all("sourceTopic") == ["'orders'", "''", "'orders'", "'orders'", "''"])
    #expect(all("sourcePartition") == ["3", "-1", "3", "-1", "-1"])
    #expect(all("sourceOffset") == ["1234", "77", "1234", "9", "-1"])
    #expect(all("sourceGroup") == ["'g1'", "''", "''", "'g1'", "''"])
    #expect(all("sourceTimestamp_ms") == ["1700000000000", "1700000000000", "-1", "-1", "-1"])
    #expect(all("attempts") == ["0", "3", "0", "5", "2"])
    #expect(all("dueAt_ms") == ["-1", "1700000000000", "-1", "-1", "-1"])
    #expect(all("traceparent") == ["'00-x'", "''", "''", "''", "''"])
  }

  @Test func `does not read headers above their limit, but the records behind them`() {
    let large = Bytes.record(0, headers: [("x", [UInt8](repeating: 7, count: 20_000))])
    let facts = fetched(Bytes.batch(0, count: 2, large + Bytes.record(1)), [.records])
    #expect(fields("offset", facts, "record") == ["0", "1"])
    #expect(fields("areCut", facts, "record") == ["true"])
  }

  /// Each breaks the batch it stands in, and no more than that. A record's length, attributes, timestamp, offset, key's
  /// length, value's length, headers' count, header's name's length; zeros follow.
  static let hostile: [(String, String)] = [
    ("a length beyond the batch", "904E"),
    ("a negative length", "09"),
    ("a length that never ends", "FFFFFFFFFFFFFFFFFFFFFFFFFFFF"),
    ("a key beyond the record", "10 00 00 00 C801"),
    ("a negative key", "10 00 00 00 03"),
    ("a value beyond the record", "10 00 00 00 01 C801"),
    ("more headers than bytes", "10 00 00 00 01 01 8092F401"),
    ("a header beyond the record", "10 00 00 00 01 01 02 C801"),
  ]

  @Test(arguments: hostile)
  func `survives`(what: String, record: String) {
    let records = AMQPSample.parse(record) + [UInt8](repeating: 0, count: 40)
    let next = Bytes.batch(100, count: 1, Bytes.record(0))
    let facts = fetched(Bytes.batch(0, count: 3, records) + next, [.records, .hashes], losses: [.records])
    #expect(fields("baseOffset", facts, "batch") == ["0", "100"])
    #expect(fields("offset", facts, "record") == ["100"])
    #expect(fields("isIncomplete", facts, "fetchPartitionEnded") == ["true"])
  }

  @Test(arguments: [-1, 0, 10, 48, Int(Int32.min)])
  func `gives up a partition's records at a batch of no possible size`(length: Int) {
    let facts = fetched(
      Bytes.batch(0, count: 1, Bytes.record(0)) + Bytes.batch(1, count: 1, Bytes.record(0), length: length),
      losses: [.records])
    #expect(fields("baseOffset", facts, "batch") == ["0"])
  }

  @Test func `loses one batch by a gap within it, and reads the next`() {
    let body = [UInt8](repeating: 9, count: 300)
    let records =
      Bytes.batch(0, count: 2, Bytes.record(0, value: body) + Bytes.record(1, value: body))
      + Bytes.batch(2, count: 1, Bytes.record(0, value: body))
    let answer = Bytes.fetchAnswer(1, records)
    // Within the first record's value.
    let place = answer.count - records.count + 100
    var feed = KafkaFeed([.records, .hashes])
    feed.client(Bytes.fetch(1))
    feed.broker(answer[..<place])
    feed.lost(50, .broker)
    feed.broker(answer[(place + 50)...])
    #expect(fields("offset", feed.recorder.facts, "record") == ["2"])
    #expect(feed.recorder.losses.map(\.loss) == [.records])
    // Where nobody reads the records nothing is lost at all.
    var blind = KafkaFeed([])
    blind.client(Bytes.fetch(1))
    blind.broker(answer[..<place])
    blind.lost(50, .broker)
    blind.broker(answer[(place + 50)...])
    #expect(fields("count", blind.recorder.facts, "batch") == ["2", "1"])
    #expect(blind.recorder.losses.isEmpty)
  }
}
