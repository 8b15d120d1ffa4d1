/// `dropped_prefetch`
///
/// - Concludes: a round that repeats an earlier one is no failure: the client dropped what it had fetched ahead.
/// - Evidence: the consumer takes several partitions back at once, and in one of them it got ahead in between. To where a
///   position returned, to there it has read; before, it had read at most to where it asked for more.
/// - For: pauses of librdkafka before 2.1, which refetch every partition from where the application stands.
/// - Tests: `KafkaSeekBackTests`; recording `kafka_rdkafka_pause_old`.
enum DroppedPrefetch {
  /// `takesAllBack`: see `SeparateSeeks`; `hasPassed`: whether the consumer is known to be done with that offset.
  static func gotAhead(
    from earlier: KafkaRound, to later: KafkaRound, _ takesAllBack: Bool, hasPassed: (KafkaPlace, Int64) -> Bool
  ) -> Bool {
    if later.returns.contains(where: { $0.value > earlier.offset(of: $0.key) }) { return true }
    guard takesAllBack else { return false }
    return later.others.contains { $0.value > max(earlier.offset(of: $0.key), earlier.others[$0.key] ?? .min) }
      || earlier.returns.contains { later.returns[$0.key] == nil && hasPassed($0.key, $0.value) }
  }
}
