import Foundation
import Pipeline
import Testing
import Traces

/// Captures recorded once more as `stormfuse record` does it, and replayed from that.
@Suite struct RecordingTests {
  /// All but what hangs on moments: a chunk that reassembly held back comes microseconds earlier from a recording, and
  /// these captures are so short that verdicts turn within milliseconds.
  @Test(arguments: CaptureTests.names)
  func `a recording's replay gives the report of what was recorded`(name: String) throws {
    let directory = try record(name)
    defer { try? FileManager.default.removeItem(at: directory) }
    let again = try Replayed(name, in: directory)
    #expect(again.differences == [])
    let wanted = try Replayed(name).report.groups
    #expect(again.report.groups.map(\.key) == wanted.map(\.key))
    for (group, original) in zip(again.report.groups, wanted) {
      var timeless = group
      timeless.verdict = original.verdict
      timeless.window = original.window
      timeless.episodes = original.episodes
      timeless.breaker = original.breaker
      timeless.consumption_delay_s = original.consumption_delay_s
      timeless.settle_latency_s = original.settle_latency_s
      timeless.retry_latency_s = original.retry_latency_s
      for i in timeless.broker_errors.indices where original.broker_errors.indices.contains(i) {
        timeless.broker_errors[i].last = original.broker_errors[i].last
      }
      if let crashes = original.crashes { timeless.crashes?.last = crashes.last }
      // RabbitMQ's messages without an id are told apart by their bodies, which a recording has not.
      if group.system == "rabbitmq" { timeless.attempts = original.attempts }
      #expect(timeless == original)
      #expect(group.settle_latency_s.samples == original.settle_latency_s.samples)
    }
  }

  /// A recording of a capture, with the truth beside it.
  private func record(_ name: String) throws -> URL {
    let directory = FileManager.default.temporaryDirectory.appending(path: "recording-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
    let file = directory.appending(path: name + ".pcapng").path
    let truth = name + ".truth.json"
    try FileManager.default.copyItem(
      at: Replayed.captures.appending(path: truth), to: directory.appending(path: truth))
    let recorder = try Recorder(path: file, limit_bytes: 1 << 30, withBodies: false)
    var last = Timestamp.zero
    var cookies: [[Endpoint]: UInt64] = [:]
    let reader = try TraceReader(paths: [Replayed.captures.appending(path: name + ".pcapng").path])
    reader.forEachSegment { segment, payload in
      // As the kernel's cookie: one number for both directions.
      var named = segment
      named.cookie = cookies[[segment.source, segment.destination], default: UInt64(cookies.count + 1)]
      cookies[[segment.source, segment.destination]] = named.cookie
      cookies[[segment.destination, segment.source]] = named.cookie
      recorder.take(named, payload)
      if segment.at > last {
        last = segment.at
        recorder.tick(at: last)
      }
      return true
    }
    try recorder.close(at: last)
    return directory
  }
}
