#if os(Linux)
  import Kernel
  import Pipeline

  /// Holds with the kernel's help, on the engine's thread. The trickle serves the socket as well as the protocol.
  final class CaptureSwitch: HoldSwitch {
    private let capture: Capture
    private let longest_ns: Int64

    /// `longest_ns`: of one hold without a break, as the engine sees to; the kernel's own bound lies a little above.
    init(_ capture: Capture, longest_ns: Int64) {
      self.capture = capture
      self.longest_ns = longest_ns
    }

    func hold(_ cookie: UInt64, _ terms: HoldTerms) -> String? {
      var terms = terms
      let limits = capture.socketLimits(cookie: cookie)
      let socket_ns = Trickle.forSocket(
        tcpRetries2: limits.tcpRetries2, userTimeout_ns: .milliseconds(Int64(limits.userTimeout_ms)))
      terms.trickle_ns = min(terms.trickle_ns, socket_ns)
      terms.whole_ns = min(terms.whole_ns, Trickle.whole(socket_ns))
      do throws(KernelError) {
        try capture.hold(cookie, terms, for_ns: longest_ns + Self.margin_ns)
        return nil
      } catch {
        return error.description
      }
    }

    func release(_ cookie: UInt64) -> HoldCounters? { capture.release(cookie) }

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
