@testable import Pipeline

/// Where the tests' time begins: an arbitrary moment that lies on no pane's edge.
let start = Timestamp(ns: 1_795_219_199_123_456_789)

extension Outcome {
  /// An outcome with unremarkable numbers: first attempt, 1 s of delay, 10 ms of work, delivered when the tests began.
  static func of(
    _ settlement: Settlement, message: UInt64 = 1, attempt: Int32 = 1, delay_ns: Int64? = .seconds(1),
    lowerBound: Bool = false, latency_ns: Int64 = .milliseconds(10), paired: Bool = false, causeUnknown: Bool = false,
    deliveredAt: Timestamp = start
  ) -> Outcome {
    Outcome(
      settlement: settlement, paired: paired, causeUnknown: causeUnknown, attempt: attempt, delay_ns: delay_ns,
      delayIsLowerBound: lowerBound, settleLatency_ns: latency_ns, message: message, deliveredAt: deliveredAt)
  }
}

extension Verdict {
  /// The first item about this condition.
  func evidence(_ condition: String) -> Evidence? { evidence.first { $0.condition == condition } }
}
