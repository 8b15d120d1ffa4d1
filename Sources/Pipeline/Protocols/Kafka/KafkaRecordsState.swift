/// Where the reader stands in a partition's records.
struct KafkaRecordsState: Sendable {
  enum Stage: Sendable {
    case none
    /// At a batch, or at the records' end.
    case batch
    /// In a batch of magic 2 that is looked into: at a record, its parts.
    case record, key, valueLength, value, headers
    /// In a control batch's record: at its key.
    case marker
    /// In a message of magic 0 or 1: at its key's length, its parts.
    case oldKeyLength, oldKey, oldValueLength, oldValue
  }

  var stage = Stage.none
  var hashKey = KeyedHash.Key(0, 0)
  var detail: KafkaDetail = []
  /// Bytes of the records, the batch, the record that are left.
  var left = 0
  var batchLeft = 0
  var recordLeft = 0
  var recordsLeft: Int32 = 0
  /// Bytes of the key or value that are left.
  var partLeft = 0
  var batch = KafkaBatch.none
  var record = KafkaRecord.none
  var hash = KeyedHash(KeyedHash.Key(0, 0))
  var end = KafkaRecordsEnd.none
  var aborted: [Aborted] = []
  /// There were more.
  var abortedLost = false

  /// A producer's transaction that was aborted: its records from `firstOffset` on deliver nothing, up to its marker.
  struct Aborted: Sendable {
    var producerID: Int64
    var firstOffset: Int64
  }

  static let abortedLimit = 1_024

  /// Whether a batch belongs to an aborted transaction.
  func isAborted(_ batch: KafkaBatch) -> Bool {
    guard batch.isTransactional, !aborted.isEmpty else { return false }
    return aborted.contains { $0.producerID == batch.producerID && $0.firstOffset <= batch.lastOffset }
  }

  /// An abort marker ends the producer's oldest aborted transaction.
  mutating func endAborted(_ producerID: Int64, at offset: Int64) {
    var first: Int?
    for i in aborted.indices where aborted[i].producerID == producerID && aborted[i].firstOffset <= offset {
      if first.map({ aborted[i].firstOffset < aborted[$0].firstOffset }) ?? true { first = i }
    }
    if let first { aborted.remove(at: first) }
  }
}

extension KafkaBatch {
  static let none = KafkaBatch(
    magic: 0, codec: .none, baseOffset: -1, lastOffset: -1, count: 0, baseTimestamp_ms: -1, maxTimestamp_ms: -1,
    isLogAppendTime: false, isTransactional: false, isControl: false, isAborted: false, producerID: -1,
    producerEpoch: -1, baseSequence: -1, partitionLeaderEpoch: -1, size_bytes: 0)
}

extension KafkaRecord {
  static let none = KafkaRecord(
    offset: -1, timestamp_ms: -1, keySize_bytes: -1, valueSize_bytes: -1, keyHash: 0, valueHash: 0,
    marks: KafkaRecordMarks())
}

extension KafkaRecordsEnd {
  static let none = KafkaRecordsEnd(
    topic: KafkaTopic(name: .empty, id: .none), partition: -1, bytes: 0, batches: 0, endsInPart: false,
    isIncomplete: false)
}
