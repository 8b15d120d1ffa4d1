/// `group_by_offset`
///
/// - Concludes: which group a fetch is for, if several groups of the process are assigned the partition, or none is.
/// - Evidence: the fetch begins at the offset that OffsetFetch answered for this group, or that it committed last. If several
///   groups are assigned the partition, one without a known offset fits every fetch. If several groups fit, nothing is
///   concluded.
/// - For: two groups in one process on one topic, and consumers that assign partitions to themselves (`assign()`).
/// - Wrong if: a consumer seeks to what happens to be the other group's offset.
/// - Tests: `KafkaAttributionTests`.
enum GroupByOffset {
  /// Of groups with a member that is assigned the partition. (`begins` is nil where no offset is known.)
  static func fitting(_ groups: [KafkaGroup], _ place: KafkaPlace, _ offset: Int64) -> [KafkaGroup] {
    groups.filter { $0.begins(place, at: offset) ?? true }
  }

  /// Of groups without a member in the process (`assign()`).
  static func standalone(_ groups: [KafkaGroup], _ place: KafkaPlace, _ offset: Int64) -> [KafkaGroup] {
    groups.filter { $0.begins(place, at: offset) == true }
  }
}
