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
