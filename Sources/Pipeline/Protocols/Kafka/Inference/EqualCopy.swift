/// `equal_copy`
///
/// - Concludes: as `NamedCopy`.
/// - Evidence: key and value of the copy equal (by hash) those of the record that a group was delivered last with such
///   contents, in flight or acknowledged lately. The second tier. Of several groups it is the one whose topic's name the
///   copy's extends (`orders.DLT`), or that has it in flight; if that is not just one, nothing is concluded.
/// - For: applications that publish what failed as it is. What went through retry topics names the topic that it came from
///   first; its contents tell the delivery of the retry topic.
/// - Tests: `KafkaCopyTests`, `KafkaLateCopyTests`; recordings of storms without headers (`franz_storm_noheaders`, afkak).
enum EqualCopy {
  /// Key and value; 0: not known.
  static func contents(_ record: KafkaRecord) -> UInt64 { record.keyHash ^ record.valueHash &* 0x9e37_79b9_7f4a_7c15 }

  /// Of each group of the process the delivery that contained that last.
  static func sources(of contents: UInt64, for process: KafkaProcess) -> [KafkaSource] {
    contents == 0 ? [] : process.groups.compactMap { process.lastDelivery(of: contents, in: $0) }
  }

  /// `isCalledAfter`: whether the copy's topic is called after that one's; `isKept`: whether its acknowledgement is known.
  static func source(
    among sources: [KafkaSource], isCalledAfter: (KafkaSource) -> Bool, isInFlight: (KafkaSource) -> Bool,
    isKept: (KafkaSource) -> Bool
  ) -> KafkaSource? {
    var open = sources.filter { isInFlight($0) || isKept($0) }
    if open.count > 1 {
      let called = open.filter(isCalledAfter)
      if !called.isEmpty { open = called }
    }
    if open.count > 1 { open = open.filter(isInFlight) }
    return open.count == 1 ? open[0] : nil
  }
}
