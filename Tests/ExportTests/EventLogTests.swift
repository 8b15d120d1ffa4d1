import AdminAPI
import Foundation
import Pipeline
import Testing

@testable import Export

@Suite struct EventLogTests {
  private func lines(_ path: String) -> [String] {
    let text = String(decoding: FileManager.default.contents(atPath: path) ?? Data(), as: UTF8.self)
    return text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
  }

  @Test func `each event is one line of JSON, appended to what is there, in a file of mode 0640`() throws {
    try withTemporaryDirectory { directory in
      let path = directory + "/events"
      let before = umask(0)
      defer { umask(before) }
      try EventLog(path: path).write(try Sample.event(1))
      let log = try EventLog(path: path)
      log.write(try Sample.event(2))
      var status = stat()
      #expect(lstat(path, &status) == 0 && status.st_mode & 0o7777 == 0o640)
      let lines = lines(path)
      #expect(lines.count == 3 && lines[2].isEmpty)
      for (index, line) in lines.dropLast().enumerated() {
        let expected = try Sample.event(index + 1)
        let event = try JSON.decode(TransitionEvent.self, from: Array(line.utf8))
        #expect(event == expected)
      }
      #expect(log.counters.sent == 1 && log.counters.failed == 0)
    }
  }

  @Test func `a file that was moved away is opened anew`() throws {
    try withTemporaryDirectory { directory in
      let path = directory + "/events"
      let log = try EventLog(path: path)
      log.write(try Sample.event(1))
      try FileManager.default.moveItem(atPath: path, toPath: path + ".1")
      log.write(try Sample.event(2))
      try FileManager.default.removeItem(atPath: path)
      log.write(try Sample.event(3))
      #expect(lines(path + ".1").count == 2 && lines(path).count == 2)
      #expect(lines(path)[0].contains("\"revision\":3") && log.counters.sent == 3)
    }
  }

  @Test func `what can't be written is counted and not fatal`() throws {
    let log = try EventLog(path: "/dev/full")
    log.write(try Sample.event(1))
    log.write(try Sample.event(2))
    #expect(log.counters.failed == 2 && log.counters.sent == 0)
    #expect(log.failing == "events can't be written to /dev/full: No space left on device")
  }

  @Test func `a try that fails loses nothing, and one that succeeds says that writing works again`() throws {
    let log = try EventLog(path: "/dev/full")
    #expect(!log.retry(try Sample.event(1)))
    #expect(log.counters.failed == 0 && log.failing != nil)
    try withTemporaryDirectory { directory in
      let log = try EventLog(path: directory + "/events")
      #expect(log.retry(try Sample.event(1)))
      #expect(log.failing == nil && log.counters.sent == 1 && lines(directory + "/events").count == 2)
      // There is room on the test's own disk.
      log.look()
      #expect(log.failing == nil)
    }
  }

  @Test func `many threads write whole lines`() async throws {
    let directory = FileManager.default.temporaryDirectory.appendingPathComponent("stormfuse-\(UUID().uuidString)").path
    try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: false)
    defer { try? FileManager.default.removeItem(atPath: directory) }
    let log = try EventLog(path: directory + "/events")
    try await withThrowingTaskGroup(of: Void.self) { group in
      for revision in 0..<200 { group.addTask { log.write(try Sample.event(revision)) } }
      try await group.waitForAll()
    }
    let lines = lines(directory + "/events").dropLast()
    #expect(lines.count == 200)
    for line in lines { _ = try JSON.decode(TransitionEvent.self, from: Array(line.utf8)) }
  }

  @Test(arguments: [
    ("/nonexistent/x", "create it"), ("/tmp", "is a directory"), ("/proc/version/x", "can't be written"),
  ])
  func `a path that can't be opened is refused with what to do`(path: String, reason: String) {
    do {
      _ = try EventLog(path: path)
      Issue.record("opened")
    } catch {
      #expect(error.description.contains(path) && error.description.contains(reason), "\(error)")
    }
  }
}

@Suite struct TransitionLineTests {
  @Test func `a transition reads as one line`() throws {
    #expect(
      TransitionLine.text(try Sample.event())
        == "2026-11-20T23:59:59.123Z rabbitmq:%2F:orders closed → open  dead-letter-storm: "
        + "error rate 41.2 % > 5 % of 312, retries p95 5 > 3; not held: mode is observe")
  }

  @Test func `of a command it says who gave it, and why`() throws {
    var event = try Sample.event()
    event.transition.cause = .trip
    event.transition.author = "ann"
    event.transition.reason = "DLQ\nfills"
    let line = TransitionLine.text(event)
    #expect(line.contains("closed → open  trip by ann (DLQ"))
    #expect(!line.contains("\n"))
    let json = try #require(String(data: JSONEncoder().encode(event), encoding: .utf8))
    #expect(json.contains("\"author\":\"ann\"") && json.contains("\"reason\":\"DLQ\\nfills\""))
  }

  @Test func `on a terminal it has colour`() throws {
    #expect(TransitionLine.text(try Sample.event(), style: .colour).contains("→ \u{1b}[31mopen\u{1b}[0m"))
  }

  @Test func `what comes from outside can't steer the terminal`() throws {
    var event = try Sample.event()
    event.why = .kernel
    event.why_detail = "x\u{1b}[2J"
    event.key = "a\nb"
    let line = TransitionLine.text(event)
    #expect(!line.contains("\u{1b}") && !line.contains("\n"))
  }
}
