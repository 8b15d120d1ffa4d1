/// What an operator may ask of a breaker.
package enum BreakerCommand: Equatable, Sendable {
  /// One opening that lasts at least that long, `BreakerSettings.tripOpen_ns` unless given, but never past the end of its
  /// episode. Arms the breaker. An opening that is under way is prolonged.
  case trip(for_ns: Int64? = nil)
  /// One closing; starts the window anew and arms the breaker.
  case reset
  /// Open until the time limit, `BreakerSettings.forcedOpen_ns` unless given.
  case forceOpen(for_ns: Int64? = nil)
  /// Closed whatever the rules say, until cleared or until the time limit.
  case forceClosed(for_ns: Int64? = nil)
  /// Ends an override: the breaker is closed and armed.
  case clearOverride
  /// Lets rules trip again after an episode that reached its longest time.
  case rearm
}

/// Who asked, and why; carried in the transition.
package struct OperatorNote: Codable, Equatable, Sendable {
  package var author: String
  package var reason: String
  package init(author: String, reason: String) {
    self.author = author
    self.reason = reason
  }
}

/// What became of a command.
package enum CommandResult: Equatable, Sendable {
  case changed(Transition)
  /// The state is as it was, but rules may trip again.
  case rearmed
  /// Nothing changed; why, in words for the operator.
  case unchanged(why: String)
  /// The breaker has moved on since the operator looked: its revision now.
  case stale(revision: UInt64)
}
