/// What a header's key or the name of a JSON member says, as far as copies are concerned. Names are hints: each is only
/// one sign among others.
struct MarkName: OptionSet, BitwiseCopyable {
  let rawValue: UInt8
  /// How often the message was tried: `retries`, `x-retry-count`, `attempt`, `redelivered`.
  static let counter = MarkName(rawValue: 1)
  /// A number that grows for other reasons: `page`, `offset`, `version`, or that limits: `max_retries`.
  static let otherNumber = MarkName(rawValue: 2)
  static let error = MarkName(rawValue: 4)
  /// Names another message that this one has to do with: `parent_id`, `causation-id`, `traceparent`.
  static let relation = MarkName(rawValue: 8)
  static let delay = MarkName(rawValue: 16)
  /// A header that frameworks keep their task's id in: `id` (Celery).
  static let identity = MarkName(rawValue: 32)
  /// The counter counts attempts, beginning with 1, not retries.
  static let countsFromOne = MarkName(rawValue: 64)

  /// Cost: some 0.3 µs; `MarkNames` keeps the answers.
  init(of name: RawSpan) {
    let count = min(name.byteCount, Self.longest)
    var lower = ContiguousArray<UInt8>()
    lower.reserveCapacity(count)
    for i in 0..<count {
      let byte = name.unsafeLoad(fromUncheckedByteOffset: i, as: UInt8.self)
      lower.append(byte >= 65 && byte <= 90 ? byte | 0x20 : byte)
    }
    func has(_ parts: [StaticString]) -> Bool { parts.contains { Self.contains(lower, $0) } }
    var found: MarkName = []
    // `retry_at` is a moment, `x-attempts` is none.
    let end = lower.suffix(3)
    let isMoment = end.elementsEqual("_at".utf8) || end.elementsEqual("-at".utf8)
    if isMoment || has(Self.limits) || has(Self.others) { found.insert(.otherNumber) }
    if !found.contains(.otherNumber), has(Self.counters) {
      found.insert(.counter)
      if Self.contains(lower, "attempt") { found.insert(.countsFromOne) }
    }
    if has(Self.errors) { found.insert(.error) }
    if has(Self.relations) { found.insert(.relation) }
    if has(Self.delays) || lower.elementsEqual("eta".utf8) { found.insert(.delay) }
    if lower.count == 2, lower[0] == UInt8(ascii: "i"), lower[1] == UInt8(ascii: "d") { found.insert(.identity) }
    self = found
  }

  init(rawValue: UInt8) { self.rawValue = rawValue }

  private static func contains(_ name: ContiguousArray<UInt8>, _ part: StaticString) -> Bool {
    part.withUTF8Buffer { part in
      guard name.count >= part.count else { return false }
      next: for start in 0...name.count - part.count {
        for i in 0..<part.count where name[start + i] != part[i] { continue next }
        return true
      }
      return false
    }
  }

  private static let longest = 64
  private static let counters: [StaticString] = ["retr", "redeliver", "attempt", "tries", "failures", "delivery-count"]
  private static let limits: [StaticString] = [
    "max", "limit", "timeout", "interval", "backoff", "policy", "after", "on_error", "delay", "wait", "until", "time",
  ]
  private static let others: [StaticString] = [
    "page", "offset", "version", "seq", "index", "step", "part", "chunk", "hop", "depth", "priority", "shard", "size",
    "cursor", "position", "round", "generation",
  ]
  private static let errors: [StaticString] = ["error", "exception", "traceback", "stacktrace", "stack-trace", "fault"]
  private static let relations: [StaticString] = [
    "parent", "root", "cause", "causation", "correl", "trace", "span", "session", "conversation", "initiator", "group",
    "reply", "saga", "batch", "workflow",
  ]
  private static let delays: [StaticString] = ["delay", "countdown", "schedul"]
}

/// What names say, kept by their hash: a name is looked at once, and again when another one took its place.
struct MarkNames: ~Copyable {
  private var known = FlatArray(repeating: Entry(), count: capacity)

  /// Not private: the compiler (6.3.1) fails on a private type as another type's element in debug builds.
  struct Entry: BitwiseCopyable {
    var hash: UInt32 = 0
    var name = MarkName(rawValue: 0)
  }

  mutating func name(of bytes: RawSpan, hash: UInt32) -> MarkName {
    let slot = Int(hash & UInt32(Self.capacity - 1))
    if known[slot].hash == hash { return known[slot].name }
    let name = MarkName(of: bytes)
    known[slot] = Entry(hash: hash, name: name)
    return name
  }

  private static let capacity = 512
}
