/// What may lie between TCP and the broker's protocol: a proxy's header, encryption. Takes both sides' bytes and gaps, gives
/// those that it carries.
///
/// A layer may begin with the connection or midway (`ConnectionFront.begin`). One that needs something that does not come by
/// the connection (session secrets) may wait for it: it keeps what came meanwhile within a bound of its own in bytes and
/// time, and the connection is not ruled out before.
package protocol StreamLayer: AnyObject {
  /// The next bytes of a side.
  func received(_ bytes: RawSpan, from side: Side, at: Timestamp, into output: inout LayerOutput)
  /// The next `count` bytes of a side will never come; 0 if their number is not known.
  func lost(_ count: Int, from side: Side, at: Timestamp, into output: inout LayerOutput)
  /// A side's stream is over: what was kept of it is given now or never.
  func ended(_ side: Side, at: Timestamp, into output: inout LayerOutput)
  /// It carries nothing of what follows: that passes by it, unchanged.
  var isDone: Bool { get }
  /// It waits for something; `expire` is called until it no longer does.
  var isWaiting: Bool { get }
  /// Gives up what it has waited for too long.
  func expire(at: Timestamp, into output: inout LayerOutput)
}

/// What a layer gives: bytes and gaps of each side, in order.
package struct LayerOutput {
  private var bytes: [UInt8] = []
  private var pieces: [Piece] = []

  private struct Piece {
    var side: Side
    /// Of bytes, or of a gap; a gap of 0 has an unknown length.
    var count: Int
    var isGap: Bool
    var at: Timestamp
  }

  package init() {}

  package mutating func append(_ span: RawSpan, of side: Side, at: Timestamp) {
    guard !span.isEmpty else { return }
    span.withUnsafeBytes { bytes.append(contentsOf: $0) }
    pieces.append(Piece(side: side, count: span.byteCount, isGap: false, at: at))
  }

  package mutating func appendGap(_ count: Int, of side: Side, at: Timestamp) {
    pieces.append(Piece(side: side, count: count, isGap: true, at: at))
  }

  package var isEmpty: Bool { pieces.isEmpty }

  /// Calls one of both for each piece, in order.
  func forEach(
    bytes take: (RawSpan, Side, Timestamp) -> Void, gap: (Int, Side, Timestamp) -> Void
  ) {
    var start = 0
    for piece in pieces {
      if piece.isGap {
        gap(piece.count, piece.side, piece.at)
      } else {
        take(bytes.span.bytes.extracting(start..<start &+ piece.count), piece.side, piece.at)
        start &+= piece.count
      }
    }
  }
}
