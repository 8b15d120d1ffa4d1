/// `committing_member`
///
/// - Concludes: a member has a partition.
/// - Evidence: it commits an offset of it, in a later generation than any assignment of it that was seen. (A member commits
///   also what it has just lost, but in the generation of that assignment.)
/// - For: members that were there before the capture began, and libraries that speak of their assignment on a connection
///   that was not seen (pykafka).
/// - Tests: `KafkaMembershipTests`; recording `kafka_pykafka_gzip`.
enum CommittingMember {
  static func tells(_ membership: KafkaMembership, of member: KafkaMember) -> Bool {
    membership.generation > member.assigned.generation
  }
}
