/// How often a segment with payload, or a probe without, must pass on a held connection, so that no timeout of the protocol
/// or of a kernel ends it.
package enum Trickle {
  /// As good as never: nothing needs to pass.
  package static let never_ns: Int64 = .seconds(86_400)
  /// While probes are waited for: an answer that was not seen while it was held must come through soon. (The consumer's
  /// kernel tries again about every 0.5 s.)
  package static let probing_ns: Int64 = .seconds(1)
  /// In half-open: lets one segment pass at once. TCP sends the next one only after the acknowledgement, and retries a
  /// dropped one after 0.5 s; by then the delivery count shows whether more probes are needed. A consumer that takes
  /// messages one by one, each in more than this time, is not slowed.
  package static let single_ns: Int64 = .milliseconds(1)
  /// No sooner than the kernel's own retries would have a use for.
  private static let shortest_ns: Int64 = .milliseconds(100)

  /// As the protocol requires (`ConnectionUse.silence_ns`).
  package static func forProtocol(silence_ns: Int64?) -> Int64 {
    silence_ns.map { max(shortest_ns, min($0, never_ns)) } ?? never_ns
  }

  /// As the consumer's kernel requires where no probes are sent: at most 5 s, less with a shorter timeout.
  package static func forSocket(tcpRetries2: Int, userTimeout_ns: Int64) -> Int64 {
    min(longest_ns, socketSpan(tcpRetries2, userTimeout_ns))
  }

  /// As the broker's kernel requires, with or without probes. While payload is held, data from the broker is not acknowledged:
  /// the peer drops a probe with its acknowledgement number, and the consumer's kernel counts the one on a dropped segment as
  /// sent. The broker's kernel retransmits after 0.2 s, 0.4 s and so on, `tcp_retries2` times, then resets the connection:
  /// with 5 retries after 13 s (measured), with the default of 15 after 15 min, longer than any hold. The broker's setting is
  /// not known; that of the consumer's network namespace is used, since it is usually set for a whole fleet.
  package static func forPeer(tcpRetries2: Int) -> Int64 {
    var (sum_ns, wait_ns): (Int64, Int64) = (0, .milliseconds(200))
    for _ in 0...max(1, min(tcpRetries2, 255)) {
      sum_ns += wait_ns
      wait_ns = min(wait_ns * 2, .seconds(120))
    }
    return min(sum_ns * 2 / 3, never_ns)
  }

  /// How often probes are sent: three to four within the kernel's timeout, since one may be lost, and peers answer at most two
  /// in a second.
  package static func forProbes(tcpRetries2: Int, userTimeout_ns: Int64) -> Int64 {
    min(.seconds(2), socketSpan(tcpRetries2, userTimeout_ns) / 2)
  }

  /// Two thirds of the time after which the consumer's kernel ends the connection. A segment that was dropped with a congestion signal
  /// is tried again every 0.5 s (`TCP_RESOURCE_PROBE_INTERVAL`), each time counts against `tcp_retries2`, and an
  /// acknowledgement that comes in sets the count back; measured on Linux 6.18, a connection ends after about
  /// (tcp_retries2 × 0.5 s). TCP_USER_TIMEOUT (0: none) bounds the same span.
  private static func socketSpan(_ tcpRetries2: Int, _ userTimeout_ns: Int64) -> Int64 {
    let retries = Int64(max(0, min(tcpRetries2, 1000)))
    var span_ns = (retries * .milliseconds(500) - .seconds(1)) * 2 / 3
    if userTimeout_ns > 0 { span_ns = min(span_ns, userTimeout_ns / 2) }
    return max(shortest_ns, span_ns)
  }

  /// How long a burst of several segments waits. `forSocket` uses two thirds of the time after which TCP gives up; five
  /// quarters of that are still below it.
  package static func whole(_ trickle_ns: Int64) -> Int64 { trickle_ns + trickle_ns / 4 }

  private static let longest_ns: Int64 = .seconds(5)
}
