import Pipeline

@testable import Kernel

/// Keeps what a capture hands on, and puts each direction's bytes together by sequence number.
final class Recorder {
  struct Stream {
    /// Sequence number of the first byte.
    var start: UInt32?
    var parts: [(at: Int, bytes: [UInt8], length: Int)] = []
    var sawSYN = false
    var sawFIN = false
  }

  private(set) var segments: [Segment] = []
  /// Of each of `segments`.
  private(set) var payloads: [[UInt8]] = []
  /// Bytes shown while they were held, by connection, in the order in which they came.
  private(set) var held: [UInt64: [UInt8]] = [:]
  private(set) var losses: [CaptureLoss] = []
  private(set) var streams: [UInt64: [Segment.Direction: Stream]] = [:]

  /// Polls until `quiet_ms` pass without a segment.
  func record(_ capture: Capture, quiet_ms: Int = 10) {
    while capture.poll(timeout_ms: quiet_ms, body: take, loss: { self.losses.append($0) }, held: show) > 0 {}
  }

  private func show(_ segment: Segment, _ payload: RawSpan) {
    held[segment.cookie, default: []] += payload.withUnsafeBytes { Array($0) }
  }

  func take(_ segment: Segment, _ payload: RawSpan) {
    segments.append(segment)
    let bytes = payload.withUnsafeBytes { Array($0) }
    payloads.append(bytes)
    guard let direction = segment.direction else { return }
    var stream = streams[segment.cookie, default: [:]][direction] ?? Stream()
    if segment.flags.contains(.syn) {
      stream.sawSYN = true
      stream.start = segment.sequence &+ 1
    }
    if segment.flags.contains(.fin) { stream.sawFIN = true }
    if segment.length > 0 {
      let start = stream.start ?? segment.sequence
      stream.start = start
      stream.parts.append((Int(Int32(bitPattern: segment.sequence &- start)), bytes, segment.length))
    }
    streams[segment.cookie, default: [:]][direction] = stream
  }

  /// The bytes of one direction in order; nil if there is a hole in them.
  func bytes(_ cookie: UInt64, _ direction: Segment.Direction) -> [UInt8]? {
    var bytes = [UInt8]()
    for part in (streams[cookie]?[direction]?.parts ?? []).sorted(by: { $0.at < $1.at }) {
      if part.at < bytes.count { continue }
      guard part.at == bytes.count, part.bytes.count == part.length else { return nil }
      bytes += part.bytes
    }
    return bytes
  }

  /// Bytes of one direction that were captured, each counted once.
  func covered(_ cookie: UInt64, _ direction: Segment.Direction) -> Int {
    var end = Int.min
    var count = 0
    for part in (streams[cookie]?[direction]?.parts ?? []).sorted(by: { $0.at < $1.at }) {
      count += max(0, part.at + part.length - max(end, part.at))
      end = max(end, part.at + part.length)
    }
    return count
  }

  func lost(_ cookie: UInt64) -> (segments: UInt64, bytes: UInt64) {
    losses.filter { $0.cookie == cookie }.reduce((0, 0)) { ($0.0 + $1.segments, $0.1 + $1.bytes) }
  }
}
