import Foundation
import Pipeline
import Testing

/// Long scenarios that `generate*.py` write byte by byte, and the verdicts that `scenarios.json` works out by hand.
@Suite struct ScenarioTests {
  struct Expectation: Decodable, Sendable {
    var verdict: String
    var rule: String?
    /// Seconds after the first packet; null: never opens.
    var opens_at_s: Double?
    var state: String?
    var episode_from_s: Double?
    var poison_messages: Int?
    var why: String
  }

  static let expectations: [String: Expectation] = {
    let file = Replayed.folder.appending(path: "scenarios.json")
    // The entry with the empty name is a note to the reader.
    guard let data = try? Data(contentsOf: file),
      let all = try? JSONDecoder().decode([String: Entry].self, from: data)
    else { return [:] }
    return all.compactMapValues { if case .expectation(let expectation) = $0 { expectation } else { nil } }
  }()

  enum Entry: Decodable {
    case note
    case expectation(Expectation)

    init(from decoder: any Decoder) throws {
      if (try? decoder.singleValueContainer().decode(String.self)) != nil {
        self = .note
      } else {
        self = .expectation(try Expectation(from: decoder))
      }
    }
  }

  /// Where the generator wrote to, once for all tests.
  static let directory = Result<URL, any Error> {
    let directory = FileManager.default.temporaryDirectory.appending(path: "stormfuse-scenarios-\(getpid())")
    try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
    for generator in ["generate.py", "generate_kafka.py"] {
      let python = Process()
      python.executableURL = URL(filePath: "/usr/bin/env")
      python.arguments = ["python3", "-B", Replayed.folder.appending(path: generator).path, directory.path]
      python.standardOutput = FileHandle.nullDevice
      try python.run()
      python.waitUntilExit()
      guard python.terminationStatus == 0 else { throw Failed() }
    }
    return directory
  }

  struct Failed: Error {}

  @Test func `the table was read`() { #expect(Self.expectations.count >= 25) }

  @Test(arguments: expectations.keys.sorted())
  func `a scenario's verdict and first opening are as worked out by hand`(name: String) throws {
    let directory = try Self.directory.get()
    let expected = try #require(Self.expectations[name])
    let replayed = try Replayed(name, in: directory)
    defer { try? FileManager.default.removeItem(at: directory.appending(path: name + ".pcapng")) }
    #expect(replayed.report.capture.lost_bytes == replayed.truth.lost_bytes ?? 0)
    if replayed.truth.lost_bytes ?? 0 == 0 { #expect(replayed.differences == []) }
    #expect(replayed.isBalanced)
    let group = try #require(replayed.report.groups.max { $0.totals.delivered < $1.totals.delivered })
    #expect(group.verdict.kind.rawValue == expected.verdict)
    if let rule = expected.rule { #expect(group.verdict.rule?.rawValue == rule) }
    if let state = expected.state { #expect(group.breaker.state.rawValue == state) }
    if let count = expected.poison_messages { #expect(group.poison_messages.count == count) }
    let opening = group.breaker.transitions.first { $0.to == .open }.map { seconds($0.at, replayed) }
    expectAbout(opening, expected.opens_at_s)
    if let from = expected.episode_from_s { expectAbout(group.episodes.first.map { seconds($0.from, replayed) }, from) }
  }

  private func seconds(_ at: RFC3339, _ replayed: Replayed) -> Double {
    Double(at.timestamp - replayed.report.from.timestamp) / 1e9
  }

  /// Within one evaluation.
  private func expectAbout(_ actual: Double?, _ expected: Double?) {
    guard let actual, let expected else {
      #expect(actual == expected)
      return
    }
    #expect(abs(actual - expected) <= 0.1001, "\(actual) s, not \(expected) s")
  }
}
