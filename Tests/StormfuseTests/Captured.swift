import Foundation
import Pipeline
import Traces

/// A recorded capture, and what is in it.
enum Captured {
  static let path = captures.appending(path: "amqp_healthy_classic.pcapng").path
  /// One in which a breaker opens.
  static let storm = captures.appending(path: "amqp_storm_quorum.pcapng").path

  private static let captures = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .appending(path: "ReplayTests/captures")

  /// An engine that has read it.
  static func engine(_ settings: Settings = Settings()) throws -> Engine {
    var engine = Engine(settings: settings, target: "t", origin: .replay)
    try TraceReader(paths: [path]).forEachSegment { segment, payload in
      engine.ingest(segment, payload)
      return true
    }
    return engine
  }
}

/// A directory of its own, gone afterwards.
func withTemporaryDirectory<Result>(_ body: (String) async throws -> Result) async throws -> Result {
  let path = FileManager.default.temporaryDirectory.appending(path: "stormfuse-\(UUID().uuidString)").path
  try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
  defer { try? FileManager.default.removeItem(atPath: path) }
  return try await body(path)
}
