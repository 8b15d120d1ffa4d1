/// `committing_member`
///
/// - Concludes: the member is assigned the partition.
/// - Evidence: it commits an offset of the partition in a later generation than any assignment of it that was seen. (A member
///   may also commit a partition that it has just lost, but then in the generation of the old assignment.)
/// - For: members that joined before the capture began, and clients whose JoinGroup and SyncGroup passed on a connection that
///   was not seen (pykafka).
/// - Wrong if: an assignment was missed that took the partition away.
/// - Tests: `KafkaMembershipTests`; recording `kafka_pykafka_gzip`.
enum CommittingMember {
  /// `membership`: member and generation as the commit states them.
  static func tells(_ membership: KafkaMembership, of member: KafkaMember) -> Bool {
    membership.generation > member.assigned.generation
  }
}
