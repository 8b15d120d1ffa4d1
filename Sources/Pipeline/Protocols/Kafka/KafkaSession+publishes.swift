// What the client publishes: to count it by topic, and to pair copies with the deliveries they were made of.

extension KafkaSession {
  /// The partition that is being written to.
  struct Producing {
    /// In the `ProducerTable`; nil while there is none.
    var producer: Int32?
    var place: KafkaPlace = 0
    var mayHoldCopies = false
    /// The batch belongs to the transaction of this producer: nobody reads it before that has committed.
    var transaction: Int64?
    /// Records of the batch come one by one.
    var comesInRecords = false
    /// Numbers in the headers of the record that follows: one may be its source's offset.
    var numbers: [Int64] = []
    /// The request that is being read, and whether it will be answered.
    var correlation: Int32 = 0
    var isAnswered = false
    /// The batch is none of an idempotent producer's, whose sequences tell what it sends again.
    var mayComeAgain = false
    /// Copies in requests that are not answered yet.
    var sent: [Sent] = []
  }

  struct Sent {
    var correlation: Int32
    var place: KafkaPlace
    var producer: Int32
    /// What it contains, and goes to; of a compressed batch what shows of it.
    var identity: UInt64
    var copies: Int
  }

  func produceFact(_ fact: KafkaFact, of exchange: KafkaExchange, in frame: RawSpan, at: Timestamp) {
    switch fact {
    case .produceRequested(_, let acks, _):
      producing.correlation = exchange.correlation
      producing.isAnswered = acks != 0
    case .producePartition(let topic, let partition): producePartition(topic, partition, in: frame)
    case .producePartitionEnded: producing.producer = nil
    case .producePartitionAnswered(let topic, let partition, let error, _, _):
      produceAnswered(topic, partition, error: error, of: exchange, in: frame, at: at)
    default: break
    }
  }

  func producePartition(_ topic: KafkaTopic, _ number: Int32, in frame: RawSpan) {
    producing.producer = nil
    producing.mayHoldCopies = false
    producing.comesInRecords = false
    producing.numbers.removeAll(keepingCapacity: true)
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
      ledger.producers.find(filed, version: 0)
      ?? ledger.producers.file(
        filed,
        .init(
          system: .kafka, destination: entry.name, process: process.id, use: .init(kind: entry.kind), name: entry.name,
          isNamed: true))
    producing.producer = producer
    producing.place = place
    producing.mayHoldCopies = ledger.producers[producer].mayHoldCopies
    if producing.mayHoldCopies { process.publishesCopies = true }
  }

  func producedBatch(_ batch: KafkaBatch, at: Timestamp) {
    producing.comesInRecords = false
    producing.transaction = batch.isTransactional && batch.producerID >= 0 ? batch.producerID : nil
    producing.mayComeAgain = producing.isAnswered && batch.producerID < 0
    guard let producer = producing.producer, !batch.isControl, !isRepeated(batch) else { return }
    // A wrapper message of old tells only its last offset, from 0 on.
    let count = batch.count >= 0 ? Int(batch.count) : Int(min(max(0, batch.lastOffset), Self.wrapperBound) + 1)
    guard producing.mayHoldCopies else {
      if !ledger.settings.holding.isShared(publishedAt, at: at) { ledger.isPlanDue = true }
      publishedAt = at
      ledger.producers[producer].published += UInt64(max(1, count))
      return
    }
    if batch.codec == .none {
      producing.comesInRecords = true
      return
    }
    // Compressed: how many is all that shows.
    let copies = min(max(1, count), Self.copiesBound)
    ledger.producers[producer].published += UInt64(copies)
    var shown = KeyedHash(state.key)
    shown.combine(UInt64(batch.codec.rawValue) << 32 | UInt64(copies))
    shown.combine(UInt64(bitPattern: batch.maxTimestamp_ms))
    shown.combine(UInt64(batch.size_bytes))
    let isDated = batch.maxTimestamp_ms >= 0
    if isSentAgain(isDated ? shown.finish() : 0, producer, copies: copies, at: at) { return }
    for _ in 0..<copies { published(nil, producer, at: at) }
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

  /// Whether this copy was sent before, and refused by the broker or not answered. Notes that it was sent now.
  /// `contents`: 0 where nothing shows of it.
  func isSentAgain(_ contents: UInt64, _ producer: Int32, copies: Int = 1, at: Timestamp) -> Bool {
    guard producing.mayComeAgain, contents != 0 else { return false }
    let identity = contents ^ UInt64(UInt32(bitPattern: producer)) &* 0x9e37_79b9_7f4a_7c15
    if producing.sent.count >= Self.sentBound { producing.sent.removeFirst(Self.sentBound / 2) }
    producing.sent.append(
      Sent(
        correlation: producing.correlation, place: producing.place, producer: producer, identity: identity,
        copies: copies))
    return process.takeUnsettled(identity, at: at)
  }

  /// What the broker did not take was not published. Its producer sends it again, and then it is the same copy, or gives up;
  /// the record that it was made of has failed either way.
  private func produceAnswered(
    _ topic: KafkaTopic, _ number: Int32, error: Int16, of exchange: KafkaExchange, in frame: RawSpan, at: Timestamp
  ) {
    guard let first = producing.sent.firstIndex(where: { $0.correlation == exchange.correlation }) else { return }
    // Answers come in the order of their requests: those before were not seen.
    producing.sent.removeFirst(first)
    guard let place = place(topic, number, in: frame) else { return }
    let end = producing.sent.firstIndex { $0.correlation != exchange.correlation } ?? producing.sent.count
    if error != KafkaError.none {
      for copy in producing.sent[..<end] where copy.place == place {
        let published = ledger.producers[copy.producer].published
        ledger.producers[copy.producer].published = published - min(published, UInt64(copy.copies))
        process.noteUnsettled(copy.identity, at: at)
      }
    }
    producing.sent[..<end].removeAll { $0.place == place }
  }

  /// The connection is over: what was not answered comes again on another one.
  func giveUpSent(at: Timestamp) {
    for copy in producing.sent { process.noteUnsettled(copy.identity, at: at) }
    producing.sent.removeAll()
  }

  func recordHeader(_ value: Text, in frame: RawSpan) {
    guard producing.comesInRecords, producing.numbers.count < Self.numberBound,
      let number = KafkaRecordMarks.number(value, frame), number >= 0
    else { return }
    producing.numbers.append(number)
  }

  func producedRecord(_ record: KafkaRecord, in frame: RawSpan, at: Timestamp) {
    guard producing.comesInRecords, let producer = producing.producer else { return }
    ledger.producers[producer].published += 1
    copied(record, producer, in: frame, at: at)
    producing.numbers.removeAll(keepingCapacity: true)
  }

  /// Of one batch; more are counted by their number alone.
  private static var copiesBound: Int { 65_536 }
  private static var wrapperBound: Int64 { 1 << 20 }
  private static var numberBound: Int { 16 }
  /// More than producers have in flight.
  private static var sentBound: Int { 4_096 }
}
