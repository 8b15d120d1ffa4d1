// libFuzzer target: everything that reads AMQP from the wire. Compiled together with Sources/Pipeline, with
// -parse-as-library -sanitize=fuzzer,address. Run with SWIFT_BACKTRACE=enable=no.
//
// Input: the first byte chooses the role, then pieces: a length (two bytes, highest first; bit 15: a gap instead of
// bytes) and that many bytes. Traps are found by the sanitizers, wrong sums and places by the preconditions below.

/// Reads everything that a fact offers, so that a slice outside its frame is found.
private final class FuzzSink: AMQPFactSink {
  var placed = 0
  var facts = 0
  private var hash = KeyedHash(KeyedHash.Key(1, 2))

  func protocolHeader(major: UInt8, minor: UInt8, revision: UInt8, at: Timestamp) { facts += 1 }

  func method(_ method: AMQPMethod, channel: UInt16, in frame: RawSpan, at: Timestamp) {
    facts += 1
    switch method {
    case .connectionStart(let start): read(start.serverProperties, frame)
    case .connectionStartOk(let ok): read(ok.clientProperties, frame)
    case .queueDeclare(let declare):
      read(declare.arguments, frame)
      hash.combine(declare.queue, in: frame)
    case .exchangeDeclare(let declare): read(declare.arguments, frame)
    case .basicConsume(let consume): read(consume.arguments, frame)
    case .basicDeliver(let deliver):
      hash.combine(deliver.exchange, in: frame)
      hash.combine(deliver.routingKey, in: frame)
    case .basicPublish(let publish): hash.combine(publish.routingKey, in: frame)
    default: break
    }
  }

  func contentHeader(_ header: AMQPContentHeader, channel: UInt16, in frame: RawSpan, at: Timestamp) {
    facts += 1
    hash.combine(header.messageID, in: frame)
    read(header.headers, frame)
    let headers = AMQPHeaders(header.headers, in: frame)
    guard let items = headers.deaths else { return }
    var deaths = AMQPDeaths(items)
    while let death = deaths.next(in: frame) {
      hash.combine(death.queue, in: frame)
      read(death.routingKeys, frame, keyed: false)
    }
  }

  func body(_ bytes: RawSpan, channel: UInt16, at: Timestamp) {
    precondition(bytes.byteCount > 0)
    hash.combine(bytes)
  }

  func bodyFrameEnded(channel: UInt16, at: Timestamp) {}
  func heartbeat(at: Timestamp) { facts += 1 }
  func lost(_ loss: AMQPLoss, bytes: Int, at: Timestamp) { precondition(bytes >= 0) }

  func placed(_ place: AMQPPlace, count: Int, frame: RawSpan) {
    precondition(count > 0 && (place != .method || count <= frame.byteCount))
    placed += count
  }

  private func read(_ text: Text, _ frame: RawSpan, keyed: Bool = true, depth: Int = 0) {
    var table = keyed ? AMQPTable(entries: text) : AMQPTable(items: text)
    while let (key, value) = table.next(in: frame) {
      hash.combine(key, in: frame)
      switch value {
      case .string(let text), .bytes(let text): hash.combine(text, in: frame)
      case .table(let entries): if depth < 8 { read(entries, frame, depth: depth + 1) }
      case .array(let items): if depth < 8 { read(items, frame, keyed: false, depth: depth + 1) }
      default: break
      }
    }
  }
}

private final class FuzzHandOver: ProtocolReader {
  var bytes = 0
  func decided(_ answer: Detector.Answer, at: Timestamp) {}
  func read(_ span: RawSpan, from side: Side, at: Timestamp) { bytes += span.byteCount }
  func missed(_ count: Int, from side: Side, at: Timestamp) { precondition(count >= 0) }
}

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzAMQP(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  guard let start, count > 1 else { return 0 }
  let input = UnsafeRawBufferPointer(start: start, count: count)
  let role: AMQPRole = input[0] & 1 == 0 ? .client : .server
  var decoder = AMQPDecoder(role: role)
  var redactor = AMQPRedactor(role: role)
  var detector = Detector(fromStart: input[0] & 2 == 0)
  let sink = FuzzSink()
  var i = 1
  while i + 2 <= input.count {
    let word = Int(input[i]) << 8 | Int(input[i + 1])
    i += 2
    let side: Side = word & 1 == 0 ? .first : .second
    if word & 0x8000 != 0 {
      let gap = word & 0x3fff
      decoder.lost(gap, at: .zero, into: sink)
      redactor.lost(gap)
      _ = detector.lost(gap, from: side, at: .zero)
      continue
    }
    // A copy of its own, so that reading over its end is found.
    let piece = Array(input[i..<min(i + max(word & 0xfff, 1), input.count)])
    i += piece.count
    guard !piece.isEmpty else { break }
    let span = piece.span.bytes
    let placed = sink.placed
    decoder.receive(span, at: .zero, into: sink)
    precondition(sink.placed - placed == piece.count)
    let counters = decoder.counters
    precondition(
      counters.receivedBytes == counters.understoodBytes + counters.skippedBytes + UInt64(decoder.pendingBytes))
    redactor.receive(span)
    var end = 0
    for secret in redactor.secrets {
      precondition(secret.lowerBound >= end && !secret.isEmpty && secret.upperBound <= piece.count)
      end = secret.upperBound
    }
    _ = detector.receive(span, from: side, at: .zero)
  }
  decoder.finish(at: .zero, into: sink)
  precondition(decoder.pendingBytes == 0)
  _ = detector.finish()
  let handed = FuzzHandOver()
  detector.handOver(to: handed)
  precondition(handed.bytes <= 2 * 4_096)
  return 0
}
