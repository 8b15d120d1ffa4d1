/// Conclusions about Kafka's traffic that the protocol does not state. The raw value is the rule's name in the report
/// (`inferences` of a group), which counts how often it decided something.
///
/// Each rule is one type in this folder. It says what it concludes, from which evidence, for which clients, and
/// where it is tested. A rule that changes no real recording has no place here: `Tests/RESULTS.md` has the table.
enum KafkaInference: String, CaseIterable, Sendable {
  case repeatedSeek = "repeated_seek"
  case deadLetteredSeek = "dead_lettered_seek"
  case abortedTransaction = "aborted_transaction"
  case renewedSession = "renewed_session"
  case droppedPrefetch = "dropped_prefetch"
  case nextAfterDeadLetter = "next_after_dead_letter"
  case separateSeeks = "separate_seeks"
  case namedCopy = "named_copy"
  case equalCopy = "equal_copy"
  case countedCopy = "counted_copy"
  case republishedRecord = "republished_record"
  case returnedRecord = "returned_record"
  case followedCopy = "followed_copy"
  case exceededPoll = "exceeded_poll"
  case completedOffsets = "completed_offsets"
  case changedMetadata = "changed_metadata"
  case committingMember = "committing_member"
  case groupByOffset = "group_by_offset"
  case groupByClient = "group_by_client"
}

/// The rules that apply: all of them, except in tests that turn some off to see what they are needed for.
struct KafkaInferences: Sendable {
  private var off: Set<KafkaInference> = []

  static let all = KafkaInferences()

  init(without rules: [KafkaInference] = []) { off = Set(rules) }

  func has(_ rule: KafkaInference) -> Bool { off.isEmpty || !off.contains(rule) }
}

extension KafkaState {
  /// The rule decided something about that group; `message`: about which one, if that is known.
  func count(_ rule: KafkaInference, in group: KafkaGroup, message: UInt64? = nil) {
    if let id = group.id { ledger.countInference(rule.rawValue, of: id, message: message) }
  }
}
