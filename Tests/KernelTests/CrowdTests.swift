import Glibc
import Pipeline
import Testing

@testable import Kernel

extension LiveKernel {
  /// A neighbour in a shared cgroup that connects all the time, to a port where nobody listens.
  @Suite struct CrowdTests {
    @Test func `a neighbour's connections do not crowd out the target's`() throws {
      let peer = try Peer()
      let capture = try Capture(target: .processes([peer.id]))
      let (wire, recorder) = (try Wire(.v4), Recorder())
      // More than the table has room for.
      for _ in 0..<14 {
        try flood(5000)
        drain(capture, recorder)
      }
      #expect(capture.entries().count < 1000)
      #expect(capture.statistics.dropped.allSatisfy { $0.value == 0 })
      // Not known to the kernel as the target's yet.
      peer.start("( exec 4<>/dev/tcp/127.0.0.1/\(wire.port); printf child >&4; sleep 0.05 )")
      while !peer.isDone { recorder.record(capture, quiet_ms: 2) }
      recorder.record(capture)
      #expect(sent(recorder) == "child")
    }

    @Test func `while nobody looks a neighbour fills a part of the table, and that is told`() throws {
      let peer = try Peer()
      let capture = try Capture(target: .processes([peer.id]))
      let (wire, recorder) = (try Wire(.v4), Recorder())
      try flood(70_000)
      peer.connect(wire.port)
      peer.run("printf target >&3")
      #expect(capture.statistics.dropped["unentered_connections"] ?? 0 > 10_000)
      drain(capture, recorder)
      #expect(sent(recorder) == "target")
      // There is room again.
      let lost = capture.statistics.dropped
      try flood(100)
      drain(capture, recorder)
      #expect(capture.statistics.dropped == lost)
      #expect(capture.entries().count < 1000)
    }

    /// A poll that hands nothing on ends with its time, and may leave records.
    private func drain(_ capture: Capture, _ recorder: Recorder) {
      recorder.record(capture, quiet_ms: 1)
      while capture.statistics.queuedBytes > 0 { recorder.record(capture, quiet_ms: 1) }
    }

    private func flood(_ count: Int) throws {
      let closed = try RetryingSocket().closedPort
      for _ in 0..<count { #expect(try RetryingSocket(closedPort: closed).connect(to: closed) == ECONNREFUSED) }
    }
  }
}
