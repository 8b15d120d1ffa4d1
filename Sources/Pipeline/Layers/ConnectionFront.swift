/// What lies in front of a connection's session, for live traffic, replay and recorder alike:
/// reassembly → layers (`StreamLayer`) → detection → the reader.
///
/// In: what reassembly gives. Out: calls on a `ProtocolReader`, the answer of detection before its bytes. Once a protocol
/// is known and no layer is left, bytes pass with nothing but two comparisons.
package struct ConnectionFront {
  private var layers: [any StreamLayer]
  private var detector: Detector?
  private let protocols: [any BrokerProtocol.Type]

  /// `fromStart`: the connection's SYN was seen.
  package init(fromStart: Bool) { self.init(fromStart: fromStart, protocols: BrokerProtocols.all) }

  init(fromStart: Bool, protocols: [any BrokerProtocol.Type]) {
    self.protocols = protocols
    layers = [ProxyHeader()]
    detector = Detector(fromStart: fromStart, protocols: protocols)
  }

  /// Some layer waits for something that does not come by the connection.
  package var isWaiting: Bool { layers.contains { $0.isWaiting } }

  /// A protocol is known, and its bytes pass as they are.
  var isTransparent: Bool { layers.isEmpty && detector == nil }

  /// From now on the connection's bytes go through that layer as well, behind those that are there. `detectsAnew`: what it
  /// carries is another protocol's beginning than what was read until now.
  package mutating func begin(_ layer: any StreamLayer, detectsAnew: Bool = false) {
    layers.append(layer)
    if detectsAnew { detector = Detector(fromStart: true, protocols: protocols) }
  }

  package mutating func received(
    _ bytes: RawSpan, from side: Side, at: Timestamp, into reader: some ProtocolReader
  ) {
    guard let layer = layers.first else { return detect(bytes, from: side, at: at, into: reader) }
    var output = LayerOutput()
    layer.received(bytes, from: side, at: at, into: &output)
    pass(output, through: 1, into: reader)
    dropLayers()
  }

  package mutating func lost(_ count: Int, from side: Side, at: Timestamp, into reader: some ProtocolReader) {
    guard let layer = layers.first else { return detect(lost: count, from: side, at: at, into: reader) }
    var output = LayerOutput()
    layer.lost(count, from: side, at: at, into: &output)
    pass(output, through: 1, into: reader)
    dropLayers()
  }

  /// A side's stream is over. `isLast`: so is the other's, or the whole connection is.
  package mutating func ended(_ side: Side, isLast: Bool, at: Timestamp, into reader: some ProtocolReader) {
    for (i, layer) in layers.enumerated() {
      var output = LayerOutput()
      layer.ended(side, at: at, into: &output)
      pass(output, through: i + 1, into: reader)
    }
    dropLayers()
    guard isLast, let answer = detector?.finish(), answer != .undecided else { return }
    decided(answer, at: at, into: reader)
  }

  /// Gives up what layers have waited for too long.
  package mutating func expire(at: Timestamp, into reader: some ProtocolReader) {
    for (i, layer) in layers.enumerated() where layer.isWaiting {
      var output = LayerOutput()
      layer.expire(at: at, into: &output)
      pass(output, through: i + 1, into: reader)
    }
    dropLayers()
  }

  /// What a layer gave goes on to the next one, `i`.
  private mutating func pass(_ output: LayerOutput, through i: Int, into reader: some ProtocolReader) {
    if output.isEmpty { return }
    if i < layers.count {
      let layer = layers[i]
      var next = LayerOutput()
      output.forEach {
        layer.received($0, from: $1, at: $2, into: &next)
      } gap: {
        layer.lost($0, from: $1, at: $2, into: &next)
      }
      return pass(next, through: i + 1, into: reader)
    }
    output.forEach {
      detect($0, from: $1, at: $2, into: reader)
    } gap: {
      detect(lost: $0, from: $1, at: $2, into: reader)
    }
  }

  private mutating func dropLayers() {
    if !layers.isEmpty { layers.removeAll { $0.isDone } }
  }

  @inline(__always)
  private mutating func detect(_ bytes: RawSpan, from side: Side, at: Timestamp, into reader: some ProtocolReader) {
    guard detector != nil else { return reader.read(bytes, from: side, at: at) }
    guard let answer = detector?.receive(bytes, from: side, at: at), answer != .undecided else { return }
    decided(answer, at: at, into: reader)
    if case .known = answer { reader.read(bytes, from: side, at: at) }
  }

  private mutating func detect(lost count: Int, from side: Side, at: Timestamp, into reader: some ProtocolReader) {
    if detector == nil {
      reader.missed(count, from: side, at: at)
    } else {
      _ = detector?.lost(count, from: side, at: at)
    }
  }

  private mutating func decided(_ answer: Detector.Answer, at: Timestamp, into reader: some ProtocolReader) {
    var decided = detector.take()
    reader.decided(answer, at: at)
    if case .known = answer { decided?.handOver(to: reader) } else { layers = [] }
  }
}

/// What reads a connection's protocol, or learns that there is nothing to read. Called from within its `ConnectionFront`,
/// which it must not change meanwhile.
package protocol ProtocolReader: AnyObject {
  /// Told once, before the bytes: what detection found.
  func decided(_ answer: Detector.Answer, at: Timestamp)
  /// The next bytes of a side, as the protocol has them; valid only during the call.
  func read(_ bytes: RawSpan, from side: Side, at: Timestamp)
  /// The next `count` bytes of a side will never come; 0 if their number is not known.
  func missed(_ count: Int, from side: Side, at: Timestamp)
}
