/// `changed_metadata`
///
/// - Concludes: the consumer makes progress of unknown extent: `stalled` begins to count anew.
/// - Evidence: it commits the offset that it had committed before, with other metadata than then, and what that says can't be read
///   (`CompletedOffsets`).
/// - For: Parallel Consumer where it compresses its metadata, and clients that keep the like in an encoding of their own.
/// - Wrong if: the metadata says something else, as a time.
/// - Tests: `KafkaCommitMetadataTests`. It changes a verdict, no totals, so no recording shows it.
struct ChangedMetadata {
  private var offset: Int64 = -1
  /// Hash of the metadata; 0: there was none.
  private var metadata: UInt64 = 0

  /// An offset was committed. Answers whether only the metadata is another one.
  mutating func commit(_ offset: Int64, _ metadata: UInt64) -> Bool {
    defer { (self.offset, self.metadata) = (offset, metadata) }
    return offset == self.offset && metadata != self.metadata && metadata != 0
  }
}
