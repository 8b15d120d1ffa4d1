/// What a connection is used for, as far as holding it is concerned. Said by the session of its protocol.
struct ConnectionUse {
  /// Groups with a consumer on it, each once.
  var groups: [GroupID] = []
  /// When it last published somewhere that is neither a dead-letter nor a retry destination; nil if it never did. To hold
  /// it would hang the publisher.
  var publishedAt: Timestamp?
  /// Why holding its requests would not stop a group's deliveries; no entry for a group where it would.
  var unholdable: [GroupID: NotHeld] = [:]
  /// The broker sends without waiting for answers (`no_ack`): only TCP's flow control limits it.
  var isUnanswered = false
  /// Longest time without a segment of the client's that no timeout of the broker or the client allows for less than
  /// (heartbeat, session, lock, request), with a margin; nil: there is no such timeout.
  var silence_ns: Int64?
  /// Only requests count as a sign of life, and they queue behind the others. Else any byte does.
  var isHeardByRequests = false
  /// The client has sent a cancel or close that may still be held: it is released.
  var isLeaving = false
}
