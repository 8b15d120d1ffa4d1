/// Record batches (magic 2: KIP-98; DefaultRecordBatch) and messages (magic 0 and 1: KIP-31, KIP-32; LegacyRecord).
extension KafkaMessageReader {
  mutating func beginRecords(_ size: Int) {
    records.stage = .batch
    records.left = size
    records.end = KafkaRecordsEnd(
      topic: topic, partition: Int32(truncatingIfNeeded: self[.partition]), bytes: size, batches: 0, endsInPart: false,
      isIncomplete: false)
  }

  /// Reads on; leaves with stage `.none` when the records are over.
  mutating func readRecords(_ bytes: RawSpan, _ start: Int, into sink: some KafkaFactSink) -> Int {
    var i = start
    while true {
      let before = i
      let stage = records.stage
      switch stage {
      case .none: return i
      case .batch:
        if records.left == 0 {
          records.stage = .none
          return i
        }
        i = readBatch(bytes, i, into: sink)
      case .record: i = readRecord(bytes, i, into: sink)
      case .marker: i = readMarker(bytes, i, into: sink)
      case .key, .value, .oldKey, .oldValue: i = readPart(bytes, i, into: sink)
      case .valueLength: i = readValueLength(bytes, i, into: sink)
      case .headers: i = readHeaders(bytes, i, into: sink)
      case .oldKeyLength, .oldValueLength: i = readOldLength(bytes, i, into: sink)
      }
      if skipping > 0 { return i }
      // A stage that neither moved on nor read anything waits for more.
      if i == before, records.stage == stage, need > 0 || status != .running || i == bytes.byteCount { return i }
    }
  }

  /// The records' bytes that were read.
  @inline(__always) private mutating func took(_ count: Int, _ i: inout Int) {
    i &+= count
    left &-= count
    records.left &-= count
    records.batchLeft &-= count
  }

  /// The rest of the batch is not looked into.
  private mutating func skipBatch(into sink: some KafkaFactSink) {
    skipping = records.batchLeft
    // What marks a transaction's end is the broker's own.
    if !records.batch.isControl || exchange.key == .produce { withhold(skipping, into: sink) }
    records.left &-= records.batchLeft
    records.batchLeft = 0
    records.stage = .batch
  }

  /// The rest of the records delivers nothing, or can't be read. The first `head` bytes of it may be recorded.
  private mutating func skipRecords(isBroken: Bool, head: Int = 0, into sink: some KafkaFactSink) {
    skipping = records.left
    withhold(skipping, after: head, into: sink)
    if isBroken {
      records.end.isIncomplete = true
      sink.lost(.records, bytes: records.left, at: at)
    } else {
      records.end.endsInPart = true
    }
    records.left = 0
    records.stage = .batch
  }

  /// The batch is none: what it was to hold is missing.
  private mutating func breakBatch(_ i: Int, into sink: some KafkaFactSink) -> Int {
    records.end.isIncomplete = true
    sink.lost(.records, bytes: records.batchLeft, at: at)
    skipBatch(into: sink)
    return i
  }

  private mutating func readBatch(_ bytes: RawSpan, _ start: Int, into sink: some KafkaFactSink) -> Int {
    var i = start
    guard records.left >= Self.magicEnd else {
      skipRecords(isBroken: false, head: records.left, into: sink)
      return i
    }
    guard let magic = bytes.u8(i &+ 16), let length32 = bytes.be32(i &+ 8) else { return want(Self.magicEnd, i) }
    let size = Int(Int32(bitPattern: length32)) &+ 12
    let headerSize = magic == 2 ? 61 : magic == 1 ? 26 : 18
    guard magic <= 2, size >= headerSize else {
      skipRecords(isBroken: true, into: sink)
      return i
    }
    guard size <= records.left else {
      skipRecords(isBroken: false, head: headerSize, into: sink)
      return i
    }
    guard bytes.byteCount &- i >= headerSize else { return want(headerSize, i) }
    records.batchLeft = size
    records.end.batches &+= 1
    records.batch = magic == 2 ? batch(bytes, i, size) : message(bytes, i, magic, size)
    let batch = records.batch
    took(headerSize, &i)
    sink.fact(.batch(batch), of: exchange, in: kept.storage.span.bytes.extracting(first: kept.count), at: at)
    records.recordsLeft = batch.count
    if batch.isControl {
      records.stage = .marker
    } else if batch.codec != .none || records.detail.isEmpty {
      skipBatch(into: sink)
    } else {
      records.stage = magic == 2 ? .record : .oldKeyLength
    }
    return i
  }

  private mutating func batch(_ bytes: RawSpan, _ i: Int, _ size: Int) -> KafkaBatch {
    let attributes = bytes.be16(i &+ 21) ?? 0
    let base = int64(bytes, i)
    var batch = KafkaBatch.none
    batch.magic = 2
    batch.codec = Self.codec(attributes)
    batch.baseOffset = base
    batch.lastOffset = base &+ Int64(int32(bytes, i &+ 23))
    batch.count = max(0, int32(bytes, i &+ 57))
    batch.baseTimestamp_ms = int64(bytes, i &+ 27)
    batch.maxTimestamp_ms = int64(bytes, i &+ 35)
    batch.isLogAppendTime = attributes & 0x08 != 0
    batch.isTransactional = attributes & 0x10 != 0
    batch.isControl = attributes & 0x20 != 0
    batch.producerID = int64(bytes, i &+ 43)
    batch.producerEpoch = Int16(bitPattern: bytes.be16(i &+ 51) ?? 0)
    batch.baseSequence = int32(bytes, i &+ 53)
    batch.partitionLeaderEpoch = int32(bytes, i &+ 12)
    batch.size_bytes = size
    batch.isAborted = !batch.isControl && records.isAborted(batch)
    return batch
  }

  private mutating func message(_ bytes: RawSpan, _ i: Int, _ magic: UInt8, _ size: Int) -> KafkaBatch {
    let attributes = UInt16(bytes.u8(i &+ 17) ?? 0)
    var batch = KafkaBatch.none
    batch.magic = Int8(magic)
    // Only the lowest two bits in magic 0 (KIP-31 took the third): zstd never occurs here.
    batch.codec = Self.codec(attributes)
    batch.lastOffset = int64(bytes, i)
    batch.baseOffset = batch.codec == .none ? batch.lastOffset : -1
    batch.count = batch.codec == .none ? 1 : -1
    if magic == 1 {
      batch.maxTimestamp_ms = int64(bytes, i &+ 18)
      if batch.codec == .none { batch.baseTimestamp_ms = batch.maxTimestamp_ms }
      batch.isLogAppendTime = attributes & 0x08 != 0
    }
    batch.size_bytes = size
    return batch
  }

  private static func codec(_ attributes: UInt16) -> KafkaBatch.Codec {
    KafkaBatch.Codec(rawValue: UInt8(attributes & 0x07)).flatMap { $0 == .unknown ? nil : $0 } ?? .unknown
  }

  private func int64(_ bytes: RawSpan, _ i: Int) -> Int64 { Int64(bitPattern: bytes.be64(i) ?? 0) }
  private func int32(_ bytes: RawSpan, _ i: Int) -> Int32 { Int32(bitPattern: bytes.be32(i) ?? 0) }

  // MARK: Records of magic 2

  /// A record's head: length, attributes, timestamp and offset as differences to the batch's, the key's length.
  private mutating func readHead(_ bytes: RawSpan, _ i: Int) -> (size: Int, keyLength: Int)? {
    let available = bytes.byteCount &- i
    let wanted = min(records.batchLeft, Self.headLimit)
    guard available >= wanted else {
      _ = want(wanted, i)
      return nil
    }
    var at = i
    guard let length = KafkaVarint.signed(bytes, &at, 5), length >= 0,
      length <= Int64(records.batchLeft &- (at &- i))
    else { return nil }
    records.recordLeft = Int(length) &+ (at &- i)
    at &+= 1
    guard let timestamp = KafkaVarint.signed(bytes, &at, 10), let offset = KafkaVarint.signed(bytes, &at, 5),
      let key = KafkaVarint.signed(bytes, &at, 5), key >= -1, at &- i &+ Int(max(0, key)) <= records.recordLeft
    else { return nil }
    records.record = .none
    records.record.offset = records.batch.baseOffset &+ offset
    let base = records.batch.isLogAppendTime ? records.batch.maxTimestamp_ms : records.batch.baseTimestamp_ms
    records.record.timestamp_ms = records.batch.isLogAppendTime ? base : base &+ timestamp
    records.record.keySize_bytes = Int32(truncatingIfNeeded: key)
    return (at &- i, Int(max(0, key)))
  }

  private mutating func tookOfRecord(_ count: Int, _ i: inout Int) {
    took(count, &i)
    records.recordLeft &-= count
  }

  private mutating func readRecord(_ bytes: RawSpan, _ start: Int, into sink: some KafkaFactSink) -> Int {
    var i = start
    guard records.recordsLeft > 0 else {
      skipBatch(into: sink)
      return i
    }
    guard let head = readHead(bytes, i) else { return need > 0 || status != .running ? i : breakBatch(i, into: sink) }
    tookOfRecord(head.size, &i)
    beginPart(head.keyLength, into: sink)
    records.stage = .key
    return i
  }

  private mutating func beginPart(_ length: Int, into sink: some KafkaFactSink) {
    records.partLeft = length
    guard records.detail.contains(.hashes) else { return }
    records.hash = KeyedHash(records.hashKey)
    sink.contentBegins(frameEnd &- left..<frameEnd &- left &+ length)
  }

  /// A key or a value: counted off, or hashed as it comes.
  private mutating func readPart(_ bytes: RawSpan, _ start: Int, into sink: some KafkaFactSink) -> Int {
    var i = start
    let count = min(records.partLeft, bytes.byteCount &- i)
    if records.detail.contains(.hashes) { records.hash.combine(bytes.extracting(unchecked: i..<i &+ count)) }
    tookOfRecord(count, &i)
    records.partLeft &-= count
    guard records.partLeft == 0 else { return i }
    var hash: UInt64 = 0
    if records.detail.contains(.hashes) {
      hash = records.hash.finish()
      sink.contentEnded(hash: hash)
    }
    switch records.stage {
    case .key:
      records.record.keyHash = hash
      records.stage = .valueLength
    case .value:
      records.record.valueHash = hash
      records.stage = .headers
    case .oldKey:
      records.record.keyHash = hash
      records.stage = .oldValueLength
    default:
      records.record.valueHash = hash
      endRecord(in: bytes, into: sink)
      skipBatch(into: sink)
    }
    return i
  }

  private mutating func readValueLength(_ bytes: RawSpan, _ start: Int, into sink: some KafkaFactSink) -> Int {
    var i = start
    let wanted = min(records.recordLeft, 5)
    guard bytes.byteCount &- i >= wanted else { return want(wanted, i) }
    var at = i
    guard let length = KafkaVarint.signed(bytes, &at, 5), length >= -1,
      at &- i &+ Int(max(0, length)) <= records.recordLeft
    else { return breakBatch(i, into: sink) }
    records.record.valueSize_bytes = Int32(truncatingIfNeeded: length)
    tookOfRecord(at &- i, &i)
    beginPart(Int(max(0, length)), into: sink)
    records.stage = .value
    return i
  }

  /// All headers at once, or none of them.
  private mutating func readHeaders(_ bytes: RawSpan, _ start: Int, into sink: some KafkaFactSink) -> Int {
    var i = start
    let size = records.recordLeft
    if size > KafkaRecord.headersLimit_bytes {
      records.record.marks.areCut = true
      endRecord(in: RawSpan(), into: sink)
      skipping = size
      withhold(size, into: sink)
      records.left &-= size
      records.batchLeft &-= size
      return i
    }
    guard bytes.byteCount &- i >= size else { return want(size, i) }
    let headers = bytes.extracting(unchecked: 0..<i &+ size)
    var at = i
    guard let count = KafkaVarint.signed(headers, &at, 5), count >= 0, count <= size else {
      return breakBatch(i, into: sink)
    }
    let first = at
    for _ in 0..<count {
      guard let key = KafkaVarint.bytes(headers, &at), let value = KafkaVarint.bytes(headers, &at) else {
        return breakBatch(i, into: sink)
      }
      if !records.record.marks.note(key, value, in: headers), !sink.keepsHeader(key, value, in: headers) {
        let start = frameEnd &- left &+ Int(value.offset) &- i
        sink.masked(start..<start &+ Int(value.count))
      }
    }
    if count > 0 {
      records.record.marks.headers = Text(offset: UInt32(truncatingIfNeeded: first), count: UInt32(at &- first))
      records.record.marks.headerCount = Int32(truncatingIfNeeded: count)
    }
    withhold(size, after: at &- i, into: sink)
    endRecord(in: headers, into: sink)
    tookOfRecord(size, &i)
    return i
  }

  private mutating func endRecord(in span: RawSpan, into sink: some KafkaFactSink) {
    sink.fact(.record(records.record), of: exchange, in: span, at: at)
    records.recordsLeft &-= 1
    records.stage = .record
  }

  // MARK: Control batches

  /// A control record's key: version, then 0 for an abort, 1 for a commit (ControlRecordType).
  private mutating func readMarker(_ bytes: RawSpan, _ start: Int, into sink: some KafkaFactSink) -> Int {
    let i = start
    let wanted = min(records.batchLeft, Self.headLimit &+ 4)
    guard bytes.byteCount &- i >= wanted else { return want(wanted, i) }
    if wanted > 0, let head = readHead(bytes, i), head.keyLength >= 4, bytes.be16(i &+ head.size &+ 2) == 0 {
      records.endAborted(records.batch.producerID, at: records.batch.lastOffset)
    }
    need = 0
    skipBatch(into: sink)
    return i
  }

  // MARK: Messages of magic 0 and 1

  private mutating func readOldLength(_ bytes: RawSpan, _ start: Int, into sink: some KafkaFactSink) -> Int {
    var i = start
    guard records.batchLeft >= 4 else { return breakBatch(i, into: sink) }
    guard let value = bytes.be32(i) else { return want(4, i) }
    let length = Int32(bitPattern: value)
    guard length >= -1, Int(max(0, length)) <= records.batchLeft &- 4 else { return breakBatch(i, into: sink) }
    took(4, &i)
    if records.stage == .oldKeyLength {
      records.record = .none
      records.record.offset = records.batch.lastOffset
      records.record.timestamp_ms = records.batch.maxTimestamp_ms
      records.record.keySize_bytes = length
      records.stage = .oldKey
    } else {
      records.record.valueSize_bytes = length
      records.stage = .oldValue
    }
    beginPart(Int(max(0, length)), into: sink)
    return i
  }

  /// Up to the magic byte all formats are alike.
  private static let magicEnd = 17
  /// The longest head of a record.
  private static let headLimit = 26
}
