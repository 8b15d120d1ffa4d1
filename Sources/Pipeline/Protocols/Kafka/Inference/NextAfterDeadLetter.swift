/// `next_after_dead_letter`
///
/// - Concludes: a round is no failed attempt: the consumer goes on after a record that it has given up.
/// - Evidence: the consumer's partitions return together. A dead letter was published since the previous round. Its partition
///   returns to the next record; or it has no more records, and the other partitions return to the offsets of the
///   previous round.
/// - For: Spring's DefaultErrorHandler. After it has published the dead letter it seeks all remaining records again.
/// - Wrong if: the next record fails before anything else is delivered.
/// - Tests: `KafkaSeekBackTests`; recordings `kafka_java_spring_new`, `kafka_java3_spring_old`.
enum NextAfterDeadLetter {
  static func tells(_ round: KafkaRound, before: KafkaRound?) -> Bool {
    guard let dead = round.deadLetter else { return false }
    // The next record had been delivered already. A transaction's marker may use up one offset.
    if let next = round.returns[dead.place] {
      return next < dead.end && (next == dead.offset + 1 || next == dead.offset + 2)
    }
    return round.returns == before?.returns.filter { $0.key != dead.place }
  }
}
