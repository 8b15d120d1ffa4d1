/// Which topic of one process that is fetched by its id is which that is committed by its name, as long as no Metadata
/// was seen: a client asks for that every five minutes only (`metadata.max.age.ms`), and who joins it midway has missed
/// it.
///
/// Whoever commits an offset was handed over everything below it. A topic is the one if, in one partition, three commits
/// in a row each lie in what was handed over since the commit before, and no other topic without a name of which that
/// partition is fetched could be it. Another one could not if it was committed beyond what was handed over of it, and
/// then asked for from there: nothing was missed. Two topics that grow in step fit both: nothing is said, and Metadata
/// will tell. Whatever is lost on the way, all begins anew.
///
/// Memory: `placeBound` partitions, `nameBound` names, a few words for each partition and name of the same number. Past the
/// bounds nothing is said. Cost: per commit of a partition whose fetches are not known, a look at each topic without a name.
struct KafkaNameless {
  /// By topic, then by partition.
  private var reads: [Int32: [Int32: Read]] = [:]
  private var places = 0
  private var isOverfull = false
  private var trails: [Int32: Trail] = [:]

  private struct Read {
    /// The first offset that was asked for or handed over, and behind the last.
    var first: Int64
    var end: Int64
  }

  /// What the commits of one name say.
  fileprivate struct Trail {
    /// Topics that can't be it.
    var others: Set<Int32> = []
    /// By the place that it would be.
    var candidates: [KafkaPlace: Candidate] = [:]
  }

  fileprivate struct Candidate {
    /// Where the place ended when the round began.
    var end: Int64
    var rounds = 0
    /// Where it ended when more than that was committed.
    var doubtedEnd: Int64?
  }

  /// Something was lost: what follows may not go on where this stands.
  mutating func restart() {
    if !reads.isEmpty { self = KafkaNameless() }
  }

  /// A partition of a topic without a name was asked for.
  mutating func noteAsked(_ place: KafkaPlace, _ offset: Int64) {
    let (topic, partition) = Self.split(place)
    guard offset >= 0 else { return }
    guard let known = reads[topic]?[partition] else { return add(topic, partition, Read(first: offset, end: offset)) }
    guard offset > known.end else {
      for name in trails.keys {
        guard let doubted = trails[name]?.candidates[place]?.doubtedEnd, offset <= doubted else { continue }
        trails[name]?.others.insert(topic)
        trails[name]?.candidates[place] = nil
      }
      return
    }
    // It skipped some: what was committed meanwhile says nothing of it.
    reads[topic]?[partition] = Read(first: offset, end: offset)
    for name in trails.keys { trails[name]?.candidates[place] = nil }
  }

  /// Records of it were handed over.
  mutating func noteRead(_ place: KafkaPlace, first: Int64, end: Int64) {
    let (topic, partition) = Self.split(place)
    guard let known = reads[topic]?[partition] else { return add(topic, partition, Read(first: first, end: end)) }
    reads[topic]?[partition] = Read(first: min(first, known.first), end: max(end, known.end))
  }

  /// A partition was committed by its topic's name, and nothing is known of its being fetched. Answers which of the topics
  /// without a name it is, if that is certain by now.
  mutating func committed(_ place: KafkaPlace, _ offset: Int64) -> Int32? {
    let (name, partition) = Self.split(place)
    guard !reads.isEmpty, !isOverfull,
      var trail = trails[name] ?? (trails.count < Self.nameBound ? Trail() : nil)
    else { return nil }
    var possible: [Int32] = []
    for (topic, partitions) in reads {
      guard let read = partitions[partition], !trail.others.contains(topic) else { continue }
      possible.append(topic)
      let at = KafkaTopics.place(topic, partition)
      var candidate = trail.candidates[at] ?? Candidate(end: max(read.end, offset))
      if offset > read.end {
        candidate = Candidate(end: offset, doubtedEnd: read.end)
      } else if offset > candidate.end, offset > read.first {
        candidate.end = read.end
        candidate.rounds += 1
      }
      trail.candidates[at] = candidate
    }
    trails[name] = trail
    guard possible.count == 1, let topic = possible.first,
      trail.candidates[KafkaTopics.place(topic, partition)]?.rounds ?? 0 >= Self.roundsNeeded,
      !trails.contains(where: { $0.key != name && $0.value.hasRounds(of: topic) })
    else { return nil }
    return topic
  }

  /// The topic is known by name and id by now.
  mutating func forget(_ topic: Int32) {
    guard !reads.isEmpty else { return }
    places -= reads.removeValue(forKey: topic)?.count ?? 0
    trails[topic] = nil
    for name in trails.keys {
      trails[name]?.others.remove(topic)
      for place in trails[name]?.candidates.keys.filter({ Self.split($0).topic == topic }) ?? [] {
        trails[name]?.candidates[place] = nil
      }
    }
  }

  private mutating func add(_ topic: Int32, _ partition: Int32, _ read: Read) {
    guard places < Self.placeBound else {
      isOverfull = true
      return
    }
    places += 1
    reads[topic, default: [:]][partition] = read
  }

  private static func split(_ place: KafkaPlace) -> (topic: Int32, partition: Int32) {
    (Int32(truncatingIfNeeded: place >> 32), KafkaTopics.partition(of: place))
  }

  private static let roundsNeeded = 3
  private static let placeBound = 1_024
  private static let nameBound = 64
}

extension KafkaNameless.Trail {
  fileprivate func hasRounds(of topic: Int32) -> Bool {
    candidates.contains { $0.key >> 32 == KafkaPlace(topic) && $0.value.rounds > 0 }
  }
}
