/// `named_copy`
///
/// - Concludes: a record that is published to a dead-letter or retry topic, or to one that its process consumes (a *copy*), was
///   made of a certain delivery. The copy ends that delivery.
/// - Evidence: the copy's headers name topic, partition and offset of its source, and perhaps the group: those of Spring,
///   Connect, share groups and `x-original-…` (`KafkaRecordMarks`). The strongest of the three tiers.
/// - For: Spring Kafka, Kafka Connect, KIP-1191, and applications that use their headers. Also to a topic that the source's group
///   consumes: there the record is tried again.
/// - Wrong if: the headers were inherited from an earlier copy; what they name has ended then, and nothing is concluded.
/// - Tests: `KafkaCopyTests`; recordings of storms.
enum NamedCopy {
  enum Origin {
    case found(KafkaSource)
    /// It names nothing, or something that is not consumed here, or a partition that several groups of the process consume.
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

/// The record that a copy was made of.
struct KafkaSource {
  var partition: KafkaPartition
  var offset: Int64
  /// Small numbers in its headers, where they were looked at.
  var numbers: ContiguousArray<KafkaTryMarks.Number> = []
}
