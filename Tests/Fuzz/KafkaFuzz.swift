// libFuzzer target: everything that reads Kafka from the wire. Compiled together with Sources/Pipeline, with
// -parse-as-library -sanitize=fuzzer,address. Run with SWIFT_BACKTRACE=enable=no.
//
// Input: pieces, each a word (two bytes, highest first) and as many bytes as its lowest twelve bits say. Bit 15: a gap
// instead of bytes; bit 14: the broker's side; bit 13: of unknown length (gap), or the piece is fed byte by byte. Traps are
// found by the sanitizers, wrong sums and unbounded memory by the preconditions below.

/// Reads everything that a fact offers, so that a slice outside its span is found.
private final class FuzzSink: KafkaFactSink {
  var facts = 0
  var detail: KafkaDetail = []
  private var hash = KeyedHash(KeyedHash.Key(1, 2))

  func fact(_ fact: KafkaFact, of exchange: KafkaExchange, in frame: RawSpan, at: Timestamp) {
    facts += 1
    switch fact {
    case .request(let clientID): read(clientID, frame)
    case .apiVersionsRequested(let name, let version):
      read(name, frame)
      read(version, frame)
    case .broker(_, let host, let port, let rack):
      read(host, frame)
      read(rack, frame)
      hash.combine(UInt64(bitPattern: Int64(port)))
    case .topic(let topic, _, _, _): read(topic.name, frame)
    case .fetchPartitionRequested(let position): read(position.topic.name, frame)
    case .fetchPartition(let partition): read(partition.topic.name, frame)
    case .record(let record):
      read(record.marks.sourceTopic, frame)
      read(record.marks.sourceGroup, frame)
      read(record.marks.traceparent, frame)
    case .batch(let batch): precondition(batch.count >= -1 && batch.size_bytes >= 18)
    case .offsetCommitAnswered(let member, let id, _, let position, _):
      read(member, frame)
      read(id, frame)
      read(position.topic.name, frame)
    case .joinProtocol(let join, let name, let subscription):
      read(join.group, frame)
      read(name, frame)
      subscription.forEachTopic(in: frame) { read($0, frame) }
    case .syncGroupAnswered(let member, let kind, let assignment, _):
      read(member, frame)
      read(kind, frame)
      var partitions = assignment.partitions(in: frame)
      while let next = partitions?.next(in: frame) { read(next.topic, frame) }
    case .acknowledged(let member, let acknowledgement, _):
      read(member, frame)
      read(acknowledgement.types, frame)
      _ = acknowledgement.type(of: acknowledgement.firstOffset, in: frame)
      _ = acknowledgement.type(of: acknowledgement.lastOffset, in: frame)
    case .memberHeartbeatAnswered(let member, let assigned, _, _):
      read(member, frame)
      read(assigned, frame)
    case .subscribedTopic(let member, let subtopology, let topic):
      read(member, frame)
      read(subtopology, frame)
      read(topic, frame)
    default: break
    }
  }

  func detail(
    _ topic: KafkaTopic, partition: Int32, of exchange: KafkaExchange, in frame: RawSpan
  ) -> KafkaDetail {
    read(topic.name, frame)
    return detail
  }

  func lost(_ loss: KafkaLoss, bytes: Int, at: Timestamp) { precondition(bytes >= 0) }

  private func read(_ member: KafkaMembership, _ frame: RawSpan) {
    read(member.group, frame)
    read(member.member, frame)
    read(member.instance, frame)
  }

  private func read(_ text: Text, _ frame: RawSpan) {
    precondition(text.isEmpty || Int(text.offset) + Int(text.count) <= frame.byteCount)
    hash.combine(text, in: frame)
  }
}

/// Nothing is ever lost from the books.
private func check(_ ledger: Ledger) {
  precondition(ledger.deliveries.count <= 4_096)
  for group in ledger.groups {
    precondition(group.totals.delivered == group.totals.settled + UInt64(group.inFlight))
    for partition in group.partitions { precondition(partition.totals.delivered >= partition.totals.settled) }
  }
}

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzKafka(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  guard let start, count > 1 else { return 0 }
  let input = UnsafeRawBufferPointer(start: start, count: count)
  let decoder = KafkaDecoder(hashKey: KeyedHash.Key(3, 4))
  var detector = Detector(fromStart: input[0] & 1 == 0)
  let redactor = KafkaRedactor(hashKey: KeyedHash.Key(7, 8))
  var recorded: [UInt8] = []
  var received = 0
  // The same bytes once more, as two processes' connections take them: the odd pieces on the one, the even on the other.
  var settings = Settings()
  settings.limits.inFlight = 4_096
  settings.limits.groups = 64
  let ledger = Ledger(settings: settings, target: "fuzz")
  let state = KafkaState(key: KeyedHash.Key(5, 6), ledger: ledger)
  let sessions = [1, 2].map {
    KafkaSession(ledger: ledger, state: state, server: Endpoint(v4: 0x7f00_0001, port: $0), process: UInt64($0) / 2)
  }
  var pieces = 0
  var at = Timestamp(ns: 1)
  let sink = FuzzSink()
  sink.detail = KafkaDetail(rawValue: input[0] >> 1 & 7)
  var i = 1
  while i + 2 <= input.count {
    let word = Int(input[i]) << 8 | Int(input[i + 1])
    i += 2
    let role: KafkaRole = word & 0x4000 == 0 ? .client : .broker
    let side: Side = role == .client ? .first : .second
    let session = sessions[pieces / 2 % 2]
    pieces += 1
    at = at + .milliseconds(700)
    if word & 0x8000 != 0 {
      let gap = word & 0x2000 == 0 ? word & 0xfff : 0
      decoder.lost(gap, from: role, at: .zero, into: sink)
      received -= redactor.lost(gap, from: role, into: &recorded)
      _ = detector.lost(gap, from: side, at: .zero)
      session.lost(gap, fromClient: role == .client, at: at)
      continue
    }
    let end = min(i + (word & 0xfff), input.count)
    let step = word & 0x2000 == 0 ? max(end - i, 1) : 1
    while i < end {
      // A copy of its own, so that reading over its end is found.
      let piece = Array(input[i..<min(i + step, end)])
      i += piece.count
      decoder.receive(piece.span.bytes, from: role, at: .zero, into: sink)
      let counters = decoder.counters
      precondition(
        counters.receivedBytes == counters.understoodBytes + counters.skippedBytes + UInt64(decoder.pendingBytes))
      precondition(decoder.heldBytes <= 2 << 20)
      _ = detector.receive(piece.span.bytes, from: side, at: .zero)
      redactor.receive(piece.span.bytes, from: role, into: &recorded)
      received += piece.count
      precondition(received - recorded.count <= 1 << 20)
      session.receive(piece.span.bytes, fromClient: role == .client, at: at)
      _ = session.use
    }
    state.expire(at: at)
    _ = ledger.tick(at: at)
    check(ledger)
  }
  for session in sessions { session.ended(client: true, .finished, at: at) }
  state.finish(at: at)
  check(ledger)
  decoder.finish(.client, at: .zero, into: sink)
  decoder.finish(.broker, at: .zero, into: sink)
  precondition(decoder.pendingBytes == 0)
  received -= redactor.finish(.client, into: &recorded)
  received -= redactor.finish(.broker, into: &recorded)
  precondition(recorded.count == received)
  return 0
}
