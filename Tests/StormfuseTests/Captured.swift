import Foundation
import Pipeline
import Traces

/// A recorded capture, and what is in it.
enum Captured {
  static let path = captures.appending(path: "amqp_healthy_classic.pcapng").path
  /// One in which a breaker opens.
  static let storm = captures.appending(path: "amqp_storm_quorum.pcapng").path

  /// The one that is shown without privileges: a breaker opens, probes and closes.
  static let shown = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().appending(path: "scripts/demo/storm.pcapng").path
  /// A worker that dies of one message again and again.
  static let crashLoop = captures.appending(path: "amqp_crash_loop.pcapng").path
  /// Two connections of NATS, two of Redis, and nothing else.
  static let nats = captures.appending(path: "nats_healthy_pull.pcapng").path
  static let redis = captures.appending(path: "redis_storm.pcapng").path
  /// A consumer whose broker is reached through VXLAN.
  static let tunnel = captures.appending(path: "amqp_vxlan.pcapng").path
  /// Kafka: records that are tried three times, then produced to a dead-letter topic, compressed.
  static let kafka = captures.appending(path: "kafka_storm_gzip.pcapng").path

  private static let captures = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .appending(path: "ReplayTests/captures")

  /// An engine that has read it, or only so many of its segments.
  static func engine(
    _ settings: Settings = Settings(), path: String = Captured.path, segments: Int = .max
  ) throws -> Engine {
    var engine = Engine(settings: settings, target: "t", origin: .replay)
    var count = 0
    try TraceReader(paths: [path]).forEachSegment { segment, payload in
      engine.ingest(segment, payload)
      count += 1
      return count < segments
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
