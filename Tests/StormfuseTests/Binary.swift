#if os(Linux)
  import Foundation
  import Synchronization

  /// The program itself as a child process, and what it says on standard error.
  final class Binary: Sendable {
    let process = Process()
    private let said = Mutex("")
    private let pipe = Pipe()

    /// Starts it. It lies beside the test's own executable, where the same build has put it.
    init(_ arguments: [String]) throws {
      let own = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
      process.executableURL = URL(filePath: own).deletingLastPathComponent().appending(path: "stormfuse")
      process.arguments = arguments
      process.standardInput = FileHandle.nullDevice
      process.standardOutput = FileHandle.nullDevice
      process.standardError = pipe
      pipe.fileHandleForReading.readabilityHandler = { [weak self] handle in
        let data = handle.availableData
        self?.said.withLock { $0 += String(decoding: data, as: UTF8.self) }
        if data.isEmpty { handle.readabilityHandler = nil }
      }
      try process.run()
    }

    deinit { if process.isRunning { kill(process.processIdentifier, SIGKILL) } }

    var text: String { said.withLock { $0 } }

    /// Waits until it has said that, or has ended; whether it has said it.
    func says(_ words: String, within limit: Duration = .seconds(30)) async throws -> Bool {
      let end = ContinuousClock.now + limit
      while !text.contains(words), process.isRunning, ContinuousClock.now < end {
        try await Task.sleep(for: .milliseconds(20))
      }
      // What it said last may still be in the pipe.
      if !text.contains(words) { try await Task.sleep(for: .milliseconds(100)) }
      return text.contains(words)
    }

    struct Unreachable: Error { var code: Int32 }

    /// The answer to a GET on a Unix socket, its head included.
    static func get(_ path: String, at socketPath: String) throws -> String {
      let file = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
      defer { close(file) }
      var address = sockaddr_un()
      address.sun_family = sa_family_t(AF_UNIX)
      withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: socketPath.utf8.prefix($0.count - 1)) }
      let isConnected = withUnsafePointer(to: address) { pointer in
        pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
          connect(file, $0, socklen_t(MemoryLayout<sockaddr_un>.size)) == 0
        }
      }
      guard isConnected else { throw Unreachable(code: errno) }
      let request = Array("GET \(path) HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".utf8)
      guard write(file, request, request.count) == request.count else { throw Unreachable(code: errno) }
      var answer: [UInt8] = []
      var part = [UInt8](repeating: 0, count: 65_536)
      while case let count = read(file, &part, part.count), count > 0 { answer += part[..<count] }
      return String(decoding: answer, as: UTF8.self)
    }

    func send(_ signal: Int32) { kill(process.processIdentifier, signal) }

    /// Waits for its end; the exit status.
    func end(within limit: Duration = .seconds(30)) async throws -> Int32? {
      let end = ContinuousClock.now + limit
      while process.isRunning, ContinuousClock.now < end { try await Task.sleep(for: .milliseconds(20)) }
      try await Task.sleep(for: .milliseconds(100))
      return process.isRunning ? nil : process.terminationStatus
    }
  }
#endif
