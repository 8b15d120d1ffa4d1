import Foundation
import Testing

@testable import Pipeline

/// Inputs that the fuzzer found, as `Tests/Fuzz/KafkaFuzz.swift` cuts them.
@Suite struct KafkaFuzzFindingTests {
  @Test(.timeLimit(.minutes(1)))
  func `a place that looked like a frame and was none is not searched for ever`() throws {
    let file = URL(filePath: #filePath).appending(path: "../../../Fuzz/corpus/kafka/believed-again").standardizedFileURL
    let input = [UInt8](try Data(contentsOf: file))
    #expect(input.count == 370)
    let decoder = KafkaDecoder(hashKey: KeyedHash.Key(3, 4))
    var i = 1
    while i + 2 <= input.count {
      let word = Int(input[i]) << 8 | Int(input[i + 1])
      i += 2
      let role: KafkaRole = word & 0x4000 == 0 ? .client : .broker
      if word & 0x8000 != 0 {
        decoder.lost(word & 0x2000 == 0 ? word & 0xfff : 0, from: role, at: .zero, into: KafkaSilence.shared)
        continue
      }
      let end = min(i + (word & 0xfff), input.count)
      while i < end {
        let piece = Array(input[i..<(word & 0x2000 == 0 ? end : i + 1)])
        i += piece.count
        decoder.receive(piece.span.bytes, from: role, at: .zero, into: KafkaSilence.shared)
      }
    }
    let counters = decoder.counters
    #expect(
      counters.receivedBytes == counters.understoodBytes + counters.skippedBytes + UInt64(decoder.pendingBytes))
  }
}
