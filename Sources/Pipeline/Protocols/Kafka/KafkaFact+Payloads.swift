/// A topic by its name or its id, as the version has it; what is missing is empty or zero.
package struct KafkaTopic: Hashable, Sendable {
  package var name: Text
  package var id: KafkaTopicID
}

/// Who speaks for a group. `generation` is the generation of a classic group, the member's epoch of a new one.
package struct KafkaMembership: Hashable, Sendable {
  package var group: Text
  package var member: Text
  /// The static member's id (`group.instance.id`).
  package var instance: Text
  package var generation: Int32
}

/// A partition and an offset in it.
package struct KafkaPosition: Hashable, Sendable {
  package var topic: KafkaTopic
  package var partition: Int32
  package var offset: Int64
  package var leaderEpoch: Int32
  /// What the client keeps with a committed offset; only where a commit is answered.
  package var metadata = Text.empty
}

package struct KafkaFetchRequest: Hashable, Sendable {
  /// A broker that replicates: 0 or more; a consumer: −1. From version 15 on known only at `fetchRequestEnded`.
  package var replica: Int32
  package var maxWait_ms: Int32
  package var minBytes: Int32
  package var maxBytes: Int32
  package var readsCommitted: Bool
  package var sessionID: Int32
  /// 0: a full request that opens a session; −1: without a session, or its end; else only what changed.
  package var sessionEpoch: Int32
}

package struct KafkaFetchPosition: Hashable, Sendable {
  package var topic: KafkaTopic
  package var partition: Int32
  package var offset: Int64
  package var currentLeaderEpoch: Int32
  package var lastFetchedEpoch: Int32
  package var maxBytes: Int32
}

package struct KafkaFetchAnswer: Hashable, Sendable {
  package var error: Int16
  package var sessionID: Int32
  package var throttle_ms: Int32
  /// Of the request; nil if its bytes were lost.
  package var request: KafkaFetchTerms?
}

/// What an answer needs to know of its Fetch.
package struct KafkaFetchTerms: Hashable, Sendable {
  package var readsCommitted: Bool
  package var sessionID: Int32
  package var sessionEpoch: Int32
  package var replica: Int32
}

package struct KafkaFetchedPartition: Hashable, Sendable {
  package var topic: KafkaTopic
  package var partition: Int32
  package var error: Int16
  package var highWatermark: Int64
  package var lastStableOffset: Int64
  package var logStartOffset: Int64
}

package struct KafkaFetchedEnd: Hashable, Sendable {
  package var records: KafkaRecordsEnd
  /// Fetch from this follower from now on (KIP-392).
  package var preferredReadReplica: Int32
  /// The log was truncated: go back to this epoch's end (KIP-595); −1: no.
  package var divergingEpoch: Int32
  package var divergingEndOffset: Int64
  /// Told with a leader that has changed (KIP-951); −1: not.
  package var leader: Int32
}

/// What a partition's records were, all together.
package struct KafkaRecordsEnd: Hashable, Sendable {
  package var topic: KafkaTopic
  package var partition: Int32
  package var bytes: Int
  package var batches: Int
  /// The last batch was cut by the broker's size limit: it delivers nothing.
  package var endsInPart: Bool
  /// Batches or records are missing (told by `lost(.records)`).
  package var isIncomplete: Bool
}

/// A record batch (magic 2), or a message or wrapper message (magic 0, 1).
package struct KafkaBatch: Hashable, Sendable {
  package enum Codec: UInt8, Sendable {
    case none, gzip, snappy, lz4, zstd, unknown
  }

  package var magic: Int8
  package var codec: Codec
  /// Of the first record; −1 for a wrapper message, which tells only its last (then it is after the batch before, and at
  /// or after the fetch's offset). In a Produce it counts from 0.
  package var baseOffset: Int64
  package var lastOffset: Int64
  /// Records; −1 for a wrapper message. At most lastOffset − baseOffset + 1: compaction leaves holes.
  package var count: Int32
  /// Milliseconds since 1970; −1 if there is none.
  package var baseTimestamp_ms: Int64
  package var maxTimestamp_ms: Int64
  /// The broker's time (LogAppendTime), which then is `maxTimestamp_ms` for every record; else the producer's.
  package var isLogAppendTime: Bool
  package var isTransactional: Bool
  /// A marker of the broker's: delivers nothing.
  package var isControl: Bool
  /// Of a transaction that the answer lists as aborted: delivers nothing under read_committed.
  package var isAborted: Bool
  package var producerID: Int64
  package var producerEpoch: Int16
  package var baseSequence: Int32
  package var partitionLeaderEpoch: Int32
  /// With its header.
  package var size_bytes: Int
}

/// One record of an uncompressed batch.
package struct KafkaRecord: Hashable, Sendable {
  package var offset: Int64
  /// Milliseconds since 1970; −1 if there is none.
  package var timestamp_ms: Int64
  /// Bytes; −1 for null.
  package var keySize_bytes: Int32
  package var valueSize_bytes: Int32
  /// Keyed hashes; 0 unless wanted.
  package var keyHash: UInt64
  package var valueHash: UInt64
  package var marks: KafkaRecordMarks

  /// A record's headers above this size together are not read (`marks.areCut`).
  package static let headersLimit_bytes = 16_384
}
