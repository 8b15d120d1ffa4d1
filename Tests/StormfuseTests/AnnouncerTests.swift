import Admin
import AdminAPI
import ConfigurationFile
import Export
import Foundation
import Testing

@testable import Pipeline
@testable import stormfuse

/// Events that can't be written: told at once and at the end, with how many were lost.
@Suite struct AnnouncerTests {
  /// A pipe takes 64 KiB and no more until somebody reads: as a disk that is full, and has room again.
  @Test(.timeLimit(.minutes(1))) func `an event log that takes events again says how many were lost`() async throws {
    let directory = FileManager.default.temporaryDirectory.appendingPathComponent("stormfuse-\(UUID().uuidString)").path
    try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: false)
    defer { try? FileManager.default.removeItem(atPath: directory) }
    let path = directory + "/events"
    #expect(mkfifo(path, 0o600) == 0)
    let reader = open(path, O_RDONLY | O_NONBLOCK)
    defer { close(reader) }
    let settings = Settings()
    let box = ReportBox(Engine(settings: settings, target: "t", origin: .replay).report(), target: "t")
    box.publish(box.report(), checks: [.init(name: "engine", ok: true, detail: "running")])
    let announcer = try Announcer(Configuration(), eventsPath: path, quiet: true, box: box)
    let running = Task { await announcer.run() }
    for i in 0..<1000 {
      announcer.announce(
        Alert(kind: .state, state: .began, at: Timestamp(ns: Int64(i)), since: .zero), target: "t", why: "a test")
    }
    try await wait { box.log.sent + box.log.failed == 1000 }
    #expect(box.readiness().status == .degraded && box.log.lost > 100)
    #expect(box.readiness().ready)
    #expect(box.readiness().why == "events: events can't be written to \(path): nobody reads from that pipe")
    let lost = box.log.lost
    // The events that were taken, and then that of the end.
    var text = ""
    try await wait {
      text += drain(reader)
      return text.contains(#""kind":"events""#)
    }
    try await wait { box.readiness().status == .ready }
    let ended = try #require(text.split(separator: "\n").last { $0.contains(#""kind":"events""#) })
    let event = try JSON.decode(AlertEvent.self, from: Array(ended.utf8))
    #expect(event.state == .ended && event.lost == lost && event.until != nil)
    #expect(box.log.lost == lost)
    announcer.close()
    await running.value
  }

  private func wait(_ isDone: () -> Bool) async throws {
    for _ in 0..<1500 where !isDone() { try await Task.sleep(for: .milliseconds(20)) }
    #expect(isDone())
  }

  private func drain(_ file: Int32) -> String {
    var bytes = [UInt8](repeating: 0, count: 1 << 16)
    let count = read(file, &bytes, bytes.count)
    return String(decoding: bytes.prefix(max(0, count)), as: UTF8.self)
  }
}

extension ReportBox {
  fileprivate var log: ExportCounters {
    metrics().exports.first { $0.name == "event_log" } ?? ExportCounters(name: "event_log")
  }
}
