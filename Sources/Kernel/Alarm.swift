internal import CProbe
internal import Glibc

/// Interrupts the wait of the thread that polls, from any other thread.
package final class Alarm: Sendable {
  /// An eventfd; -1 if there was none to be had, then nothing is interrupted and the wait runs its time.
  let descriptor: Int32

  init() { descriptor = max(-1, cprobe_wakeup_open()) }

  deinit { if descriptor >= 0 { close(descriptor) } }

  package func ring() { if descriptor >= 0 { cprobe_wakeup(descriptor) } }

  func take() { cprobe_wakeup_taken(descriptor) }
}
