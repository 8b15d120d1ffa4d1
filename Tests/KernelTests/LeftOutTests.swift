import Glibc
import Pipeline
import Testing

@testable import Kernel

extension LiveKernel {
  @Suite(.enabled(if: Live.isRootEnabled, "makes a cgroup")) struct LeftOutTests {
    @Test func `a cgroup that comes while something is held, and where nothing can be, is named`() throws {
      let peer = try Peer()
      let wire = try Wire(.v4)
      let capture = try Capture(target: .processes([peer.id]))
      let terms = HoldTerms(action: .pause, trickle_ns: .seconds(60))
      try capture.hold(1 << 40, terms, for_ns: .seconds(60))
      #expect(capture.leftOut == nil)
      // Somebody else holds in a cgroup of his own, and the target moves there and connects.
      let (_, other) = try Arena.elsewhere {}
      defer {
        _ = Files.write("\(peer.id)", to: (Arena.path ?? "") + "/cgroup.procs")
        rmdir(other)
      }
      let holder = try Capture(target: .cgroup(other))
      try holder.hold(1 << 41, terms, for_ns: .seconds(60))
      #expect(Files.write("\(peer.id)", to: other + "/cgroup.procs") == 0)
      peer.connect(wire.port)
      usleep(2_100_000)
      capture.renewLease()
      #expect(capture.discovery.refresh().attached.contains(other))
      #expect(capture.leftOut?.contains("another stormfuse") == true)
      #expect(capture.leftOut?.contains(other) == true)
      // Once that one has gone, it is held there too, without a release in between.
      holder.close()
      capture.renewLease()
      #expect(capture.leftOut == nil && capture.heldConnections == 1)
      capture.release(1 << 40)
      #expect(capture.leftOut == nil && capture.whyCannotHold == nil)
    }
  }
}
