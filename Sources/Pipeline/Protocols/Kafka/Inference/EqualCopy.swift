/// `equal_copy`
///
/// - Concludes: as `NamedCopy`.
/// - Evidence: the hash of the copy's key and value equals that of the latest record with such contents that was delivered to
///   a group, in flight or acknowledged lately. The second tier. If several groups match: the one whose topic's name is a
///   prefix of the copy's topic (`orders.DLT`), then the one that has the record in flight. If that is not exactly one,
///   nothing is concluded.
/// - For: applications that publish a failed record unchanged. And retry topics: there the headers still name the first topic,
///   and the contents find the delivery from the retry topic.
/// - Wrong if: contents repeat; then the latest record is taken.
/// - Tests: `KafkaCopyTests`, `KafkaLateCopyTests`; recordings of storms without headers (`franz_storm_noheaders`, afkak).
enum EqualCopy {
  /// Hash of key and value; 0 if neither is known.
  static func contents(_ record: KafkaRecord) -> UInt64 { record.keyHash ^ record.valueHash &* 0x9e37_79b9_7f4a_7c15 }

  /// For each group of the process its latest delivery with those contents.
  static func sources(of contents: UInt64, for process: KafkaProcess) -> [KafkaSource] {
    contents == 0 ? [] : process.groups.compactMap { process.lastDelivery(of: contents, in: $0) }
  }

  /// `topicNameExtends`: the copy's topic name extends that of the source's topic. `isAcknowledgedLately`: its acknowledgement is
  /// still kept.
  static func source(
    among sources: [KafkaSource], topicNameExtends: (KafkaSource) -> Bool, isInFlight: (KafkaSource) -> Bool,
    isAcknowledgedLately: (KafkaSource) -> Bool
  ) -> KafkaSource? {
    var candidates = sources.filter { isInFlight($0) || isAcknowledgedLately($0) }
    if candidates.count > 1 {
      let called = candidates.filter(topicNameExtends)
      if !called.isEmpty { candidates = called }
    }
    if candidates.count > 1 { candidates = candidates.filter(isInFlight) }
    return candidates.count == 1 ? candidates[0] : nil
  }
}
