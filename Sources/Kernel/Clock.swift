internal import Glibc
package import Pipeline

/// Turns the kernel's monotonic time stamps into real time. The offset is measured anew every second, so that a clock that
/// is set or slewed is followed.
package struct Clock: Sendable {
  /// Real time minus monotonic time.
  private(set) var offset_ns: Int64
  private var measured_ns: Int64

  package init() {
    offset_ns = Clock.measure()
    measured_ns = Clock.monotonic_ns()
  }

  package static func monotonic_ns() -> Int64 { read(CLOCK_MONOTONIC) }
  package static var now: Timestamp { Timestamp(ns: read(CLOCK_REALTIME)) }

  package func timestamp(monotonic_ns: Int64) -> Timestamp { Timestamp(ns: monotonic_ns &+ offset_ns) }

  /// Measures again if a second has passed since.
  mutating func refresh(now_ns: Int64) {
    guard now_ns - measured_ns >= .seconds(1) else { return }
    offset_ns = Clock.measure()
    measured_ns = now_ns
  }

  /// Of a few tries the one in which least time passed between the two readings: nothing came in between.
  private static func measure() -> Int64 {
    var best_ns = Int64.max
    var offset_ns: Int64 = 0
    for _ in 0..<5 {
      let before_ns = read(CLOCK_MONOTONIC)
      let real_ns = read(CLOCK_REALTIME)
      let after_ns = read(CLOCK_MONOTONIC)
      if after_ns - before_ns < best_ns {
        best_ns = after_ns - before_ns
        offset_ns = real_ns - (before_ns + (after_ns - before_ns) / 2)
      }
    }
    return offset_ns
  }

  private static func read(_ clock: clockid_t) -> Int64 {
    var time = timespec()
    clock_gettime(clock, &time)
    return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
  }
}
