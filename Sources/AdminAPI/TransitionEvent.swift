package import Pipeline

/// One transition of one breaker, as the event log, the webhook and later exports carry it. It holds names and numbers,
/// never a message's body or a credential.
package struct TransitionEvent: Codable, Equatable, ExportedEvent {
  package var schema = TransitionEvent.schema
  /// The same for the same transition whenever it is sent, different for every other: time, revision and a hash of
  /// cluster, target and key.
  package var id: String
  package var key: String
  package var href: String
  package var cluster: String
  package var system: String
  package var group: String
  package var target: String
  /// Who answers for the group, from the configuration.
  @NullEncoded package var owner: String?
  @NullEncoded package var runbook: String?
  package var mode: String
  /// Whether traffic is held now; if not, `why`.
  package var held: Bool
  @NullEncoded package var why: String?
  package var transition: Step
  package var verdict: Verdict.Kind
  @NullEncoded package var rule: Rule?
  package var evidence: [Evidence]
  package var dead_letters: DeadLetters
  /// Deliveries that still run although requests are held: the consumers have them, or may get them without asking.
  package var exposure: Int
  package static let schema = "stormfuse.event/1"

  package struct Step: Codable, Equatable, Sendable {
    package var revision: UInt64
    package var at: RFC3339
    package var from: BreakerState
    package var to: BreakerState
    package var cause: Transition.Cause
  }

  /// Counts since the run began.
  package struct DeadLetters: Codable, Equatable, Sendable {
    /// Rejected without requeue: the broker dead-letters or drops it.
    package var rejected: UInt64
    /// Published to a dead-letter destination by the consumer itself.
    package var dead_lettered: UInt64
    /// Given up by the broker at its delivery limit, as far as that can be inferred.
    package var exhausted: UInt64
  }

  /// - Parameters:
  ///   - group: The group as the report has it just after the transition.
  ///   - transition: The transition; its verdict's evidence goes along, the group's where it has none.
  ///   - owner, runbook: From the group's configuration.
  package init(group: Report.Group, transition: Transition, owner: String? = nil, runbook: String? = nil) {
    let verdict = transition.verdict
    self.init(
      group: group,
      step: Step(
        revision: transition.revision, at: RFC3339(transition.at), from: transition.from, to: transition.to,
        cause: transition.cause),
      verdict: verdict?.kind ?? group.verdict.kind, rule: verdict.map(\.rule) ?? group.verdict.rule,
      evidence: verdict?.evidence ?? group.verdict.evidence, owner: owner, runbook: runbook)
  }

  /// The same from a transition as the report has it. Its `verdict` is the group's of now.
  package init(
    group: Report.Group, transition: Report.TransitionReport, owner: String? = nil, runbook: String? = nil
  ) {
    self.init(
      group: group,
      step: Step(
        revision: transition.revision, at: transition.at, from: transition.from, to: transition.to,
        cause: transition.cause),
      verdict: group.verdict.kind, rule: transition.rule ?? group.verdict.rule, evidence: transition.evidence,
      owner: owner, runbook: runbook)
  }

  private init(
    group: Report.Group, step: Step, verdict: Verdict.Kind, rule: Rule?, evidence: [Evidence], owner: String?,
    runbook: String?
  ) {
    id = Self.identifier(of: group, at: step.at.timestamp, "\(step.revision)")
    key = group.key
    href = BreakerReference(key: group.key).href
    cluster = group.cluster
    system = group.system
    self.group = group.group
    target = group.target
    self.owner = owner
    self.runbook = runbook
    mode = group.mode
    held = group.breaker.held
    why = group.breaker.why
    transition = step
    exposure = group.exposure
    self.verdict = verdict
    self.rule = rule
    self.evidence = evidence
    dead_letters = DeadLetters(
      rejected: group.totals.rejected, dead_lettered: group.totals.dead_lettered, exhausted: group.totals.exhausted)
  }

  /// FNV-1a, 64 bits: short, and stable from run to run, which Swift's own hash is not.
  static func identifier(of group: Report.Group, at: Timestamp, _ what: String) -> String {
    var hash: UInt64 = 0xcbf2_9ce4_8422_2325
    for part in [group.cluster, group.target, group.key] {
      for byte in part.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
      hash = (hash ^ 0xff) &* 0x100_0000_01b3  // a byte that UTF-8 never has, so that parts can't run together
    }
    let digits = String(hash, radix: 16)
    let padded = String(repeating: "0", count: 16 - digits.count) + digits
    return "\(at.ns)-\(what)-\(padded)"
  }
}
