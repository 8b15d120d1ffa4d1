extension Ledger {
  /// What bounds have dropped: the report's `capture.dropped`.
  struct Dropped {
    var groups: UInt64 = 0
    var inFlight: UInt64 = 0
    /// Copies whose acknowledgement could no longer be told as theirs.
    var pairs: UInt64 = 0
    var consumers: UInt64 = 0
    var channels: UInt64 = 0
    /// Queues, bindings and virtual hosts of which no declaration was kept.
    var declarations: UInt64 = 0
    /// Topics that were not followed.
    var topics: UInt64 = 0
    /// What belongs to a transaction and found no room in it: an offset that its end will not commit; a settlement or publish
    /// that counted at once; a commit or rollback.
    var transactions: UInt64 = 0
    /// Requests (declare, consume, get) that found no room, so that their answers will not be matched.
    var requests: UInt64 = 0
    /// Acknowledgements of deliveries that were not seen.
    var unmatchedSettlements: UInt64 = 0
    /// Deliveries that expired, and whose return would no longer be told.
    var expired: UInt64 = 0
  }
}
