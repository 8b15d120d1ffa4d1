/// What a header's key or the name of a JSON member says, as far as copies are concerned. Names are hints: each is only
/// one sign among others.
///
/// A name is read by its parts: between separators, and where a capital follows a small letter. `entries` and `country` have
/// no part that speaks of tries.
struct MarkName: OptionSet, BitwiseCopyable {
  let rawValue: UInt16
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
  /// Not the name but its place: a leaf of the body. There only names that speak of tries make a counter.
  static let inBody = MarkName(rawValue: 128)
  /// Names the message that this one is a copy of: `x-original-message-id`.
  static let original = MarkName(rawValue: 256)

  /// Cost: some 1 µs; `MarkNames` keeps the answers.
  init(of name: RawSpan) {
    let parts = Self.parts(of: name)
    func has(_ words: [StaticString]) -> Bool { parts.contains { part in words.contains { part.equals($0) } } }
    func begins(_ words: [StaticString]) -> Bool { parts.contains { part in words.contains { part.begins($0) } } }
    func contains(_ words: [StaticString]) -> Bool { parts.contains { part in words.contains { part.contains($0) } } }
    var found: MarkName = []
    // `retry_at` is a moment, `x-attempts` is none.
    let isMoment = parts.count > 1 && parts.last?.equals("at") == true
    let isLimit = isMoment || has(Self.limits) || begins(["max"]) || parts.contains(where: Self.isLimitedTry)
    if isLimit || has(Self.others) || contains(Self.longOthers) {
      found.insert(.otherNumber)
    } else if begins(Self.tries) || has(Self.counters) || Self.isCounted(parts) {
      found.insert(.counter)
      if begins(["attempt"]) || has(["deliveries"]) { found.insert(.countsFromOne) }
    }
    if contains(Self.errors) || begins(["fault"]) { found.insert(.error) }
    if has(Self.relations) || parts.contains(where: Self.isRelation) { found.insert(.relation) }
    if has(Self.originals) || begins(Self.tries) { found.insert(.original) }
    if contains(["delay", "countdown", "schedul"]) || (parts.count == 1 && has(["eta"])) { found.insert(.delay) }
    if parts.count == 1, parts[0].equals("id") { found.insert(.identity) }
    self = found
  }

  init(rawValue: UInt16) { self.rawValue = rawValue }

  /// `delivery-count`, `tryCount`.
  private static func isCounted(_ parts: [Part]) -> Bool {
    zip(parts, parts.dropFirst()).contains { part, next in
      counted.contains { part.equals($0) } && counts.contains { next.equals($0) }
    }
  }

  /// `retrydelay`, `attemptlimit`: one word of two.
  private static func isLimitedTry(_ part: Part) -> Bool {
    tries.contains { part.begins($0) } && limits.contains { part.ends($0) }
  }

  private static func isRelation(_ part: Part) -> Bool {
    !part.equals("traceback") && relationBegins.contains { part.begins($0) }
  }

  private static let tries: [StaticString] = ["retry", "retries", "retried", "redeliver", "attempt"]
  private static let counters: [StaticString] = [
    "tries", "failures", "requeues", "deliveries", "trycount", "failcount", "requeuecount", "deliverycount",
  ]
  private static let counted: [StaticString] = ["try", "fail", "failed", "failure", "requeue", "requeued", "delivery"]
  private static let counts: [StaticString] = ["count", "counter", "times"]
  private static let limits: [StaticString] = [
    "maximum", "limit", "timeout", "interval", "backoff", "policy", "after", "delay", "wait", "until", "time",
    "left", "remaining", "allowed", "on", "ms", "millis", "seconds", "minutes",
  ]
  private static let others: [StaticString] = [
    "seq", "step", "steps", "part", "partition", "hop", "hops", "depth", "size", "round", "stage", "phase", "level",
    "idx", "pos", "iteration", "run", "day", "line", "row", "epoch",
  ]
  private static let longOthers: [StaticString] = [
    "page", "offset", "version", "sequence", "index", "chunk", "priority", "shard", "cursor", "position",
    "generation", "revision",
  ]
  private static let errors: [StaticString] = ["error", "exception", "traceback", "stacktrace"]
  private static let relations: [StaticString] = ["corr"]
  private static let relationBegins: [StaticString] = [
    "parent", "root", "caus", "correl", "trace", "span", "session", "conversation", "initiator", "group", "reply",
    "saga", "batch", "workflow", "relat",
  ]
  private static let originals: [StaticString] = ["original", "orig", "source", "failed", "dead", "dlq", "dlt"]
}

extension MarkName {
  /// One part of a name, in small letters.
  fileprivate typealias Part = ArraySlice<UInt8>

  fileprivate static func parts(of name: RawSpan) -> [Part] {
    var lower: [UInt8] = []
    var ends: [Range<Int>] = []
    var start = 0
    var afterSmall = false
    for i in 0..<min(name.byteCount, longest) {
      let byte = name.unsafeLoad(fromUncheckedByteOffset: i, as: UInt8.self)
      let isCapital = byte >= 65 && byte <= 90
      let isSmall = byte >= 97 && byte <= 122
      let isWord = isCapital || isSmall || (byte >= 48 && byte <= 57) || byte >= 128
      if !isWord || (isCapital && afterSmall), start < lower.count {
        ends.append(start..<lower.count)
        start = lower.count
      }
      if isWord { lower.append(isCapital ? byte | 0x20 : byte) }
      afterSmall = isSmall
    }
    if start < lower.count { ends.append(start..<lower.count) }
    return ends.map { lower[$0] }
  }

  private static let longest = 64
}

extension ArraySlice<UInt8> {
  fileprivate func equals(_ word: StaticString) -> Bool { word.withUTF8Buffer { elementsEqual($0) } }
  fileprivate func begins(_ word: StaticString) -> Bool { word.withUTF8Buffer { starts(with: $0) } }
  fileprivate func ends(_ word: StaticString) -> Bool {
    word.withUTF8Buffer { suffix($0.count).elementsEqual($0) }
  }
  fileprivate func contains(_ word: StaticString) -> Bool {
    guard count >= word.utf8CodeUnitCount else { return false }
    return (startIndex...endIndex - word.utf8CodeUnitCount).contains { self[$0...].begins(word) }
  }
}

/// What names say, kept by their hash: a name is read once, and again when another one took its slot. Of names with an equal
/// hash (32 bits) all are taken for the first.
struct MarkNames: ~Copyable {
  private var known = FlatArray(repeating: Entry(), count: capacity)

  /// Not private: the compiler (6.3.1) fails on a private type as another type's element in debug builds.
  struct Entry: BitwiseCopyable {
    var hash: UInt32 = 0
    var name = MarkName(rawValue: 0)
  }

  mutating func name(of bytes: RawSpan, hash: UInt32) -> MarkName {
    // Not the lowest bits: `MarkReader.hash` sets one of them.
    let slot = Int(hash &>> 16) & (Self.capacity - 1)
    if known[slot].hash == hash { return known[slot].name }
    let name = MarkName(of: bytes)
    known[slot] = Entry(hash: hash, name: name)
    return name
  }

  private static let capacity = 512
}
