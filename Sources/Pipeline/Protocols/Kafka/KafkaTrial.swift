/// Whether bytes are a Kafka request, or its beginning: a head of a known key and version, and fields that can be read as
/// that version has them. For detection: everything that is there must fit.
enum KafkaTrial {
  struct Request {
    /// Of the frame, with the four bytes of its size.
    var size: Int
    var clientID: [UInt8]
    /// ApiVersions, SaslHandshake or Metadata: what a client begins with.
    var opens: Bool
    /// Produce 3 to 8 outside of a transaction, without a client id, and long enough to have records.
    var isNamelessProduce: Bool
    var hasClientID: Bool { !clientID.isEmpty }
  }

  /// Behind the client id come a transactional id of null and acks of −1, 0 or 1; in an answer to Fetch, whose correlation id
  /// may look like such a head, there is a session's id. The least has a topic of one letter and an empty batch (61 bytes).
  private static func isNamelessProduce(_ head: KafkaHead, _ span: RawSpan, _ i: Int) -> Bool {
    guard 3...8 ~= head.version, head.size >= 80, head.clientID.isEmpty, span.be16(i &+ 14) == 0xffff else {
      return false
    }
    let acks = span.be16(i &+ 16)
    return acks == 0xffff || acks == 0 || acks == 1
  }

  case request(Request)
  case unfinished
  case no

  init(_ span: RawSpan, at i: Int) {
    switch KafkaHead.request(span, at: i) {
    case .no: self = .no
    case .needs: self = .unfinished
    case .head(let head):
      guard head.clientID.count <= 255, Self.reads(head, span, i) else {
        self = .no
        return
      }
      let key = head.key
      self = .request(
        Request(
          size: head.size &+ 4,
          clientID: span.extracting(head.clientID.range(in: span)).withUnsafeBytes { Array($0) },
          opens: key == .apiVersions || key == .saslHandshake || key == .metadata,
          isNamelessProduce: key == .produce && Self.isNamelessProduce(head, span, i)))
    }
  }

  /// Unknown keys and versions are read by nobody; a newer ApiVersions at least begins a connection.
  static func reads(_ head: KafkaHead, _ span: RawSpan, _ i: Int) -> Bool {
    let program = KafkaProgram.shared
    guard let entry = program.entry(head.key), entry.versions.contains(head.version) else {
      return head.key == .apiVersions && head.version <= 8
    }
    return reads(program.request(entry, head.version), of: head, span, i)
  }

  /// Whether what is there of the message can be read by those steps. Its head begins at `i`.
  static func reads(_ step: Int32, of head: KafkaHead, _ span: RawSpan, _ i: Int) -> Bool {
    var reader = KafkaMessageReader(hashKey: KeyedHash.Key(0, 0))
    reader.begin(step, size: head.size &+ 4 &- head.length)
    reader.isPrelude = true
    _ = reader.read(span, from: i &+ head.length, at: .zero, into: KafkaSilence.shared)
    return reader.status != .broken
  }
}

/// Facts of a trial are none.
final class KafkaSilence: KafkaFactSink, Sendable {
  static let shared = KafkaSilence()
  func fact(_ fact: KafkaFact, of exchange: KafkaExchange, in frame: RawSpan, at: Timestamp) {}
  func lost(_ loss: KafkaLoss, bytes: Int, at: Timestamp) {}
}
