package import Pipeline

/// Answer to a command that was carried out, or that found nothing to change.
package struct CommandAnswer: Codable, Equatable, Sendable {
  package var schema = CommandAnswer.schema
  package var command: Name
  package var changed: Bool
  /// Why nothing changed; null if something did.
  @NullEncoded package var unchanged_why: String?
  /// Whether traffic is really held now.
  package var held: Bool
  /// Why traffic is not held although the breaker is open; null otherwise. (Where it is `kernel`, the kernel's words
  /// are in `breaker`.)
  @NullEncoded package var why: NotHeld?
  /// When the breaker's state ends by itself; null if only what happens ends it. What comes then is in `breaker.notes`.
  @NullEncoded package var until: RFC3339?
  /// Whether the new state is on disk.
  package var saved: Bool
  @NullEncoded package var saved_why: String?
  /// As after the command.
  package var breaker: BreakerDetail
  package static let schema = "stormfuse.command/1"

  package enum Name: String, Codable, CaseIterable, Sendable {
    case trip, reset, override
    case clearOverride = "clear_override"
  }

  /// - Parameters:
  ///   - unchanged: Why nothing changed; nil if something did.
  ///   - unsaved: Why the state is not on disk; nil if it is.
  package init(command: Name, breaker: BreakerDetail, unchanged: String?, unsaved: String?) {
    self.command = command
    changed = unchanged == nil
    unchanged_why = unchanged
    held = breaker.group.breaker.held
    why = breaker.group.breaker.why
    until = breaker.group.breaker.until
    saved = unsaved == nil
    saved_why = unsaved
    self.breaker = breaker
  }
}
