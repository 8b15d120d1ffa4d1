/// `counted_copy`
///
/// - Concludes: one of the group's acknowledgements was a dead letter's (or a retry's). Which record it was stays unknown: no
///   delivery ends with the copy, and nothing is named.
/// - Evidence: none but that the copy was published, by a process that consumes for this group alone. The third tier. Where a
///   process consumes for several groups, such a copy counts for none of them (`dropped.pairs`).
/// - For: compressed dead letters, of which the batch's header tells how many there are, and contents that were changed.
/// - Tests: `KafkaCopyTests`; recordings `kafka_codec_*`, `kafka_go_zstd`, `kafka_sarama150_zstd`, `kafka_storm_gzip`.
enum CountedCopy {
  /// The only group that the process consumes for; nil: there are several, or none.
  static func group(of process: KafkaProcess) -> KafkaGroup? {
    var sole: KafkaGroup?
    for group in process.groups where group.id != nil && !group.isForeign {
      guard sole == nil else { return nil }
      sole = group
    }
    return sole
  }
}

extension KafkaState {
  /// Copies that wait are counted in place of the group's latest acknowledgements.
  func countCopies(of process: KafkaProcess, at: Timestamp) {
    guard !process.copies.isEmpty, let group = CountedCopy.group(of: process) else { return }
    while let copy = process.copies.last, let partition = group.latestAcknowledged, isFiled(partition),
      let last = partition.recent.removeLast()
    {
      process.copies.removeLast()
      ledger.settleCopiedLate(last.ack, to: copy.producer, as: copy.settlement, attempt: 1, at: at)
      count(.countedCopy, in: group)
    }
  }
}
