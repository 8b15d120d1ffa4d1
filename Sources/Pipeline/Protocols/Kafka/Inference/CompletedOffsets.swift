/// `completed_offsets`
///
/// - Concludes: records above the committed offset are done: their deliveries are `acked`.
/// - Evidence: the commit's metadata says so, in the encoding of Confluent's Parallel Consumer (its package
///   `io.confluent.parallelconsumer.offsets`): base64 of one byte that names the encoding and of what follows it. Offsets count
///   from the committed one. Nothing that it names lies behind what was delivered.
/// - For: Parallel Consumer, which works on many records of a partition at once and completes them in any order.
/// - Wrong if: another client writes metadata that reads so by chance.
/// - Tests: `KafkaCommitMetadataTests`; recording `kafka_parallel`.
///
/// | Byte | Encoding | What follows |
/// |---|---|---|
/// | `l`, `o` | bit set, version 1, 2 | the count of offsets as int16 or int32; its bits, the lowest of each byte first, 1: completed; one byte more |
/// | `n`, `e` | run lengths, version 1, 2 | int16 or int32 each, in turns of records that are not completed and that are |
///
/// `a`, `s`, `J`, `p` are the same compressed with zstd: these are not read (`ChangedMetadata`).
struct CompletedOffsets {
  /// Runs of completed offsets, ascending, apart from each other.
  private(set) var runs: [ClosedRange<Int64>] = []

  /// Nil: the metadata is something else. `base`: the committed offset. `end`: behind what was delivered.
  init?(_ metadata: RawSpan, base: Int64, end: Int64) {
    guard metadata.byteCount <= Self.longest, base >= 0, base <= end, let bytes = Self.decoded(metadata),
      let kind = bytes.first
    else { return nil }
    let isRead: Bool
    switch kind {
    case UInt8(ascii: "l"): isRead = readBits(bytes, countSize: 2, base, end)
    case UInt8(ascii: "o"): isRead = readBits(bytes, countSize: 4, base, end)
    case UInt8(ascii: "n"): isRead = readRuns(bytes, size: 2, base, end)
    case UInt8(ascii: "e"): isRead = readRuns(bytes, size: 4, base, end)
    default: return nil
    }
    if !isRead { return nil }
  }

  private mutating func readBits(_ bytes: [UInt8], countSize: Int, _ base: Int64, _ end: Int64) -> Bool {
    guard bytes.count > countSize else { return false }
    let count = Self.number(bytes, 1, countSize)
    guard count >= 0, count <= end - base, bytes.count == 1 + countSize + (Int(count) + 7) / 8 + 1 else { return false }
    for i in 0..<Int(count) where bytes[1 + countSize + i / 8] >> UInt8(i % 8) & 1 == 1 {
      append(base + Int64(i)...base + Int64(i))
    }
    return true
  }

  private mutating func readRuns(_ bytes: [UInt8], size: Int, _ base: Int64, _ end: Int64) -> Bool {
    guard bytes.count > 1, (bytes.count - 1) % size == 0 else { return false }
    var next = base
    var isCompleted = false
    for at in stride(from: 1, to: bytes.count, by: size) {
      let length = Self.number(bytes, at, size)
      guard length >= 0, length <= end - next else { return false }
      if isCompleted, length > 0 { append(next...next + length - 1) }
      next += length
      isCompleted.toggle()
    }
    return true
  }

  private mutating func append(_ run: ClosedRange<Int64>) {
    if let last = runs.last, last.upperBound + 1 == run.lowerBound {
      runs[runs.count - 1] = last.lowerBound...run.upperBound
    } else {
      runs.append(run)
    }
  }

  /// A signed big-endian number.
  private static func number(_ bytes: [UInt8], _ at: Int, _ size: Int) -> Int64 {
    var number: Int64 = bytes[at] >= 0x80 ? -1 : 0
    for i in at..<at + size { number = number << 8 | Int64(bytes[i]) }
    return number
  }

  /// Base64 (RFC 4648, section 4), with padding or without; nil if it is something else.
  private static func decoded(_ text: RawSpan) -> [UInt8]? {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(text.byteCount / 4 * 3)
    var (bits, count): (UInt32, Int) = (0, 0)
    var isPadded = false
    for i in 0..<text.byteCount {
      let sextet: UInt8
      switch text.u8(i) ?? UInt8.max {
      case let c where UInt8(ascii: "A")...UInt8(ascii: "Z") ~= c: sextet = c - UInt8(ascii: "A")
      case let c where UInt8(ascii: "a")...UInt8(ascii: "z") ~= c: sextet = c - UInt8(ascii: "a") + 26
      case let c where UInt8(ascii: "0")...UInt8(ascii: "9") ~= c: sextet = c - UInt8(ascii: "0") + 52
      case UInt8(ascii: "+"): sextet = 62
      case UInt8(ascii: "/"): sextet = 63
      // confluent-kafka for Python sends a zero byte behind the text.
      case UInt8(ascii: "="), 0:
        isPadded = true
        continue
      default: return nil
      }
      guard !isPadded else { return nil }
      bits = bits << 6 | UInt32(sextet)
      count += 6
      if count >= 8 {
        count -= 8
        bytes.append(UInt8(truncatingIfNeeded: bits >> UInt32(count)))
      }
    }
    return bytes
  }

  /// Four times what brokers accept by default (`offset.metadata.max.bytes`).
  private static let longest = 16_384
}
