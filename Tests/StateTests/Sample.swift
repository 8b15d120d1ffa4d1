import Foundation
import Pipeline

@testable import State

/// Breakers whose content is told by a number, so that what is loaded can be compared whole.
enum Sample {
  static let second: Int64 = 1_000_000_000
  static let start_ns: Int64 = 1_760_000_000 * second

  static func snapshot(_ number: Int, breakers count: Int = 2) -> Snapshot {
    Snapshot(
      at: Timestamp(ns: start_ns + Int64(number) * second), breakers: (0..<count).map { breaker(number, index: $0) })
  }

  /// Which number a snapshot was made of.
  static func number(_ snapshot: Snapshot) -> Int { Int((snapshot.written_at_ns - start_ns) / second) }

  static func breaker(_ number: Int, index: Int = 0) -> BreakerMemory {
    let since_ns = start_ns + Int64(number) * second
    let isForced = (number + index) % 2 == 0
    return BreakerMemory(
      key: "rabbitmq:%2F:orders.\(index)", cluster: "rabbit@köln", system: .rabbitmq, group: "orders.\(index)",
      destination: "orders.\(index)", state: isForced ? .forcedOpen : .halfOpen, revision: UInt64(number),
      since_ns: since_ns,
      until: isForced ? .init(at_ns: since_ns + 900 * second, remaining_ns: 900 * second) : nil,
      episode_end: .init(at_ns: since_ns + 600 * second, remaining_ns: 600 * second),
      closed_since_ns: since_ns - second,
      openings: number % 9, is_armed: number % 2 == 0,
      note: isForced ? OperatorNote(author: "ana", reason: "poison\nin \"orders\" \u{1b}[31m") : nil,
      transitions: [transition(number)])
  }

  static func transition(_ number: Int) -> Report.TransitionReport {
    let json = """
      {"revision":\(number),"at":"2026-11-20T03:04:05.000000000Z","from":"closed","to":"open","cause":"rule",\
      "rule":"dead-letter-storm","evidence":[{"condition":"error_rate","scope":"group","value":0.41,"threshold":0.05,\
      "unit":"ratio","samples":200,"window_s":60,"source":"settled","met":true}]}
      """
    // The text above is what the type writes.
    guard let value = try? JSONDecoder().decode(Report.TransitionReport.self, from: Data(json.utf8)) else {
      preconditionFailure("the sample is no transition: \(json)")
    }
    return value
  }

  static func entry(_ number: Int, reason: String = "drain first") -> AuditEntry {
    AuditEntry(
      at: Timestamp(ns: start_ns), note: OperatorNote(author: "ana", reason: reason), command: "trip",
      key: "rabbitmq:%2F:orders", cluster: "rabbit@köln", target: "orders", revision: UInt64(number),
      result: "changed", held: false, why: "mode is observe")
  }
}

/// A directory that is removed with this.
final class Scratch {
  let path: String
  var state: String { path + "/state" }

  init() {
    path = NSTemporaryDirectory() + "stormfuse-state-\(getpid())-\(UInt32.random(in: 0...UInt32.max))"
    mkdir(path, 0o700)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  func names() -> [String] { ((try? FileManager.default.contentsOfDirectory(atPath: state)) ?? []).sorted() }
  func bytes(_ name: String) -> [UInt8] {
    FileManager.default.contents(atPath: "\(state)/\(name)").map(Array.init) ?? []
  }
  func put(_ bytes: [UInt8], _ name: String) throws { try Data(bytes).write(to: URL(filePath: "\(state)/\(name)")) }
}
