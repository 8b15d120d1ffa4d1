import Foundation
import Pipeline
import Synchronization
import Testing

@testable import State

/// This test binary run again as another process that does one thing in a state directory: one of the tests of `Roles`.
final class Child {
  enum Role: String {
    /// Tries to open the directory, says `opened` or the error, ends.
    case take
    /// Opens the directory, says `opened`, keeps it until killed.
    case hold
    /// Saves as fast as it can until killed; says `saved N` when number N was answered.
    case save
    /// Finds a full and a read-only file system; needs a mount namespace of its own.
    case mounts
  }

  static let isHere = environment("STORMFUSE_TEST_STATE_ROLE") != nil
  static let isRequired = environment("STORMFUSE_REQUIRE_LIVE") == "1"
  static var role: Role? { environment("STORMFUSE_TEST_STATE_ROLE").flatMap(Role.init) }
  static var path: String { environment("STORMFUSE_TEST_STATE_PATH") ?? "" }

  private let process = Process()
  private let output = Pipe()
  private var text = ""

  var pid: Int32 { process.processIdentifier }

  /// - Parameter wrapper: A program with arguments that runs the rest of its arguments.
  init(_ role: Role, _ path: String, wrapper: [String] = []) throws {
    let arguments =
      wrapper + [try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")] + [
        "--testing-library", "swift-testing", "--filter", "^StateTests[.]Roles/\(role.rawValue)",
      ]
    process.executableURL = URL(filePath: "/usr/bin/env")
    process.arguments = arguments
    process.environment = ProcessInfo.processInfo.environment.merging(
      ["STORMFUSE_TEST_STATE_ROLE": role.rawValue, "STORMFUSE_TEST_STATE_PATH": path]) { $1 }
    process.standardOutput = output
    process.standardError = output
    try process.run()
  }

  deinit {
    if process.isRunning { kill(pid, SIGKILL) }
    process.waitUntilExit()
  }

  /// Reads until there is a whole line that begins so, or the output ends; the line.
  func line(_ prefix: String) -> String? {
    while true {
      if let line = lines(prefix).first { return line }
      let data = output.fileHandleForReading.availableData
      if data.isEmpty { return lines(prefix).first }
      text += String(decoding: data, as: UTF8.self)
    }
  }

  /// Kills it unless it is to end by itself; all that it wrote.
  func end(killing: Bool) -> (status: Int32, output: String) {
    if killing { kill(pid, SIGKILL) }
    text += String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    return (process.terminationStatus, text)
  }

  /// Whole lines that begin so.
  func lines(_ prefix: String) -> [String] {
    text.split(separator: "\n", omittingEmptySubsequences: false).dropLast().filter { $0.hasPrefix(prefix) }.map(
      String.init)
  }

  static func say(_ line: String) {
    let bytes = Array((line + "\n").utf8)
    _ = write(STDOUT_FILENO, bytes, bytes.count)
  }

  private static func environment(_ name: String) -> String? { ProcessInfo.processInfo.environment[name] }
}

/// What children do.
@Suite(.enabled(if: Child.isHere, "run by other tests, in processes of their own")) struct Roles {
  @Test(.enabled(if: Child.role == .take)) func take() {
    do {
      let directory = try StateDirectory(path: Child.path)
      Child.say("opened \(directory.path)")
    } catch {
      Child.say("refused: \(error)")
    }
  }

  @Test(.enabled(if: Child.role == .hold)) func hold() throws {
    alarm(60)  // Not longer, should nobody kill it.
    let directory = try StateDirectory(path: Child.path)
    Child.say("opened \(directory.path)")
    withExtendedLifetime(directory) { while true { sleep(60) } }
  }

  @Test(.enabled(if: Child.role == .save)) func save() throws {
    alarm(60)
    let directory = try StateDirectory(path: Child.path)
    let loaded = directory.load(at: SnapshotWriter.clock())
    var number = loaded.snapshot.map(Sample.number) ?? 0
    let writer = SnapshotWriter(directory: directory, audit: AuditLog(in: directory))
    let waiting = DispatchSemaphore(value: 3)
    while true {
      waiting.wait()
      number += 1
      let own = number
      writer.record(Sample.entry(own))
      writer.submit(Sample.snapshot(own, breakers: own % 17)) { result in
        switch result {
        case .success: Child.say("saved \(own)")
        case .failure(let error): Child.say("failed \(error)")
        }
        waiting.signal()
      }
    }
  }
}
