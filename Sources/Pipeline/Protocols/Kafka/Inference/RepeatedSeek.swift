/// `repeated_seek`
///
/// - Concludes: each visit to that offset, the first included, was a failed attempt.
/// - Evidence: within one assignment a position goes back to the same offset twice.
/// - For: every client whose application retries by seeking (librdkafka, Java, kafka-python, aiokafka, franz-go). One
///   retry that then succeeds is missed: it looks like a pause.
/// - Tests: `KafkaSeekBackTests`; the recordings of storms.
enum RepeatedSeek {
  /// The earlier rounds in which that partition returned to that offset.
  static func visits(_ place: KafkaPlace, _ offset: Int64, in earlier: ArraySlice<KafkaRound>) -> [Int] {
    earlier.indices.filter { earlier[$0].returns[place] == offset }
  }

  /// The first of the places that returned to the same offset in both rounds.
  static func common(_ earlier: KafkaRound, _ later: KafkaRound) -> KafkaPlace? {
    later.returns.lazy.filter { earlier.returns[$0.key] == $0.value }.map(\.key).min()
  }
}
