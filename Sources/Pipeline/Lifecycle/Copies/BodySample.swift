/// What is kept of a body while it passes: its first 4 KiB, and the last 64 bytes.
struct BodySample {
  private(set) var first: ContiguousArray<UInt8> = []
  /// The last bytes of one that is longer than `first`.
  private var end: ContiguousArray<UInt8> = []
  /// Length of the whole body, and how much of it came.
  private var size: UInt64 = 0
  private var seen: UInt64 = 0

  /// A body of that length begins.
  mutating func begin(size: UInt64) {
    first.removeAll(keepingCapacity: true)
    end.removeAll(keepingCapacity: true)
    self.size = size
    seen = 0
  }

  /// Bytes of the body, in their order.
  mutating func append(_ bytes: RawSpan) {
    seen &+= UInt64(bytes.byteCount)
    if end.isEmpty, seen > UInt64(Self.bound) { end.append(contentsOf: first.suffix(Self.tailBytes)) }
    let count = min(Self.bound - first.count, bytes.byteCount)
    if count > 0 { bytes.extracting(first: count).withUnsafeBytes { first.append(contentsOf: $0) } }
    guard seen > UInt64(Self.bound) else { return }
    let last = min(bytes.byteCount, Self.tailBytes)
    bytes.extracting(last: last).withUnsafeBytes { end.append(contentsOf: $0) }
    if end.count > Self.tailBytes { end.removeFirst(end.count - Self.tailBytes) }
  }

  /// The body's last bytes; nil where it is shorter than that, or some of it is missing.
  var tail: ContiguousArray<UInt8>.SubSequence? {
    guard seen == size, size >= UInt64(Self.tailBytes) else { return nil }
    if first.count == Int(size) { return first.suffix(Self.tailBytes) }
    return end.count == Self.tailBytes ? end[...] : nil
  }

  var isJSON: Bool {
    let byte = first.first { $0 > 32 }
    return byte == UInt8(ascii: "{") || byte == UInt8(ascii: "[")
  }

  private static let bound = 4096
  /// Bytes at its end that tell messages apart.
  private static let tailBytes = 64
}
