import Foundation
import Testing

@testable import Pipeline

/// One exchange of `samples/messages.txt`: frames that others encoded, and the facts that went into them.
struct KafkaSample: Sendable, CustomTestStringConvertible {
  var title = ""
  var key: Int16 = 0
  var version: Int16 = 0
  var request: [UInt8] = []
  var requestFacts: [String] = []
  var answer: [UInt8] = []
  var answerFacts: [String] = []

  var testDescription: String { title }

  static let all: [KafkaSample] = {
    let file = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "samples/messages.txt")
    guard let text = try? String(contentsOf: file, encoding: .utf8) else { return [] }
    var samples: [KafkaSample] = []
    for line in text.split(separator: "\n") {
      let content = String(line.dropFirst(2))
      switch line.first {
      case ">": samples[samples.count - 1].request = AMQPSample.parse(content)
      case "+": samples[samples.count - 1].requestFacts.append(content)
      case "<": samples[samples.count - 1].answer = AMQPSample.parse(content)
      case "-": samples[samples.count - 1].answerFacts.append(content)
      default:
        let words = line.split(separator: " ")
        samples.append(
          KafkaSample(title: String(line), key: Int16(words[0]) ?? -1, version: Int16(words[1]) ?? -1))
      }
    }
    return samples
  }()
}

/// Feeds a decoder and checks after every step what must always hold.
struct KafkaFeed {
  let decoder = KafkaDecoder(hashKey: KeyedHash.Key(1, 2))
  let recorder: KafkaFactRecorder
  var unaccounted: String?
  private var time: Int64 = 0

  init(_ wanted: KafkaDetail = [.records]) { recorder = KafkaFactRecorder(wanted) }

  mutating func client(_ bytes: some Collection<UInt8>) { receive(bytes, .client) }
  mutating func broker(_ bytes: some Collection<UInt8>) { receive(bytes, .broker) }

  mutating func receive(_ bytes: some Collection<UInt8>, _ role: KafkaRole) {
    guard !bytes.isEmpty else { return }
    time += 1
    // A copy of its own, so that reading over its end is found.
    let chunk = Array(bytes)
    decoder.receive(chunk.span.bytes, from: role, at: Timestamp(ns: time), into: recorder)
    check()
  }

  mutating func lost(_ count: Int, _ role: KafkaRole) {
    decoder.lost(count, from: role, at: Timestamp(ns: time), into: recorder)
    check()
  }

  mutating func finish() {
    decoder.finish(.client, at: Timestamp(ns: time), into: recorder)
    decoder.finish(.broker, at: Timestamp(ns: time), into: recorder)
    check()
  }

  private mutating func check() {
    let counters = decoder.counters
    if counters.receivedBytes
      != counters.understoodBytes + counters.skippedBytes + UInt64(decoder.pendingBytes), unaccounted == nil
    {
      unaccounted = "\(counters), pending \(decoder.pendingBytes)"
    }
  }
}
