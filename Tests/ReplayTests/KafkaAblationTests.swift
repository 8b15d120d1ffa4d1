import Foundation
import Testing

@testable import Pipeline

/// Each inference is needed: without it the report of some real recording is wrong.
@Suite struct KafkaAblationTests {
  /// A recording that needs the rule. `named_copy` and `group_by_offset` have none of their own: see `Tests/RESULTS.md`;
  /// `changed_metadata` changes no totals.
  static let needed: [String: String] = [
    "repeated_seek": "kafka_rdkafka_storm_new", "dead_lettered_seek": "franz_storm",
    "aborted_transaction": "franz_txn", "renewed_session": "franz_storm", "dropped_prefetch": "kafka_rdkafka_pause_old",
    "next_after_dead_letter": "kafka_java_spring_new", "separate_seeks": "franz_storm_noheaders",
    "equal_copy": "kafka_afkak", "counted_copy": "kafka_codec_zstd",
    "committing_member": "kafka_pykafka_gzip", "group_by_client": "kafka_two_groups_one_topic",
    "republished_record": "kafka_republished", "returned_record": "kafka_repid", "followed_copy": "kafka_republished",
    "exceeded_poll": "kafka_max_poll_exceeded", "completed_offsets": "kafka_parallel",
  ]

  @Test func `every rule is in the table`() {
    let all = Set(KafkaInference.allCases.map(\.rawValue))
    #expect(Set(Self.needed.keys).union(["named_copy", "group_by_offset", "changed_metadata"]) == all)
  }

  @Test(arguments: needed.keys.sorted())
  func `without it a real recording's totals are wrong`(rule: String) throws {
    let name = try #require(Self.needed[rule])
    let inference = try #require(KafkaInference(rawValue: rule))
    #expect(try Replayed(name).differences == [])
    #expect(try Replayed(name, without: [inference]).differences != [])
  }

  /// The whole table, as `Tests/RESULTS.md` has it: `STORMFUSE_ABLATION=1 swift test --filter KafkaAblationTests`.
  @Test(.enabled(if: ProcessInfo.processInfo.environment["STORMFUSE_ABLATION"] != nil))
  func `the table of all recordings`() throws {
    let names = CaptureTests.names.filter { $0.hasPrefix("kafka_") || $0.hasPrefix("franz_") }
    for rules in KafkaInference.allCases.map({ [$0] }) + [[.namedCopy, .equalCopy]] {
      let wrong = try names.map { ($0, try Replayed($0, without: rules)) }.filter { $0.1.differences != [] }
      print("\(rules.map(\.rawValue).joined(separator: " + ")): \(wrong.count) of \(names.count)")
      for (name, replayed) in wrong {
        #expect(replayed.isBalanced)
        print("  \(name): \(replayed.differences.joined(separator: ", "))")
      }
    }
  }
}
