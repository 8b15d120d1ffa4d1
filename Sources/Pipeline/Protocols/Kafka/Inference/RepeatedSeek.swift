/// `repeated_seek`
///
/// - Concludes: each return to that offset was a failed attempt, also the first one.
/// - Evidence: within one assignment a partition returns to the same offset twice. So one retry that then succeeds is not
///   found: it looks like a pause.
/// - For: every client whose application retries by seeking (librdkafka, Java, kafka-python, aiokafka, franz-go).
/// - Wrong if: an application without a failure pauses twice and makes no progress in between.
/// - Tests: `KafkaSeekBackTests`; the recordings of storms.
enum RepeatedSeek {
  /// The earlier rounds in which that partition returned to that offset.
  static func earlierReturns(_ place: KafkaPlace, _ offset: Int64, in earlier: ArraySlice<KafkaRound>) -> [Int] {
    earlier.indices.filter { earlier[$0].returns[place] == offset }
  }

  /// The first partition, in the order of places, that returned to the same offset in both rounds.
  static func commonPartition(_ earlier: KafkaRound, _ later: KafkaRound) -> KafkaPlace? {
    later.returns.lazy.filter { earlier.returns[$0.key] == $0.value }.map(\.key).min()
  }
}
