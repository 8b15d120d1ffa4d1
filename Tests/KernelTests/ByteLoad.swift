import Foundation
import Glibc
import Pipeline
import Testing

@testable import Kernel

/// Sends numbered bytes a few at a time from one thread and receives them on another.
final class ByteLoad: @unchecked Sendable {
  let wire: Wire
  let sent: [UInt8]
  // Unchecked: written by one thread each, read after `join`.
  private(set) var received = [UInt8]()
  private let group = DispatchGroup()

  init(_ wire: Wire, count: Int) {
    self.wire = wire
    sent = pattern(count * 10)
  }

  func start() {
    for work in [send, receive] {
      group.enter()
      let thread = Thread { @Sendable [group] in
        work()
        group.leave()
      }
      thread.start()
    }
  }

  func join() { group.wait() }

  @Sendable private func send() {
    for start in stride(from: 0, to: sent.count, by: 10) {
      wire.write(Array(sent[start..<start + 10]))
      usleep(200)
    }
  }

  @Sendable private func receive() {
    while received.count < sent.count {
      let more = wire.receive(sent.count - received.count, wait_ms: 20_000)
      if more.isEmpty { return }
      received += more
    }
  }
}
