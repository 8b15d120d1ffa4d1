/// `separate_seeks`
///
/// - Concludes: partitions that return in one round do so each for a reason of its own: each is a failed attempt.
/// - Evidence: in most of the consumer's rounds a partition with deliveries in flight did not return, so it seeks
///   partition by partition; and each partition of the round has returned to its own offset before.
/// - For: franz-go, which drops a fetch that is under way with each seek, so that seeks meet in one round. Frameworks that
///   seek all partitions after one failure (Spring), and pauses, take back whatever is in flight.
/// - Tests: `KafkaSeekBackTests`; recording `franz_storm_noheaders`.
enum SeparateSeeks {
  /// How many rounds more left a partition in flight alone than took all of them back.
  static func balance(_ rounds: [KafkaRound]) -> Int {
    rounds.reduce(0) { $0 + ($1.missing.map { $0.isEmpty ? -1 : 1 } ?? 0) }
  }
}
