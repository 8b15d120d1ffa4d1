/// Rows of a request that its answer's rows are matched with: positions of a commit, acknowledgements of a share group.
extension KafkaMessageReader {
  /// Metadata that would take too much room is left out.
  mutating func isLeftOut(_ op: KafkaOp, _ count: Int) -> Bool {
    guard op.slot == KafkaText.metadata.rawValue, kept.count &+ count > Self.keptLimit else { return false }
    leaveOut(.metadata)
    return true
  }

  /// The request is read again: what its answer needs of it.
  mutating func note(_ event: KafkaEvent) {
    switch event {
    case .offsetCommitRow, .acknowledgement:
      guard rows.count < Self.rowLimit else {
        rowsLost = true
        return
      }
      let isCommit = event == .offsetCommitRow
      rows.append(
        Row(
          topic: topic, partition: partition, offset: isCommit ? self[.committedOffset] : self[.firstOffset],
          lastOffset: self[.lastOffset], leaderEpoch: int32(.committedLeaderEpoch),
          types: isCommit ? self[.metadata] : self[.acknowledgeTypes]))
    default: break
    }
  }

  /// A row of the answer, or the answer's end, with the rows of the request that it answers.
  mutating func answerRow(_ event: KafkaEvent, into sink: some KafkaFactSink) {
    switch event {
    case .offsetCommitRowAnswered:
      let row = takeRow()
      tell(
        .offsetCommitAnswered(
          membership, transactionalID: self[.transactionalID], producerID: self[.producerID],
          KafkaPosition(
            topic: topic, partition: partition, offset: row?.offset ?? -1, leaderEpoch: row?.leaderEpoch ?? -1,
            metadata: row?.types ?? .empty),
          error: int16(.partitionError)),
        sink)
    case .acknowledgedPartition, .sharePartitionAnswered:
      while let row = takeRow() { acknowledge(row, int16(.acknowledgeError), sink) }
    case .shareAnswerEnded:
      // Partitions without anything to say are left out of the answer: theirs is the answer's own.
      for row in rows where !row.isAnswered { acknowledge(row, int16(.error), sink) }
      rows.removeAll(keepingCapacity: true)
    default: break
    }
  }

  private mutating func acknowledge(_ row: Row, _ error: Int16, _ sink: some KafkaFactSink) {
    tell(
      .acknowledged(
        membership,
        KafkaAcknowledgement(
          topic: row.topic.id, partition: row.partition, firstOffset: row.offset, lastOffset: row.lastOffset,
          types: row.types),
        error: error),
      sink)
  }

  /// The request's next row for this topic and partition that is not answered yet.
  private mutating func takeRow() -> Row? {
    guard let found = findRow() else { return nil }
    rows[found].isAnswered = true
    nextRow = (found &+ 1) % rows.count
    return rows[found]
  }

  /// Answers mostly keep the request's order, so the search begins where the last one ended; it is given up after
  /// `searchLimit` rows.
  private mutating func findRow() -> Int? {
    let span = kept.storage.span.bytes.extracting(first: kept.count)
    for step in 0..<min(rows.count, Self.searchLimit) {
      let i = (nextRow &+ step) % rows.count
      guard !rows[i].isAnswered, rows[i].partition == partition, rows[i].topic.id == topicID,
        rows[i].topic.name.equals(self[.topic], in: span, of: span)
      else { continue }
      return i
    }
    return nil
  }

  static let rowLimit = 16_384
  private static let searchLimit = 1_024
}
