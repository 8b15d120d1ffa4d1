/// Takes off the header by which a proxy tells the server whom it speaks for (HAProxy's PROXY protocol, versions 1 and 2):
/// it comes before everything else that the client's side sends. What is in it is not looked at.
///
/// Version 1 is a line of at most 107 bytes that begins with `PROXY `; version 2 begins with a signature of 12 bytes, then
/// version and command, family, and the length of the rest in two bytes (its specification, sections 2.1 and 2.2).
/// Memory: at most 107 bytes.
final class ProxyHeader: StreamLayer {
  private(set) var isDone = false
  var isWaiting: Bool { false }
  private var kept: [UInt8] = []
  private var keptOf = Side.first
  private var keptAt = Timestamp.zero
  /// Of a header of version 2: bytes that are still to come.
  private var rest = 0

  func received(_ bytes: RawSpan, from side: Side, at: Timestamp, into output: inout LayerOutput) {
    if isDone || ((rest > 0 || !kept.isEmpty) && side != keptOf) {
      // A server that speaks before the header is complete does not wait for one.
      giveUp(into: &output)
      output.append(bytes, of: side, at: at)
      return
    }
    keptOf = side
    keptAt = at
    if rest > 0 { return skip(bytes, at: at, into: &output) }
    let before = kept.count
    bytes.withUnsafeBytes { kept.append(contentsOf: $0.prefix(Self.longestLine - before)) }
    let seen = kept
    switch Self.length(seen.span.bytes) {
    case nil:
      // Chunks stay as they are: detection looks at where they begin and end.
      kept.removeLast(seen.count - before)
      giveUp(into: &output)
      output.append(bytes, of: side, at: at)
    case 0?: break
    case let length?:
      rest = length - before
      kept = []
      skip(bytes, at: at, into: &output)
    }
  }

  /// Passes over what is left of the header; what follows is the protocol's.
  private func skip(_ bytes: RawSpan, at: Timestamp, into output: inout LayerOutput) {
    let skipped = min(rest, bytes.byteCount)
    rest -= skipped
    guard rest == 0 else { return }
    isDone = true
    output.append(bytes.extracting(droppingFirst: skipped), of: keptOf, at: at)
  }

  /// The length of the header that the bytes begin with; 0: more of them must be seen; nil: there is none.
  private static func length(_ seen: RawSpan) -> Int? {
    switch seen.begins(with: "PROXY ") {
    case .unfinished: return 0
    case .match:
      for i in 0..<seen.byteCount where seen.u8(i) == UInt8(ascii: "\r") {
        guard let next = seen.u8(i + 1) else { return i + 1 < longestLine ? 0 : nil }
        return next == UInt8(ascii: "\n") ? i + 2 : nil
      }
      return seen.byteCount < longestLine ? 0 : nil
    case .no: break
    }
    switch seen.begins(with: "\r\n\r\n\0\r\nQUIT\n") {
    case .no: return nil
    case .unfinished: return 0
    case .match:
      guard let version = seen.u8(12) else { return 0 }
      guard version >> 4 == 2 else { return nil }
      return seen.be16(14).map { 16 + Int($0) } ?? 0
    }
  }

  /// There is no header: gives what was kept.
  private func giveUp(into output: inout LayerOutput) {
    isDone = true
    let seen = kept
    kept = []
    output.append(seen.span.bytes, of: keptOf, at: keptAt)
  }

  func lost(_ count: Int, from side: Side, at: Timestamp, into output: inout LayerOutput) {
    giveUp(into: &output)
    output.appendGap(count, of: side, at: at)
  }

  func ended(_ side: Side, at: Timestamp, into output: inout LayerOutput) { giveUp(into: &output) }
  func expire(at: Timestamp, into output: inout LayerOutput) {}

  private static let longestLine = 107
}
