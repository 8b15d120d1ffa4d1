/// `aborted_transaction`
///
/// - Concludes: each partition that returns after an abort has one failed attempt.
/// - Evidence: the process has aborted a transaction, and no fetch that it sent after the abort has brought records yet. A
///   fetch that only repeats the previous one counts only if the aborted transaction produced a record with the contents of
///   one that is in flight in that partition.
/// - For: consume, transform, produce in transactions. franz-go aborts without having sent an offset. Java's client sends
///   offsets first; those show which records failed, without a rule.
/// - Wrong if: the abort was no failure of the application's (a rebalance, a shutdown).
/// - Tests: `KafkaCommitTests`; recordings `franz_txn`, `kafka_java_transactions`.
struct AbortedTransaction {
  /// When the abort was answered.
  var at: Timestamp
  /// Partitions whose records the transaction had produced again.
  var workedOn: Set<KafkaPlace>

  func tells(requestSentAt sentAt: Timestamp) -> Bool { sentAt > at }
}
