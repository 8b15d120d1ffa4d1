import Glibc
import Pipeline
import Testing

@testable import Kernel

extension LiveKernel {
  /// Connections that are held and of which nothing passes, kept alive by probes or not. Runs as an unprivileged user as well.
  @Suite struct NudgerTests {
    private static let never = HoldTerms(action: .pause, trickle_ns: Trickle.never_ns, whole_ns: Trickle.never_ns)

    /// A held connection that its kernel ends after a second.
    private final class Held {
      let capture: Capture
      let wire: Wire
      let data = pattern(1000)

      init(_ family: Wire.Family = .v4) throws {
        capture = try Capture(target: Arena.target())
        wire = try Wire(connected: family)
        set(TCP_USER_TIMEOUT, 1000, Int32(IPPROTO_TCP))
        try wire.send(pattern(100))
        try capture.hold(wire.cookie, NudgerTests.never, for_ns: .seconds(60))
        capture.discovery.hurry()
        capture.discovery.refresh()
        #expect(wire.write(data) == data.count)
      }

      func set(_ option: Int32, _ value: Int32, _ level: Int32) {
        var value = value
        setsockopt(wire.client, level, option, &value, 4)
      }

      func get(_ option: Int32, _ level: Int32) -> Int32 {
        var value: Int32 = 0
        var length = socklen_t(4)
        getsockopt(wire.client, level, option, &value, &length)
        return value
      }

      /// Sends the probes that are due and keeps the lease, for that long.
      func pass(_ seconds: Double, nudging: Bool = true) {
        let end = ContinuousClock.now + .seconds(seconds)
        while ContinuousClock.now < end {
          if nudging { capture.nudger.step() }
          capture.renewLease()
          usleep(20_000)
        }
      }
    }

    @Test func `without probes its kernel ends a connection on which nothing passes`() throws {
      let held = try Held()
      held.pass(3, nudging: false)
      #expect(held.get(SO_ERROR, SOL_SOCKET) == ETIMEDOUT)
    }

    @Test(arguments: Wire.Family.allCases)
    func `probes keep it alive, nothing passes, and the last one wakes it`(family: Wire.Family) throws {
      let held = try Held(family)
      held.set(SO_REUSEADDR, 1, SOL_SOCKET)
      #expect(held.capture.keepalive(held.wire.cookie) == .nudge)
      held.pass(4)
      #expect(held.capture.nudger.health(held.wire.cookie) == .well)
      #expect(held.get(SO_ERROR, SOL_SOCKET) == 0 && held.get(SO_REUSEADDR, SOL_SOCKET) == 1)
      #expect(held.wire.receive(wait_ms: 50).isEmpty)
      let counters = try #require(held.capture.release(held.wire.cookie))
      #expect(counters.passed.bytes == 0 && counters.held.packets > 5)
      held.pass(0.6)
      let arrived = held.wire.receive(held.data.count, wait_ms: 100)
      #expect(arrived.count == held.data.count && arrived == held.data)
      #expect(held.capture.nudger.step() == nil, "nothing is left to do")
    }

    @Test func `released in a while, it is held until then`() throws {
      let held = try Held()
      _ = held.capture.keepalive(held.wire.cookie)
      held.pass(0.1)
      #expect(held.capture.release(held.wire.cookie, after_ns: .milliseconds(600)) != nil)
      held.pass(0.3)
      #expect(held.wire.receive(wait_ms: 0).isEmpty)
      held.pass(0.5)
      #expect(held.wire.receive(held.data.count, wait_ms: 600).count == held.data.count)
      held.pass(0.1)
      #expect(held.capture.heldConnections == 0)
    }

    @Test func `a descriptor that is another socket by now is never touched`() throws {
      let held = try Held()
      let cookie = held.wire.cookie
      _ = held.capture.keepalive(cookie)
      held.pass(0.1)
      let other = try Wire(connected: .v4)
      dup2(other.client, held.wire.client)
      held.pass(0.6)
      guard case .failing(let why) = held.capture.nudger.health(cookie) else {
        Issue.record("it should have failed")
        return
      }
      #expect(why.contains("not found in process \(getpid()) any more"))
      #expect(held.capture.keepalive(cookie) == .trickle(why: why))
    }

    @Test func `a socket that no search has found is looked for, and trickles until then`() throws {
      let capture = try Capture(target: Arena.target())
      let wire = try Wire(connected: .v4)
      try wire.send(pattern(100))
      #expect(capture.keepalive(wire.cookie) == .trickle(why: "its socket was not found yet"))
      capture.discovery.refresh()
      #expect(capture.keepalive(wire.cookie) == .nudge)
    }

    @Test func `the words for what stands in the way say what to do`() {
      #expect(
        Nudger.reason(-EPERM, 7)
          == "the sockets of process 7 may not be reached (Operation not permitted): grant CAP_SYS_PTRACE or run as its user"
      )
      #expect(Nudger.reason(-ENOSYS, 7) == "this kernel has no pidfd_getfd (5.6 has)")
    }
  }
}
