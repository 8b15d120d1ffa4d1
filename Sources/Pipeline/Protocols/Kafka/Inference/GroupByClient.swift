/// `group_by_client`
///
/// - Concludes: as `GroupByOffset`, where that tells nothing.
/// - Evidence: the fetch carries the client id of just one of those groups' members; outside of every assignment, of the
///   client that was answered that this group has committed nothing yet.
/// - For: two groups in one process that both begin at 0; `assign()` before the first commit.
/// - Tests: `KafkaAttributionTests`; recordings `kafka_two_groups_one_topic`, `kafka_rdkafka_assign`.
enum GroupByClient {
  /// Of groups that have the partition.
  static func fitting(_ groups: [KafkaGroup], _ place: KafkaPlace, _ client: UInt64) -> [KafkaGroup] {
    groups.filter { $0.partitions[place]?.member?.client == client }
  }

  /// Of groups that have no member in the process.
  static func standalone(_ groups: [KafkaGroup], _ place: KafkaPlace, _ client: UInt64) -> [KafkaGroup] {
    client == 0 ? [] : groups.filter { $0.askedInVain[place] == client }
  }
}
