/// When to try again: exponential backoff with full jitter, a number of tries and a time after which none begins.
///
/// Full jitter (a delay anywhere between 0 and the backoff) spreads the tries of many sidecars after a common outage.
struct RetryPolicy: Sendable {
  /// Tries after the first.
  var retries: Int
  /// Counted from the event.
  var within: Duration
  /// Backoff before the second try; doubles with each.
  var base = Duration.seconds(1)
  var longest = Duration.seconds(60)

  enum Decision: Equatable {
    case again(after: Duration)
    case giveUp
  }

  /// - Parameters:
  ///   - tries: How many failed so far, at least 1.
  ///   - elapsed: Since the event.
  ///   - retryAfter: What the receiver asked for; never undercut.
  ///   - random: In 0..<1.
  func decide(tries: Int, elapsed: Duration, retryAfter: Duration?, random: Double) -> Decision {
    guard tries <= retries else { return .giveUp }
    let backoff = min(longest, base * (1 << min(tries - 1, 20)))
    let delay = max(backoff * random, retryAfter ?? .zero)
    return elapsed + delay <= within ? .again(after: delay) : .giveUp
  }

  /// What an answer means for its event (RFC 9110 section 15, 429 from RFC 6585).
  enum Answer: Equatable {
    case taken, refused, failed
    init(status: Int) {
      switch status {
      case 200..<300: self = .taken
      case 408, 429, 500...: self = .failed
      default: self = .refused
      }
    }
  }

  /// Retry-After (RFC 9110 section 10.2.3): seconds, or a date in the fixed format. Nil for anything else.
  static func retryAfter(_ field: String?, now_s: Int64) -> Duration? {
    guard let field else { return nil }
    if let seconds = Int64(field) { return seconds >= 0 ? .seconds(min(seconds, 86_400)) : nil }
    return date_s(field).map { .seconds(max(0, min($0 - now_s, 86_400))) }
  }
}
