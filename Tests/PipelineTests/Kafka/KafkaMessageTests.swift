import Testing

@testable import Pipeline

@Suite struct KafkaMessageTests {
  @Test func `there are samples of every key and version of the schema`() {
    for message in KafkaSchema.messages {
      for version in message.versions {
        #expect(
          KafkaSample.all.contains { $0.key == message.key.rawValue && $0.version == version },
          "key \(message.key.rawValue) version \(version)")
      }
    }
  }

  @Test(arguments: KafkaSample.all)
  func `states the facts of an exchange that comes whole`(sample: KafkaSample) {
    var feed = KafkaFeed()
    feed.client(sample.request)
    #expect(feed.recorder.facts == sample.requestFacts)
    feed.broker(sample.answer)
    #expect(Array(feed.recorder.facts.dropFirst(sample.requestFacts.count)) == sample.answerFacts)
    #expect(feed.recorder.losses.isEmpty, "\(feed.recorder.losses)")
    #expect(feed.decoder.counters.understoodBytes == UInt64(sample.request.count + sample.answer.count))
    #expect(feed.unaccounted == nil)
  }

  @Test(arguments: KafkaSample.all)
  func `states the same facts byte by byte and at every split`(sample: KafkaSample) {
    let facts = sample.requestFacts + sample.answerFacts
    var slow = KafkaFeed()
    for byte in sample.request { slow.client([byte]) }
    for byte in sample.answer { slow.broker([byte]) }
    #expect(slow.recorder.facts == facts)
    #expect(slow.recorder.losses.isEmpty)
    #expect(slow.unaccounted == nil)
    for split in 1..<max(sample.request.count, sample.answer.count) {
      var feed = KafkaFeed()
      feed.client(sample.request.prefix(split))
      feed.client(sample.request.dropFirst(split))
      feed.broker(sample.answer.prefix(split))
      feed.broker(sample.answer.dropFirst(split))
      if feed.recorder.facts != facts || feed.unaccounted != nil { Issue.record("split at \(split)") }
    }
  }

  @Test(arguments: KafkaSample.all)
  func `states no more than the facts so far when cut at any length`(sample: KafkaSample) {
    let facts = sample.requestFacts + sample.answerFacts
    for length in 0..<sample.request.count + sample.answer.count {
      var feed = KafkaFeed()
      feed.client(sample.request.prefix(length))
      feed.broker(sample.answer.prefix(max(0, length - sample.request.count)))
      feed.finish()
      if feed.recorder.facts != Array(facts.prefix(feed.recorder.facts.count)) { Issue.record("cut at \(length)") }
      if feed.unaccounted != nil || feed.decoder.pendingBytes != 0 { Issue.record("bytes at \(length)") }
    }
  }

  /// The exchange, then a Heartbeat that must come through whatever was lost before it.
  @Test(arguments: KafkaSample.all)
  func `invents nothing after a gap at any place, and goes on with the next exchange`(sample: KafkaSample) {
    let facts = sample.requestFacts + sample.answerFacts
    let next = Self.heartbeat
    for role in [KafkaRole.client, .broker] {
      let bytes = role == .client ? sample.request : sample.answer
      for place in 0..<bytes.count {
        // One byte everywhere, more at every third place.
        for length in place % 3 == 0 ? [1, 7, 40, bytes.count - place] : [1] where place + length <= bytes.count {
          var feed = KafkaFeed()
          if role == .broker { feed.client(sample.request) }
          feed.receive(bytes[..<place], role)
          feed.lost(length, role)
          feed.receive(bytes[(place + length)...], role)
          if role == .client { feed.broker(sample.answer) }
          feed.client(next.request)
          feed.broker(next.answer)
          let told = feed.recorder.facts
          if told.last != next.answerFacts.last { Issue.record("\(role) gap of \(length) at \(place): not on again") }
          if !Self.isSubsequence(told.dropLast(), of: facts) {
            Issue.record("\(role) gap of \(length) at \(place): invented \(told)")
          }
          if feed.recorder.losses.isEmpty, told.dropLast() != facts[...] {
            Issue.record("\(role) gap of \(length) at \(place): facts are missing, and nothing says so")
          }
          if let what = feed.unaccounted { Issue.record("\(role) gap of \(length) at \(place): \(what)") }
        }
      }
    }
  }

  static let heartbeat = KafkaSample.all.first { $0.key == 12 && $0.version == 3 } ?? KafkaSample()

  /// Whether the facts are among the true ones, in order; records that were lost may show in a partition's end.
  static func isSubsequence(_ facts: ArraySlice<String>, of truth: [String]) -> Bool {
    var rest = truth[...]
    for fact in facts {
      let plain = fact.replacing("isIncomplete: true", with: "isIncomplete: false")
      let word = plain.prefix { $0 != "(" }
      let i = rest.firstIndex {
        $0 == fact || $0 == plain
          || word.hasSuffix("Ended") && $0.hasPrefix(word) && fact.contains("isIncomplete: true")
          || word == "fetchAnswered" && fact.contains("request: nil") && $0.hasPrefix(word)
      }
      guard let i else { return false }
      rest = rest[(i + 1)...]
    }
    return true
  }
}
