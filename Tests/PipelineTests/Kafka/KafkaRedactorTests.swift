import Testing

@testable import Pipeline

@Suite struct KafkaRedactorTests {
  /// Redacts one side after the other, each in these chunks.
  private func redact(_ sides: [(KafkaRole, [UInt8])], at splits: [Int] = []) -> [UInt8] {
    let redactor = KafkaRedactor(hashKey: KeyedHash.Key(5, 6))
    var out: [UInt8] = []
    for (role, bytes) in sides {
      let cuts = splits.filter { $0 < bytes.count }
      for (start, end) in zip([0] + cuts, cuts + [bytes.count]) {
        let chunk = Array(bytes[start..<end])
        redactor.receive(chunk.span.bytes, from: role, into: &out)
      }
      #expect(redactor.finish(role, into: &out) == 0)
    }
    return out
  }

  @Test(arguments: KafkaSample.all)
  func `keeps the lengths and the facts of every message, however it is split`(sample: KafkaSample) {
    let sides = [(KafkaRole.client, sample.request), (.broker, sample.answer)]
    let whole = redact(sides)
    #expect(whole.count == sample.request.count + sample.answer.count)
    #expect(redact(sides, at: Array(1..<max(sample.request.count, sample.answer.count))) == whole)
    for split in 1..<max(sample.request.count, sample.answer.count) where redact(sides, at: [split]) != whole {
      Issue.record("split at \(split)")
    }
    var feed = KafkaFeed([.records])
    feed.client(whole.prefix(sample.request.count))
    feed.broker(whole.dropFirst(sample.request.count))
    #expect(feed.recorder.facts == sample.requestFacts + sample.answerFacts)
    #expect(feed.recorder.losses.isEmpty)
  }

  /// Contents and credentials are runs of this byte, which occurs nowhere else.
  private static let secret = [UInt8](repeating: 0xee, count: 24)

  private static let records =
    KafkaBytes.batch(
      40, count: 3,
      KafkaBytes.record(
        0, key: secret, value: secret, headers: [("note", secret), ("retry_topic-attempts", [0, 0, 0, 3])])
        + KafkaBytes.record(1, key: [0xee, 0xee, 0xee], value: secret + secret)
        + KafkaBytes.record(2, value: nil, headers: [("kafka_dlt-exception-message", secret)]))
    + KafkaBytes.batch(43, count: 1, attributes: 1, secret)
    + KafkaBytes.message(44, magic: 1, key: secret, value: secret)
    + KafkaBytes.message(45, magic: 0, attributes: 2, value: secret)
    // Brokers cut the last batch.
    + KafkaBytes.batch(46, count: 1, KafkaBytes.record(0, value: secret)).prefix(90)

  private static let streams: [(KafkaRole, [UInt8])] = {
    let heartbeat = KafkaBytes.heartbeat(9)
    return [
      (
        .client,
        KafkaBytes.request(36, 0, 1, KafkaBytes.bytes(secret)) + KafkaBytes.request(51, 0, 2, secret)
          + KafkaBytes.produce(3, records) + KafkaBytes.request(17, 0, 4, KafkaBytes.string("PLAIN"))
      ),
      (
        .broker,
        KafkaBytes.answer(1, KafkaBytes.i16(0) + KafkaBytes.i16(-1) + KafkaBytes.bytes(secret))
          + KafkaBytes.answer(2, secret) + KafkaBytes.answer(3, KafkaBytes.i32(0) + KafkaBytes.i32(0))
          + KafkaBytes.answer(4, KafkaBytes.i16(0) + KafkaBytes.i32(0))
      ),
      (.client, KafkaBytes.bytes(secret) + KafkaBytes.fetch(5) + heartbeat),
      (.broker, KafkaBytes.bytes(secret) + KafkaBytes.fetchAnswer(5, records) + KafkaBytes.heartbeatAnswer(9)),
    ]
  }()

  private func leaks(_ out: [UInt8]) -> Bool {
    out.indices.dropLast(2).contains { out[$0] == 0xee && out[$0 + 1] == 0xee && out[$0 + 2] == 0xee }
  }

  @Test func `keeps no content and no credential, and what is known of headers`() {
    let redactor = KafkaRedactor(hashKey: KeyedHash.Key(5, 6))
    var feed = KafkaFeed([.records])
    var plain = KafkaFeed([.records])
    var out: [UInt8] = []
    for (role, bytes) in Self.streams {
      let start = out.count
      redactor.receive(bytes.span.bytes, from: role, into: &out)
      feed.receive(out[start...], role)
      plain.receive(bytes, role)
    }
    #expect(out.count == Self.streams.map(\.1.count).reduce(0, +))
    #expect(!leaks(out))
    #expect(feed.recorder.facts == plain.recorder.facts)
    #expect(feed.recorder.facts.contains { $0.contains("attempts: 3") })
    #expect(feed.recorder.losses.isEmpty)
  }

  @Test func `keeps which contents are equal`() {
    func hashes(_ values: [[UInt8]], splits: [Int] = []) -> [String] {
      let records = values.enumerated().flatMap { KafkaBytes.record($0, value: $1) }
      let frame = KafkaBytes.produce(1, KafkaBytes.batch(0, count: values.count, records))
      var feed = KafkaFeed([.records, .hashes])
      feed.client(redact([(.client, frame)], at: splits))
      return feed.recorder.facts.compactMap { $0.split(separator: "valueHash: ").dropFirst().first.map(String.init) }
    }
    let values: [[UInt8]] = [Self.secret, Array("a long enough value".utf8), Self.secret, [1], [2], [1]]
    let told = hashes(values)
    #expect(told.count == 6)
    #expect(told[0] == told[2] && told[0] != told[1] && told[3] == told[5] && told[3] != told[4])
    for split in 1..<220 where hashes(values, splits: [split]) != told { Issue.record("split at \(split)") }
  }

  @Test func `keeps every secret after a gap at any place`() {
    for (index, (role, bytes)) in Self.streams.enumerated() {
      for place in 1..<bytes.count {
        for length in [1, 8, 30, 200] where place + length < bytes.count {
          let redactor = KafkaRedactor(hashKey: KeyedHash.Key(5, 6))
          var out: [UInt8] = []
          for (role, bytes) in Self.streams[..<index] { redactor.receive(bytes.span.bytes, from: role, into: &out) }
          let rest = Array(bytes[(place + length)...])
          redactor.receive(Array(bytes[..<place]).span.bytes, from: role, into: &out)
          var dropped = redactor.lost(length, from: role, into: &out)
          redactor.receive(rest.span.bytes, from: role, into: &out)
          dropped += redactor.finish(role, into: &out)
          if leaks(out) { Issue.record("\(role) \(index): gap of \(length) at \(place)") }
          let wanted = Self.streams[...index].map(\.1.count).reduce(0, +) - length - dropped
          if out.count != wanted { Issue.record("\(role) \(index): \(out.count) bytes, not \(wanted)") }
        }
      }
    }
  }
}
