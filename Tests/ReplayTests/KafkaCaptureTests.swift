import Foundation
import Testing
import Traces

@testable import Pipeline

/// What a capture's Kafka connections say, connection by connection.
private final class KafkaCapture: ByteSink, KafkaFactSink {
  struct Counts: Equatable { var commits = 0, lastOffset: Int64 = -1, records = 0, produced = 0 }
  var decoder = KafkaDecoder(hashKey: KeyedHash.Key(1, 2))
  var reassembler = Reassembler()
  var text: [String] = []
  var side = Side.first

  func received(_ bytes: RawSpan, from side: Side, at: Timestamp) {
    decoder.receive(bytes, from: side == self.side ? .client : .broker, at: at, into: self)
  }
  func lost(_ count: Int, from side: Side, at: Timestamp) {
    decoder.lost(count, from: side == self.side ? .client : .broker, at: at, into: self)
  }
  func ended(_ side: Side, _ end: StreamEnd, at: Timestamp) {}
  func fact(_ fact: KafkaFact, of exchange: KafkaExchange, in frame: RawSpan, at: Timestamp) {
    let bytes = frame.withUnsafeBytes { [UInt8]($0) }
    text.append("\(exchange.key.rawValue)v\(exchange.version) \(fact) \(bytes.count)")
  }
  func lost(_ loss: KafkaLoss, bytes: Int, at: Timestamp) { text.append("LOST \(loss) \(bytes)") }
}

@Suite struct KafkaCaptureTests {
  @Test func `smoke`() throws {
    for name in ["kafka_healthy_none", "kafka_storm_none", "kafka_storm_gzip"] {
      let reader = try TraceReader(paths: [Replayed.captures.appending(path: name + ".pcapng").path])
      var connections: [String: KafkaCapture] = [:]
      reader.forEachSegment { segment, payload in
        let a = "\(segment.source)"
        let b = "\(segment.destination)"
        let key = a < b ? a + b : b + a
        let isNew = connections[key] == nil
        let capture = connections[key] ?? KafkaCapture()
        connections[key] = capture
        if isNew { capture.text.append(key) }
        let side: Side = b.hasSuffix(":38181") || !a.hasSuffix(":38181") && b.contains("381") ? .first : .second
        _ = capture.reassembler.ingest(segment, payload, from: side, into: capture)
        return true
      }
      for (key, c) in connections {
        print(name, key, c.decoder.counters)
        for line in c.text.filter({ $0.hasPrefix("LOST") }).prefix(5) { print("   ", line) }
        if name == "kafka_storm_none" { for line in c.text.prefix(60) { print("   ", line) } }
      }
    }
  }
}
