/// `counted_copy`
///
/// - Concludes: one record of the group that counts as acknowledged was dead-lettered (or retried). Which one is not known:
///   the latest acknowledgement is counted otherwise, and no record is named in the report.
/// - Evidence: a copy was published by a process that consumes for this group; nothing else. The third tier. If the process
///   consumes for several groups, it is of the one that consumes a topic with a name that the copy's topic contains
///   (`orders` in `orders.DLT`); if that is not exactly one, it counts for none of them and is added to `dropped.pairs`. A record with a
///   key that none of the latest consumed records had is no retry.
/// - For: compressed dead letters, whose batch header gives only their number, and copies with changed contents.
/// - Wrong if: the process also produces to that topic what it has not consumed.
/// - Tests: `KafkaCopyTests`; recordings `kafka_codec_*`, `kafka_go_zstd`, `kafka_sarama150_zstd`, `kafka_storm_gzip`.
enum CountedCopy {
  /// Nil: it may be of several groups, or the process consumes for none.
  static func group(of process: KafkaProcess, publishingTo topic: String, _ topics: KafkaTopics) -> KafkaGroup? {
    var sole: KafkaGroup?
    for group in process.groups where group.id != nil && !group.isForeign {
      guard sole == nil else { return named(by: Array(topic.utf8), among: process.groups, topics) }
      sole = group
    }
    return sole
  }

  /// The one that consumes the topic with the longest name that `name` contains.
  private static func named(by name: [UInt8], among groups: [KafkaGroup], _ topics: KafkaTopics) -> KafkaGroup? {
    var found: KafkaGroup?
    var longest = 0
    for group in groups where group.id != nil && !group.isForeign {
      for topic in group.consumedTopics {
        let own = Array(topics[KafkaTopics.place(topic, 0)].name.utf8)
        guard own.count >= longest, BorneName.stands(own, in: name) else { continue }
        found = own.count > longest || found === group ? group : nil
        longest = own.count
      }
    }
    return found
  }
}

extension KafkaState {
  /// Each copy without a known source replaces one of the group's latest acknowledgements in the counts. Its attempt is not
  /// known: at least the first.
  func countCopies(of group: KafkaGroup, at: Timestamp) {
    while let copy = group.copies.last, let partition = group.latestAcknowledged, isFiled(partition),
      let last = partition.recent.removeLast()
    {
      group.copies.removeLast()
      ledger.settleCopiedLate(last.ack, to: copy.producer, as: copy.settlement, attempt: 1, at: at)
      count(.countedCopy, in: group, message: last.ack.delivery.message)
    }
  }
}
