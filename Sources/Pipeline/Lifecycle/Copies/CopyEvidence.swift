/// Why a message that the target publishes is taken for a copy of one that it was given.
struct CopyEvidence: BitwiseCopyable {
  var source: UInt32 = 0
  /// What both have.
  var shared: Shared = []
  /// What a copy of a failed message has besides.
  var signs: Signs = []
  /// Each of the two has an id of its own, and these differ.
  var hasOtherID = false
  /// The source was handed to another group of the target as a copy, and this goes back to where that came from.
  var isHandedBack = false

  struct Shared: OptionSet, BitwiseCopyable {
    let rawValue: UInt8
    /// The source's own id stands in the copy as its id, or in one of its headers.
    static let identity = Shared(rawValue: 1)
    /// The source's own id is the other's correlation id, or stands in a header of one that has another id: so it is with
    /// an answer, and with whatever else the source led to.
    static let mention = Shared(rawValue: 2)
    static let correlation = Shared(rawValue: 4)
    /// Equal key and body.
    static let content = Shared(rawValue: 8)
    /// A distinctive text at the same place, which only one message in flight has.
    static let token = Shared(rawValue: 16)
    /// The same last bytes of the body, which no other message had.
    static let tail = Shared(rawValue: 32)
  }

  struct Signs: OptionSet, BitwiseCopyable {
    let rawValue: UInt8
    /// A counter is one higher than the source's, or its body says that it is delivered again.
    static let counter = Signs(rawValue: 1)
    /// It names an error that the source does not name.
    static let error = Signs(rawValue: 2)
    /// It is to wait: a delay header, a destination that keeps it for a while, or an expiration where what has expired
    /// comes back.
    static let delay = Signs(rawValue: 4)
    /// The broker's history of the source was taken over.
    static let history = Signs(rawValue: 8)
    /// A counter of tries is as high as the source's. No sign of a try.
    static let sameCounter = Signs(rawValue: 16)
  }

  /// The tiers of evidence, strongest first, as inferences are called.
  enum Tier: UInt8, Comparable {
    case named, identity, content, bare, none

    static func < (a: Self, b: Self) -> Bool { a.rawValue < b.rawValue }

    /// The inference's name in the report.
    var rule: String {
      switch self {
      case .named: "copy_with_history"
      case .identity: "copy_with_same_id"
      case .content: "copy_with_second_sign"
      case .bare: "copy_with_equal_content"
      case .none: "copy_by_turn"
      }
    }
  }

  /// A correlation id alone is nothing: the messages of a saga and the answer to a request have it in common. A token needs a
  /// counter: a follow-up job about the same order has the same order's id, may wait, and may name what went wrong. A delay
  /// is a sign only beside an equal body, and not between two messages that have ids of their own: every delayed job has one.
  var tier: Tier {
    if signs.contains(.history), !shared.isDisjoint(with: [.identity, .content, .token, .tail]) { return .named }
    // A task that is replaced by another one of its id (Celery's `replace`): another body, and no further try.
    let isReplaced = signs.contains(.sameCounter) && shared.isDisjoint(with: [.content, .tail])
    if shared.contains(.identity), !isReplaced || !signs.isDisjoint(with: [.counter, .error]) { return .identity }
    let isTried = !signs.isDisjoint(with: [.counter, .error, .history])
    if shared.contains(.content), isTried || (signs.contains(.delay) && !hasOtherID) { return .content }
    if shared.contains(.correlation), shared.contains(.content) || signs.contains(.counter) { return .content }
    if shared.contains(.token), signs.contains(.counter) { return .content }
    if shared.contains(.tail), isTried { return .content }
    return shared.contains(.content) ? .bare : .none
  }

  /// Enough for a destination whose name alone says little (`failed`, `errors`): one that is told to wait, or a text that
  /// names an error, may be part of an ordinary event.
  var isStrong: Bool {
    tier <= .identity || (tier == .content && !signs.isDisjoint(with: [.counter, .history]))
      || (shared.contains(.content) && signs.contains(.error)) || (shared.contains(.tail) && signs.contains(.error))
  }

  /// Enough for a destination that has a name for dead letters alone.
  var isForStrongName: Bool {
    !shared.isDisjoint(with: [.identity, .mention, .content, .token])
  }

  /// Enough where the message is known to have been handed over as a copy before.
  var isSameMessage: Bool { !shared.isDisjoint(with: [.identity, .content, .token]) }
}
