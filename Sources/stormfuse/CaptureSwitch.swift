#if os(Linux)
  import Kernel
  import Pipeline

  /// Holds with the kernel's help, on the engine's thread. Where no probes keep a connection alive the trickle serves the
  /// socket as well as the protocol.
  final class CaptureSwitch: HoldSwitch {
    private let capture: Capture
    private var longest_ns: Int64
    /// Of what is held: what was asked for, and what the kernel was told in the light of the socket's limits.
    private var held: [UInt64: (asked: HoldTerms, told: HoldTerms)] = [:]

    /// `longest_ns`: of one hold without a break, as the engine sees to. The kernel's own bound lies a little above, counted
    /// from the last order; the engine renews each order every two seconds.
    init(_ capture: Capture, longest_ns: Int64) {
      self.capture = capture
      self.longest_ns = longest_ns
    }

    func hold(_ cookie: UInt64, _ terms: HoldTerms) -> String? {
      let told = bounded(terms, cookie)
      do throws(KernelError) {
        try capture.hold(cookie, told, for_ns: longest_ns + Self.margin_ns)
        held[cookie] = (terms, told)
        return nil
      } catch {
        return error.description
      }
    }

    /// Limits of a connection that had just been made are known by now, or the application has set others: to be called
    /// more often than the shortest of them ends a connection.
    func followLimits() {
      for (cookie, terms) in held where bounded(terms.asked, cookie) != terms.told { _ = hold(cookie, terms.asked) }
    }

    /// One hold may last that long from now on; the kernel is told of those that there are.
    func extend(longest_ns: Int64) {
      guard longest_ns != self.longest_ns else { return }
      self.longest_ns = longest_ns
      for (cookie, terms) in held { _ = hold(cookie, terms.asked) }
    }

    /// The protocol's terms, no longer than the kernels of the consumer and of the broker allow.
    private func bounded(_ terms: HoldTerms, _ cookie: UInt64) -> HoldTerms {
      var terms = terms
      let limits = capture.socketLimits(cookie: cookie)
      let socket_ns =
        !terms.holdsAcks && capture.keepalive(cookie) == .nudge
        ? Trickle.forPeer(tcpRetries2: limits.tcpRetries2)
        : Trickle.forSocket(
          tcpRetries2: limits.tcpRetries2, userTimeout_ns: .milliseconds(Int64(limits.userTimeout_ms)))
      terms.trickle_ns = min(terms.trickle_ns, socket_ns)
      terms.whole_ns = min(terms.whole_ns, Trickle.whole(socket_ns))
      return terms
    }

    func release(_ cookie: UInt64, after_ns: Int64) -> HoldCounters? {
      held[cookie] = nil
      return capture.release(cookie, after_ns: after_ns)
    }

    func keepalive(_ cookie: UInt64) -> Keepalive {
      held[cookie]?.asked.holdsAcks == true
        ? .trickle(why: "its acknowledgements are held as well, and a probe is one") : capture.keepalive(cookie)
    }

    func refuse(_ endpoint: Endpoint) -> String? {
      do throws(KernelError) {
        try capture.refuse(endpoint, for_ns: longest_ns + Self.margin_ns)
        return nil
      } catch {
        return error.description
      }
    }

    func allow(_ endpoint: Endpoint) { capture.allow(endpoint) }

    private static let margin_ns: Int64 = .seconds(5)
  }
#endif
