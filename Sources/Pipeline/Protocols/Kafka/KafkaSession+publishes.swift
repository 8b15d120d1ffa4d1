// What the client publishes: to count it by topic, and to pair copies with the deliveries they were made of.

extension KafkaSession {
  /// The partition that is being written to.
  struct Producing {
    /// In the `ProducerTable`; nil while there is none.
    var producer: Int32?
    var place: KafkaPlace = 0
    var mayHoldCopies = false
    /// Its name alone does not say that it holds copies.
    var isNormal = false
    /// The request belongs to a transaction.
    var isTransactional = false
    /// The batch belongs to the transaction of this producer: nobody reads it before that has committed.
    var transaction: Int64?
    /// Records of the batch come one by one.
    var comesInRecords = false
  }

  func produceFact(_ fact: KafkaFact, of exchange: KafkaExchange, in frame: RawSpan, at: Timestamp) {
    switch fact {
    case .produceRequested(let transaction, _, _): producing.isTransactional = !transaction.isEmpty
    case .producePartition(let topic, let partition): producePartition(topic, partition, in: frame)
    case .producePartitionEnded: producing.producer = nil
    default: break
    }
  }

  func producePartition(_ topic: KafkaTopic, _ number: Int32, in frame: RawSpan) {
    producing.producer = nil
    producing.mayHoldCopies = false
    producing.comesInRecords = false
    guard let place = place(topic, number, in: frame) else { return }
    let entry = state.topics[place]
    var hash = KeyedHash(state.key)
    hash.combine(process.id)
    hash.combine(UInt64(truncatingIfNeeded: cluster))
    hash.combine(place >> 32)
    // A topic that gets its name later is another destination.
    hash.combine(entry.hasName ? 1 : 0)
    let filed = hash.finish()
    let producer =
      ledger.producer(filedUnder: filed, version: 0)
      ?? ledger.file(
        .init(
          system: .kafka, destination: entry.name, process: process.id, use: state.topics.use(of: place),
          name: entry.name, isNamed: true), under: filed)
    producing.producer = producer
    producing.place = place
    producing.isNormal = ledger.kind(ofProducer: producer) == .normal || !ledger.isStrong(ofProducer: producer)
    // Copies may also go back to where they are consumed.
    let topic = Int32(truncatingIfNeeded: place >> 32)
    producing.mayHoldCopies =
      ledger.mayHoldCopies(producer) || process.groups.contains { !$0.isForeign && $0.consumes(topic) }
    if producing.mayHoldCopies { process.publishesCopies = true }
  }

  func producedBatch(_ batch: KafkaBatch, at: Timestamp) {
    producing.comesInRecords = false
    producing.transaction = batch.isTransactional && batch.producerID >= 0 ? batch.producerID : nil
    guard let producer = producing.producer, !batch.isControl, !isRepeated(batch) else { return }
    // A wrapper message of old tells only its last offset, from 0 on.
    let count = batch.count >= 0 ? Int(batch.count) : Int(min(max(0, batch.lastOffset), Self.wrapperBound) + 1)
    guard producing.mayHoldCopies, !producing.isNormal || batch.codec == .none else {
      publishedElsewhere(at: at)
      ledger.countPublished(UInt64(max(1, count)), by: producer)
      producing.comesInRecords = producing.transaction != nil && batch.codec == .none
      return
    }
    if batch.codec == .none {
      producing.comesInRecords = true
      return
    }
    // Compressed: how many is all that shows.
    let copies = min(max(1, count), Self.copiesBound)
    ledger.countPublished(UInt64(copies), by: producer)
    let copy = KafkaTransactions.Copy(producer: producer, rule: .countedCopy, settlement: settlement(by: producer))
    for _ in 0..<copies { published(copy, at: at) }
  }

  /// What is published is no copy: a hold of this connection would stop other work, too.
  private func publishedElsewhere(at: Timestamp) {
    if !ledger.settings.holding.isShared(publishedAt, at: at) { ledger.isPlanDue = true }
    publishedAt = at
  }

  /// An idempotent producer sends a batch again under the same sequence, where it heard no answer.
  private func isRepeated(_ batch: KafkaBatch) -> Bool {
    guard batch.producerID >= 0, batch.baseSequence >= 0 else { return false }
    var hash = KeyedHash(state.key)
    hash.combine(UInt64(bitPattern: batch.producerID))
    hash.combine(UInt64(UInt16(bitPattern: batch.producerEpoch)))
    hash.combine(producing.place)
    let filed = hash.finish()
    if process.sequences[filed]?.contains(batch.baseSequence) == true { return true }
    if process.sequences.count >= KafkaProcess.sequenceBound { process.sequences.removeAll(keepingCapacity: true) }
    process.sequences[filed, default: .init()].append(batch.baseSequence)
    return false
  }

  func producedRecord(_ record: KafkaRecord, in frame: RawSpan, at: Timestamp) {
    guard producing.comesInRecords, let producer = producing.producer else { return }
    guard producing.mayHoldCopies else { return transformed(record) }
    ledger.countPublished(1, by: producer)
    guard !copied(record, producer, in: frame, at: at), producing.isNormal else { return }
    publishedElsewhere(at: at)
    transformed(record)
  }

  /// Passed on within a transaction: if it contains the same as one that is in flight, the transaction works on that.
  private func transformed(_ record: KafkaRecord) {
    guard let transaction = producing.transaction else { return }
    for source in EqualCopy.sources(of: EqualCopy.contents(record), for: process) where isInFlight(source) {
      state.transactions.add(transaction, workedOn: source.partition.place)
    }
  }

  var produceDetail: KafkaDetail {
    if producing.mayHoldCopies { return [.records, .hashes] }
    return producing.isTransactional && process.readsContents ? [.records, .hashes] : []
  }

  /// Of one batch; more are counted by their number alone.
  private static var copiesBound: Int { 65_536 }
  private static var wrapperBound: Int64 { 1 << 20 }
}
