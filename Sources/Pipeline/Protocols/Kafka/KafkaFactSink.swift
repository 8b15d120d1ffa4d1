/// What a Kafka connection says, both sides, in the order of its bytes as far as the capture has it. Spans are valid only
/// during the call, and every `Text` in a fact is a slice of the span beside it. `at` is when the bytes that complete the
/// fact were captured.
package protocol KafkaFactSink: AnyObject {
  /// `exchange`: the request that states the fact, or whose answer does.
  func fact(_ fact: KafkaFact, of exchange: KafkaExchange, in frame: RawSpan, at: Timestamp)
  /// How much of the records that follow is wanted; asked once for every partition with records, after its
  /// `fetchPartition`, `producePartition` or `sharePartition`. Batches are always told.
  func detail(_ topic: KafkaTopic, partition: Int32, of exchange: KafkaExchange, in frame: RawSpan) -> KafkaDetail
  /// Something is missing. What `bytes` counts is said at each case of `KafkaLoss`.
  func lost(_ loss: KafkaLoss, bytes: Int, at: Timestamp)

  // For recordings. Offsets count the bytes that the side received or lost from its first one on.

  /// Credentials, contents or unknown headers of records, or bytes that nothing places. They may still be to come.
  func withheld(_ bytes: Range<Int>)
  /// The same, where zeroes would say something: a SASL token without Kafka's headers would be a request, an unknown
  /// header's value a number.
  func masked(_ bytes: Range<Int>)
  /// Whether a header of a record that says nothing known here is left as it is. `true`: it is not told to `masked`.
  func keepsHeader(_ name: Text, _ value: Text, in span: RawSpan) -> Bool
  /// A record's key or value begins, to be hashed: `.hashes` is in `detail`. It is withheld as well.
  func contentBegins(_ bytes: Range<Int>)
  /// All bytes of the last `contentBegins` were seen.
  func contentEnded(hash: UInt64)
}

extension KafkaFactSink {
  package func withheld(_ bytes: Range<Int>) {}
  package func masked(_ bytes: Range<Int>) {}
  package func keepsHeader(_ name: Text, _ value: Text, in span: RawSpan) -> Bool { true }
  package func contentBegins(_ bytes: Range<Int>) {}
  package func contentEnded(hash: UInt64) {}

  package func detail(
    _ topic: KafkaTopic, partition: Int32, of exchange: KafkaExchange, in frame: RawSpan
  ) -> KafkaDetail { [] }
}

/// What is wanted of the records in uncompressed batches.
package struct KafkaDetail: OptionSet, Sendable {
  package var rawValue: UInt8
  package init(rawValue: UInt8) { self.rawValue = rawValue }

  /// A `record` for each, with what its known headers say.
  package static let records = KafkaDetail(rawValue: 1)
  /// Keyed hashes of key and value in `record`. Implies `records`. Costs a pass over the bodies.
  package static let hashes = KafkaDetail(rawValue: 2)
}

/// One request, which is answered or not. Identifies what belongs together while it is in flight.
package struct KafkaExchange: Hashable, Sendable {
  package var key: KafkaKey
  package var version: Int16
  /// Chosen by the client; unique among the requests in flight on this connection.
  package var correlation: Int32
  /// When the request's head was captured.
  package var requestedAt: Timestamp

  package init(key: KafkaKey, version: Int16, correlation: Int32, requestedAt: Timestamp) {
    self.key = key
    self.version = version
    self.correlation = correlation
    self.requestedAt = requestedAt
  }
}

package enum KafkaRole: UInt8, Sendable {
  case client, broker
}

/// What a decoder could not hand on.
package enum KafkaLoss: Hashable, Sendable {
  /// A request, or an answer, is missing in part or as a whole: cut by a gap, malformed, or (an answer) its request was
  /// not seen whole. Facts that it stated before stand. Framing is intact. `bytes` is the frame's size.
  case frame(KafkaKey, KafkaRole)
  /// A frame of which not even the key was seen, or an answer to a request that was not seen. `bytes` is its size.
  case unknownFrame(KafkaRole)
  /// A version that is not understood. `bytes` is the frame's size.
  case version(KafkaKey, Int16, KafkaRole)
  /// Batches or records of the current partition are missing; other facts are not. `bytes` were not read.
  case records
  /// A request in flight was forgotten, since too many were: its answer will come as `unknownFrame`. `bytes` is 0.
  case inFlight
  /// Aborted transactions of the current partition were too many to keep: aborted batches may look delivered.
  /// `bytes` is 0.
  case abortedTransactions
  /// From here on any number of facts of this side may be missing, until `.resynchronised`. `bytes` is the length of the
  /// gap that caused it (0: unknown, no gap, or the stream was joined in its middle).
  case outOfSync(KafkaRole, KafkaDesync)
  /// Facts follow again without a hole. `bytes` were seen since `.outOfSync`, but not understood.
  case resynchronised(KafkaRole)
}

package enum KafkaDesync: UInt8, Sendable {
  /// The first bytes seen are not the beginning of a frame.
  case joinedMidway
  /// A gap ended where no frame's length tells how to go on.
  case gap
  /// No frame stands where one must stand.
  case malformed
}

/// Counts of one connection since its decoder was made, both sides together.
/// received = understood + skipped + `pendingBytes`.
package struct KafkaDecoderCounters: Hashable, Sendable {
  package var receivedBytes: UInt64 = 0
  /// Bytes of frames that were followed to their end, records included.
  package var understoodBytes: UInt64 = 0
  /// Seen, not understood.
  package var skippedBytes: UInt64 = 0
  /// Told to `lost`: never seen. A gap of unknown length adds nothing here, but counts in `gaps`.
  package var lostBytes: UInt64 = 0
  package var gaps: UInt64 = 0
  package var requests: UInt64 = 0
  package var answers: UInt64 = 0
  /// Frames whose loss was reported as `.frame`, `.unknownFrame` or `.version`.
  package var brokenFrames: UInt64 = 0
  package var unmatchedAnswers: UInt64 = 0
  /// Requests in flight that were forgotten.
  package var forgottenRequests: UInt64 = 0
  package var desyncs: UInt64 = 0
  package var resyncs: UInt64 = 0
}
