import Glibc
import Pipeline
import Testing

@testable import Kernel

extension LiveKernel {
  /// Clients that connect again and again where they are refused. Runs as an unprivileged user as well.
  @Suite struct RefusedTests {
    private func refuse(_ wire: Wire, _ capture: Capture) throws {
      try capture.refuse(Endpoint(v4: 0x7f00_0001, port: wire.port), for_ns: .seconds(60))
    }

    @Test func `connects that are refused leave nothing in the kernel's table`() throws {
      let capture = try Capture(target: Arena.target())
      let wire = try Wire(.v4)
      try refuse(wire, capture)
      let before = capture.entries().count
      for _ in 0..<1000 {
        let error = #expect(throws: WireError.self) { try wire.connect() }
        #expect(error?.error == EPERM)
        wire.closeClient()
      }
      // Connections of the test process's own may have come in between.
      #expect(capture.entries().count < before + 20)
      // One that is let through is entered, with its process.
      capture.allow(Endpoint(v4: 0x7f00_0001, port: wire.port))
      try wire.connect()
      try wire.send(pattern(10))
      let recorder = Recorder()
      recorder.record(capture)
      #expect(recorder.segments.contains { $0.cookie == wire.cookie && $0.process == getpid() })
    }

    @Test func `a refusal ends with its time, unless it is renewed`() throws {
      let capture = try Capture(target: Arena.target())
      let wire = try Wire(.v4)
      let endpoint = Endpoint(v4: 0x7f00_0001, port: wire.port)
      for _ in 0..<10 {
        try capture.refuse(endpoint, for_ns: .milliseconds(400))
        #expect(throws: WireError.self) { try wire.connect() }
        wire.closeClient()
        usleep(100_000)
      }
      usleep(400_000)
      try wire.connect()
    }

    @Test func `nor do a member's in a shared cgroup`() throws {
      let peer = try Peer()
      let capture = try Capture(target: .processes([peer.id]))
      #expect(capture.discovery.status.isShared)
      let wire = try Wire(.v4)
      peer.connect(wire.port)
      let before = capture.entries().count
      try refuse(wire, capture)
      peer.run("for i in {1..300}; do exec 4<>/dev/tcp/127.0.0.1/\(wire.port); done 2>/dev/null")
      #expect(capture.entries().count < before + 20)
      // A neighbour is not refused.
      try wire.connect()
    }
  }
}
