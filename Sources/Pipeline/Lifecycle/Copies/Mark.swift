/// One thing about a message by which a copy of it can be known: an id, a token, a counter, what the body looks like.
struct Mark: BitwiseCopyable {
  /// Keyed hash of a text, or the number itself.
  var value: UInt64
  /// Hash of where it stands: a property, a header's key, the path of a leaf in a JSON body. Not keyed.
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
    /// A text of 16 to 80 characters that looks like an id.
    case token
    /// Where it is to be answered.
    case reply
    /// Another text.
    case text
    case number

    /// Whether a message is searched for by it.
    var isSearchable: Bool { rawValue <= Kind.reply.rawValue }
    var isPruned: Bool { self == .content || self == .token || self == .correlation }
  }

  /// Whether something of a copy is ever compared with it.
  var isKept: Bool { kind != .text || name.contains(.error) }

  /// Places that are no header and no leaf.
  enum Place {
    static let content: UInt32 = 1
    static let messageID: UInt32 = 2
    static let correlation: UInt32 = 3
    static let replyTo: UInt32 = 4
  }
}

/// Everything about one message by which a copy of it can be known. Only hashes and numbers, but for `label`.
///
/// The protocol's session fills it: properties and headers by name and value, what the body says at the end. At most `bound`
/// marks, beside those of the body as a whole; more are left out.
struct MessageMarks {
  private(set) var list: ContiguousArray<Mark> = []
  /// Hash of the ids and the body, which a broker that passes the message on leaves as they are.
  var whole: UInt64 = 0
  /// It has a message id or a correlation id.
  var hasID = false
  /// Hash of the broker's own history of the message (`x-death`); 0 without one.
  var history: UInt64 = 0
  /// The broker is to drop it, or to dead-letter it, after a while.
  var expires = false
  /// It has a delay by a header.
  var isDelayed = false
  /// It has a text that names an error.
  var namesError = false
  /// What a JSON body says stands in its members; its last bytes tell nothing, since many are alike there.
  var bodyIsJSON = false
  /// Another body has a word for an error in it, or one for another delivery.
  var bodyNamesError = false
  var bodyIsRedelivered = false
  /// The highest number of tries that a header with a known kind of name tells; 0 if none does.
  var toldAttempt: Int32 = 0
  /// Of one that was received: the id shown for it, its message id or else its correlation id.
  var label: ContiguousArray<UInt8> = []

  mutating func removeAll() {
    list.removeAll(keepingCapacity: true)
    whole = 0
    hasID = false
    history = 0
    expires = false
    isDelayed = false
    namesError = false
    bodyIsJSON = false
    bodyNamesError = false
    bodyIsRedelivered = false
    toldAttempt = 0
    label.removeAll(keepingCapacity: true)
  }

  /// It has an id of its own.
  var hasIdentity: Bool { list.contains { $0.kind == .identity } }

  mutating func add(_ mark: Mark) {
    if list.count < Self.bound || mark.place == Mark.Place.content { list.append(mark) }
  }

  /// Marks of one message's properties, headers and members that are kept.
  static let bound = 64
}
