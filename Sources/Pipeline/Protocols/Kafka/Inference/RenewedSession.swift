/// `renewed_session`
///
/// - Concludes: a request that repeats the partition's last one exactly, although records had come of it, is no seek.
/// - Evidence: the request gives up a fetch session (its id is not 0) and begins another (its epoch is 0; KIP-227).
/// - For: franz-go. To seek one partition it drops what it has buffered of all, and asks for the others where they stood.
///   kafka-python and aiokafka repeat the last request when they really seek, but keep their session, or have none.
/// - Tests: `KafkaSeekBackTests`; recordings `franz_storm`, `franz_storm_noheaders`.
enum RenewedSession {
  static func renews(_ request: KafkaFetchRequest) -> Bool { request.sessionEpoch == 0 && request.sessionID != 0 }
}
