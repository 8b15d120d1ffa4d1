/// Which topic of one process that is fetched by its id is which that is committed by its name, as long as no Metadata
/// was seen: a client asks for that every five minutes only (`metadata.max.age.ms`), and who is joined midway has missed
/// it.
///
/// Whoever commits an offset was handed over everything below it. So a topic of which less was handed over is another
/// one. One whose records were handed over and then committed, in three rounds each of which begins above the end of the
/// one before, is the one, if no other topic of the process could be it. Two topics that grow in step fit both: then
/// nothing is said, and Metadata will tell.
///
/// Memory: `placeBound` partitions read, `nameBound` names. Cost: per commit of a partition whose fetches are not known,
/// a look at each topic without a name.
struct KafkaNameless {
  /// By topic, then by partition.
  private var read: [Int32: [Int32: Read]] = [:]
  private var places = 0
  private var trails: [Int32: Trail] = [:]

  private struct Read {
    /// The first offset that was handed over, and behind the last.
    var first: Int64
    var end: Int64
  }

  /// What the commits of one name say.
  private struct Trail {
    /// Topics that can't be it.
    var others: Set<Int32> = []
    /// Rounds of each topic that may be it.
    var rounds: [Int32: Int] = [:]
    /// Where the topic's partition ended when it was committed last.
    var ends: [KafkaPlace: Int64] = [:]
  }

  /// Records of a partition were handed over whose topic has no name.
  mutating func noteRead(_ place: KafkaPlace, first: Int64, end: Int64) {
    let (topic, partition) = (Int32(truncatingIfNeeded: place >> 32), KafkaTopics.partition(of: place))
    if let known = read[topic]?[partition] {
      // Sought back or forward, it begins anew.
      read[topic]?[partition] = Read(
        first: first < known.first || first > known.end ? first : known.first, end: max(known.end, end))
    } else if places < Self.placeBound {
      places += 1
      read[topic, default: [:]][partition] = Read(first: first, end: end)
    }
  }

  /// A partition was committed by its topic's name, and nothing is known of its being fetched. Answers which of the topics
  /// without a name it is, if that is certain by now.
  mutating func committed(_ place: KafkaPlace, _ offset: Int64) -> Int32? {
    guard !read.isEmpty else { return nil }
    let (name, partition) = (Int32(truncatingIfNeeded: place >> 32), KafkaTopics.partition(of: place))
    guard var trail = trails[name] ?? (trails.count < Self.nameBound ? Trail() : nil) else { return nil }
    for (topic, partitions) in read where !trail.others.contains(topic) {
      guard let read = partitions[partition] else { continue }
      let at = KafkaTopics.place(topic, partition)
      if offset > read.end {
        trail.others.insert(topic)
        trail.rounds[topic] = nil
      } else if offset > read.first, offset > trail.ends[at] ?? -1 {
        trail.ends[at] = read.end
        trail.rounds[topic, default: 0] += 1
      }
    }
    trails[name] = trail
    let possible = read.keys.filter { !trail.others.contains($0) && read[$0]?[partition] != nil }
    guard possible.count == 1, let topic = possible.first, trail.rounds[topic] ?? 0 >= Self.roundsNeeded,
      !trails.contains(where: { $0.key != name && $0.value.rounds[topic] != nil })
    else { return nil }
    return topic
  }

  /// The topic has a name by now, or the name an id.
  mutating func forget(_ topic: Int32) {
    places -= read.removeValue(forKey: topic)?.count ?? 0
    trails[topic] = nil
    for name in trails.keys { trails[name]?.rounds[topic] = nil }
  }

  private static let roundsNeeded = 3
  private static let placeBound = 4_096
  private static let nameBound = 256
}
