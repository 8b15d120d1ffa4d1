/// `dropped_prefetch`
///
/// - Concludes: a round that repeats an earlier one is no failure: the client dropped what it had prefetched, and fetches it
///   again.
/// - Evidence: between the two rounds the consumer made progress. A partition returned further on than before; or, for a
///   consumer whose partitions return together, one that did not return is fetched further on, or one that had returned
///   is acknowledged by now.
/// - For: pauses of librdkafka before 2.1, which refetch every partition from where the application stands.
/// - Wrong if: one partition is really retried while another makes progress: that failure is missed.
/// - Tests: `KafkaSeekBackTests`; recording `kafka_rdkafka_pause_old`.
enum DroppedPrefetch {
  /// An offset that a partition returned to is where the application stands; a fetch offset is only its upper limit.
  /// `returnsTogether`: some round had several partitions, and nothing tells that they were sought one by one. `hasPassed`: the group has acknowledged that offset.
  static func madeProgress(
    from earlier: KafkaRound, to later: KafkaRound, _ returnsTogether: Bool, hasPassed: (KafkaPlace, Int64) -> Bool
  ) -> Bool {
    if later.returns.contains(where: { $0.value > earlier.offset(of: $0.key) }) { return true }
    guard returnsTogether else { return false }
    return later.others.contains { $0.value > max(earlier.offset(of: $0.key), earlier.others[$0.key] ?? .min) }
      || earlier.returns.contains { later.returns[$0.key] == nil && hasPassed($0.key, $0.value) }
  }
}
