import Foundation
import Glibc
import Pipeline

/// A shell that does what it is told, line by line: another process with sockets of its own (/dev/tcp).
final class Peer {
  private let process = Process()
  private let input = Pipe()
  private let output = Pipe()

  init() throws {
    process.executableURL = URL(fileURLWithPath: "/bin/bash")
    process.arguments = ["-c", "while read -r line; do eval \"$line\"; echo done; done"]
    process.standardInput = input
    process.standardOutput = output
    try process.run()
  }

  deinit {
    try? input.fileHandleForWriting.close()
    process.waitUntilExit()
  }

  var id: Int32 { process.processIdentifier }

  /// Returns when the line was executed.
  func run(_ line: String) {
    start(line)
    _ = output.fileHandleForReading.availableData
  }

  /// Has a line executed; `isDone` tells when.
  func start(_ line: String) { input.fileHandleForWriting.write(Data((line + "\n").utf8)) }

  /// Takes the word that a started line is done.
  var isDone: Bool {
    var waited = pollfd(fd: output.fileHandleForReading.fileDescriptor, events: Int16(POLLIN), revents: 0)
    guard poll(&waited, 1, 0) == 1 else { return false }
    _ = output.fileHandleForReading.availableData
    return true
  }

  /// Opens a connection as descriptor `descriptor`.
  func connect(_ port: UInt16, as descriptor: Int = 3) { run("exec \(descriptor)<>/dev/tcp/127.0.0.1/\(port)") }
}

/// The bytes that one process sent, of all its connections, in the order in which they passed.
func sent(_ recorder: Recorder, by process: Int32? = nil) -> String {
  recorder.segments.indices.reduce(into: "") { text, i in
    let segment = recorder.segments[i]
    guard segment.direction == .egress, segment.length > 0, process == nil || segment.process == process else { return }
    text += String(decoding: recorder.payloads[i], as: UTF8.self)
  }
}
