/// Reads one message at a time by the steps of its version: bytes in pieces of any size, facts out.
///
/// What is not needed is counted off unread. Kept strings of the current message lie in `kept`, those of an array's
/// element only as long as the element lasts. A field that is cut by the end of a piece waits in `carry`.
struct KafkaMessageReader: ~Copyable {
  enum Status: Sendable {
    case idle, running
    /// The last step is done; `left` bytes of the frame are of no use.
    case ended
    /// The bytes are no such message.
    case broken
  }

  var status = Status.idle
  /// The steps ended before the message does: what is left of it may be recorded.
  var leavesPlainRest = false
  var exchange = KafkaExchange(key: KafkaKey(rawValue: -1), version: 0, correlation: 0, requestedAt: .zero)
  /// Bytes of the frame that no step has taken yet, those in `carry` included.
  var left = 0
  /// Where the frame ends, counted from the side's first byte.
  var frameEnd = 0
  /// `left` at the end of the innermost tagged field.
  var floor = 0
  /// Bytes to count off before the next step.
  var skipping = 0
  /// How many bytes the next step needs at once.
  var need = 0
  var carry: [UInt8] = []
  var kept = KafkaKeptBytes()
  private var numbers = KafkaNumber.unset
  private var texts = KafkaText.unset
  /// What both are at a message's beginning.
  private let unsetNumbers = KafkaNumber.unset
  private let unsetTexts = KafkaText.unset
  var topicID = KafkaTopicID.none
  var at = Timestamp.zero
  /// A request is read again for its answer: no facts, but `rows`.
  var isPrelude = false
  var rows: [Row] = []
  var rowsLost = false
  var nextRow = 0
  /// What the Fetch said that is answered here.
  var terms: KafkaFetchTerms?
  var records = KafkaRecordsState()

  private let ops = KafkaProgram.shared.ops
  private var pc = 0
  private var scopes = FlatArray<Scope>(repeating: Scope(kind: .array, count: 0, mark: 0), count: 0)

  /// Of a request that its answer needs again.
  struct Row: Sendable {
    var topic: KafkaTopic
    var partition: Int32
    /// The offset, or the first.
    var offset: Int64
    var lastOffset: Int64
    var leaderEpoch: Int32
    /// Of an acknowledgement its types, of a commit its metadata.
    var types: Text
    var isAnswered = false
  }

  // Not private: of a private one in a value that can't be copied, Swift 6.3.1 writes debug information that it refuses.
  struct Scope: BitwiseCopyable {
    enum Kind { case array, tags, tag }
    var kind: Kind
    var count: Int
    /// `kept`'s size, or `floor`, before it.
    var mark: Int
  }

  init(hashKey: KeyedHash.Key) { records.hashKey = hashKey }

  subscript(number: KafkaNumber) -> Int64 { numbers[Int(number.rawValue)] }
  subscript(text: KafkaText) -> Text { texts[Int(text.rawValue)] }
  mutating func leaveOut(_ text: KafkaText) { texts[Int(text.rawValue)] = .empty }

  /// Forgets the last message's values.
  mutating func reset() {
    numbers.copy(unsetNumbers)
    texts.copy(unsetTexts)
    topicID = .none
    kept.clear(keeping: Self.keptCapacity)
    rows.clear(keeping: Self.rowsCapacity)
    rowsLost = false
    nextRow = 0
    terms = nil
    status = .idle
  }

  /// Begins with a message of `size` bytes at the given step. Values stay; `reset` forgets them.
  mutating func begin(_ step: Int32, size: Int) {
    status = .running
    left = size
    floor = 0
    skipping = 0
    need = 0
    pc = Int(step)
    carry.clear(keeping: Self.keptCapacity)
    scopes.removeAll()
    records.stage = .none
  }

  /// Reads on from `start`; returns where it stopped: at the end of `bytes`, or of what the message says (`status`).
  mutating func read(_ bytes: RawSpan, from start: Int, at: Timestamp, into sink: some KafkaFactSink) -> Int {
    self.at = at
    var i = start
    while status == .running {
      let end = min(bytes.byteCount, i &+ left &- carry.count)
      if carry.isEmpty {
        need = 0
        i = run(bytes.extracting(unchecked: 0..<end), i, into: sink)
        guard status == .running else { return i }
        if i < end {
          bytes.extracting(unchecked: i..<end).withUnsafeBytes { carry.append(contentsOf: $0) }
          i = end
        }
        return i
      }
      let taken = min(need &- carry.count, end &- i)
      if taken > 0 {
        bytes.extracting(unchecked: i..<i &+ taken).withUnsafeBytes { carry.append(contentsOf: $0) }
        i &+= taken
      }
      guard carry.count >= need else { return i }
      // Out of self, so that it can be read while self changes.
      var held: [UInt8] = []
      swap(&held, &carry)
      need = 0
      let used = run(held.span.bytes, 0, into: sink)
      held.removeFirst(used)
      swap(&held, &carry)
      if status != .running {
        // What waits in `carry` is the frame's, and of no use now.
        if status == .broken { withhold(carry.count, into: sink) }
        left &-= carry.count
        carry.removeAll(keepingCapacity: true)
        return i
      }
      if i == end, carry.count < need || carry.isEmpty { return i }
    }
    return i
  }

  /// Takes steps while the bytes suffice; sets `need` where they do not.
  private mutating func run(_ bytes: RawSpan, _ start: Int, into sink: some KafkaFactSink) -> Int {
    let end = bytes.byteCount
    var i = start
    while true {
      if skipping > 0 {
        let count = min(skipping, end &- i)
        i &+= count
        left &-= count
        skipping &-= count
        if skipping > 0 { return i }
      }
      if records.stage != .none {
        i = readRecords(bytes, i, into: sink)
        guard records.stage == .none, status == .running else {
          if skipping > 0, i < end, status == .running { continue }
          return i
        }
        continue
      }
      let op = ops[pc]
      switch op.code {
      case .skip:
        guard Int(op.next) <= left &- floor else { return fail(i) }
        skipping = Int(op.next)
        pc &+= 1
      case .int8:
        guard let value = bytes.u8(i) else { return want(1, i) }
        put(op, Int64(Int8(bitPattern: value)), 1, &i)
      case .int16:
        guard let value = bytes.be16(i) else { return want(2, i) }
        put(op, Int64(Int16(bitPattern: value)), 2, &i)
      case .int32:
        guard let value = bytes.be32(i) else { return want(4, i) }
        put(op, Int64(Int32(bitPattern: value)), 4, &i)
      case .int64:
        guard let value = bytes.be64(i) else { return want(8, i) }
        put(op, Int64(bitPattern: value), 8, &i)
      case .uuid:
        guard let high = bytes.be64(i), let low = bytes.be64(i &+ 8) else { return want(16, i) }
        topicID = KafkaTopicID(high, low)
        take(16, &i)
      case .string, .bytes, .octets, .compactString, .compactBytes, .compactOctets:
        guard readString(op, bytes, &i, into: sink) else { return i }
      case .records, .compactRecords:
        guard let count = readCount(op.code == .compactRecords, bytes, i) else { return i }
        take(count.size, &i)
        guard count.value <= left &- floor else { return fail(i) }
        beginRecords(max(count.value, 0))
      case .array, .compactArray:
        guard let count = readCount(op.code == .compactArray, bytes, i) else { return i }
        if op.slot != KafkaOp.nowhere { numbers[Int(op.slot)] = Int64(count.value) }
        take(count.size, &i)
        // Every element takes a byte at least.
        guard count.value <= left &- floor else { return fail(i) }
        if count.value > 0 {
          scopes.append(Scope(kind: .array, count: count.value, mark: kept.count))
        } else {
          pc = Int(op.next)
        }
      case .again:
        guard scopes.count > 0 else { return fail(i) }
        let last = scopes.count &- 1
        if !isPrelude { kept.cut(to: scopes[last].mark) }
        scopes[last].count &-= 1
        if scopes[last].count > 0 {
          pc = Int(op.next)
        } else {
          scopes.removeLast()
          pc &+= 1
        }
      case .values, .compactValues:
        guard let count = readCount(op.code == .compactValues, bytes, i) else { return i }
        take(count.size, &i)
        guard count.value <= (left &- floor) / Int(op.next) else { return fail(i) }
        skipping = max(0, count.value) &* Int(op.next)
      case .optional:
        guard let value = bytes.u8(i) else { return want(1, i) }
        let isNull = value >= 0x80
        if op.slot != KafkaOp.nowhere { numbers[Int(op.slot)] = isNull ? -1 : 1 }
        take(1, &i)
        if isNull { pc = Int(op.next) }
      case .tags:
        guard let count = readVarint(bytes, i) else { return i }
        take(count.size, &i)
        // Each takes two bytes at least.
        guard count.value <= (left &- floor) / 2 else { return fail(i) }
        if count.value > 0 {
          scopes.append(Scope(kind: .tags, count: count.value, mark: 0))
        } else {
          pc = Int(ops[pc].next)
        }
      case .tag:
        guard readTag(op, bytes, &i, into: sink) else { return i }
      case .known: return fail(i)
      case .tagEnd:
        guard scopes.count > 0, left >= floor else { return fail(i) }
        let scope = scopes.removeLast()
        skipping = left &- floor
        floor = scope.mark
        pc = Int(op.next)
      case .unset:
        numbers[Int(op.slot)] = -1
        pc &+= 1
      case .emit:
        pc &+= 1
        if let event = KafkaEvent(rawValue: op.slot) { emit(event, into: sink) }
      case .downgrade:
        pc = self[.error] == Int64(KafkaError.unsupportedVersion) ? Int(op.next) : pc &+ 1
      case .end:
        status = .ended
        leavesPlainRest = op.slot != KafkaOp.nowhere
        return i
      }
    }
  }

  @inline(__always) private mutating func put(_ op: KafkaOp, _ value: Int64, _ size: Int, _ i: inout Int) {
    numbers[Int(op.slot)] = value
    take(size, &i)
  }

  @inline(__always) private mutating func take(_ count: Int, _ i: inout Int) {
    i &+= count
    left &-= count
    pc &+= 1
  }

  /// The next `count` bytes of the frame, but for the first ones, are not for a recording.
  mutating func withhold(_ count: Int, after first: Int = 0, into sink: some KafkaFactSink) {
    if count > first, !isPrelude { sink.withheld(frameEnd &- left &+ first..<frameEnd &- left &+ count) }
  }

  /// The step needs `count` bytes at once.
  mutating func want(_ count: Int, _ i: Int) -> Int {
    if count > left &- floor { status = .broken } else { need = count }
    return i
  }

  mutating func fail(_ i: Int) -> Int {
    status = .broken
    return i
  }

  private mutating func readVarint(_ bytes: RawSpan, _ i: Int) -> (value: Int, size: Int)? {
    switch KafkaVarint.read(bytes, at: i) {
    case .value(let value, let size):
      guard value <= UInt64(Int32.max), size <= left &- floor else { break }
      return (Int(value), size)
    case .unfinished:
      _ = want(bytes.byteCount &- i &+ 1, i)
      return nil
    case .malformed: break
    }
    status = .broken
    return nil
  }

  /// A count of elements or bytes, −1 for null: int32, or an unsigned varint that is one more.
  private mutating func readCount(_ isCompact: Bool, _ bytes: RawSpan, _ i: Int) -> (value: Int, size: Int)? {
    if isCompact { return readVarint(bytes, i).map { ($0.value &- 1, $0.size) } }
    guard let value = bytes.be32(i) else {
      _ = want(4, i)
      return nil
    }
    guard Int32(bitPattern: value) >= -1, left &- floor >= 4 else {
      status = .broken
      return nil
    }
    return (Int(Int32(bitPattern: value)), 4)
  }

  private mutating func readString(
    _ op: KafkaOp, _ bytes: RawSpan, _ i: inout Int, into sink: some KafkaFactSink
  ) -> Bool {
    let length: (value: Int, size: Int)
    if op.code == .string {
      guard let value = bytes.be16(i) else {
        i = want(2, i)
        return false
      }
      length = (Int(Int16(bitPattern: value)), 2)
    } else {
      let isCompact = op.code == .compactString || op.code == .compactBytes || op.code == .compactOctets
      guard let count = readCount(isCompact, bytes, i) else { return false }
      length = count
    }
    guard length.value >= -1, length.size &+ max(0, length.value) <= left &- floor else {
      i = fail(i)
      return false
    }
    let count = max(0, length.value)
    guard op.slot != KafkaOp.nowhere, !isLeftOut(op, count) else {
      take(length.size, &i)
      skipping = count
      // Names may be read by anybody; other bytes that are not needed are tokens, or what users tell each other.
      if op.code != .string, op.code != .compactString { withhold(count, into: sink) }
      return true
    }
    // A message's strings together are bounded; what would not fit is as good as broken.
    guard kept.count &+ count <= Self.keptLimit else {
      i = fail(i)
      return false
    }
    guard bytes.byteCount &- i >= length.size &+ count else {
      i = want(length.size &+ count, i)
      return false
    }
    let start = i &+ length.size
    texts[Int(op.slot)] = Text(offset: UInt32(kept.count), count: UInt32(count))
    kept.append(bytes.extracting(unchecked: start..<start &+ count))
    take(length.size &+ count, &i)
    return true
  }

  /// A tagged field: a number and a size, then as many bytes.
  private mutating func readTag(
    _ op: KafkaOp, _ bytes: RawSpan, _ i: inout Int, into sink: some KafkaFactSink
  ) -> Bool {
    guard scopes.count > 0 else {
      i = fail(i)
      return false
    }
    let last = scopes.count &- 1
    if scopes[last].count == 0 {
      scopes.removeLast()
      pc = Int(op.next)
      return true
    }
    guard let tag = readVarint(bytes, i), let size = readVarint(bytes, i &+ tag.size) else {
      if status == .running { i = want(bytes.byteCount &- i &+ 1, i) }
      return false
    }
    let head = tag.size &+ size.size
    guard size.value <= left &- floor &- head else {
      i = fail(i)
      return false
    }
    scopes[last].count &-= 1
    i &+= head
    left &-= head
    for known in 0..<Int(op.slot) where Int(ops[pc &+ 1 &+ known].slot) == tag.value {
      scopes.append(Scope(kind: .tag, count: 0, mark: floor))
      floor = left &- size.value
      pc = Int(ops[pc &+ 1 &+ known].next)
      return true
    }
    skipping = size.value
    withhold(size.value, into: sink)
    return true
  }

  static let keptLimit = 262_144
  private static let keptCapacity = 65_536
  private static let rowsCapacity = 1_024
}
