/// One Kafka connection's bytes as a recording may keep them: contents of records, headers that say nothing known,
/// credentials and every byte that can't be placed become zeroes (where these would say something: 0xff), lengths stay.
/// Numbers below 100 in headers are kept, since they may count tries.
///
/// - The last eight bytes of a key or value (all of a shorter one) become its keyed hash, so that equal ones stay equal,
///   which tells whose dead letter a copy is. Records in compressed batches are zeroed as a whole: nothing is read there.
/// - Out: as many bytes as came in, but those that wait for more to be understood come with the next ones.
/// - Built on the decoder, so both agree on what a byte is. Memory: the decoder's, and as many waiting bytes again.
package final class KafkaRedactor {
  private let decoder: KafkaDecoder
  private let finder = WithheldFinder()

  /// `hashKey`: one for all connections of a recording, and for nothing else.
  package init(hashKey: KeyedHash.Key) {
    decoder = KafkaDecoder(hashKey: hashKey)
  }

  /// The next bytes of a side; what can be told of them and those before is appended to `out`.
  package func receive(_ bytes: RawSpan, from role: KafkaRole, into out: inout [UInt8]) {
    finder.role = role
    finder.side.append(bytes)
    decoder.receive(bytes, from: role, at: .zero, into: finder)
    finder.side.write(waiting: decoder.waitingBytes(role), into: &out)
  }

  /// The next `count` bytes of a side will never come (0: nobody knows how many). Answers with how many before them
  /// waited: what was not understood yet belongs to the gap.
  package func lost(_ count: Int, from role: KafkaRole, into out: inout [UInt8]) -> Int {
    let waiting = decoder.waitingBytes(role)
    finder.role = role
    decoder.lost(count, from: role, at: .zero, into: finder)
    let waited = finder.side.giveUp(waiting: waiting, into: &out)
    finder.side.position &+= max(count, 0)
    return waited
  }

  /// A side's stream is over. Answers with how many bytes waited: a gap at its end.
  package func finish(_ role: KafkaRole, into out: inout [UInt8]) -> Int {
    let waiting = decoder.waitingBytes(role)
    finder.role = role
    decoder.finish(role, at: .zero, into: finder)
    return finder.side.giveUp(waiting: waiting, into: &out)
  }
}

/// What one side has said and is not written yet. Offsets count from its first byte, gaps included.
private struct RedactedSide {
  /// Of the first byte of `bytes`.
  var position = 0
  var bytes: [UInt8] = []
  var withheld: [(bytes: Range<Int>, filler: UInt8)] = []
  /// The key or value whose hash is still to come.
  var content: Range<Int>?

  static let hashSize = 8

  mutating func append(_ chunk: RawSpan) {
    chunk.withUnsafeBytes { bytes.append(contentsOf: $0) }
  }

  mutating func contentBegins(_ range: Range<Int>) {
    guard !range.isEmpty else { return }
    withheld.append((range, 0))
    content = range
  }

  /// The hash's lowest bytes over the content's last ones, which were kept waiting for it.
  mutating func contentEnded(_ hash: UInt64) {
    guard let range = content else { return }
    content = nil
    // At once, since the hash must not be zeroed with the rest.
    fill(range, 0)
    withheld.removeAll { $0.bytes == range }
    var rest = hash
    for offset in stride(from: range.upperBound &- 1, through: hashStart(range), by: -1) {
      if bytes.indices.contains(offset &- position) { bytes[offset &- position] = UInt8(truncatingIfNeeded: rest) }
      rest &>>= 8
    }
  }

  /// All but the last `waiting` bytes, and but those that a hash is to replace.
  mutating func write(waiting: Int, into out: inout [UInt8]) {
    var end = position &+ bytes.count &- waiting
    if let range = content {
      if end >= range.upperBound { content = nil } else { end = min(end, max(position, hashStart(range))) }
    }
    write(to: end, into: &out)
  }

  /// The last `waiting` bytes are given up; answers with how many. What waited for a content's hash is zeroes now.
  mutating func giveUp(waiting: Int, into out: inout [UInt8]) -> Int {
    content = nil
    let dropped = min(waiting, bytes.count)
    write(to: position &+ bytes.count &- dropped, into: &out)
    bytes.removeAll(keepingCapacity: true)
    position &+= dropped
    return dropped
  }

  private mutating func write(to end: Int, into out: inout [UInt8]) {
    for (range, filler) in withheld { fill(range, filler) }
    out.append(contentsOf: bytes[..<(end &- position)])
    bytes.removeFirst(end &- position)
    position = end
    withheld.removeAll { $0.bytes.upperBound <= end }
  }

  private mutating func fill(_ range: Range<Int>, _ filler: UInt8) {
    for i in range.clamped(to: position..<position &+ bytes.count) { bytes[i &- position] = filler }
  }

  private func hashStart(_ range: Range<Int>) -> Int {
    max(range.lowerBound, range.upperBound &- Self.hashSize)
  }
}

/// Learns from the decoder where bytes lie.
private final class WithheldFinder: KafkaFactSink {
  /// The side that speaks.
  var role = KafkaRole.client
  private var client = RedactedSide()
  private var broker = RedactedSide()

  /// Its own, changed in place.
  var side: RedactedSide {
    _read {
      if role == .client { yield client } else { yield broker }
    }
    _modify {
      if role == .client { yield &client } else { yield &broker }
    }
  }

  func withheld(_ bytes: Range<Int>) {
    if !bytes.isEmpty { side.withheld.append((bytes, 0)) }
  }

  func masked(_ bytes: Range<Int>) {
    if !bytes.isEmpty { side.withheld.append((bytes, 0xff)) }
  }

  func keepsHeader(_ name: Text, _ value: Text, in span: RawSpan) -> Bool {
    KafkaTryMarks.mayCount(name, value, in: span)
  }

  func contentBegins(_ bytes: Range<Int>) { side.contentBegins(bytes) }
  func contentEnded(hash: UInt64) { side.contentEnded(hash) }

  func detail(_ topic: KafkaTopic, partition: Int32, of exchange: KafkaExchange, in frame: RawSpan) -> KafkaDetail {
    [.records, .hashes]
  }
  func fact(_ fact: KafkaFact, of exchange: KafkaExchange, in frame: RawSpan, at: Timestamp) {}
  func lost(_ loss: KafkaLoss, bytes: Int, at: Timestamp) {}
}
