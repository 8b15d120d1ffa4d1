import Testing

@testable import Pipeline

/// Commits whose metadata says what is done above the committed offset.
@Suite struct KafkaCommitMetadataTests {
  let bench = KafkaBench()

  @Test(arguments: ParallelProgress.Encoding.allCases)
  func `what the metadata says is done is acknowledged`(encoding: ParallelProgress.Encoding) throws {
    let consumer = bench.consumer()
    consumer.poll("orders-0@0...19")
    let done: Set<Int64> = [1, 2, 5, 6, 7, 8, 9, 10, 11, 12, 13, 19]
    consumer.coordinator.commit(
      "g", "m", generation: 1, ["orders-0@0"], metadata: ParallelProgress.encode(done, above: 0, encoding))
    #expect(try bench.counts() == ["delivered": 20, "acked": 12, "in_flight": 8])
    // The same again, with one more.
    consumer.coordinator.commit(
      "g", "m", generation: 1, ["orders-0@0"],
      metadata: ParallelProgress.encode(done.union([3]), above: 0, encoding))
    #expect(try bench.counts() == ["delivered": 20, "acked": 13, "in_flight": 7])
    #expect(try bench.group().inferences == ["completed_offsets": 2])
    consumer.commit("orders-0@20")
    #expect(try bench.counts() == ["delivered": 20, "acked": 20])
  }

  @Test(arguments: ParallelProgress.Encoding.allCases)
  func `offsets count from the committed one`(encoding: ParallelProgress.Encoding) throws {
    let consumer = bench.consumer()
    consumer.poll("orders-0@1000...1999")
    let done = Set((1_100...1_990 as ClosedRange<Int64>).filter { $0 % 3 != 0 })
    consumer.coordinator.commit(
      "g", "m", generation: 1, ["orders-0@1100"], metadata: ParallelProgress.encode(done, above: 1_100, encoding))
    #expect(try bench.counts()["acked"] == 100 + done.count)
  }

  @Test func `a record that was dead-lettered before is acknowledged as its pair`() throws {
    let consumer = bench.consumer()
    consumer.poll("orders-0@0...4")
    bench.connect().produce("orders.DLT", headers: KafkaCopies.spring("orders", 0, 3))
    consumer.coordinator.commit(
      "g", "m", generation: 1, ["orders-0@0"], metadata: ParallelProgress.encode([3, 4], above: 0, .bitSet2))
    #expect(try bench.counts() == ["delivered": 5, "acked": 1, "dead_lettered": 1, "acked_paired": 1, "in_flight": 3])
  }

  @Test(arguments: ["", "worker-7", "bA==", "bAAFAA==", "ZQAAAAE=", "bgAB/zo=", "ZQAAAAEAAAAB", "AQ==", "not base64!"])
  func `other metadata says nothing of records`(metadata: String) throws {
    let consumer = bench.consumer()
    consumer.poll("orders-0@0...0")
    consumer.coordinator.commit("g", "m", generation: 1, ["orders-0@0"], metadata: metadata)
    #expect(try bench.counts() == ["delivered": 1, "in_flight": 1])
    #expect(try bench.group().inferences == [:])
  }

  @Test func `metadata that changes at the same offset is progress of unknown extent`() throws {
    let consumer = bench.consumer()
    consumer.poll("orders-0@0...9")
    func commit(_ offset: Int, _ metadata: String) {
      consumer.coordinator.commit("g", "m", generation: 1, ["orders-0@\(offset)"], metadata: metadata)
    }
    for round in 0..<60 {
      commit(0, "cLUv/\(round)")
      bench.pass(10)
      #expect(try bench.group().monitor.judgement.kind != .stalled)
    }
    #expect(try bench.group().inferences == ["changed_metadata": 59])
    // The same once more is none.
    for _ in 0..<120 {
      commit(0, "cLUv/59")
      bench.pass(10)
    }
    #expect(try bench.group().monitor.judgement.kind == .stalled)
    #expect(try bench.group().inferences == ["changed_metadata": 59])
    #expect(try bench.counts() == ["delivered": 10, "in_flight": 10])
  }

  @Test func `a zero byte behind the text is no part of it`() throws {
    let consumer = bench.consumer()
    consumer.poll("orders-0@0...4")
    consumer.coordinator.commit(
      "g", "m", generation: 1, ["orders-0@0"],
      metadata: ParallelProgress.encode([3, 4], above: 0, .bitSet2) + "\0")
    #expect(try bench.counts() == ["delivered": 5, "acked": 2, "in_flight": 3])
  }

  @Test func `a commit that is refused says nothing`() throws {
    let consumer = bench.consumer()
    consumer.poll("orders-0@0...4")
    consumer.coordinator.commit(
      "g", "m", generation: 1, ["orders-0@0"], error: 28,
      metadata: ParallelProgress.encode([3], above: 0, .runLength2))
    #expect(try bench.counts() == ["delivered": 5, "commit_failures": 1, "in_flight": 5])
  }
}

/// Commit metadata as Confluent's Parallel Consumer writes it, after its package `io.confluent.parallelconsumer.offsets`.
enum ParallelProgress {
  enum Encoding: UInt8, CaseIterable {
    case bitSet1 = 0x6c
    case bitSet2 = 0x6f
    case runLength1 = 0x6e
    case runLength2 = 0x65
  }

  /// `base`: the offset that is committed, which is not done.
  static func encode(_ done: Set<Int64>, above base: Int64, _ encoding: Encoding) -> String {
    let flags = (base...max(base, done.max() ?? base)).map(done.contains)
    var bytes = [encoding.rawValue]
    switch encoding {
    case .bitSet1, .bitSet2:
      bytes += encoding == .bitSet1 ? KafkaBytes.i16(flags.count) : KafkaBytes.i32(flags.count)
      // Its buffer has one byte more than the bits need.
      var bits = [UInt8](repeating: 0, count: (flags.count + 7) / 8 + 1)
      for (i, isDone) in flags.enumerated() where isDone { bits[i / 8] |= 1 << UInt8(i % 8) }
      bytes += bits
    case .runLength1, .runLength2:
      var runs = [0]
      var wasDone = false
      for isDone in flags {
        if isDone != wasDone { runs.append(0) }
        runs[runs.count - 1] += 1
        wasDone = isDone
      }
      bytes += runs.flatMap { encoding == .runLength1 ? KafkaBytes.i16($0) : KafkaBytes.i32($0) }
    }
    return base64(bytes)
  }

  private static func base64(_ bytes: [UInt8]) -> String {
    let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
    var text = ""
    for start in stride(from: 0, to: bytes.count, by: 3) {
      let group = bytes[start..<min(start + 3, bytes.count)]
      let bits = group.reduce(UInt32(0)) { $0 << 8 | UInt32($1) } << UInt32(8 * (3 - group.count))
      for i in 0..<4 { text.append(i <= group.count ? alphabet[Int(bits >> UInt32(18 - 6 * i) & 63)] : "=") }
    }
    return text
  }
}
