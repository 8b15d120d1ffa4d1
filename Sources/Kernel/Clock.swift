internal import Glibc
package import Pipeline

/// Live time: where the wall clock stood at the start, and from there on as the kernel's monotonic clock goes, which also
/// stamps the packets. Whoever sets the wall clock moves no timer: no open time, override or age gets longer or shorter.
///
/// Time servers slew both clocks alike, so the two part only by steps (and by the time that the machine was suspended,
/// which the monotonic clock leaves out). How far they have parted is `wallAhead_ns`, looked at once a second: moments of
/// the wall clock that come from outside are taken back by it, moments that go outside are told with it.
package struct Clock: Sendable {
  package enum Kind: Sendable { case wall, monotonic }
  /// Reads a clock, in nanoseconds.
  package typealias Source = @Sendable (Kind) -> Int64

  private let source: Source
  /// Wall clock minus monotonic clock at the start.
  let offset_ns: Int64
  /// How far the wall clock is ahead of this one by now; steps of less than a millisecond are not told from what reading
  /// two clocks takes.
  package private(set) var wallAhead_ns: Int64 = 0
  private var measured_ns: Int64

  package init(_ source: @escaping Source = Clock.system) {
    self.source = source
    offset_ns = Clock.measure(source)
    measured_ns = source(.monotonic)
  }

  package static func monotonic_ns() -> Int64 { system(.monotonic) }
  /// The wall clock as it reads now.
  package static var wall: Timestamp { Timestamp(ns: system(.wall)) }

  package var now: Timestamp { timestamp(monotonic_ns: source(.monotonic)) }
  package func timestamp(monotonic_ns: Int64) -> Timestamp { Timestamp(ns: monotonic_ns &+ offset_ns) }

  /// Looks at the wall clock again if a second has passed since.
  mutating func refresh(now_ns: Int64) {
    guard now_ns - measured_ns >= .seconds(1) else { return }
    measured_ns = now_ns
    let ahead_ns = Clock.measure(source) - offset_ns
    if (ahead_ns - wallAhead_ns).magnitude >= Int64.milliseconds(1).magnitude { wallAhead_ns = ahead_ns }
  }

  /// Of a few tries the one in which least time passed between the two readings: nothing came in between.
  private static func measure(_ source: Source) -> Int64 {
    var best_ns = Int64.max
    var offset_ns: Int64 = 0
    for _ in 0..<5 {
      let before_ns = source(.monotonic)
      let wall_ns = source(.wall)
      let after_ns = source(.monotonic)
      if after_ns - before_ns < best_ns {
        best_ns = after_ns - before_ns
        offset_ns = wall_ns - (before_ns + (after_ns - before_ns) / 2)
      }
    }
    return offset_ns
  }

  package static let system: Source = { kind in
    var time = timespec()
    clock_gettime(kind == .wall ? CLOCK_REALTIME : CLOCK_MONOTONIC, &time)
    return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
  }
}
