internal import CProbe
internal import Pipeline

/// Segments of connections whose process is being looked for: where the kernel can't name processes as we number them, user
/// space finds the process of a new connection by its socket. A plain value; `Capture` owns it.
///
/// Memory: at most `maximum` bytes in all, `connectionMaximum` of one connection, and `connectionsMaximum` connections. What has no room is counted with its
/// connection, and becomes a loss if that turns out to be the target's.
struct WaitingSegments {
  struct Kept {
    var segments: [(segment: Segment, payload: [UInt8])] = []
    /// In a shared cgroup.
    var isListed: Bool
    var pair: Connections.Pair
    var since_ns: Int64
    var bytes = 0
    var lost: (segments: UInt64, bytes: UInt64) = (0, 0)
  }

  private var byCookie = [UInt64: Kept]()
  private var bytes = 0

  var isEmpty: Bool { byCookie.isEmpty }

  /// Keeps a segment with a copy of its payload, in the order in which it came, or counts it with its connection. False if
  /// there is no room for one connection more.
  mutating func append(
    _ segment: Segment, _ pair: Connections.Pair, marks: UInt8, _ payload: UnsafeRawBufferPointer, now_ns: Int64
  ) -> Bool {
    guard byCookie[segment.cookie] != nil || byCookie.count < Self.connectionsMaximum else { return false }
    let size = payload.count + Self.overhead
    var kept =
      byCookie.removeValue(forKey: segment.cookie)
      ?? Kept(
        isListed: marks & UInt8(CONNECTION_LISTED.rawValue) != 0, pair: pair, since_ns: now_ns)
    if bytes + size <= Self.maximum, kept.bytes + size <= Self.connectionMaximum {
      bytes += size
      kept.bytes += size
      kept.segments.append((segment, Array(payload)))
    } else {
      kept.lost.segments += 1
      kept.lost.bytes += UInt64(segment.length)
    }
    byCookie[segment.cookie] = kept
    return true
  }

  func isListed(_ cookie: UInt64) -> Bool { byCookie[cookie]?.isListed == true }

  func contains(_ cookie: UInt64) -> Bool { byCookie[cookie] != nil }

  /// Whether a connection with these ends waits.
  func contains(_ pair: Connections.Pair) -> Bool { byCookie.values.contains { $0.pair == pair } }

  mutating func take(_ cookie: UInt64) -> Kept? {
    guard let kept = byCookie.removeValue(forKey: cookie) else { return nil }
    bytes -= kept.bytes
    return kept
  }

  /// Connections that have waited for longer than an answer can take.
  func overdue(now_ns: Int64) -> [UInt64] {
    byCookie.filter { now_ns - $0.value.since_ns > Self.patience_ns }.map(\.key)
  }

  static let maximum = 4 << 20
  static let connectionMaximum = 1 << 20
  static let connectionsMaximum = 1024
  /// Of a segment beside its payload.
  private static let overhead = 160
  private static let patience_ns: Int64 = .seconds(1)
}
