/// Inference: which of one consumer's positions that went back were failed attempts.
///
/// A client fetches again for many reasons: after a pause, when it drops what it had prefetched, when a framework seeks
/// every partition after one failure. So a return below what was delivered is only a *candidate*. What confirms it:
///
/// - *repeated*: the position returns to the same offset again. The first visit is confirmed with it.
/// - *dead letter*: a dead letter made of the record at that offset follows.
/// - *aborted*: the process had aborted a transaction, and had been handed nothing since that it asked for after it.
///
/// Returns between two hand-overs of records are one *round*. A framework that takes all its partitions back after each
/// failure (Spring) has failed once in a round; nothing tells in which partition, until a dead letter does. Most rounds of
/// such a consumer take back every partition that has deliveries in flight. One whose rounds mostly don't, seeks partition by
/// partition: there each partition of a round is a failed attempt if each returned to its own offset twice.
///
/// One retry that then succeeds is missed: it looks like a pause. Memory: `roundBound` rounds and `totalBound` returns in
/// them; the oldest rounds are forgotten. Cost: a look-up in each round for every return.
struct KafkaSeeks {
  /// A return that turned out to be a failed attempt.
  struct Confirmed: Equatable {
    var place: KafkaPlace
    var offset: Int64
    /// It is known to have been this record.
    var isNamed: Bool
    /// What was asked for has come since.
    var isHandedOver: Bool
  }

  private struct Round {
    var began: Timestamp
    var returns: [KafkaPlace: Int64]
    /// Where the consumer's other partitions were read when it ended.
    var others: [KafkaPlace: Int64] = [:]
    var isHandedOver = false
    /// Places whose return was confirmed; of a round that is one attempt at most one.
    var confirmed: Set<KafkaPlace> = []
    /// Whether every partition in flight returned; nil: only one was in flight.
    var tookAllBack: Bool?
    /// Each partition returned for a reason of its own.
    var isEach = false
    /// A transaction had been aborted.
    var isAborted = false
    /// The dead letter that was published last, since the round before.
    var deadLetter: DeadLetter?
    /// It only went on behind that.
    var isNoAttempt = false
    /// The record whose failure it was, as its dead letter told.
    var record: (place: KafkaPlace, offset: Int64)?
  }

  /// `end`: behind what had been handed over of the partition by then.
  private struct DeadLetter {
    var place: KafkaPlace
    var offset: Int64
    var end: Int64
  }

  private var rounds: [Round] = []
  private var deadLetter: DeadLetter?
  /// Returns in all rounds.
  private(set) var count = 0

  /// What a connection asked for, and when the answer came; nil: not yet.
  struct Request {
    var sentAt = Timestamp.zero
    var answeredAt: Timestamp?
  }

  /// A position returned, by a request that was sent at `at`. `before`: the request before that, on the same connection. If
  /// its answer came after the latest round had begun, or the same request began it, this return could not show any sooner:
  /// it was due to the same cause. `isAborted`: see above.
  mutating func returned(
    _ place: KafkaPlace, to offset: Int64, before: Request, isAborted: Bool = false, at: Timestamp
  ) {
    let hadToWait = rounds.last.map { last in
      at == last.began || before.sentAt < last.began && before.answeredAt.map { $0 >= last.began } ?? false
    }
    if let last = rounds.last, !last.isHandedOver || (last.returns[place] == nil && hadToWait == true) {
      guard last.returns[place] != nil || last.returns.count < Self.totalBound else { return }
      if last.returns[place] == nil { count += 1 }
      rounds[rounds.count - 1].returns[place] = offset
    } else {
      rounds.append(Round(began: at, returns: [place: offset], deadLetter: deadLetter))
      deadLetter = nil
      count += 1
    }
    if isAborted { rounds[rounds.count - 1].isAborted = true }
    while rounds.count > Self.roundBound || (count > Self.totalBound && rounds.count > 1) {
      count -= rounds.removeFirst().returns.count
    }
  }

  /// Positions have returned and nothing was handed over since.
  var isOpen: Bool { rounds.last.map { !$0.isHandedOver } ?? false }

  /// Records are about to be handed over, and the latest round is complete: what returns from now on does so for another
  /// reason. `others`: where the consumer's partitions are read, and which of them have deliveries in flight; `hasPassed`:
  /// whether it is known to be done with that offset.
  mutating func close(
    others: [(place: KafkaPlace, asked: Int64, isInFlight: Bool)], hasPassed: (KafkaPlace, Int64) -> Bool
  ) -> [Confirmed] {
    guard isOpen, let current = rounds.indices.last else { return [] }
    defer { rounds[current].isHandedOver = true }
    let returns = rounds[current].returns
    for other in others where returns[other.place] == nil { rounds[current].others[other.place] = other.asked }
    let inFlight = others.filter(\.isInFlight)
    if inFlight.count > 1 { rounds[current].tookAllBack = inFlight.allSatisfy { returns[$0.place] != nil } }
    // How many rounds more took every partition back than did not.
    let balance = rounds.reduce(0) { $0 + ($1.tookAllBack.map { $0 ? 1 : -1 } ?? 0) }
    let takesAllBack = balance >= 0 && rounds.contains { $0.returns.count > 1 }
    rounds[current].isEach = balance < 0
    if rounds[current].isAborted {
      rounds[current].isEach = true
      return returns.sorted { $0.key < $1.key }.flatMap { confirm([current], $0.key, $0.value, isNamed: true) }
    }
    rounds[current].isNoAttempt = takesAllBack && goesOnBehindDeadLetter(current)
    let earlier = rounds.indices.dropLast()
    func visits(_ place: KafkaPlace, _ offset: Int64) -> [Int] { earlier.filter { rounds[$0].returns[place] == offset } }
    if rounds[current].isEach, returns.count > 1, returns.allSatisfy({ !visits($0.key, $0.value).isEmpty }) {
      return returns.sorted { $0.key < $1.key }.flatMap {
        confirm(visits($0.key, $0.value) + [current], $0.key, $0.value, isNamed: true)
      }
    }
    return closeAsOne(current, takesAllBack, hasPassed)
  }

  /// The round is one attempt, if it repeats an earlier one: a partition is at the same offset again, and the consumer got
  /// nowhere in between. Else it was unread prefetch that was dropped twice, as pauses do.
  private mutating func closeAsOne(
    _ current: Int, _ takesAllBack: Bool, _ hasPassed: (KafkaPlace, Int64) -> Bool
  ) -> [Confirmed] {
    var common: (place: KafkaPlace, offset: Int64)?
    let earlier = rounds.indices.dropLast().filter { i in
      let same = rounds[i].returns.filter { rounds[current].returns[$0.key] == $0.value }
      guard let first = same.min(by: { $0.key < $1.key }) else { return false }
      guard Self.isStuck(rounds[i], rounds[current], takesAllBack, hasPassed) else { return false }
      if common == nil { common = (first.key, first.value) }
      return true
    }
    guard let common else { return [] }
    let isNamed = (earlier + [current]).allSatisfy { rounds[$0].returns.count == 1 }
    return confirm(earlier + [current], common.place, common.offset, isNamed: isNamed)
  }

  /// A framework that takes all partitions back does so once more when it has given a record up, to go on behind it: that
  /// is no attempt, but where the next one begins.
  private func goesOnBehindDeadLetter(_ i: Int) -> Bool {
    guard let dead = rounds[i].deadLetter else { return false }
    // To what the consumer had then already; a transaction's marker may lie in between.
    if let next = rounds[i].returns[dead.place] {
      return next < dead.end && (next == dead.offset + 1 || next == dead.offset + 2)
    }
    // It was the last of its partition.
    return i > 0 && rounds[i].returns == rounds[i - 1].returns.filter { $0.key != dead.place }
  }

  /// Whether the consumer got nowhere between two rounds. To where a position returned, to there it has read; before, it
  /// had read at most to where it asked for more.
  private static func isStuck(
    _ earlier: Round, _ later: Round, _ takesAllBack: Bool, _ hasPassed: (KafkaPlace, Int64) -> Bool
  ) -> Bool {
    func wasAt(_ place: KafkaPlace) -> Int64 { earlier.returns[place] ?? earlier.others[place] ?? .max }
    guard later.returns.allSatisfy({ $0.value <= wasAt($0.key) }) else { return false }
    guard takesAllBack else { return true }
    return later.others.allSatisfy { $0.value <= max(wasAt($0.key), earlier.others[$0.key] ?? .min) }
      && earlier.returns.allSatisfy { later.returns[$0.key] != nil || !hasPassed($0.key, $0.value) }
  }

  /// A dead letter was made of that record: its returns were retries, but for those of rounds that are known to have been
  /// another record's, or, where nothing told whose, may have been one that is acknowledged by now (`isDone`): a framework
  /// takes along what did not fail. `end`: behind what was handed over of the partition. Answers with those not confirmed
  /// yet, and how many there were in all.
  mutating func deadLettered(
    _ place: KafkaPlace, _ offset: Int64, end: Int64, isDone: (KafkaPlace, Int64) -> Bool
  ) -> (confirmed: [Confirmed], all: Int) {
    deadLetter = DeadLetter(place: place, offset: offset, end: end)
    let mine = rounds.indices.filter { i in
      let round = rounds[i]
      guard round.returns[place] == offset, !round.isNoAttempt else { return false }
      if round.isEach { return true }
      if let record = round.record { return record == (place, offset) }
      return round.confirmed.isEmpty || round.returns.allSatisfy { $0.key == place || !isDone($0.key, $0.value) }
    }
    for i in mine { rounds[i].record = (place, offset) }
    return (confirm(mine, place, offset, isNamed: true), mine.count)
  }

  /// Another generation or assignment: positions moved for other reasons.
  mutating func cancel() {
    rounds.removeAll()
    deadLetter = nil
    count = 0
  }

  /// The same for one partition.
  mutating func cancel(_ place: KafkaPlace) {
    for i in rounds.indices where rounds[i].returns.removeValue(forKey: place) != nil { count -= 1 }
    rounds.removeAll { $0.returns.isEmpty }
  }

  mutating func rename(_ place: KafkaPlace, to other: KafkaPlace) {
    if deadLetter?.place == place { deadLetter?.place = other }
    for i in rounds.indices {
      guard let offset = rounds[i].returns.removeValue(forKey: place) else { continue }
      if rounds[i].confirmed.remove(place) != nil { rounds[i].confirmed.insert(other) }
      if rounds[i].returns.updateValue(offset, forKey: other) != nil { count -= 1 }
    }
  }

  private mutating func confirm(
    _ which: [Int], _ place: KafkaPlace, _ offset: Int64, isNamed: Bool
  ) -> [Confirmed] {
    var confirmed: [Confirmed] = []
    for i in which where !rounds[i].isNoAttempt {
      guard rounds[i].isEach ? !rounds[i].confirmed.contains(place) : rounds[i].confirmed.isEmpty else { continue }
      rounds[i].confirmed.insert(place)
      confirmed.append(
        Confirmed(place: place, offset: offset, isNamed: isNamed, isHandedOver: rounds[i].isHandedOver))
    }
    return confirmed
  }

  /// Of the consumer's other partitions so many are looked at.
  static let othersBound = 64
  private static let roundBound = 64
  static let totalBound = 16_384
}
