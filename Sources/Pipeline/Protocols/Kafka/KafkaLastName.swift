/// The name that one connection spoke of last, and what it stands for. Its messages speak of the same topic and group
/// again and again, and to compare a few bytes costs a fraction of hashing them under a key and looking the hash up.
///
/// What is known holds within one cluster and for one version of the table that it comes from: once either changes, the
/// name has to be looked up anew. Memory: one name of at most `limit` bytes; longer ones are not remembered.
struct KafkaLastName<Value> {
  private var name: [UInt8] = []
  private var id = KafkaTopicID.none
  private var cluster: ClusterID = 0
  private var version: UInt64 = 0
  private var value: Value?

  /// `id`: of a topic that goes by its id, whose name is empty.
  func find(
    _ name: Text, _ id: KafkaTopicID = .none, in frame: RawSpan, cluster: ClusterID = 0, version: UInt64 = 0
  ) -> Value? {
    guard let value, self.version == version, self.cluster == cluster, self.id == id, self.name.count == name.count,
      frame.extracting(name.range(in: frame)).equals(self.name.span.bytes)
    else { return nil }
    return value
  }

  mutating func remember(
    _ value: Value, _ name: Text, _ id: KafkaTopicID = .none, in frame: RawSpan, cluster: ClusterID = 0,
    version: UInt64 = 0
  ) {
    let range = name.range(in: frame)
    guard range.count == Int(name.count), range.count <= Self.limit else { return }
    self.name.removeAll(keepingCapacity: true)
    frame.extracting(range).withUnsafeBytes { self.name.append(contentsOf: $0) }
    self.id = id
    self.cluster = cluster
    self.version = version
    self.value = value
  }

  /// Of topics' names there may be 249 bytes; others are as short.
  private static var limit: Int { 256 }
}
