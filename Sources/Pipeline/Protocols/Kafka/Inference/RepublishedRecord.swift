/// `republished_record`
///
/// - Concludes: the record was published to a topic that its own group consumes, to be tried again: its delivery ends as
///   `requeued`. Or to a topic whose name only hints at dead letters or retries (`orders.failed`): it ends as those.
/// - Evidence: the contents equal those of a delivery (`EqualCopy`), and a second sign says that this one failed: a header that
///   counts tries has grown, an unknown small number in a header is one higher than the source's, a header names an error or a
///   delay, or the headers name where the record came from first.
/// - For: frameworks and applications that retry by publishing again and committing the first record.
/// - Wrong if: a consumer that enqueues equal work anew marks it in such a way without a failure.
/// - Tests: `KafkaRepublishTests`; recording `kafka_republished`.
enum RepublishedRecord {
  /// `before`: small numbers in the source's headers, as far as they were looked at.
  static func tells(
    _ copy: KafkaTryMarks, before: ContiguousArray<KafkaTryMarks.Number>, namesOrigin: Bool
  ) -> Bool {
    if namesOrigin || copy.namesError || copy.isDelayed { return true }
    return copy.numbers.contains { number in
      let source = before.first { $0.name == number.name }?.value
      if number.says.contains(.counter) { return number.value > source ?? 0 }
      guard !number.says.contains(.otherNumber), let source else { return false }
      return number.value == source + 1
    }
  }
}
