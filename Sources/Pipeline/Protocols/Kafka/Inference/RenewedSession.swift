/// `renewed_session`
///
/// - Concludes: a fetch that repeats the partition's previous one exactly is no seek, although that one had brought records.
/// - Evidence: the request closes a fetch session (its id is not 0) and opens a new one (its epoch is 0; KIP-227).
/// - For: franz-go. To seek one partition it drops all buffered records, and fetches the other partitions again at their old
///   offsets. kafka-python and aiokafka repeat the previous fetch when they really seek, but keep their session, or have none.
/// - Wrong if: a partition is sought to just the offset of its previous fetch in such a request: that seek is missed.
/// - Tests: `KafkaSeekBackTests`; recordings `franz_storm`, `franz_storm_noheaders`.
enum RenewedSession {
  static func renews(_ request: KafkaFetchRequest) -> Bool { request.sessionEpoch == 0 && request.sessionID != 0 }
}
