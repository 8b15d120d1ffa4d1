@testable import Pipeline

/// A group to be judged: outcomes go in one a millisecond, each of another message unless said otherwise.
struct JudgeFixture {
  var monitor: GroupMonitor
  var context = JudgeContext()
  var now = start
  private var nextMessage: UInt64 = 1000

  init(_ change: (inout ResolvedSettings) -> Void = { _ in }) {
    var settings = ResolvedSettings()
    change(&settings)
    monitor = GroupMonitor(settings: settings, key: "rabbitmq:%2F:orders", at: start)
    context.attemptSource = "x-delivery-count"
    context.delaySource = "timestamp"
  }

  /// `count` outcomes. Failures are fourth retries with 70 s of delay, acks first tries with 70 s of delay, unless said
  /// otherwise: everything `dead-letter-storm` needs but the error rate.
  mutating func settle(
    _ count: Int, _ settlement: Settlement, message: UInt64? = nil, attempt: Int32? = nil,
    delay_ns: Int64? = .seconds(70), lowerBound: Bool = false, latency_ns: Int64 = .milliseconds(10),
    paired: Bool = false, causeUnknown: Bool = false, partition: Int? = nil
  ) {
    for _ in 0..<count {
      now = now + .milliseconds(1)
      nextMessage += 1
      _ = monitor.record(
        .of(
          settlement, message: message ?? nextMessage, attempt: attempt ?? (settlement.isFailure ? 5 : 1),
          delay_ns: delay_ns, lowerBound: lowerBound, latency_ns: latency_ns, paired: paired,
          causeUnknown: causeUnknown, deliveredAt: now), partition: partition, at: now)
    }
  }

  /// The verdict now. (The breaker is asked, too, so that both ways agree.)
  mutating func verdict() -> Verdict {
    let verdict: Verdict
    _ = monitor.judge(at: now, context: context)
    verdict = monitor.verdict(at: now, context: context)
    return verdict
  }
}
