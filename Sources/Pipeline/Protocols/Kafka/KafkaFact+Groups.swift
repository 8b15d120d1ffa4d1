package struct KafkaJoin: Hashable, Sendable {
  package var group: Text
  /// Empty when it joins for the first time.
  package var member: Text
  package var instance: Text
  /// `consumer`; `connect` and `sr` are no consumer groups.
  package var protocolType: Text
  package var sessionTimeout_ms: Int32
  /// −1 in version 0: then it is the session timeout.
  package var rebalanceTimeout_ms: Int32
}

package struct KafkaAcknowledgement: Hashable, Sendable {
  package var topic: KafkaTopicID
  package var partition: Int32
  package var firstOffset: Int64
  package var lastOffset: Int64
  /// A byte for each offset, or one for all: `KafkaAcknowledgeType`.
  package var types: Text

  /// Offset by offset; nil outside, or where the count of types does not fit.
  package func type(of offset: Int64, in frame: RawSpan) -> KafkaAcknowledgeType? {
    guard firstOffset >= 0, offset >= firstOffset, offset <= lastOffset else { return nil }
    let index = types.count == 1 ? 0 : offset - firstOffset
    guard index < Int64(types.count) else { return nil }
    return frame.u8(Int(types.offset) + Int(index)).flatMap(KafkaAcknowledgeType.init(rawValue:))
  }
}

/// KIP-932; Renew: KIP-1222.
package enum KafkaAcknowledgeType: UInt8, Sendable {
  case gap, accept, release, reject, renew
}

/// The assignment in a classic group's SyncGroup answer, still encoded: ConsumerProtocolAssignment, versions 0 to 3; newer ones
/// (Faust sends 4) are read as the newest known, as Kafka's own clients do. Other
/// protocols (Connect's, Schema Registry's) carry something else here.
package struct KafkaAssignment: Hashable, Sendable {
  package var bytes: Text

  /// Walks over topics and their partitions.
  package func partitions(in frame: RawSpan) -> KafkaAssignedPartitions? {
    KafkaAssignedPartitions(bytes, in: frame)
  }
}

/// Topic by topic, partition by partition. Made only of bytes that are such an assignment from beginning to end.
package struct KafkaAssignedPartitions: Sendable {
  private var offset: Int
  private let end: Int
  private var topicsLeft: Int
  private var partitionsLeft = 0
  private var topic = Text.empty

  init?(_ bytes: Text, in frame: RawSpan) {
    let range = bytes.range(in: frame)
    end = range.upperBound
    guard range.count >= 6, let version = frame.be16(range.lowerBound), version < 0x8000,
      let count = frame.be32(range.lowerBound + 2), Int32(bitPattern: count) >= 0
    else { return nil }
    offset = range.lowerBound + 6
    topicsLeft = Int(count)
    // Topics of at least six bytes, before anything is walked.
    guard topicsLeft <= range.count / 6 else { return nil }
    var walk = self
    while walk.next(in: frame) != nil {}
    guard walk.topicsLeft == 0, walk.partitionsLeft == 0 else { return nil }
    // UserData, which may be null; later versions could add more.
    guard let user = frame.be32(walk.offset), walk.offset + 4 <= end else { return nil }
    let size = max(0, Int(Int32(bitPattern: user)))
    guard size <= end - walk.offset - 4 else { return nil }
  }

  /// The next partition; nil at the end.
  package mutating func next(in frame: RawSpan) -> (topic: Text, partition: Int32)? {
    while partitionsLeft == 0 {
      guard topicsLeft > 0, end - offset >= 2, let length = frame.be16(offset), length < 0x8000,
        end - offset - 2 >= Int(length) + 4, let count = frame.be32(offset + 2 + Int(length)),
        Int(count) <= (end - offset - 6 - Int(length)) / 4
      else { return nil }
      topic = Text(offset: UInt32(offset + 2), count: UInt32(length))
      offset += 6 + Int(length)
      partitionsLeft = Int(count)
      topicsLeft -= 1
    }
    guard let partition = frame.be32(offset), end - offset >= 4 else { return nil }
    offset += 4
    partitionsLeft -= 1
    return (topic, Int32(bitPattern: partition))
  }
}

/// What a member of a classic group subscribes to, still encoded: ConsumerProtocolSubscription, versions
/// 0 to 3; newer ones are read as the newest known.
package struct KafkaSubscription: Hashable, Sendable {
  package var bytes: Text

  /// Calls with every topic's name; nothing if the bytes are something else.
  package func forEachTopic(in frame: RawSpan, _ body: (Text) -> Void) {
    let range = bytes.range(in: frame)
    guard range.count >= 6, let version = frame.be16(range.lowerBound), version < 0x8000,
      let count = frame.be32(range.lowerBound + 2), Int(count) <= range.count / 2
    else { return }
    // Once to see whether it holds, once to tell.
    for tells in [false, true] {
      var i = range.lowerBound + 6
      for _ in 0..<Int(count) {
        guard let length = frame.be16(i), length < 0x8000, i + 2 + Int(length) <= range.upperBound else { return }
        if tells { body(Text(offset: UInt32(i + 2), count: UInt32(length))) }
        i += 2 + Int(length)
      }
    }
  }
}
