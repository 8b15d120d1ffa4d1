/// All versions of all messages as steps (`KafkaOp`), made once. Reading a message follows them and allocates nothing.
struct KafkaProgram: Sendable {
  /// One message's place.
  struct Entry: Sendable {
    var versions: ClosedRange<Int16>
    var flexible: Int16
    var keepsRequest: Bool
    /// Where its lowest version's first steps lie in `starts`.
    fileprivate var starts: Int
  }

  private(set) var ops: [KafkaOp] = []
  /// First steps of all messages' versions, of each the request's and the answer's.
  private var starts: [Int32] = []
  /// By key; nil: not understood.
  private(set) var entries: [Entry?]

  static let shared = KafkaProgram(KafkaSchema.messages)

  init(_ messages: [KafkaMessage]) {
    entries = Array(repeating: nil, count: Int(KafkaKey.limit))
    for message in messages {
      let entry = Entry(
        versions: message.versions, flexible: message.flexible, keepsRequest: message.keepsRequest,
        starts: starts.count)
      for version in message.versions {
        let isFlexible = version >= message.flexible
        starts.append(start(message.request, version, isFlexible, hasTags: isFlexible))
        // Whoever does not know the broker yet must be able to read this one's head (KIP-511).
        let hasTags = isFlexible && message.key != .apiVersions
        starts.append(start(message.response, version, isFlexible, hasTags: hasTags))
        fallBack(from: response(entry, version), to: response(entry, message.versions.lowerBound))
      }
      entries[Int(message.key.rawValue)] = entry
    }
  }

  func entry(_ key: KafkaKey) -> Entry? {
    key.rawValue >= 0 && key.rawValue < KafkaKey.limit ? entries[Int(key.rawValue)] : nil
  }

  /// The first step of a request. The version must be one of the entry's.
  func request(_ entry: Entry, _ version: Int16) -> Int32 {
    starts[entry.starts &+ 2 &* Int(version &- entry.versions.lowerBound)]
  }

  /// The same of its answer.
  func response(_ entry: Entry, _ version: Int16) -> Int32 {
    starts[entry.starts &+ 2 &* Int(version &- entry.versions.lowerBound) &+ 1]
  }

  /// `hasTags`: the header ends in tagged fields (RequestHeader 2, ResponseHeader 1).
  private mutating func start(_ fields: [KafkaField], _ version: Int16, _ isFlexible: Bool, hasTags: Bool) -> Int32 {
    let first = Int32(ops.count)
    if hasTags { add(tags: [], version) }
    add(structure: fields, version, isFlexible)
    ops.append(KafkaOp(code: .end))
    return first
  }

  /// Gives this version's downgrade the place behind version 0's.
  private mutating func fallBack(from first: Int32, to zero: Int32) {
    for i in Int(first)..<ops.count where ops[i].code == .downgrade {
      for j in Int(zero)..<ops.count where ops[j].code == .downgrade {
        ops[i].next = Int32(j + 1)
        break
      }
    }
  }

  /// A structure: its fields, then, where the version is flexible, its tagged fields. A fact that its last row states
  /// is complete only after these.
  private mutating func add(structure fields: [KafkaField], _ version: Int16, _ isFlexible: Bool) {
    var present = fields.filter { $0.from <= version && version <= $0.to }
    let tagged = present.filter { $0.tag != nil }
    present.removeAll { $0.tag != nil }
    for field in tagged { unset(field) }
    var last: KafkaField?
    if let final = present.last, case .emit = final.kind { last = present.removeLast() }
    for field in present {
      add(field, version, isFlexible)
      if case .rest = field.kind { return }
    }
    if isFlexible { add(tags: tagged, version) }
    if let last { add(last, version, isFlexible) }
  }

  private mutating func unset(_ field: KafkaField) {
    switch field.kind {
    case .number(let slot, _): ops.append(KafkaOp(code: .unset, slot: slot.rawValue))
    case .structure(let fields): for field in fields { unset(field) }
    default: break
    }
  }

  private mutating func add(tags fields: [KafkaField], _ version: Int16) {
    ops.append(KafkaOp(code: .tags))
    let tag = ops.count
    ops.append(KafkaOp(code: .tag, slot: UInt8(fields.count)))
    for field in fields { ops.append(KafkaOp(code: .known, slot: UInt8(field.tag ?? 0))) }
    for (i, field) in fields.enumerated() {
      ops[tag + 1 + i].next = Int32(ops.count)
      var plain = field
      plain.tag = nil
      add(plain, version, true)
      ops.append(KafkaOp(code: .tagEnd, next: Int32(tag)))
    }
    ops[tag].next = Int32(ops.count)
  }

  private mutating func add(_ field: KafkaField, _ version: Int16, _ isFlexible: Bool) {
    switch field.kind {
    case .fixed(let size): skip(size)
    case .number(let slot, let size):
      let code: KafkaOp.Code = size == 1 ? .int8 : size == 2 ? .int16 : size == 4 ? .int32 : .int64
      ops.append(KafkaOp(code: code, slot: slot.rawValue))
    case .uuid(let kept): kept ? ops.append(KafkaOp(code: .uuid)) : skip(16)
    case .string(let slot): add(isFlexible ? .compactString : .string, slot?.rawValue)
    case .bytes(let slot): add(isFlexible ? .compactBytes : .bytes, slot?.rawValue)
    case .octets(let slot): add(isFlexible ? .compactOctets : .octets, slot.rawValue)
    case .records: add(isFlexible ? .compactRecords : .records, nil)
    case .array(let fields, let slot):
      let start = ops.count
      add(isFlexible ? .compactArray : .array, slot?.rawValue)
      add(structure: fields, version, isFlexible)
      close(start)
    case .list(let fields):
      if fields.count == 1, case .fixed(let size) = fields[0].kind {
        return ops.append(KafkaOp(code: isFlexible ? .compactValues : .values, next: Int32(size)))
      }
      let start = ops.count
      add(isFlexible ? .compactArray : .array, nil)
      for field in fields { add(field, version, isFlexible) }
      close(start)
    case .optional(let fields, let slot):
      let start = ops.count
      add(.optional, slot?.rawValue)
      add(structure: fields, version, isFlexible)
      ops[start].next = Int32(ops.count)
    case .structure(let fields): add(structure: fields, version, isFlexible)
    case .emit(let event): ops.append(KafkaOp(code: .emit, slot: event.rawValue))
    case .downgrade: ops.append(KafkaOp(code: .downgrade, next: Int32(ops.count + 1)))
    case .rest(let isPlain): ops.append(KafkaOp(code: .end, slot: isPlain ? 0 : KafkaOp.nowhere))
    }
  }

  private mutating func add(_ code: KafkaOp.Code, _ slot: UInt8?) {
    ops.append(KafkaOp(code: code, slot: slot ?? KafkaOp.nowhere))
  }

  private mutating func close(_ start: Int) {
    ops.append(KafkaOp(code: .again, next: Int32(start + 1)))
    ops[start].next = Int32(ops.count)
  }

  /// Fields in a row that nobody needs are one step. Nothing jumps between them: what is jumped to follows a step of
  /// another kind.
  private mutating func skip(_ size: Int) {
    if let last = ops.last, last.code == .skip {
      ops[ops.count - 1].next += Int32(size)
    } else {
      ops.append(KafkaOp(code: .skip, next: Int32(size)))
    }
  }
}
