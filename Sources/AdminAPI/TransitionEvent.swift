package import Pipeline

/// One transition of one breaker.
package typealias TransitionEvent = GroupEvent<TransitionNews>

/// What an event about a transition says besides its head.
package struct TransitionNews: Codable, Equatable, Sendable {
  /// Whether traffic is held now; if not, `why`.
  package var held: Bool
  @NullEncoded package var why: NotHeld?
  /// The kernel's words where `why` is `kernel`; else left out.
  package var why_detail: String?
  package var transition: Step
  package var verdict: Verdict.Kind
  @NullEncoded package var rule: Rule?
  package var evidence: [Evidence]
  package var dead_letters: DeadLetters
  /// Deliveries that still run although requests are held: the consumers have them, or may get them without asking.
  package var exposure: Int
  /// As in `Report.Group`.
  package var exposure_is_minimum: Bool?

  package struct Step: Codable, Equatable, Sendable {
    package var revision: UInt64
    package var at: RFC3339
    package var from: BreakerState
    package var to: BreakerState
    package var cause: Transition.Cause
    /// Of a command: who gave it, and why.
    @NullEncoded package var author: String?
    @NullEncoded package var reason: String?
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
}

extension GroupEvent<TransitionNews> {
  package static var schema: String { "stormfuse.event/1" }

  /// - Parameters:
  ///   - group: The group as the report has it just after the transition.
  ///   - transition: The transition; its verdict's evidence goes along, the group's where it has none (if anything
  ///     was seen).
  ///   - owner, runbook: From the group's configuration.
  package init(group: Report.Group, transition: Transition, owner: String? = nil, runbook: String? = nil) {
    let verdict = transition.verdict
    self.init(
      group: group,
      step: .init(
        revision: transition.revision, at: RFC3339(transition.at), from: transition.from, to: transition.to,
        cause: transition.cause, author: transition.note?.author, reason: transition.note?.reason),
      verdict: verdict?.kind ?? group.verdict.kind, rule: verdict.map(\.rule) ?? group.verdict.rule,
      evidence: verdict?.evidence ?? group.verdict.evidence.told, owner: owner, runbook: runbook)
  }

  /// The same from a transition as the report has it. Its `verdict` is the group's of now.
  package init(
    group: Report.Group, transition: Report.TransitionReport, owner: String? = nil, runbook: String? = nil
  ) {
    self.init(
      group: group,
      step: .init(
        revision: transition.revision, at: transition.at, from: transition.from, to: transition.to,
        cause: transition.cause, author: transition.author, reason: transition.reason),
      verdict: group.verdict.kind, rule: transition.rule ?? group.verdict.rule, evidence: transition.evidence,
      owner: owner, runbook: runbook)
  }

  private init(
    group: Report.Group, step: TransitionNews.Step, verdict: Verdict.Kind, rule: Rule?, evidence: [Evidence],
    owner: String?, runbook: String?
  ) {
    let totals = group.totals
    self.init(
      EventHead(
        schema: Self.schema, group: group, at: step.at.timestamp, what: "\(step.revision)", owner: owner,
        runbook: runbook),
      TransitionNews(
        held: group.breaker.held, why: group.breaker.why, why_detail: group.breaker.why_detail, transition: step,
        verdict: verdict, rule: rule, evidence: evidence,
        dead_letters: .init(
          rejected: totals.rejected, dead_lettered: totals.dead_lettered, exhausted: totals.exhausted),
        exposure: group.exposure, exposure_is_minimum: group.exposure_is_minimum))
  }
}
