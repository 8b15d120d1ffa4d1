/// `dead_lettered_seek`
///
/// - Concludes: each return to a record's offset was a failed attempt of that record.
/// - Evidence: a dead letter is made of the record later (`NamedCopy`, `EqualCopy`).
/// - For: applications that retry by seeking and then give up. It finds a single seek, and it finds which partition's record
///   had failed where a framework seeks several partitions after one failure.
/// - Wrong if: one of the returns was a pause.
/// - Tests: `KafkaSeekBackTests`; the recordings of storms.
enum DeadLetteredSeek {
  /// Whether a round's return to that offset was a failure of this record:
  /// 1. The partitions of the round returned independently of each other (`isEach`): yes.
  /// 2. The record that caused the round is known: only if it is this one.
  /// 3. No partition of the round is confirmed yet: yes.
  /// 4. Otherwise: yes, unless the group has acknowledged another partition's offset of the round (`isDone`). A framework
  ///    seeks partitions whose records did not fail, too.
  static func tells(
    _ round: KafkaRound, _ place: KafkaPlace, _ offset: Int64, _ isEach: Bool, isDone: (KafkaPlace, Int64) -> Bool
  ) -> Bool {
    guard round.returns[place] == offset, !round.isNoAttempt else { return false }
    if isEach { return true }
    if let record = round.record { return record == (place, offset) }
    return round.confirmed.isEmpty || round.returns.allSatisfy { $0.key == place || !isDone($0.key, $0.value) }
  }
}
