/// `next_after_dead_letter`
///
/// - Concludes: a round is no attempt, but where the next one begins.
/// - Evidence: the consumer takes all its partitions back. A dead letter was published since the round before, and its
///   partition returns to the record behind it, or had no other left and the rest returns as before.
/// - For: Spring's DefaultErrorHandler, which seeks what remains of all partitions once more after the recovery.
/// - Tests: `KafkaSeekBackTests`; recordings `kafka_java_spring_new`, `kafka_java3_spring_old`.
enum NextAfterDeadLetter {
  static func tells(_ round: KafkaRound, before: KafkaRound?) -> Bool {
    guard let dead = round.deadLetter else { return false }
    // To what the consumer had then already; a transaction's marker may lie in between.
    if let next = round.returns[dead.place] {
      return next < dead.end && (next == dead.offset + 1 || next == dead.offset + 2)
    }
    return round.returns == before?.returns.filter { $0.key != dead.place }
  }
}
