/// One thing about a message by which a copy of it can be known: an id, a token, a counter, what the body looks like.
struct Mark: BitwiseCopyable {
  /// Keyed hash of a text, or the number itself.
  var value: UInt64
  /// Hash of where it stands: a property, a header's key, the path of a leaf in a JSON body.
  var place: UInt32
  var kind: Kind
  /// What the name at that place says.
  var name: MarkName

  enum Kind: UInt8 {
    /// Hash of the body's length and first bytes (and, where there is one, of the key).
    case content
    /// Hash of the body's last bytes: a framework that puts more around the same message leaves them.
    case tail
    /// The message's own id: a property, or a header that frameworks keep their task id in.
    case identity
    case correlation
    /// Where it wants to be answered: the routing key in the default exchange.
    case address
    /// A text of 16 to 80 characters that looks like an id.
    case token
    /// Another text.
    case text
    case number

    /// Whether a message is searched for by it.
    var isSearchable: Bool { rawValue <= Kind.token.rawValue }
  }

  /// Places that are no header and no leaf.
  enum Place {
    static let content: UInt32 = 1
    static let messageID: UInt32 = 2
    static let correlation: UInt32 = 3
    static let replyTo: UInt32 = 4
  }
}

/// Everything about one message by which a copy of it can be known. At most `bound` marks; more are left out.
///
/// The protocol's session fills it: properties and headers by name and value, the body's first 4 KiB at the end.
struct MessageMarks {
  private(set) var list: ContiguousArray<Mark> = []
  /// Hash of the ids and the body, which a broker that passes the message on leaves as they are.
  var whole: UInt64 = 0
  /// Hash of the broker's own history of the message (`x-death`); 0 without one.
  var history: UInt64 = 0
  /// The broker is to drop it, or to dead-letter it, after a while.
  var expires = false
  /// It has a delay by a header.
  var isDelayed = false
  /// It has a text that names an error.
  var namesError = false
  /// The highest number of tries that a header with a known kind of name tells; 0 if none does.
  var toldAttempt: Int32 = 0
  /// The id shown for it: the message's id, else its correlation id.
  var label: ContiguousArray<UInt8> = []
  /// The body's first bytes, as far as they came.
  private(set) var body: ContiguousArray<UInt8> = []
  /// The last bytes of a longer one.
  private var end: ContiguousArray<UInt8> = []
  /// Length of the whole body, and how much of it came.
  var bodySize: UInt64 = 0
  private var bodySeen: UInt64 = 0

  mutating func removeAll() {
    list.removeAll(keepingCapacity: true)
    body.removeAll(keepingCapacity: true)
    label.removeAll(keepingCapacity: true)
    whole = 0
    history = 0
    expires = false
    isDelayed = false
    namesError = false
    toldAttempt = 0
    bodySize = 0
    bodySeen = 0
    end.removeAll(keepingCapacity: true)
  }

  /// Bytes of the body, in their order.
  mutating func append(_ bytes: RawSpan) {
    bodySeen &+= UInt64(bytes.byteCount)
    if end.isEmpty, bodySeen > UInt64(Self.bodyBound) { end.append(contentsOf: body.suffix(Self.tailBytes)) }
    let count = min(Self.bodyBound - body.count, bytes.byteCount)
    if count > 0 { bytes.extracting(first: count).withUnsafeBytes { body.append(contentsOf: $0) } }
    guard bodySeen > UInt64(Self.bodyBound) else { return }
    let last = min(bytes.byteCount, Self.tailBytes)
    bytes.extracting(last: last).withUnsafeBytes { end.append(contentsOf: $0) }
    if end.count > Self.tailBytes { end.removeFirst(end.count - Self.tailBytes) }
  }

  /// The body's last bytes; nil where it is shorter than that, or some of it is missing.
  var tail: ContiguousArray<UInt8>.SubSequence? {
    guard bodySeen == bodySize, bodySize >= UInt64(Self.tailBytes) else { return nil }
    if body.count == Int(bodySize) { return body.suffix(Self.tailBytes) }
    return end.count == Self.tailBytes ? end[...] : nil
  }

  /// It has an id of its own.
  var hasIdentity: Bool { list.contains { $0.kind == .identity } }

  mutating func add(_ mark: Mark) {
    if list.count < Self.bound { list.append(mark) }
  }

  /// Marks of one message that are kept.
  static let bound = 64
  /// Bytes of a body that are looked at.
  static let bodyBound = 4096
  /// Bytes at its end that tell messages apart.
  static let tailBytes = 64
}
