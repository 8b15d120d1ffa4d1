package import Pipeline

/// Writes segments as a pcapng file that Wireshark and tshark decode: one section, one interface of raw IP packets,
/// times in nanoseconds.
///
/// - In: segments with the part of their payload that is to be kept; the full length is written all the same.
/// - Out: the file, mode 0600, written a quarter of a megabyte at a time, and with each `flush`; its header at once.
/// - Bound: `limit_bytes`. The segment that would pass it is not written, nor is any after it: `write` returns false.
/// - Errors: thrown by the call that meets them, and by every later one.
package final class TraceWriter {
  private var output: BufferedFile
  private let limit_bytes: UInt64
  /// The limit was reached: nothing more is written.
  package private(set) var isFull = false
  package private(set) var segments_written: UInt64 = 0
  /// Of the file, buffered bytes included.
  package private(set) var bytes_written: UInt64 = 0
  private var block: [UInt8] = []

  /// Creates the file, or empties it.
  package init(path: String, limit_bytes: UInt64 = .max) throws(TraceWriteError) {
    output = try BufferedFile(path: path)
    self.limit_bytes = limit_bytes
    let header = Self.fileHeader
    bytes_written = UInt64(header.count)
    try output.append(header)
    try output.flush()
  }

  /// Writes a segment, as several packets if one can't hold it.
  /// - Returns: false once the size limit is reached.
  package func write(_ segment: Segment, _ payload: RawSpan) throws(TraceWriteError) -> Bool {
    guard !isFull else { return false }
    let length = max(0, min(segment.length, Self.longestSegment))
    let kept = min(payload.byteCount, length)
    block.removeAll(keepingCapacity: true)
    var offset = 0
    repeat {
      let size = min(length - offset, TCPHeaders.mostPayload)
      let from = min(offset, kept)
      let to = min(offset + size, kept)
      var part = segment
      part.length = size
      if offset > 0 {
        // A SYN stands before the first byte and takes a sequence number.
        part.sequence &+= UInt32(offset) &+ (segment.flags.contains(.syn) ? 1 : 0)
        part.flags.remove(.syn)
      }
      if offset + size < length { part.flags.subtract([.fin, .psh, .rst]) }
      appendPacket(part, payload.extracting(from..<to))
      offset += size
    } while offset < length
    guard bytes_written + UInt64(block.count) <= limit_bytes else {
      isFull = true
      return false
    }
    try output.append(block)
    bytes_written += UInt64(block.count)
    segments_written += 1
    return true
  }

  /// Hands what is buffered to the system.
  package func flush() throws(TraceWriteError) {
    try output.flush()
  }

  /// Flushes and closes. The file is whole only if this does not throw.
  package func close() throws(TraceWriteError) {
    try output.close()
  }

  /// An enhanced packet block around an IP packet.
  private func appendPacket(_ segment: Segment, _ payload: RawSpan) {
    let headers = TCPHeaders.size(segment)
    let captured = headers + payload.byteCount
    let padding = (4 - captured % 4) % 4
    let total = UInt32(32 + captured + padding)
    let time = UInt64(bitPattern: max(0, segment.at.ns))
    append32(6)  // enhanced packet block
    append32(total)
    append32(0)  // interface
    append32(UInt32(truncatingIfNeeded: time >> 32))
    append32(UInt32(truncatingIfNeeded: time))
    append32(UInt32(captured))
    append32(UInt32(headers + segment.length))
    TCPHeaders.append(segment, payload, to: &block)
    payload.withUnsafeBytes { block.append(contentsOf: $0) }
    for _ in 0..<padding { block.append(0) }
    append32(total)
  }

  private func append32(_ value: UInt32) {
    withUnsafeBytes(of: value.littleEndian) { block.append(contentsOf: $0) }
  }

  /// Larger lengths than any packet has would fill the disk with empty packets.
  private static let longestSegment = 16 << 20

  private static let fileHeader: [UInt8] = [
    0x0a, 0x0d, 0x0d, 0x0a, 48, 0, 0, 0,  // section header block, 48 bytes
    0x4d, 0x3c, 0x2b, 0x1a, 1, 0, 0, 0,  // little endian, version 1.0
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,  // section length not stated
    4, 0, 9, 0,  // shb_userappl
    0x73, 0x74, 0x6f, 0x72, 0x6d, 0x66, 0x75, 0x73, 0x65, 0, 0, 0,  // "stormfuse"
    0, 0, 0, 0, 48, 0, 0, 0,
    1, 0, 0, 0, 32, 0, 0, 0,  // interface description block, 32 bytes
    101, 0, 0, 0, 0, 0, 0, 0,  // raw IP, no snap length
    9, 0, 1, 0, 9, 0, 0, 0,  // if_tsresol: nanoseconds
    0, 0, 0, 0, 32, 0, 0, 0,
  ]
}
