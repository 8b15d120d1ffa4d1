import Testing

@testable import Pipeline

/// Feeds a decoder and the redactor beside it, and checks after every step what must always hold.
struct AMQPFeed {
  var decoder: AMQPDecoder
  let recorder = AMQPFactRecorder()
  private var time: Int64 = 0

  init(_ role: AMQPRole) { decoder = AMQPDecoder(role: role) }

  mutating func receive(_ bytes: ArraySlice<UInt8>) {
    guard !bytes.isEmpty else { return }
    time += 1
    let chunk = Array(bytes)
    let before = recorder.placedCount
    decoder.receive(chunk.span.bytes, at: Timestamp(ns: time), into: recorder)
    #expect(recorder.placedCount - before == chunk.count, "every byte is placed once")
    check()
  }

  mutating func lost(_ count: Int) {
    decoder.lost(count, at: Timestamp(ns: time), into: recorder)
    check()
  }

  mutating func finish() {
    decoder.finish(at: Timestamp(ns: time), into: recorder)
    check()
  }

  private func check() {
    let counters = decoder.counters
    let sum = counters.understoodBytes + counters.skippedBytes + UInt64(decoder.pendingBytes)
    if counters.receivedBytes != sum {
      Issue.record("bytes unaccounted for: \(counters), pending \(decoder.pendingBytes)")
    }
  }
}

enum AMQPSide: CaseIterable, Sendable {
  case client, server

  var role: AMQPRole { self == .client ? .client : .server }
  var stream: AMQPSampleStream { self == .client ? Self.clientStream : Self.serverStream }

  private static let clientStream = AMQPSampleStream(AMQPSample.client)
  private static let serverStream = AMQPSampleStream(AMQPSample.server)
}

@Suite struct AMQPDecoderTests {
  @Test(arguments: AMQPSide.allCases)
  func `states every fact of a conversation that comes whole`(side: AMQPSide) {
    var feed = AMQPFeed(side.role)
    feed.receive(side.stream.bytes[...])
    #expect(feed.recorder.facts == side.stream.facts)
    #expect(feed.recorder.losses.isEmpty)
    #expect(feed.decoder.counters.understoodBytes == UInt64(side.stream.bytes.count))
  }

  @Test(arguments: AMQPSide.allCases)
  func `states the same facts byte by byte, each at the time of its last byte`(side: AMQPSide) {
    var feed = AMQPFeed(side.role)
    for i in side.stream.bytes.indices { feed.receive(side.stream.bytes[i...i]) }
    #expect(feed.recorder.facts == side.stream.facts)
    #expect(feed.recorder.times == side.stream.starts.dropFirst().map(Int64.init))
  }

  @Test(arguments: AMQPSide.allCases)
  func `states the same facts at every split`(side: AMQPSide) {
    let bytes = side.stream.bytes
    for split in 1..<bytes.count {
      var feed = AMQPFeed(side.role)
      feed.receive(bytes[..<split])
      feed.receive(bytes[split...])
      if feed.recorder.facts != side.stream.facts { Issue.record("split at \(split)") }
    }
  }

  @Test(arguments: AMQPSide.allCases)
  func `states the facts that are whole in a stream cut at every length`(side: AMQPSide) {
    let stream = side.stream
    for length in 0..<stream.bytes.count {
      var feed = AMQPFeed(side.role)
      feed.receive(stream.bytes[..<length])
      let whole = stream.starts.dropFirst().filter { $0 <= length }.count
      if feed.recorder.facts != Array(stream.facts[..<whole]) { Issue.record("cut at \(length)") }
      feed.finish()
      #expect(feed.decoder.pendingBytes == 0)
    }
  }

  /// One frame, one chunk, as an idle connection sends them; the gap takes any bytes.
  @Test(arguments: AMQPSide.allCases)
  func `invents nothing after a gap, and finds sync again with the next whole chunk`(side: AMQPSide) {
    let stream = side.stream
    let count = stream.bytes.count
    // Every place with a few lengths, and many lengths at some places.
    for place in 0..<count {
      for length in [1, 9, 33] where place + length <= count { checkGap(side, at: place, length) }
    }
    for place in stride(from: 0, to: count, by: 11) {
      for length in [2, 3, 5, 7, 8, 20, 64, 100, 257, 600] where place + length <= count {
        checkGap(side, at: place, length)
      }
    }
  }

  @Test func `invents nothing after a gap of every length`() {
    let stream = AMQPSide.client.stream
    for place in stride(from: 0, to: stream.bytes.count, by: 173) {
      for length in 1...(stream.bytes.count - place) { checkGap(.client, at: place, length) }
    }
  }

  private func checkGap(_ side: AMQPSide, at place: Int, _ length: Int) {
    let stream = side.stream
    var feed = AMQPFeed(side.role)
    let end = place + length
    var restarts = stream.starts.filter { $0 >= end }
    for (start, next) in zip(stream.starts, stream.starts.dropFirst()) {
      feed.receive(stream.bytes[min(start, place)..<min(next, place)].suffix(max(0, min(next, place) - start)))
      if start <= place, place < next { feed.lost(length) }
      if next > end { feed.receive(stream.bytes[max(start, end)..<next]) }
    }
    // Whole method or heartbeat chunks after the gap bring sync; what comes from there on must be there.
    let methods = stream.samples.enumerated().filter { $1.bytes[0] == 1 || $1.bytes[0] == 8 }.map(\.offset)
    let firstWhole = methods.first { stream.starts[$0] >= end }
    restarts = firstWhole.map { [$0] } ?? []
    let facts = feed.recorder.facts
    if !isSubsequence(facts, of: stream.facts) {
      Issue.record("gap of \(length) at \(place): invented \(facts)")
    }
    let before = stream.starts.dropFirst().filter { $0 <= place }.count
    if Array(facts.prefix(before)) != Array(stream.facts[..<before]) {
      Issue.record("gap of \(length) at \(place): facts before it are wrong")
    }
    if let first = restarts.first, !facts.suffix(stream.samples.count - first).elementsEqual(stream.facts[first...]) {
      Issue.record("gap of \(length) at \(place): no sync at \(stream.facts[first])")
    }
  }

  /// Whether the facts are among the true ones, in order; a body may have lost bytes.
  private func isSubsequence(_ facts: [String], of truth: [String]) -> Bool {
    var rest = truth[...]
    for fact in facts {
      guard let i = rest.firstIndex(where: { matches(fact, $0) }) else { return false }
      rest = rest[(i + 1)...]
    }
    return true
  }

  private func matches(_ fact: String, _ truth: String) -> Bool {
    if fact == truth { return true }
    guard fact.contains(" body "), fact.utf8.count == truth.utf8.count else { return false }
    return zip(fact.utf8, truth.utf8).allSatisfy { $0 == $1 || $0 == UInt8(ascii: "?") }
  }
}
