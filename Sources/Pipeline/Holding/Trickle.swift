/// How often a held connection must get a segment through, or somebody gives it up.
package enum Trickle {
  /// Whatever is known of a connection, it gets one this often.
  package static let longest_ns: Int64 = .seconds(5)
  /// While probes are waited for: an answer that was not seen while it was held must come through soon. (The consumer's
  /// kernel tries again about every 0.5 s.)
  package static let probing_ns: Int64 = .seconds(1)
  /// In half-open: lets one segment pass at once. TCP sends the next one only after the acknowledgement, and retries a
  /// dropped one after 0.5 s; by then the delivery count shows whether more probes are needed. A consumer that takes
  /// messages one by one, each in more than this time, is not slowed.
  package static let single_ns: Int64 = .milliseconds(1)
  /// No sooner than the kernel's own retries would have a use for.
  private static let shortest_ns: Int64 = .milliseconds(100)

  /// What the protocol asks for: its heartbeat (`0`: none; nil: not seen, 60 s as brokers suggest) three times in its
  /// span.
  package static func forProtocol(heartbeat_ns: Int64?) -> Int64 {
    let heartbeat_ns = heartbeat_ns ?? .seconds(60)
    return heartbeat_ns <= 0 ? longest_ns : bounded(heartbeat_ns / 3)
  }

  /// What the consumer's own kernel asks for. A segment that was dropped with a congestion signal is tried again every
  /// 0.5 s (`TCP_RESOURCE_PROBE_INTERVAL`), each time counts against `tcp_retries2`, and a segment that gets through sets
  /// the count back; measured on Linux 6.18, a connection dies after about (tcp_retries2 × 0.5 s). TCP_USER_TIMEOUT (0:
  /// none) bounds the same span.
  package static func forSocket(tcpRetries2: Int, userTimeout_ns: Int64) -> Int64 {
    let retries = Int64(max(0, min(tcpRetries2, 1000)))
    var span_ns = (retries * .milliseconds(500) - .seconds(1)) * 2 / 3
    if userTimeout_ns > 0 { span_ns = min(span_ns, userTimeout_ns / 2) }
    return bounded(span_ns)
  }

  /// How long a burst of several segments waits. `forSocket` uses two thirds of the time after which TCP gives up; five
  /// quarters of that are still below it.
  package static func whole(_ trickle_ns: Int64) -> Int64 { trickle_ns + trickle_ns / 4 }

  private static func bounded(_ span_ns: Int64) -> Int64 { max(shortest_ns, min(span_ns, longest_ns)) }
}
