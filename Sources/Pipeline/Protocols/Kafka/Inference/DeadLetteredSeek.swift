/// `dead_lettered_seek`
///
/// - Concludes: each return to a record's offset was a failed attempt of that record.
/// - Evidence: a dead letter is made of the record later (`NamedCopy`, `EqualCopy`).
/// - For: applications that retry by seeking and then give up. It finds a single seek, and it finds which partition's record
///   had failed where a framework seeks several partitions after one failure.
/// - Wrong if: one of the returns was a pause.
/// - Tests: `KafkaSeekBackTests`; the recordings of storms.
enum DeadLetteredSeek {
  /// Whether a round's return to that offset was a failure of this record. It was not if another record is known to have
  /// caused the round. If nothing of the round is confirmed, it was. If something is, without a name, it was unless
  /// another partition's record that returned is acknowledged by now: a framework takes along records that did not fail.
  /// `isEach`: the round's partitions returned independently of each other. `isDone`: the group has acknowledged that offset.
  static func tells(
    _ round: KafkaRound, _ place: KafkaPlace, _ offset: Int64, _ isEach: Bool, isDone: (KafkaPlace, Int64) -> Bool
  ) -> Bool {
    guard round.returns[place] == offset, !round.isNoAttempt else { return false }
    if isEach { return true }
    if let record = round.record { return record == (place, offset) }
    return round.confirmed.isEmpty || round.returns.allSatisfy { $0.key == place || !isDone($0.key, $0.value) }
  }
}
