import Foundation
import Traces

@testable import Pipeline

/// A capture replayed with the default settings, and the truth that stands beside it.
struct Replayed {
  let report: Report
  let truth: Truth

  /// What the clients themselves counted; a key that is not named must be 0.
  struct Truth: Decodable {
    var why: String
    var groups: [String: [String: Int]]
    var undecoded: String?
    /// Deliveries of which nothing tells the queue.
    var unattributed: UInt64?
    /// Bytes that the capture's maker left out; then the totals can't be the clients'.
    var lost_bytes: UInt64?
  }

  static let folder = URL(filePath: #filePath).deletingLastPathComponent()
  static let captures = folder.appending(path: "captures")

  /// `name` without its ending, in `directory`; `without` some of the inferences of Kafka.
  init(_ name: String, in directory: URL = captures, without: [KafkaInference] = []) throws {
    let reader = try TraceReader(paths: [directory.appending(path: name + ".pcapng").path])
    var engine = Engine(settings: Settings(), target: name, origin: .replay)
    for case let kafka as KafkaState in engine.protocols.states { kafka.inferences = KafkaInferences(without: without) }
    reader.forEachSegment { segment, payload in
      engine.ingest(segment, payload)
      return true
    }
    engine.finish()
    report = engine.report()
    truth = try JSONDecoder().decode(
      Truth.self, from: Data(contentsOf: directory.appending(path: name + ".truth.json")))
  }

  /// Every field that differs from the truth, in words; empty when all is as it should be.
  var differences: [String] {
    var found: [String] = []
    for key in Set(report.groups.map(\.key)).union(truth.groups.keys).sorted() {
      guard let group = report.groups.first(where: { $0.key == key }), let expected = truth.groups[key] else {
        found.append("\(key) is \(truth.groups[key] == nil ? "not in the truth" : "missing")")
        continue
      }
      let actual = Self.fields(group)
      for field in Set(actual.keys).union(expected.keys).sorted() {
        // The greatest attempt is a truth only where the capture's maker wrote one down.
        if field == "attempts_max", expected[field] == nil { continue }
        if Self.markedByTheWire.contains(field), expected[field] == nil { continue }
        if actual[field] != expected[field, default: 0] {
          found.append("\(key) \(field) is \(actual[field] ?? -1), not \(expected[field, default: 0])")
        }
      }
    }
    return found
  }

  /// Whether delivered = settlements + in flight for every group.
  var isBalanced: Bool { Self.isBalanced(report) }

  static func isBalanced(_ report: Report) -> Bool {
    report.groups.allSatisfy { group in
      let totals = group.totals
      return totals.delivered
        == totals.acked + totals.requeued + totals.rejected + totals.dead_lettered + totals.crashed + totals.abandoned
        + totals.expired + UInt64(group.in_flight)
    }
  }

  /// What the truth names, of one group.
  static func fields(_ group: Report.Group) -> [String: Int] {
    let totals = group.totals
    return [
      "delivered": totals.delivered, "redelivered": totals.redelivered, "acked": totals.acked,
      "acked_paired": totals.acked_paired, "requeued": totals.requeued, "rejected": totals.rejected,
      "dead_lettered": totals.dead_lettered, "crashed": totals.crashed, "abandoned": totals.abandoned,
      "expired": totals.expired, "exhausted": totals.exhausted, "duplicates": totals.duplicates,
      "skewed": totals.skewed, "refetched": totals.refetched, "commit_failures": totals.commit_failures,
      "rebalances": totals.rebalances, "returned": totals.returned, "moved": totals.moved,
    ].mapValues(Int.init).merging(
      ["in_flight": group.in_flight, "attempts_max": group.attempts.max], uniquingKeysWith: { a, _ in a })
  }

  /// The broker's or the library's doing rather than the client's: compared where the truth has them.
  private static let markedByTheWire: Set<String> = ["redelivered", "exhausted", "duplicates", "refetched"]
}
