/// Why a message goes back to its group, where its consumer did not hand it back itself: the report's `requeue_causes`.
enum RequeueCause: String {
  /// Its consumer took longer than the broker waits for an acknowledgement.
  case ackTimeout = "ack_timeout"
  /// Rejected into a dead-letter exchange whose queue keeps it for a time and returns it.
  case delayed
  /// Rejected into a dead-letter exchange that leads back to the same queue at once.
  case itself = "self"
}
