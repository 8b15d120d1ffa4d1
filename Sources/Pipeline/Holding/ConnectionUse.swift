/// What a connection is used for, as far as holding it is concerned. Said by the session of its protocol.
struct ConnectionUse {
  /// Groups with a consumer on it, each once.
  var groups: [GroupID] = []
  /// When it last published somewhere that is neither a dead-letter nor a retry destination; nil if it never did. To hold
  /// it would hang the publisher.
  var publishedAt: Timestamp?
  /// Groups whose deliveries would not stop if its requests were held back, and why.
  var unholdable: [GroupID: NotHeld] = [:]
  /// The broker sends without waiting for answers (`no_ack`): only TCP's flow control limits it.
  var isUnanswered = false
  /// Longest time that may pass without a segment of the client's, before the broker or the client itself gives something
  /// up (heartbeat, session, lock, an answer that the client waits for), with room to spare; nil: none.
  var silence_ns: Int64?
  /// Only requests count as a sign of life, and they queue behind the others. Else any byte does.
  var isHeardByRequests = false
  /// The client has sent a cancel or close that may still be held: it is released.
  var isLeaving = false
}
