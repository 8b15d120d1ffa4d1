import Foundation
import Glibc
import Synchronization

/// Sends single bytes from another thread, with pauses of 0 to 6 ms.
final class Sender: Sendable {
  private let descriptor: Int32
  private let done = Atomic(false)

  init(_ descriptor: Int32) { self.descriptor = descriptor }

  var isDone: Bool { done.load(ordering: .acquiring) }

  func start(_ count: Int) {
    let thread = Thread { @Sendable [self] in
      for i in 0..<count {
        var byte = UInt8(truncatingIfNeeded: i)
        _ = send(descriptor, &byte, 1, 0)
        usleep(UInt32(i * 7919 % 6000))
      }
      done.store(true, ordering: .releasing)
    }
    thread.start()
  }

  func join() { while !isDone { usleep(1000) } }
}

/// A socket that is not thrown away when a connection is refused.
final class RetryingSocket {
  private let descriptor: Int32
  /// Bound and closed again: nobody listens there.
  let closedPort: UInt16

  /// `closedPort`: one that is known to be closed.
  init(closedPort: UInt16? = nil) throws {
    descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    self.closedPort = try closedPort ?? Wire(.v4).port
  }

  deinit { close(descriptor) }

  /// 0 or the error number.
  func connect(to port: UInt16) -> Int32 {
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    let result = withUnsafePointer(to: address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        Glibc.connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    return result == 0 ? 0 : errno
  }

  func send(_ bytes: [UInt8]) { _ = Glibc.send(descriptor, bytes, bytes.count, 0) }

  var cookie: UInt64 {
    var cookie: UInt64 = 0
    var length = socklen_t(8)
    getsockopt(descriptor, SOL_SOCKET, 57, &cookie, &length)
    return cookie
  }
}
