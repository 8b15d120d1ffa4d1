package import Pipeline

/// Where the API sends an operator's command. Answers once the engine has carried it out and, where there is a state
/// directory, once the new state is on disk.
package protocol CommandSink: Sendable {
  /// - Parameters:
  ///   - name: Which breaker; resolved before against the report that the API shows.
  ///   - ifRevision: Refused as stale if the breaker's revision is another one.
  func carryOut(_ command: BreakerCommand, note: OperatorNote, on name: BreakerName, ifRevision: UInt64?) async
    -> CommandOutcome
}

/// One breaker, fully named.
package struct BreakerName: Hashable, Sendable {
  package var key: String
  package var cluster: String
  package var target: String

  package init(key: String, cluster: String, target: String) {
    self.key = key
    self.cluster = cluster
    self.target = target
  }
}

package enum CommandOutcome: Equatable, Sendable {
  /// Done. The group as it is now (its `breaker.held` and `why` tell whether traffic is really held) and what is on disk.
  case done(Report.Group, saved: Saved)
  /// Nothing changed; why, in words for the operator.
  case unchanged(Report.Group, why: String)
  case stale(revision: UInt64)
  /// The group has gone since the report was made.
  case unknown
  /// Nobody takes commands (the run is over, too many wait); why.
  case unavailable(why: String)

  package enum Saved: Equatable, Sendable {
    case yes
    /// No state directory was given.
    case notConfigured
    /// In force, but lost with the process; why.
    case failed(why: String)
  }
}
