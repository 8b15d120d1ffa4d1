import Testing

@testable import Pipeline

/// Frames, correlation, sync.
@Suite struct KafkaFramingTests {
  typealias Bytes = KafkaBytes

  private func answered(_ feed: KafkaFeed) -> Int {
    feed.recorder.facts.filter { $0.hasPrefix("heartbeatAnswered") }.count
  }

  @Test func `matches answers to pipelined requests, in any order`() {
    var feed = KafkaFeed()
    for i in 1...5 { feed.client(Bytes.heartbeat(i)) }
    for i in [2, 1, 3, 5, 4] { feed.broker(Bytes.heartbeatAnswer(i, error: i)) }
    #expect(feed.recorder.facts.map { $0.suffix(2) } == ["2)", "1)", "3)", "5)", "4)"])
    #expect(feed.recorder.losses.isEmpty)
  }

  @Test func `waits for no answer to a Produce with acks 0`() {
    var feed = KafkaFeed()
    for i in 1...3_000 { feed.client(Bytes.produce(i, acks: 0, [])) }
    feed.client(Bytes.heartbeat(4_000))
    feed.broker(Bytes.heartbeatAnswer(4_000))
    #expect(answered(feed) == 1)
    #expect(feed.recorder.losses.isEmpty)
    #expect(feed.decoder.heldBytes < 1_000)
  }

  @Test func `skips requests and answers of other keys`() {
    var feed = KafkaFeed()
    feed.client(Bytes.request(19, 7, 1, [1, 2, 3]))
    feed.client(Bytes.request(60, 2, 2, []))
    feed.client(Bytes.heartbeat(3))
    feed.broker(Bytes.answer(1, [9, 9]) + Bytes.answer(2, []) + Bytes.heartbeatAnswer(3))
    #expect(feed.recorder.facts.count == 1)
    #expect(feed.recorder.losses.isEmpty)
    #expect(feed.decoder.counters.skippedBytes == 0)
  }

  @Test func `says which version of a known key it cannot read, and goes on`() {
    var feed = KafkaFeed()
    feed.client(Bytes.request(1, 30, 1, [1, 2, 3]) + Bytes.heartbeat(2))
    feed.broker(Bytes.answer(1, [0, 0]) + Bytes.heartbeatAnswer(2))
    #expect(feed.recorder.losses.map(\.loss) == [.version(.fetch, 30, .client), .version(.fetch, 30, .broker)])
    #expect(answered(feed) == 1)
    #expect(feed.unaccounted == nil)
  }

  @Test func `reads the answer to a newer ApiVersions as version 0's`() {
    var feed = KafkaFeed()
    feed.client(Bytes.request(18, 9, 1, [0, 1, 1, 0]))
    feed.broker(Bytes.answer(1, Bytes.i16(35) + Bytes.i32(1) + Bytes.i16(18) + Bytes.i16(0) + Bytes.i16(4)))
    #expect(feed.recorder.facts == ["apiVersion(key: 18, versions: 0...4)", "apiVersionsAnswered(error: 35)"])
  }

  @Test func `passes over SASL tokens without Kafka's headers, both ways, and finds the first request behind them`() {
    var feed = KafkaFeed()
    feed.client(Bytes.request(17, 0, 1, Bytes.string("SCRAM-SHA-256")))
    feed.broker(Bytes.answer(1, Bytes.i16(0) + Bytes.i32(1) + Bytes.string("SCRAM-SHA-256")))
    let client = ["n,,n=user,r=abc", "c=biws,r=abcdef,p=xyz"]
    let broker = ["r=abcdef,s=QQ==,i=4096", "v=zzz"]
    for i in 0...1 {
      feed.client(Bytes.bytes(Array(client[i].utf8)))
      feed.broker(Bytes.bytes(Array(broker[i].utf8)))
    }
    feed.client(Bytes.heartbeat(2))
    feed.broker(Bytes.heartbeatAnswer(2))
    #expect(
      feed.recorder.facts.map { String($0.prefix { $0 != "(" }) } == [
        "saslHandshakeRequested", "saslHandshakeAnswered", "saslToken", "saslToken", "saslToken", "saslToken",
        "heartbeatAnswered",
      ])
    #expect(feed.recorder.losses.isEmpty)
    #expect(feed.unaccounted == nil)
  }

  @Test(arguments: ["\0user\0secret", "\0A\0B", "\0", "", "admin\0admin\0secret", "\0\u{1}\0\u{2}"])
  func `takes no token for a request`(token: String) {
    var feed = KafkaFeed()
    feed.client(Bytes.request(17, 0, 1, Bytes.string("PLAIN")))
    feed.broker(Bytes.answer(1, Bytes.i16(0) + Bytes.i32(0)))
    for byte in Bytes.bytes(Array(token.utf8)) { feed.client([byte]) }
    for byte in Bytes.bytes([]) { feed.broker([byte]) }
    for byte in Bytes.heartbeat(2) { feed.client([byte]) }
    feed.broker(Bytes.heartbeatAnswer(2))
    #expect(feed.recorder.facts.filter { $0.hasPrefix("saslToken") }.count == 2)
    #expect(answered(feed) == 1)
    #expect(feed.recorder.losses.isEmpty)
  }

  @Test func `finds sync after a gap that swallows frames, and keeps what was in flight`() {
    var feed = KafkaFeed()
    feed.client(Bytes.heartbeat(1))
    feed.client(Bytes.heartbeat(2).prefix(9))
    feed.lost(500, .client)
    feed.broker(Bytes.heartbeatAnswer(1))
    // Answers to requests that were lost.
    feed.broker(Bytes.heartbeatAnswer(2))
    feed.broker(Bytes.heartbeatAnswer(3))
    feed.client([1, 2, 3] + Bytes.heartbeat(4))
    feed.broker(Bytes.heartbeatAnswer(4))
    #expect(answered(feed) == 2)
    #expect(
      feed.recorder.losses.map(\.loss) == [
        .unknownFrame(.client), .outOfSync(.client, .gap), .unknownFrame(.broker), .unknownFrame(.broker),
        .resynchronised(.client),
      ])
    #expect(feed.decoder.counters.resyncs == 1)
    #expect(feed.unaccounted == nil)
  }

  @Test func `finds sync on the broker's side by what is in flight`() {
    var feed = KafkaFeed()
    feed.client(Bytes.heartbeat(1) + Bytes.fetch(2) + Bytes.heartbeat(3))
    feed.broker(Bytes.heartbeatAnswer(1))
    feed.lost(0, .broker)
    feed.broker([UInt8](repeating: 0, count: 700))
    feed.broker(Bytes.heartbeatAnswer(9_999) + [7])
    feed.broker(Bytes.heartbeatAnswer(3))
    #expect(answered(feed) == 2)
    #expect(feed.recorder.losses.last?.loss == .resynchronised(.broker))
  }

  @Test func `joins in the middle of both sides`() {
    let records = Bytes.batch(0, count: 1, Bytes.record(0, value: [UInt8](repeating: 7, count: 5_000)))
    let answer = Bytes.fetchAnswer(1, records)
    var feed = KafkaFeed()
    feed.broker(answer[2_000..<3_000])
    feed.broker(answer[3_000...])
    feed.client(Bytes.heartbeat(2))
    feed.broker(Bytes.heartbeatAnswer(2))
    #expect(answered(feed) == 1)
    #expect(feed.recorder.losses.map(\.loss) == [.outOfSync(.broker, .joinedMidway), .resynchronised(.broker)])
    #expect(feed.unaccounted == nil)
  }

  /// Records that are themselves recorded Kafka, requests and answers, whose beginning was lost.
  @Test func `believes no Kafka inside a record's value`() {
    let inner = (0..<60).flatMap { Bytes.heartbeat(1_000 + $0) }
    let request = Bytes.produce(5, Bytes.batch(0, count: 1, Bytes.record(0, value: inner)))
    for gap in [30, 31, 90, 200, 901] {
      var feed = KafkaFeed([])
      feed.client(Bytes.request(3, 0, 1, Bytes.i32(0), client: "producer"))
      let cut = Bytes.request(12, 0, 4, Bytes.string("g1") + Bytes.i32(7) + Bytes.string("m-1"), client: "producer")
      feed.client(cut.prefix(2))
      feed.lost(cut.count - 2 + gap, .client)
      var i = gap
      while i < request.count {
        feed.client(request[i..<min(i + 100, request.count)])
        i += 100
      }
      feed.client(Bytes.request(12, 0, 9, Bytes.string("g1") + Bytes.i32(7) + Bytes.string("m-1"), client: "producer"))
      feed.broker(Bytes.heartbeatAnswer(9))
      #expect(feed.recorder.facts == ["heartbeatAnswered('g1'/'m-1'/''#7, error: 0)"], "gap of \(gap)")
    }
  }

  @Test func `never gets out of sync by gaps within records, however many`() {
    var feed = KafkaFeed([])
    let value = [UInt8](repeating: 3, count: 4_000)
    for i in 0..<20 {
      feed.client(Bytes.fetch(i))
      let answer = Bytes.fetchAnswer(i, Bytes.batch(i, count: 1, Bytes.record(0, value: value)))
      feed.broker(answer[..<1_000])
      feed.lost(2_000, .broker)
      feed.broker(answer[3_000...])
    }
    #expect(feed.recorder.facts.filter { $0.hasPrefix("batch(") }.count == 20)
    #expect(feed.recorder.losses.isEmpty)
    #expect(feed.decoder.counters.lostBytes == 40_000)
  }

  @Test func `reads a fetch of a hundred megabytes without keeping it`() {
    var feed = KafkaFeed([])
    feed.client(Bytes.fetch(1))
    let size = 100 << 20
    let head = Bytes.fetchAnswer(1, [])
    let batch = Bytes.batch(0, count: 1_000, attributes: 1, [], length: size - 12)
    feed.broker(
      Bytes.i32(head.count - 4 + size) + head[4...].dropLast(4) + Bytes.i32(size) + batch)
    var left = size - batch.count
    let piece = [UInt8](repeating: 0, count: 1 << 20)
    while left > 0 {
      feed.broker(piece.prefix(left))
      left -= min(left, piece.count)
      if feed.decoder.heldBytes > 200 { Issue.record("\(feed.decoder.heldBytes) bytes are kept") }
    }
    #expect(feed.recorder.facts.last == "fetchEnded")
    #expect(feed.recorder.losses.isEmpty)
  }

  @Test func `forgets the newest of too many requests, and counts it`() {
    var feed = KafkaFeed()
    for i in 0..<2_000 { feed.client(Bytes.heartbeat(i)) }
    #expect(feed.decoder.counters.forgottenRequests == 2_000 - 1_024)
    #expect(feed.decoder.heldBytes <= 1 << 20)
    for i in 0..<2_000 { feed.broker(Bytes.heartbeatAnswer(i)) }
    #expect(answered(feed) == 1_024)
    #expect(feed.decoder.counters.unmatchedAnswers == 2_000 - 1_024)
    // And all is well afterwards.
    feed.client(Bytes.heartbeat(5_000))
    feed.broker(Bytes.heartbeatAnswer(5_000))
    #expect(answered(feed) == 1_025)
  }

  @Test func `drops requests that are never answered once many others are`() {
    var feed = KafkaFeed()
    for i in 0..<100_000 {
      // Every tenth answer never comes.
      feed.client(Bytes.heartbeat(i))
      if i % 10 != 0 { feed.broker(Bytes.heartbeatAnswer(i)) }
    }
    #expect(feed.decoder.counters.forgottenRequests == 0)
    #expect(feed.decoder.inFlight.count < 200)
    #expect(answered(feed) == 90_000)
  }

  @Test func `keeps bounded memory under garbage, and stops being fooled by it`() {
    var state: UInt64 = 1
    for mask in [0xff, 0x03, 0x01] as [UInt8] {
      var feed = KafkaFeed()
      feed.client(Bytes.heartbeat(1))
      var most = 0
      for _ in 0..<300 {
        let noise = (0..<2_000).map { _ -> UInt8 in
          state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
          return UInt8(truncatingIfNeeded: state >> 40) & mask
        }
        feed.client(noise)
        feed.broker(noise)
        most = max(most, feed.decoder.heldBytes)
      }
      #expect(most < 2 << 20)
      #expect(feed.unaccounted == nil)
    }
  }

  /// Counts and lengths that a Produce cannot have, where its topics begin.
  static let hostile: [(String, String)] = [
    ("a count beyond the frame", "7FFFFFFF"),
    ("a negative count", "FFFFFFF9"),
    ("a string beyond the frame", "00000001 7530"),
    ("a negative string", "00000001 FFF7 00000000"),
    ("records beyond the frame", "00000001 0001 'o' 00000001 00000000 000003E8"),
    ("too few bytes", "00000001 0001 'o'"),
    ("nothing at all", ""),
  ]

  @Test(arguments: hostile)
  func `survives`(what: String, hex: String) {
    let topics = AMQPSample.parse(hex)
    var feed = KafkaFeed()
    feed.client(
      Bytes.request(0, 3, 1, Bytes.i16(-1) + Bytes.i16(1) + Bytes.i32(1) + topics) + Bytes.heartbeat(2))
    feed.broker(Bytes.heartbeatAnswer(2))
    #expect(feed.recorder.losses.map(\.loss) == [.frame(.produce, .client)])
    #expect(answered(feed) == 1)
    #expect(feed.unaccounted == nil)
  }

  /// The same for compact types: an unsigned varint that is too long, too large, or beyond the frame.
  @Test(
    arguments: [
      [0x80, 0x80, 0x80, 0x80, 0x80, 0x01], [0xff, 0xff, 0xff, 0xff, 0x7f], [0xff, 0xff, 0xff, 0xff, 0x0f],
      [0x7f], [0x80, 0x80, 0x80, 0x80], [0x02, 0xff],
    ] as [[UInt8]])
  func `survives compact counts`(count: [UInt8]) {
    var feed = KafkaFeed()
    // Metadata 9: header's tags, throttle, brokers.
    feed.client(Bytes.request(3, 9, 1, [0, 1, 0, 0, 0, 0]) + Bytes.heartbeat(2))
    feed.broker(Bytes.answer(1, [0] + Bytes.i32(0) + count) + Bytes.heartbeatAnswer(2))
    #expect(feed.recorder.losses.map(\.loss) == [.frame(.metadata, .broker)])
    #expect(answered(feed) == 1)
  }

  @Test(
    arguments: [
      [0x01, 0x00, 0x7f], [0x01, 0x00, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01], [0x7f], [0x02, 0x00, 0x01, 0x00],
    ] as [[UInt8]])
  func `survives tagged fields that lie`(tags: [UInt8]) {
    var feed = KafkaFeed()
    feed.client(Bytes.request(12, 4, 1, tags) + Bytes.heartbeat(2))
    feed.broker(Bytes.heartbeatAnswer(2))
    #expect(feed.recorder.losses.map(\.loss) == [.frame(.heartbeat, .client)])
    #expect(answered(feed) == 1)
  }

  @Test func `breaks a message whose strings together are too long to keep`() {
    var feed = KafkaFeed()
    let long = Bytes.string(String(repeating: "x", count: 32_000))
    let protocols = (0..<9).flatMap { _ in Bytes.string("range") + Bytes.bytes([UInt8](repeating: 0, count: 65_000)) }
    feed.client(
      Bytes.request(
        11, 0, 1, long + Bytes.i32(1) + Bytes.string("") + Bytes.string("consumer") + Bytes.i32(9) + protocols))
    feed.broker(Bytes.answer(1, []))
    #expect(feed.decoder.heldBytes < 400_000)
    feed.client(Bytes.heartbeat(2))
    feed.broker(Bytes.heartbeatAnswer(2))
    #expect(answered(feed) == 1)
  }
}
