/// `counted_copy`
///
/// - Concludes: one record of the group that counts as acknowledged was dead-lettered (or retried). Which one is not known:
///   the latest acknowledgement is counted otherwise, and no record is named in the report.
/// - Evidence: a copy was published by a process that consumes for this group alone; nothing else. The third tier. If the
///   process consumes for several groups, the copy counts for none of them and is added to `dropped.pairs`.
/// - For: compressed dead letters, whose batch header gives only their number, and copies with changed contents.
/// - Wrong if: the process also produces to that topic what it has not consumed.
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
  /// Each copy without a known source replaces one of the group's latest acknowledgements in the counts. Its attempt is not
  /// known: at least the first.
  func countCopies(of process: KafkaProcess, at: Timestamp) {
    guard !process.copies.isEmpty, let group = CountedCopy.group(of: process) else { return }
    while let copy = process.copies.last, let partition = group.latestAcknowledged, isFiled(partition),
      let last = partition.recent.removeLast()
    {
      process.copies.removeLast()
      ledger.settleCopiedLate(last.ack, to: copy.producer, as: copy.settlement, attempt: 1, at: at)
      count(.countedCopy, in: group, message: last.ack.delivery.message)
    }
  }
}
