/// How far a group is behind, by partition: up to the high watermark, or the last stable offset where it reads committed.
extension KafkaState {
  func setLag(of partition: KafkaPartition, _ lag: Int64?) {
    guard partition.books >= 0, let id = partition.group.id, id.serial == partition.groupSerial else { return }
    ledger.setLag(lag, of: id, partition.books)
  }

  func updateLag(of partition: KafkaPartition) {
    let position = partition.committed >= 0 ? partition.committed : partition.end
    guard partition.logEnd >= 0, position >= 0 else { return }
    setLag(of: partition, max(0, partition.logEnd &- position))
  }
}
