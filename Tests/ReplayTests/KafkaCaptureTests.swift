import Foundation
import Testing
import Traces

@testable import Pipeline

/// What the decoder says of a whole capture, added up.
private final class KafkaTally: KafkaFactSink {
  /// Copies of records in answers to Fetch, as batch headers count them, and one by one.
  var fetched = 0
  var fetchedOneByOne = 0
  /// Those at or behind the offset that was asked for: brokers answer with whole batches.
  var delivered = 0
  private var positions: [String: Int64] = [:]
  private var position: Int64 = 0
  /// Records produced, by topic.
  var produced: [String: Int] = [:]
  var commits = 0
  var committed: [String: Int64] = [:]
  var joined = 0
  var assigned: Set<String> = []
  var leftGroup = 0
  var codecs: Set<KafkaBatch.Codec> = []
  var losses: [KafkaLoss] = []
  /// Versions spoken, by key.
  var versions: [Int16: Set<Int16>] = [:]
  var assignedByID = 0

  func detail(
    _ topic: KafkaTopic, partition: Int32, of exchange: KafkaExchange, in frame: RawSpan
  ) -> KafkaDetail {
    produceTopic = topic.name.string(in: frame)
    return [.records, .hashes]
  }
  private var produceTopic = ""

  func fact(_ fact: KafkaFact, of exchange: KafkaExchange, in frame: RawSpan, at: Timestamp) {
    switch fact {
    case .batch(let batch):
      codecs.insert(batch.codec)
      if exchange.key == .fetch {
        fetched += Int(batch.count)
      } else {
        produced[produceTopic, default: 0] += Int(batch.count)
      }
    case .record(let record):
      guard exchange.key == .fetch else { return }
      fetchedOneByOne += 1
      if record.offset >= position { delivered += 1 }
    case .fetchPartitionRequested(let asked):
      positions["\(exchange.correlation) \(asked.topic.name.string(in: frame)) \(asked.partition)"] = asked.offset
    case .fetchPartition(let partition):
      position =
        positions["\(exchange.correlation) \(partition.topic.name.string(in: frame)) \(partition.partition)"] ?? 0
    case .offsetCommitAnswered(_, _, _, let position, let error):
      guard error == 0 else { return }
      commits += 1
      let topic = position.topic.name.string(in: frame)
      committed["\(topic)-\(position.partition)"] = position.offset
    case .joinGroupAnswered(_, _, _, _, let error): if error == 0 { joined += 1 }
    case .syncGroupAnswered(_, _, let assignment, _):
      var partitions = assignment.partitions(in: frame)
      while let next = partitions?.next(in: frame) {
        assigned.insert("\(next.topic.string(in: frame))-\(next.partition)")
      }
    case .leaveGroupRequested: leftGroup += 1
    case .request: versions[exchange.key.rawValue, default: []].insert(exchange.version)
    case .assignedPartition: assignedByID += 1
    default: break
    }
  }

  func lost(_ loss: KafkaLoss, bytes: Int, at: Timestamp) { losses.append(loss) }
}

private final class KafkaConnection: ByteSink {
  let decoder = KafkaDecoder(hashKey: KeyedHash.Key(1, 2))
  var reassembler = Reassembler()
  let tally: KafkaTally

  init(_ tally: KafkaTally) { self.tally = tally }
  func received(_ bytes: RawSpan, from side: Side, at: Timestamp) {
    decoder.receive(bytes, from: side == .first ? .client : .broker, at: at, into: tally)
  }
  func lost(_ count: Int, from side: Side, at: Timestamp) {
    decoder.lost(count, from: side == .first ? .client : .broker, at: at, into: tally)
  }
  func ended(_ side: Side, _ end: StreamEnd, at: Timestamp) {
    decoder.finish(side == .first ? .client : .broker, at: at, into: tally)
  }
}

/// Recorded traffic of librdkafka's mock broker (the three first: 2.0, the others: 2.16) with its own client and others;
/// the numbers are the clients'.
@Suite struct KafkaCaptureTests {
  private func tally(_ name: String) throws -> (KafkaTally, [KafkaConnection]) {
    let reader = try TraceReader(paths: [Replayed.captures.appending(path: name + ".pcapng").path])
    let tally = KafkaTally()
    var connections: [String: KafkaConnection] = [:]
    reader.forEachSegment { segment, payload in
      let fromBroker = segment.source.port == Self.ports[name]
      let client = fromBroker ? segment.destination : segment.source
      let connection = connections["\(client)"] ?? KafkaConnection(tally)
      connections["\(client)"] = connection
      _ = connection.reassembler.ingest(segment, payload, from: fromBroker ? .second : .first, into: connection)
      return true
    }
    return (tally, Array(connections.values))
  }

  static let ports: [String: UInt16] = [
    "kafka_healthy_none": 38_181, "kafka_storm_none": 38_181, "kafka_storm_gzip": 38_181, "kafka_rdkafka_ids": 33_299,
    "kafka_rdkafka_kip848": 40_331, "kafka_aiokafka": 43_825,
  ]

  @Test(arguments: ports.keys.sorted())
  func `understands every byte of a capture`(name: String) throws {
    let (tally, connections) = try tally(name)
    #expect(tally.losses.isEmpty)
    #expect(!connections.isEmpty)
    for connection in connections {
      let counters = connection.decoder.counters
      #expect(counters.receivedBytes == counters.understoodBytes)
      // Long polls that the end of the connection cut.
      #expect(counters.answers + 2 >= counters.requests)
      #expect(counters.desyncs == 0)
    }
  }

  @Test func `counts sixty healthy messages, each committed`() throws {
    let (tally, _) = try tally("kafka_healthy_none")
    #expect(tally.fetched == tally.fetchedOneByOne)
    #expect(tally.fetched >= 60)
    #expect(tally.produced.values.reduce(0, +) == 60)
    #expect(tally.commits == 60)
    #expect(tally.codecs == [.none])
    #expect(tally.joined == 1)
    #expect(tally.assigned.count == 4)
  }

  @Test func `counts the copies that a storm of seeks fetches, and its dead letters`() throws {
    let (tally, _) = try tally("kafka_storm_none")
    #expect(tally.delivered == 1_548)
    #expect(tally.fetchedOneByOne == tally.fetched)
    #expect(tally.commits == 60)
    #expect(tally.produced.filter { $0.key.hasSuffix(".DLT") }.values.reduce(0, +) == 48)
    #expect(tally.produced.filter { !$0.key.hasSuffix(".DLT") }.values.reduce(0, +) == 60)
  }

  @Test func `counts a compressed storm by its batches alone`() throws {
    let (tally, _) = try tally("kafka_storm_gzip")
    #expect(tally.codecs.contains(.gzip))
    #expect(tally.commits == 15)
    #expect(tally.produced.filter { $0.key.hasSuffix(".DLT") }.values.reduce(0, +) == 12)
    #expect(tally.produced.filter { !$0.key.hasSuffix(".DLT") }.values.reduce(0, +) == 15)
    #expect(tally.fetched > tally.fetchedOneByOne)
  }

  @Test func `reads topic ids and the newest versions that librdkafka speaks`() throws {
    let (tally, _) = try tally("kafka_rdkafka_ids")
    #expect(tally.versions[1] == [16])
    #expect(tally.delivered == 60)
    #expect(tally.produced.values.reduce(0, +) == 60)
    #expect(tally.commits == 6)
    #expect(tally.committed.values.sorted().suffix(2) == [30, 30])
    #expect(!tally.assigned.isEmpty)
  }

  @Test func `reads an assignment by KIP-848`() throws {
    let (tally, _) = try tally("kafka_rdkafka_kip848")
    #expect(tally.versions[68] != nil)
    #expect(tally.assignedByID >= 2)
    #expect(tally.joined == 0)
    #expect(tally.delivered == 60)
    #expect(tally.committed.values.sorted().suffix(2) == [30, 30])
  }

  @Test func `reads another client's compressed batches`() throws {
    let (tally, _) = try tally("kafka_aiokafka")
    #expect(tally.codecs == [.gzip])
    #expect(tally.fetched == 60)
    #expect(tally.produced.values.reduce(0, +) == 60)
    #expect(tally.committed.values.sorted().suffix(2) == [30, 30])
  }
}
