import Foundation
import Pipeline
import Testing

@testable import State

extension AuditLog {
  /// One line, on disk.
  fileprivate func append(_ entry: AuditEntry) throws {
    if let problem = write([entry]).problem { throw problem }
  }
}

struct AuditLogTests {
  @Test("a command is one line of JSON with all its fields, in a file of mode 600")
  func line() throws {
    let scratch = Scratch()
    let log = AuditLog(in: try StateDirectory(path: scratch.state))
    try log.append(Sample.entry(7))
    let text = String(decoding: scratch.bytes("audit.jsonl"), as: UTF8.self)
    #expect(
      text
        == #"{"at":"2025-10-09T08:53:20.000000000Z","author":"ana","cluster":"rabbit@köln","command":"trip","held":false,"#
        + #""key":"rabbitmq:%2F:orders","reason":"drain first","result":"changed","revision":7,"target":"orders","#
        + #""why":"mode is observe"}"# + "\n")
    var status = stat()
    #expect(stat("\(scratch.state)/audit.jsonl", &status) == 0 && status.st_mode & 0o7777 == 0o600)
  }

  @Test("nothing that an operator writes breaks a line or reaches a terminal as a control character")
  func controls() throws {
    let scratch = Scratch()
    let log = AuditLog(in: try StateDirectory(path: scratch.state))
    let all = (0...0x2ff).compactMap(Unicode.Scalar.init).map(String.init).joined()
    let reasons = [all, "a\nb\r\nc", "\u{85}\u{9b}31m\u{2028}\u{2029}\u{7f}", "\"}\n{\"author\":\"eve\"", "😀\\u000a"]
    for reason in reasons { try log.append(Sample.entry(1, reason: reason)) }
    let bytes = scratch.bytes("audit.jsonl")
    let lines = bytes.split(separator: 10)
    #expect(try lines.map { try JSONDecoder().decode(AuditEntry.self, from: Data($0)).reason } == reasons)
    let scalars = String(decoding: bytes, as: UTF8.self).unicodeScalars
    #expect(
      scalars.allSatisfy {
        $0 == "\n" || !($0.properties.generalCategory == .control || $0.value == 0x2028 || $0.value == 0x2029)
      })
  }

  @Test("half a line that a crash left is ended at the next opening, and stays")
  func torn() throws {
    let scratch = Scratch()
    for round in 1...3 {
      let log = AuditLog(in: try StateDirectory(path: scratch.state))
      try log.append(Sample.entry(round))
      try scratch.put(scratch.bytes("audit.jsonl") + Array("{\"at\":\"20".utf8), "audit.jsonl")
    }
    _ = AuditLog(in: try StateDirectory(path: scratch.state))
    let bytes = scratch.bytes("audit.jsonl")
    #expect(bytes.last == 10)
    let lines = bytes.split(separator: 10)
    #expect(lines.count == 6)
    #expect(
      lines.compactMap { try? JSONDecoder().decode(AuditEntry.self, from: Data($0)) }.map(\.revision) == [1, 2, 3])
  }

  @Test("after a failure in the middle of a line the next one begins on its own")
  func failure() throws {
    let disk = SimulatedDisk()
    let log = AuditLog(in: StateDirectory(files: disk))
    try log.append(Sample.entry(1))
    // What a disk that became full leaves.
    let (file, _, _) = try disk.extend("audit.jsonl")
    disk.fail(after: 0, code: ENOSPC)
    #expect(throws: StateError.self) { try log.append(Sample.entry(2)) }
    disk.repair()
    try disk.append(Array("{\"half\"".utf8), to: file)
    try log.append(Sample.entry(2))
    let lines = (disk.image.files["audit.jsonl"] ?? []).split(separator: 10)
    #expect(lines.count == 3 && lines[1] == Array("{\"half\"".utf8)[...])
  }

  @Test(
    "an fsync that fails once, at any line: after the next one every line is on disk, once and in order",
    arguments: 1...4)
  func failedFlush(failing: Int) throws {
    let disk = SimulatedDisk()
    let log = AuditLog(in: StateDirectory(files: disk))
    var waiting = [AuditEntry]()
    for number in 1...4 {
      waiting.append(Sample.entry(number))
      // A call appends, flushes the file, and the first time the directory.
      if number == failing { disk.fail(after: 1, code: EIO, isLasting: false) }
      let (confirmed, problem) = log.write(waiting)
      #expect((problem == nil) == (number != failing))
      waiting.removeFirst(confirmed)
    }
    if !waiting.isEmpty { #expect(log.write(waiting).confirmed == waiting.count) }
    for image in disk.wreckages() {
      let lines = (image.files["audit.jsonl"] ?? []).split(separator: 10)
      #expect(try lines.map { try JSONDecoder().decode(AuditEntry.self, from: Data($0)).revision } == [1, 2, 3, 4])
    }
  }

  @Test("at its largest size the file is rotated; four are kept; no line is torn or lost before it is due")
  func rotation() throws {
    let scratch = Scratch()
    let length = try Sample.entry(10).line().count
    let log = AuditLog(in: try StateDirectory(path: scratch.state), largest_bytes: 3 * length)
    for number in 10..<30 { try log.append(Sample.entry(number)) }
    #expect(scratch.names() == ["audit.jsonl"] + (1...4).map { "audit.jsonl.\($0)" } + ["lock"])
    let files = ["audit.jsonl.4", "audit.jsonl.3", "audit.jsonl.2", "audit.jsonl.1", "audit.jsonl"]
    let revisions = try files.map { name in
      try scratch.bytes(name).split(separator: 10).map {
        try JSONDecoder().decode(AuditEntry.self, from: Data($0)).revision
      }
    }
    #expect(revisions == [[16, 17, 18], [19, 20, 21], [22, 23, 24], [25, 26, 27], [28, 29]])
    #expect(AuditLog.largest_bytes == 16 * 1024 * 1024)
  }
}
