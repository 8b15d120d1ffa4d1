/// One connection's bytes as a recording may keep them: contents of messages and credentials are zeroed, lengths stay.
package struct Redactor {
  private let client: Side
  private var redactor: any ProtocolRedactor

  /// For what a detector found; nil where it found no protocol that is decoded: nothing knows which of its bytes are
  /// contents and credentials. `hashKey`: random, one for all connections of a recording, and for nothing else.
  package init?(_ answer: Detector.Answer, hashKey: KeyedHash.Key) {
    self.init(answer, hashKey: hashKey, protocols: BrokerProtocols.all)
  }

  init?(_ answer: Detector.Answer, hashKey: KeyedHash.Key, protocols: [any BrokerProtocol.Type]) {
    guard case .known(let system, let client) = answer, let found = protocols.first(where: { $0.system == system })
    else { return nil }
    self.client = client
    redactor = found.redactor(hashKey: hashKey)
  }

  /// The next bytes of a side. `out` gets as many; some of them perhaps only with the next ones.
  package mutating func receive(_ bytes: RawSpan, from side: Side, into out: inout [UInt8]) {
    redactor.receive(bytes, fromClient: side == client, into: &out)
  }

  /// The next `count` bytes of a side will never come; 0 if their number is not known. `out` gets what is known of those
  /// before. Returns how many of them are not known, and belong to the gap.
  package mutating func lost(_ count: Int, from side: Side, into out: inout [UInt8]) -> Int {
    redactor.lost(count, fromClient: side == client, into: &out)
  }

  /// A side's stream is over. `out` and the result are those of `lost`.
  package mutating func finish(_ side: Side, into out: inout [UInt8]) -> Int {
    redactor.finish(client: side == client, into: &out)
  }
}
