import Testing

@testable import Pipeline

@Suite struct AMQPRedactorTests {
  /// Redacts a stream that comes in these chunks.
  private func redact(_ side: AMQPSide, _ bytes: [UInt8], at splits: [Int]) -> [UInt8] {
    var redactor = AMQPRedactor(role: side.role)
    var redacted: [UInt8] = []
    for (start, end) in zip([0] + splits, splits + [bytes.count]) where start < end {
      var chunk = Array(bytes[start..<end])
      redactor.receive(chunk.span.bytes)
      for range in redactor.secrets { for i in range { chunk[i] = 0 } }
      redacted += chunk
    }
    return redacted
  }

  /// What the recording must be: the samples mark their secrets by this word, and bodies are whole frames.
  private func wanted(_ side: AMQPSide) -> [UInt8] {
    side.stream.samples.flatMap { sample in
      var bytes = sample.bytes
      if bytes[0] == 3 {
        for i in 7..<bytes.count - 1 { bytes[i] = 0 }
      } else if let start = bytes.indices.first(where: { bytes[$0...].starts(with: Array("SECRET-".utf8)) }) {
        for i in start..<start + 8 { bytes[i] = 0 }
        // PLAIN's response begins with the user's name.
        if sample.fact.contains("StartOk") { for i in start - 6..<start { bytes[i] = 0 } }
      }
      return bytes
    }
  }

  @Test(arguments: AMQPSide.allCases)
  func `zeroes bodies and credentials and nothing else, however the stream is split`(side: AMQPSide) {
    let bytes = side.stream.bytes
    let wanted = wanted(side)
    #expect(redact(side, bytes, at: []) == wanted)
    #expect(redact(side, bytes, at: Array(1..<bytes.count)) == wanted)
    for split in 1..<bytes.count where redact(side, bytes, at: [split]) != wanted { Issue.record("split at \(split)") }
  }

  @Test func `leaves a recording that states the same facts`() {
    var feed = AMQPFeed(.server)
    feed.receive(redact(.server, AMQPSide.server.stream.bytes, at: [100, 200, 301])[...])
    let zeroes = String(repeating: "\0", count: 12)
    #expect(
      feed.recorder.facts.filter { !$0.contains(" body ") }
        == AMQPSide.server.stream.facts.filter { !$0.contains(" body ") })
    #expect(feed.recorder.facts.contains("1 body '\(zeroes)'"))
  }

  @Test(arguments: AMQPSide.allCases)
  func `keeps every secret after a gap at any place`(side: AMQPSide) {
    let bytes = side.stream.bytes
    let secret = zip(bytes, wanted(side)).map { $0 != $1 }
    for place in stride(from: 1, to: bytes.count - 40, by: 3) {
      for length in [1, 8, 30] {
        var redactor = AMQPRedactor(role: side.role)
        let head = Array(bytes[..<place])
        redactor.receive(head.span.bytes)
        redactor.lost(length)
        let rest = Array(bytes[(place + length)...])
        redactor.receive(rest.span.bytes)
        let told = Set(redactor.secrets.flatMap { Array($0) })
        if let leak = rest.indices.first(where: { secret[place + length + $0] && !told.contains($0) }) {
          Issue.record("gap of \(length) at \(place): byte \(place + length + leak) is not told")
        }
      }
    }
  }
}
