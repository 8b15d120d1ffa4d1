/// Why a message that the target publishes is taken for a copy of one that it was given.
struct CopyEvidence: BitwiseCopyable {
  var source: UInt32 = 0
  /// What both have.
  var shared: Shared = []
  /// What a copy of a failed message has besides.
  var signs: Signs = []
  /// The source was handed to another group of the target as a copy, and this goes back to where that came from.
  var isHandedBack = false

  struct Shared: OptionSet, BitwiseCopyable {
    let rawValue: UInt8
    /// The source's own id stands in the copy as its id, or in one of its headers.
    static let identity = Shared(rawValue: 1)
    /// The source's own id is the copy's correlation id: so does an answer to it.
    static let identityAsCorrelation = Shared(rawValue: 2)
    static let correlation = Shared(rawValue: 4)
    /// Equal key and body.
    static let content = Shared(rawValue: 8)
    /// A distinctive text at the same place, which only one message in flight has.
    static let token = Shared(rawValue: 16)
    /// The same last bytes of the body.
    static let tail = Shared(rawValue: 32)
  }

  struct Signs: OptionSet, BitwiseCopyable {
    let rawValue: UInt8
    /// A counter is one higher than the source's.
    static let counter = Signs(rawValue: 1)
    /// It names an error that the source does not name.
    static let error = Signs(rawValue: 2)
    /// It is to wait: an expiration, a delay header, or a destination that keeps it for a while.
    static let delay = Signs(rawValue: 4)
    /// The broker's history of the source was taken over.
    static let history = Signs(rawValue: 8)
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
  /// counter: a follow-up job about the same order has the same order's id, may wait, and may name what went wrong.
  var tier: Tier {
    if signs.contains(.history), !shared.isDisjoint(with: [.identity, .content, .token, .tail]) { return .named }
    if shared.contains(.identity) { return .identity }
    if shared.contains(.content), !signs.isEmpty { return .content }
    if shared.contains(.correlation), shared.contains(.content) || signs.contains(.counter) { return .content }
    if shared.contains(.token), signs.contains(.counter) { return .content }
    if shared.contains(.tail), !signs.isEmpty { return .content }
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
    !shared.isDisjoint(with: [.identity, .identityAsCorrelation, .content, .token])
  }

  /// Enough where the message is known to have been handed over as a copy before.
  var isSameMessage: Bool { !shared.isDisjoint(with: [.identity, .content, .token]) }
}
