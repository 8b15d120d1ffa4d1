/// Bytes that will never come, in the middle of a message.
extension KafkaMessageReader {
  /// Steps over `count` bytes, at most `left` without those in `carry`. False: the rest of the message can't be read.
  ///
  /// Bytes to be counted off anyway cost nothing. Within records the batch is lost, or the records; the fields behind
  /// them are read.
  mutating func skipGap(_ count: Int, at: Timestamp, into sink: some KafkaFactSink) -> Bool {
    guard status == .running else { return false }
    self.at = at
    if count <= skipping {
      skipping &-= count
      left &-= count
      return true
    }
    guard records.stage != .none, left >= count &+ carry.count else { return false }
    // Bytes to be counted off are no longer the records', those in `carry` still are.
    let missing = count &- skipping &+ carry.count
    let isWithinBatch = records.stage != .batch && missing <= records.batchLeft
    let lost = isWithinBatch ? records.batchLeft : records.left
    guard missing <= lost else { return false }
    left &-= count &+ carry.count
    carry.removeAll(keepingCapacity: true)
    need = 0
    skipping = lost &- missing
    withhold(skipping, into: sink)
    records.left &-= lost
    records.batchLeft = 0
    records.stage = .batch
    records.end.isIncomplete = true
    sink.lost(.records, bytes: lost, at: at)
    return true
  }
}
