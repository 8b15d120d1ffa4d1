/// `separate_seeks`
///
/// - Concludes: each partition of a round has a failed attempt of its own.
/// - Evidence: in most of the consumer's rounds some partition with deliveries in flight did not return, so the application
///   seeks partition by partition; and each partition of this round has returned to the same offset before.
/// - For: franz-go. Each seek cancels the running fetch, so several seeks appear in one round. Frameworks that seek all
///   partitions after one failure (Spring), and pauses, rewind every partition with deliveries in flight.
/// - Wrong if: few rounds were seen yet.
/// - Tests: `KafkaSeekBackTests`; recording `franz_storm_noheaders`.
enum SeparateSeeks {
  /// Rounds that left some partition in flight alone, minus rounds that rewound all of them. Above 0: it seeks separately.
  static func separateMinusTogether(_ rounds: [KafkaRound]) -> Int {
    rounds.reduce(0) { $0 + ($1.missing.map { $0.isEmpty ? -1 : 1 } ?? 0) }
  }
}
