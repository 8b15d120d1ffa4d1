/// What the windows cannot know when a group is judged: what is in flight, and where the numbers come from.
package struct JudgeContext: Sendable {
  /// Consumption delay so far of the oldest delivery in flight (its enqueue time to now, deliberate delay taken off);
  /// nil with nothing in flight or without a time to count from.
  package var oldestInFlight_ns: Int64?
  /// `oldestInFlight_ns` counts from when the message was first seen here.
  package var oldestInFlightIsLowerBound = false
  /// How long the oldest head-of-line delivery has been worked on: from max(first delivery of its message to this target,
  /// last ack of its consumer) to now. Nil with nothing in flight.
  package var headOfLine_ns: Int64?
  /// The group's traffic is really being held.
  package var held = false
  /// One commit settles a batch, so that settle latencies say nothing about single messages.
  package var batchedCommits = false
  /// Where attempts come from, for the evidence: `x-delivery-count`, `redelivered_flag`, ….
  package var attemptSource = ""
  /// Where the enqueue time comes from: `timestamp_in_ms`, `first_seen`, ….
  package var delaySource = ""

  package init() {}
}
