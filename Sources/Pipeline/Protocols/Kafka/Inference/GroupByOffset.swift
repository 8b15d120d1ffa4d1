/// `group_by_offset`
///
/// - Concludes: which group a fetch is for, where several groups of the process have the partition, or none has it.
/// - Evidence: the fetch begins where OffsetFetch answered that this group stands, or where it committed last. Where several
///   groups have the partition, those of which nothing is known may begin anywhere.
/// - For: two groups in one process on one topic, and consumers that assign partitions to themselves (`assign()`).
/// - Tests: `KafkaAttributionTests`. If several groups fit, nothing is concluded.
enum GroupByOffset {
  /// Of groups that have the partition.
  static func fitting(_ groups: [KafkaGroup], _ place: KafkaPlace, _ offset: Int64) -> [KafkaGroup] {
    groups.filter { $0.begins(place, at: offset) ?? true }
  }

  /// Of groups that have no member in the process.
  static func standalone(_ groups: [KafkaGroup], _ place: KafkaPlace, _ offset: Int64) -> [KafkaGroup] {
    groups.filter { $0.begins(place, at: offset) == true }
  }
}
