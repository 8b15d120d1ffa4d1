import Foundation
import Testing
import Traces

@testable import Pipeline

/// Real frameworks, and programs in which nothing fails, with the truth from their own hooks.
/// `Tests/FrameworkTests/record_frameworks.py` says how they were made and what the truth's fields mean.
@Suite struct FrameworkTests {
  static let folder = Replayed.folder.appending(path: "frameworks")
  static let names = ((try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? [])
    .filter { $0.hasSuffix(".pcapng") }.map { String($0.dropLast(7)) }.sorted()

  /// Recordings whose report is not the truth yet, by the reason. A recording that begins to hold must leave this list.
  static let gaps: [String: [String]] = [
    "one seek back that then succeeds can't be told from a refetch": [
      "kafka_faststream_aiokafka", "kafka_faststream_aiokafka_seek",
    ]
  ]

  @Test func `there are recordings of frameworks and of programs in which nothing fails`() {
    #expect(Self.names.count > 60)
    #expect(Self.names.filter { $0.hasPrefix("control_") }.count > 15)
    #expect(Set(Self.gaps.values.joined()).subtracting(Self.names) == [])
  }

  @Test(arguments: names)
  func `a framework's report is what its own hooks say`(name: String) throws {
    let recording = try FrameworkRecording(name, in: Self.folder)
    #expect(recording.isBalanced)
    #expect(recording.report.capture.lost_bytes == 0)
    let differences = recording.differences
    if let reason = Self.gaps.first(where: { $0.value.contains(name) })?.key {
      #expect(differences != [], "\(name) holds: take it from the gaps (\(reason))")
    } else {
      #expect(differences == [])
    }
  }
}

/// A recording of a framework, replayed with the default settings, and the truth that stands beside it.
struct FrameworkRecording {
  let report: Report
  let truth: Truth

  struct Truth: Decodable {
    var groups: [String: [String: Int]]
    /// What the verdict of a group with failures must not be; of every named group where nothing fails.
    var verdict_not: [String]?
    /// Kinds of verdict, and rules, that must have been among the verdicts of a named group at some time.
    var seen: [String]?
    var rules: [String]?
    var rules_not: [String]?
    /// No failure in any group, and no breaker moves.
    var quiet: Bool?
  }

  init(_ name: String, in folder: URL) throws {
    let reader = try TraceReader(paths: [folder.appending(path: name + ".pcapng").path])
    var engine = Engine(settings: Settings(), target: name, origin: .replay)
    reader.forEachSegment { segment, payload in
      engine.ingest(segment, payload)
      return true
    }
    engine.finish()
    report = engine.report()
    truth = try JSONDecoder().decode(Truth.self, from: Data(contentsOf: folder.appending(path: name + ".json")))
  }

  /// What differs from the truth, in words; empty when all is as it should be.
  var differences: [String] {
    var found: [String] = []
    for (key, terms) in truth.groups.sorted(by: { $0.key < $1.key }) {
      guard let group = report.groups.first(where: { $0.key == key }) else {
        found.append("\(key) is missing")
        continue
      }
      found += Self.differences(group, terms).map { "\(key) \($0)" }
      let isFailing = Self.failures.contains { terms[$0, default: 0] > 0 }
      if isFailing || truth.quiet == true, (truth.verdict_not ?? []).contains(group.verdict.kind.rawValue) {
        found.append("\(key) is \(group.verdict.kind.rawValue)")
      }
    }
    for group in report.groups where truth.quiet == true || truth.groups[group.key] == nil {
      let actual = Replayed.fields(group)
      for term in Self.failures where actual[term, default: 0] > 0 {
        found.append("\(group.key) \(term) is \(actual[term, default: 0]), where nothing fails")
      }
      if !group.breaker.transitions.isEmpty { found.append("the breaker of \(group.key) moved") }
    }
    let named = report.groups.filter { truth.groups[$0.key] != nil }
    let kinds = Set(named.flatMap { ($0.episodes.map(\.kind) + [$0.verdict.kind]).map(\.rawValue) })
    let rules = Set(named.flatMap { ($0.episodes.map(\.rule) + [$0.verdict.rule]).compactMap { $0?.rawValue } })
    for kind in truth.seen ?? [] where !kinds.contains(kind) { found.append("never \(kind)") }
    for rule in truth.rules ?? [] where !rules.contains(rule) { found.append("\(rule) never tripped") }
    for rule in truth.rules_not ?? [] where rules.contains(rule) { found.append("\(rule) tripped") }
    return found
  }

  var isBalanced: Bool { Replayed.isBalanced(report) }

  /// A failure that is not named is 0; other terms that are not named are not compared.
  private static func differences(_ group: Report.Group, _ terms: [String: Int]) -> [String] {
    var actual = Replayed.fields(group)
    actual["attempts_least"] = actual["attempts_max"]
    actual["attempts_most"] = actual["attempts_max"]
    return Set(terms.keys).union(failures).sorted().compactMap { term in
      let (value, wanted) = (actual[term, default: -1], terms[term, default: 0])
      let holds =
        switch term {
        case "attempts_least": value >= wanted
        case "attempts_most": value <= wanted
        default: value == wanted
        }
      return holds ? nil : "\(term) is \(value), not \(wanted)"
    }
  }

  private static let failures = ["requeued", "rejected", "dead_lettered", "crashed", "expired"]
}
