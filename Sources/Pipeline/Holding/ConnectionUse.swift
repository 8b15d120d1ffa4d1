/// What a connection is used for, as far as holding it is concerned. Said by the session of its protocol.
struct ConnectionUse {
  /// Groups with a consumer on it, each once.
  var groups: [GroupID] = []
  /// When it last published somewhere that is neither a dead-letter nor a retry destination; nil if it never did. To hold
  /// it would hang the publisher.
  var publishedAt: Timestamp?
  /// Why to hold back its requests would not stop deliveries; nil if it would.
  var unholdable: NotHeld?
  /// Messages come without an answer: only bare acknowledgements pace them.
  var isUnanswered = false
  /// A span of the protocol's within which the connection must be heard of; 0 if there is none, nil if it is not known.
  var heartbeat_ns: Int64?
  /// It is heard of by requests of its own, which wait behind all others; else any byte will do.
  var isHeardByRequests = false
  /// The client is about to take its leave (said, though perhaps not yet heard by the broker): not to be kept waiting.
  var isLeaving = false
}
