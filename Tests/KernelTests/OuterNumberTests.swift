import Foundation
import Glibc
import Pipeline
import Testing

@testable import Kernel

extension LiveKernel {
  /// In a PID namespace whose processes the kernel can't name as we do: as before Linux 6.10, and, of processes in a
  /// namespace below, on every kernel. Run by `PrivilegeTests` in a namespace of its own.
  @Suite(.enabled(if: getenv("STORMFUSE_TEST_PID_NAMESPACE") != nil, "run by PrivilegeTests"))
  struct OuterNumberTests {
    @Test func `a new connection of a shared cgroup is followed from its first byte`() throws {
      let peer = try Peer()
      let capture = try Capture(target: .processes([peer.id]), mayTranslate: false)
      #expect(!capture.programs.numbersProcesses)
      let searching = Searching(capture)
      defer { searching.stop() }
      let wire = try Wire(.v4)
      let neighbour = try Peer()
      let recorder = Recorder()
      neighbour.connect(wire.port)
      peer.connect(wire.port)
      peer.run("printf first >&3")
      neighbour.run("printf secret >&3")
      recorder.record(capture, quiet_ms: 200)
      peer.run("printf second >&3")
      neighbour.run("printf more >&3")
      recorder.record(capture, quiet_ms: 200)
      #expect(sent(recorder) == "firstsecond")
      #expect(recorder.streams.count == 1)
      #expect(recorder.segments.first?.flags == .syn)
      #expect(recorder.segments.allSatisfy { $0.process == peer.id })
      #expect(recorder.losses.isEmpty)
    }

    @Test func `a process is found within 50 ms, and its next connection is known at once`() throws {
      let peer = try Peer()
      let capture = try Capture(target: .processes([peer.id]), mayTranslate: false)
      let searching = Searching(capture)
      let wire = try Wire(.v4)
      let recorder = Recorder()
      peer.connect(wire.port)
      let connected_ns = Clock.monotonic_ns()
      while recorder.segments.isEmpty, Clock.monotonic_ns() - connected_ns < .seconds(2) {
        recorder.record(capture, quiet_ms: 1)
      }
      #expect(Clock.monotonic_ns() - connected_ns < .milliseconds(50))
      searching.stop()
      // No search any more.
      peer.connect(wire.port, as: 4)
      peer.run("printf again >&4")
      recorder.record(capture, quiet_ms: 20)
      #expect(sent(recorder, by: peer.id) == "again")
      #expect(recorder.streams.count == 2)
    }

    @Test func `what comes while the process is looked for is handed on in order, or counted`() throws {
      let peer = try Peer()
      let capture = try Capture(target: .processes([peer.id]), mayTranslate: false)
      let wire = try Wire(.v4)
      peer.connect(wire.port)
      try wire.accept()
      let recorder = Recorder()
      // More than may wait. The peer waits for its reader, so it is read meanwhile.
      let size = WaitingSegments.connectionMaximum + (2 << 20)
      peer.start("head -c \(size) /dev/zero >&3")
      var received = 0
      while received < size {
        let some = wire.receive(wait_ms: 300).count
        if some == 0 { break }
        received += some
        recorder.record(capture, quiet_ms: 1)
      }
      #expect(received == size)
      #expect(recorder.segments.isEmpty, "nothing is handed on before its process is known")
      capture.discovery.refresh()
      recorder.record(capture, quiet_ms: 20)
      let handedOn = recorder.segments.filter { $0.direction == .egress }.reduce(0) { $0 + $1.length }
      let lost = recorder.losses.filter { $0.cause == .tableFull }.reduce(0) { $0 + Int($1.bytes) }
      #expect(handedOn > WaitingSegments.connectionMaximum / 2 && lost > 0)
      #expect(handedOn + lost == size)
    }

    @Test func `a search that hangs leaves a shared connection undecided, and it is found later`() throws {
      let peer = try Peer()
      let capture = try Capture(target: .processes([peer.id]), mayTranslate: false)
      let wire = try Wire(.v4)
      peer.connect(wire.port)
      peer.run("printf lost >&3")
      let recorder = Recorder()
      // Longer than a connection waits.
      for _ in 0..<24 { recorder.record(capture, quiet_ms: 50) }
      #expect(recorder.segments.isEmpty && capture.statistics.undecided > 0)
      capture.discovery.refresh()
      peer.run("printf found >&3")
      recorder.record(capture, quiet_ms: 20)
      #expect(sent(recorder, by: peer.id) == "found")
    }

    @Test func `a process that has ended is forgotten with its number`() throws {
      let capture = try Capture(target: Arena.target(), mayTranslate: false)
      let wire = try Wire(.v4)
      let recorder = Recorder()
      var peer: Peer? = try Peer()
      peer?.connect(wire.port)
      recorder.record(capture)
      capture.discovery.refresh()
      recorder.record(capture)
      #expect(capture.discovery.finder.knownCount == 1)
      peer = nil
      capture.discovery.refresh()
      #expect(capture.discovery.finder.knownCount == 0)
    }

    @Test func `all connections of a cgroup of its own bear our numbers`() throws {
      let capture = try Capture(target: Arena.target(), mayTranslate: false)
      let searching = Searching(capture)
      defer { searching.stop() }
      let peer = try Peer()
      let wire = try Wire(.v4)
      let recorder = Recorder()
      peer.connect(wire.port)
      peer.run("printf hello >&3")
      recorder.record(capture, quiet_ms: 200)
      #expect(sent(recorder, by: peer.id) == "hello")
      #expect(recorder.segments.allSatisfy { $0.process == peer.id })
    }

    /// Its first connection can't be refused, since nothing tells whose it is; it is held as soon as that is found.
    @Test func `a process that is blocked is refused from its second connection on, its neighbour never`() throws {
      let peer = try Peer()
      let neighbour = try Peer()
      let (wire, other) = (try Wire(.v4), try Wire(.v4))
      let hold = try OneShotHold(
        OneShotHold.Request(target: .processes([peer.id]), action: .block, duration_ns: .seconds(20)),
        mayTranslate: false)
      peer.connect(wire.port)
      try wire.accept()
      usleep(250_000)
      #expect(hold.tick().connections == 1)
      peer.run("printf held >&3")
      #expect(wire.receive(wait_ms: 300).isEmpty)
      peer.run("{ exec 5<>/dev/tcp/127.0.0.1/\(other.port); } 2>/dev/null && printf through >&5")
      neighbour.connect(other.port)
      try other.accept()
      neighbour.run("printf neighbour >&3")
      #expect(other.receive(9, wait_ms: 2000) == Array("neighbour".utf8))
      hold.end()
      #expect(wire.receive(4, wait_ms: 2000) == Array("held".utf8))
    }

    @Test func `a process in a namespace below the target's is the target's`() throws {
      let peer = try Peer()
      // On this kernel the programs translate, but not what is in another namespace than ours.
      let capture = try Capture(target: .processes([peer.id]))
      let searching = Searching(capture)
      defer { searching.stop() }
      let wire = try Wire(.v4)
      let recorder = Recorder()
      peer.start("unshare --pid --fork bash -c 'exec 4<>/dev/tcp/127.0.0.1/\(wire.port); printf below >&4; sleep 0.3'")
      while !peer.isDone { recorder.record(capture, quiet_ms: 2) }
      recorder.record(capture)
      #expect(sent(recorder) == "below")
      #expect(recorder.segments.first?.flags == .syn)
      #expect(recorder.segments.allSatisfy { $0.process > 0 && $0.process != peer.id })
    }
  }
}

/// Searches as the sidecar does, on a thread of its own.
private final class Searching: @unchecked Sendable {
  private let stopped = DispatchSemaphore(value: 0)
  private let lock = NSLock()
  private var isStopping = false
  private var hasStopped = false

  init(_ capture: Capture) {
    let discovery = capture.discovery
    Thread.detachNewThread { [self] in
      while lock.withLock({ !isStopping }) {
        discovery.refresh()
        discovery.rest()
      }
      stopped.signal()
    }
  }

  func stop() {
    guard lock.withLock({ !hasStopped }) else { return }
    lock.withLock { (isStopping, hasStopped) = (true, true) }
    stopped.wait()
  }
}
