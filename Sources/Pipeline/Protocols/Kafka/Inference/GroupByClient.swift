/// `group_by_client`
///
/// - Concludes: as `GroupByOffset`, if that finds no single group.
/// - Evidence: the fetch has the client id of the partition's owner in just one of those groups. Without an assignment: the
///   client id of the client that was answered by OffsetFetch that this group has committed nothing yet.
/// - For: two groups in one process that both begin at 0; `assign()` before the first commit.
/// - Wrong if: several consumers of a process have one client id.
/// - Tests: `KafkaAttributionTests`; recordings `kafka_two_groups_one_topic`, `kafka_rdkafka_assign`.
enum GroupByClient {
  /// Of groups with a member that is assigned the partition. `client`: a hash of the client id; 0: there is none.
  static func fitting(_ groups: [KafkaGroup], _ place: KafkaPlace, _ client: UInt64) -> [KafkaGroup] {
    groups.filter { $0.partitions[place]?.member?.client == client }
  }

  /// Of groups without a member in the process (`assign()`).
  static func standalone(_ groups: [KafkaGroup], _ place: KafkaPlace, _ client: UInt64) -> [KafkaGroup] {
    client == 0 ? [] : groups.filter { $0.askedInVain[place] == client }
  }
}
