/// `named_copy`
///
/// - Concludes: a record that is published to a dead-letter or retry topic is a copy of a certain delivery, which ends
///   with it.
/// - Evidence: the copy's headers name topic, partition and offset of its source, and perhaps the group (`KafkaRecordMarks`:
///   Spring's, Connect's, share groups'). The strongest of the three tiers.
/// - For: Spring Kafka, Kafka Connect, KIP-1191, and applications that take over their headers.
/// - Tests: `KafkaCopyTests`; recordings of storms.
enum NamedCopy {
  enum Origin {
    case found(KafkaSource)
    /// It names nothing, or something that is not consumed here, or that several groups have.
    case unknown
  }

  static func origin(
    of marks: KafkaRecordMarks, for process: KafkaProcess, _ topics: KafkaTopics, in frame: RawSpan, cluster: ClusterID
  ) -> Origin {
    guard marks.sourceOffset >= 0, marks.sourcePartition >= 0, !marks.sourceTopic.isEmpty,
      let topic = topics.number(named: marks.sourceTopic, in: frame, cluster: cluster)
    else { return .unknown }
    let place = topics.current(KafkaTopics.place(topic, marks.sourcePartition))
    let named = marks.sourceGroup.isEmpty ? nil : marks.sourceGroup.string(in: frame)
    let fitting = process.groups.compactMap { named == nil || $0.name == named ? $0.partitions[place] : nil }
    guard fitting.count == 1, let partition = fitting.first else { return .unknown }
    return .found(KafkaSource(partition: partition, offset: marks.sourceOffset))
  }
}

/// Where a record was handed over.
struct KafkaSource {
  var partition: KafkaPartition
  var offset: Int64
}
