/// Strings of one message, or the message itself, one behind the other. They lie at the front of an array that grows and
/// is never emptied: an array's own ways to append a few bytes and to take them off again are calls each, and every
/// message has several.
struct KafkaKeptBytes {
  /// The first `count` bytes are kept; behind them lies what was kept before.
  private(set) var storage: [UInt8] = []
  private(set) var count = 0

  mutating func append(_ bytes: RawSpan) {
    let end = count &+ bytes.byteCount
    if end > storage.count { storage.append(contentsOf: repeatElement(0, count: max(64, end &* 2 &- storage.count))) }
    storage.withUnsafeMutableBytes { storage in
      bytes.withUnsafeBytes { UnsafeMutableRawBufferPointer(rebasing: storage[count..<end]).copyMemory(from: $0) }
    }
    count = end
  }

  /// Takes off what is kept behind the first `count` bytes.
  mutating func cut(to count: Int) { self.count = min(count, self.count) }

  /// Forgets everything; memory for more than so many bytes is given back.
  mutating func clear(keeping most: Int) {
    count = 0
    if storage.count > most { storage = [] }
  }
}
