import Glibc
import Pipeline
import Synchronization
import Testing

@testable import Kernel

/// Live time beside a wall clock that somebody sets. No kernel programs, no privileges.
@Suite struct ClockTests {
  /// Two clocks that go when they are told.
  private final class Clocks: Sendable {
    private let time = Mutex((wall: Int64(1_800_000_000_000_000_000), monotonic: Int64(5_000_000_000)))

    func pass(_ ns: Int64) {
      time.withLock {
        $0.wall += ns
        $0.monotonic += ns
      }
    }
    func setWall(by ns: Int64) { time.withLock { $0.wall += ns } }
    var monotonic_ns: Int64 { time.withLock(\.monotonic) }
    var wall: Timestamp { Timestamp(ns: time.withLock(\.wall)) }
    var source: Clock.Source {
      { [self] kind in time.withLock { kind == .wall ? $0.wall : $0.monotonic } }
    }
  }

  @Test(arguments: [-86_400, -1, 1, 3600] as [Int64])
  func `time runs evenly whatever the wall clock is set to, and knows how far that is off`(step_s: Int64) {
    let clocks = Clocks()
    var clock = Clock(clocks.source)
    let began = clock.now
    #expect(began == clocks.wall && clock.wallAhead_ns == 0)
    clocks.pass(.seconds(10))
    clocks.setWall(by: .seconds(step_s))
    clock.refresh(now_ns: clocks.monotonic_ns)
    #expect(clock.now - began == .seconds(10))
    #expect(clock.wallAhead_ns == .seconds(step_s))
    #expect(clock.now + clock.wallAhead_ns == clocks.wall)
    // And back again, as a time server would.
    clocks.setWall(by: .seconds(-step_s))
    clocks.pass(.milliseconds(999))
    clock.refresh(now_ns: clocks.monotonic_ns)
    #expect(clock.wallAhead_ns == .seconds(step_s))
    clocks.pass(.milliseconds(1))
    clock.refresh(now_ns: clocks.monotonic_ns)
    #expect(clock.wallAhead_ns == 0)
    #expect(clock.now - began == .seconds(11))
  }

  @Test func `what reading two clocks takes is no step`() {
    let clocks = Clocks()
    var clock = Clock(clocks.source)
    for _ in 0..<5 {
      clocks.pass(.seconds(1))
      clocks.setWall(by: 150_000)
      clock.refresh(now_ns: clocks.monotonic_ns)
    }
    #expect(clock.wallAhead_ns == 0)
    // But it is no excuse for ever.
    clocks.pass(.seconds(1))
    clocks.setWall(by: 300_000)
    clock.refresh(now_ns: clocks.monotonic_ns)
    #expect(clock.wallAhead_ns == 1_050_000)
  }
}

extension LiveKernel {
  @Suite struct LiveClockTests {
    /// How far the wall clock was set back.
    private final class Step: Sendable {
      let back_ns = Atomic<Int64>(0)
    }

    @Test func `segments go on in order while the wall clock is set back a day`() throws {
      let step = Step()
      let clock = Clock { kind in
        Clock.system(kind) - (kind == .wall ? step.back_ns.load(ordering: .relaxed) : 0)
      }
      let capture = try Capture(target: Arena.target(), clock: clock)
      let wire = try Wire(connected: .v4)
      let recorder = Recorder()
      try wire.send(pattern(10))
      recorder.record(capture)
      step.back_ns.store(.seconds(86_400), ordering: .relaxed)
      usleep(1_100_000)
      for _ in 0..<3 {
        try wire.send(pattern(10))
        recorder.record(capture)
      }
      let times = recorder.segments.filter { $0.cookie == wire.cookie && $0.length > 0 }.map(\.at)
      #expect(times.count == 4)
      #expect(zip(times, times.dropFirst()).allSatisfy { $0 < $1 && $1 - $0 < .seconds(60) })
      #expect(abs(capture.wallAhead_ns + .seconds(86_400)) < .milliseconds(10))
      #expect(try #require(times.last) <= capture.now)
    }
  }
}
