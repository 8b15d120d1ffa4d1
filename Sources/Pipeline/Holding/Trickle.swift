/// How often a held connection must get a segment with payload through, or a probe without, before some side gives it up.
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

  /// What the protocol asks for: a segment in that time (nil: it asks for none).
  package static func forProtocol(silence_ns: Int64?) -> Int64 {
    silence_ns.map { max(shortest_ns, min($0, never_ns)) } ?? never_ns
  }

  /// What the consumer's own kernel asks for where no probes keep the connection: at most 5 s, and less where it would give
  /// up sooner.
  package static func forSocket(tcpRetries2: Int, userTimeout_ns: Int64) -> Int64 {
    min(longest_ns, socketSpan(tcpRetries2, userTimeout_ns))
  }

  /// What the broker's kernel asks for, whatever keeps the connection: while payload is held hardly anything acknowledges
  /// what the broker sends, since a probe's acknowledgement does not count and the consumer's kernel takes those on held
  /// segments for sent. The broker's kernel then tries again after 0.2 s, 0.4 s and so on, `tcp_retries2` times; measured
  /// with 5, it gave the connection up after 13 s. Its value can't be seen from here and is taken for the consumer's: who
  /// lowers it mostly does so everywhere. With the default (15) it is 15 min, longer than any hold.
  package static func forPeer(tcpRetries2: Int) -> Int64 {
    var (sum_ns, wait_ns): (Int64, Int64) = (0, .milliseconds(200))
    for _ in 0...max(1, min(tcpRetries2, 255)) {
      sum_ns += wait_ns
      wait_ns = min(wait_ns * 2, .seconds(120))
    }
    return min(sum_ns * 2 / 3, never_ns)
  }

  /// How often probes are sent instead: three to four in the time after which the kernel gives up, since one may be lost,
  /// and peers answer at most two in a second.
  package static func forProbes(tcpRetries2: Int, userTimeout_ns: Int64) -> Int64 {
    min(.seconds(2), socketSpan(tcpRetries2, userTimeout_ns) / 2)
  }

  /// Two thirds of the time after which the consumer's kernel gives up. A segment that was dropped with a congestion signal
  /// is tried again every 0.5 s (`TCP_RESOURCE_PROBE_INTERVAL`), each time counts against `tcp_retries2`, and an
  /// acknowledgement that comes in sets the count back; measured on Linux 6.18, a connection dies after about
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
