/// `returned_record`
///
/// - Concludes: the consumer published an equal record to the topic that this one came from, and nothing says that it failed:
///   it stays `acked`, and `returned` counts it.
/// - Evidence: equal contents (`EqualCopy`), no second sign (`RepublishedRecord`).
/// - For: repid, whose retries carry no mark at all, and jobs that enqueue their next run.
/// - Wrong if: the contents of different records are equal by chance.
/// - Tests: `KafkaRepublishTests`; recording `kafka_repid`.
enum ReturnedRecord {
  static func tells(_ source: KafkaSource, publishedTo place: KafkaPlace) -> Bool {
    source.partition.place >> 32 == place >> 32
  }
}
