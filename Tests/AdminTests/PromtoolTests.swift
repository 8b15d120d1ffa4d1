import AdminAPI
import Foundation
import Pipeline
import Testing

@testable import Admin

/// Prometheus' own check of what `/metrics` says: syntax, names, types, units, help.
@Suite(.enabled(if: Promtool.path != nil || Promtool.isRequired, "needs promtool (scripts/setup installs it)"))
struct PromtoolTests {
  @Test func `promtool finds nothing to mend in the metrics`() throws {
    var strange = Sample.group("rabbitmq:%2F:x", verdict: .healthy, state: .closed)
    strange.destinations = ["a\"b\\c\nd}", "é🐇"]
    strange.lag = 7
    let families = [
      MetricFamily(name: "stormfuse_state_saves_total", kind: .counter, help: "Saves.", samples: [.init(3)])
    ]
    let input = MetricsInput(
      targets: [
        .init(name: "pid:42", report: Sample.report([Sample.group(), strange])),
        .init(name: "pid:43", report: Sample.report([Sample.group(target: "pid:43")])),
      ], exports: [ExportCounters(name: "webhook")], families: families)
    let (status, words) = try Promtool.check(Metrics.text(input, version: "1.2.3"))
    #expect(status == 0 && words.isEmpty, "\(words)")
  }
}

enum Promtool {
  static let path = ["/usr/bin/promtool", "/usr/local/bin/promtool"].first {
    FileManager.default.isExecutableFile(atPath: $0)
  }
  static let isRequired = ProcessInfo.processInfo.environment["STORMFUSE_REQUIRE_LIVE"] == "1"

  struct Missing: Error {}

  /// Exit status, and everything that it printed.
  static func check(_ metrics: [UInt8]) throws -> (status: Int32, words: String) {
    guard let path else { throw Missing() }
    // From a file: a pipe that nobody reads yet could be full.
    let file = FileManager.default.temporaryDirectory.appending(path: "stormfuse-metrics-\(UUID().uuidString)")
    try Data(metrics).write(to: file)
    defer { try? FileManager.default.removeItem(at: file) }
    let process = Process()
    process.executableURL = URL(filePath: path)
    process.arguments = ["check", "metrics"]
    process.standardInput = try FileHandle(forReadingFrom: file)
    let output = Pipe()
    process.standardOutput = output
    process.standardError = output
    try process.run()
    let words = output.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return (process.terminationStatus, String(decoding: words, as: UTF8.self))
  }
}
