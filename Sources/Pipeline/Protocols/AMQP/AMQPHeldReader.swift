/// Follows what a client tries to send while the kernel holds it. Those bytes are no facts yet: they come again when they pass.
///
/// - In: the bytes that the kernel shows, each run with its place in the client's stream.
/// - Out: the methods in them, to `AMQPSession.peek`.
/// - It begins with a copy of the client's decoder, where the stream has passed so far, so a message's body is known as one:
///   what a body holds is no method.
/// - Loss: bytes that are not shown are crossed where the length of a frame tells how to go on. Elsewhere it is lost, and
///   concludes nothing: what follows may be a body. The session makes another one when the stream has caught up.
/// - Memory: that of an `AMQPDecoder` in sync, one cut frame.
final class AMQPHeldReader {
  /// The next byte's place in the stream.
  private(set) var next: Sequence
  private(set) var isLost = false
  private var decoder: AMQPDecoder
  private unowned let session: AMQPSession

  /// Nil where the decoder does not know where frames begin.
  init?(_ session: AMQPSession, _ decoder: AMQPDecoder, at place: Sequence) {
    guard decoder.isInSync else { return nil }
    self.session = session
    self.decoder = decoder
    next = place
  }

  /// The bytes at `place`. Those that lie before `next` were read already.
  func read(_ bytes: RawSpan, at place: Sequence, at: Timestamp) {
    let ahead = place.distance(from: next)
    if ahead > 0 { decoder.lost(ahead, at: at, into: self) }
    let known = max(0, -ahead)
    guard !isLost, known < bytes.byteCount else { return }
    decoder.receive(bytes.extracting(droppingFirst: known), at: at, into: self)
    next = place.advanced(by: bytes.byteCount)
  }
}

extension AMQPHeldReader: AMQPFactSink {
  func method(_ method: AMQPMethod, channel: UInt16, in frame: RawSpan, at: Timestamp) {
    if !isLost { session.peek(method, channel: channel, in: frame, at: at) }
  }

  func lost(_ loss: AMQPLoss, bytes: Int, at: Timestamp) {
    // What the decoder finds by itself from here on is likely, but not certain.
    if case .outOfSync = loss { isLost = true }
  }

  func protocolHeader(major: UInt8, minor: UInt8, revision: UInt8, at: Timestamp) {}
  func contentHeader(_ header: AMQPContentHeader, channel: UInt16, in frame: RawSpan, at: Timestamp) {}
  func body(_ bytes: RawSpan, channel: UInt16, at: Timestamp) {}
  func bodyFrameEnded(channel: UInt16, at: Timestamp) {}
  func heartbeat(at: Timestamp) {}
}
