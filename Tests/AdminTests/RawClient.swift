import AdminAPI
import Foundation

/// A plain blocking socket on a thread of its own, so that no thread of the concurrency pool waits.
enum RawClient {
  struct Failure: Error {
    var what: String
    var code: Int32
  }

  /// Connects, sends the pieces with a pause after each, and reads until the other side closes or `patience_s` pass
  /// without a byte.
  static func exchange(
    _ listen: Listen, _ pieces: [String], pause_ms: UInt32 = 0, patience_s: Int = 5
  ) async throws -> (text: String, closed: Bool) {
    try await withCheckedThrowingContinuation { continuation in
      Thread.detachNewThread {
        continuation.resume(
          with: Result { try blocking(listen, pieces, pause_ms: pause_ms, patience_s: patience_s) })
      }
    }
  }

  private static func blocking(
    _ listen: Listen, _ pieces: [String], pause_ms: UInt32, patience_s: Int
  ) throws -> (String, Bool) {
    let descriptor = try connected(listen)
    defer { close(descriptor) }
    var patience = timeval(tv_sec: patience_s, tv_usec: 0)
    setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
    for piece in pieces {
      let bytes = Array(piece.utf8)
      // MSG_NOSIGNAL: a server that has closed already is an outcome, not an end of this process.
      if send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL)) < 0 { break }
      usleep(pause_ms * 1000)
    }
    var answer: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 65_536)
    while true {
      let count = recv(descriptor, &buffer, buffer.count, 0)
      if count == 0 || (count < 0 && errno == ECONNRESET) { return (String(decoding: answer, as: UTF8.self), true) }
      if count < 0 { return (String(decoding: answer, as: UTF8.self), false) }
      answer += buffer[..<count]
    }
  }

  static func connected(_ listen: Listen) throws -> Int32 {
    let stream = Int32(SOCK_STREAM.rawValue)
    switch listen {
    case .unix(let path):
      let descriptor = socket(AF_UNIX, stream, 0)
      var address = sockaddr_un()
      address.sun_family = sa_family_t(AF_UNIX)
      withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
      return try connect(descriptor, &address, MemoryLayout<sockaddr_un>.size)
    case .tcp(_, let port):
      let descriptor = socket(AF_INET, stream, 0)
      var address = sockaddr_in()
      address.sin_family = sa_family_t(AF_INET)
      address.sin_port = UInt16(port).bigEndian
      address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
      return try connect(descriptor, &address, MemoryLayout<sockaddr_in>.size)
    }
  }

  private static func connect<Address>(_ descriptor: Int32, _ address: inout Address, _ size: Int) throws -> Int32 {
    let answer = withUnsafePointer(to: address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { Foundation.connect(descriptor, $0, socklen_t(size)) }
    }
    guard answer == 0 else {
      let code = errno
      close(descriptor)
      throw Failure(what: "connect", code: code)
    }
    return descriptor
  }
}

/// A directory of its own under /tmp, gone afterwards.
func withTemporaryDirectory<Result>(_ body: (String) async throws -> Result) async throws -> Result {
  var template = Array("/tmp/stormfuse-test-XXXXXX".utf8CString)
  guard mkdtemp(&template) != nil else { throw RawClient.Failure(what: "mkdtemp", code: errno) }
  let path = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
  defer { try? FileManager.default.removeItem(atPath: path) }
  return try await body(path)
}
