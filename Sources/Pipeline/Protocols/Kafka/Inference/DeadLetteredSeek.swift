/// `dead_lettered_seek`
///
/// - Concludes: returns to a record's offset were failed attempts, and that record's.
/// - Evidence: a dead letter made of the record follows (`NamedCopy`, `EqualCopy`).
/// - For: applications that retry by seeking and give up: a record that was sought once, and the records that a framework
///   took along in rounds of several partitions.
/// - Tests: `KafkaSeekBackTests`; the recordings of storms.
enum DeadLetteredSeek {
  /// Whether a round's return to that offset was this record's failure. Not where the round is known to have been
  /// another's, or, where nothing told whose, may have been of a record that is acknowledged by now: a framework takes
  /// along what did not fail. `isEach`: each partition of the round returned for a reason of its own.
  static func tells(
    _ round: KafkaRound, _ place: KafkaPlace, _ offset: Int64, _ isEach: Bool, isDone: (KafkaPlace, Int64) -> Bool
  ) -> Bool {
    guard round.returns[place] == offset, !round.isNoAttempt else { return false }
    if isEach { return true }
    if let record = round.record { return record == (place, offset) }
    return round.confirmed.isEmpty || round.returns.allSatisfy { $0.key == place || !isDone($0.key, $0.value) }
  }
}
