/// `aborted_transaction`
///
/// - Concludes: returns are failed attempts, one in each partition.
/// - Evidence: the process had aborted a transaction, and has been handed nothing since that it asked for after that. An
///   exact repeat of the last request counts only where the transaction had produced a record that contains the same as
///   one in flight there.
/// - For: consume, transform, produce in transactions. franz-go aborts without having sent an offset; Java's client sends
///   offsets first, and what those cover has failed without any inference.
/// - Tests: `KafkaCommitTests`; recordings `franz_txn`, `kafka_java_transactions`.
struct AbortedTransaction {
  var at: Timestamp
  /// Partitions of records that the transaction passed on.
  var workedOn: Set<KafkaPlace>

  func tells(requestSentAt sentAt: Timestamp) -> Bool { sentAt > at }
}
