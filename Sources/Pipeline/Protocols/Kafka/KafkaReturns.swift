/// Where one consumer's positions returned to: which of these returns were retries.
///
/// A client fetches again for many reasons: after a pause, when it drops what it had prefetched, when a framework seeks
/// every partition after one failure. So a return below what was delivered is only a *candidate*. It is confirmed, the
/// first visit included, when the position returns to the same offset again, or when a dead letter made of that offset
/// follows. Returns between two hand-overs of records are one *round*: one failed attempt at most, and if several
/// partitions returned, nobody can tell which record it was.
///
/// One retry that then succeeds is missed: it looks like a pause. Memory: `roundBound` rounds and `totalBound` returns in
/// them; the oldest rounds are forgotten. Cost: a look-up in each round for every return.
struct KafkaReturns {
  /// A round that turned out to be a failed attempt.
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
    var isConfirmed = false
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
  /// its answer was still waited for when the latest round began, or the same request began it, this return could not show
  /// any sooner: it was due to the same cause. Nothing was waited for on a connection that this request is the first of:
  /// franz-go ends the one before with each seek.
  mutating func returned(_ place: KafkaPlace, to offset: Int64, before: Request, at: Timestamp) {
    let hadToWait = rounds.last.map { last in
      at == last.began
        || before.sentAt > .zero && before.sentAt < last.began && (before.answeredAt.map { $0 >= last.began } ?? true)
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
    while rounds.count > Self.roundBound || (count > Self.totalBound && rounds.count > 1) {
      count -= rounds.removeFirst().returns.count
    }
  }

  /// Positions have returned and nothing was handed over since.
  var isOpen: Bool { rounds.last.map { !$0.isHandedOver } ?? false }

  /// Records are about to be handed over, and the latest round is complete: what returns from now on does so for another
  /// reason. It repeats an earlier one if a partition is at the same offset again, unless the consumer takes all its
  /// partitions back and another one has moved on since: then it was unread prefetch that was dropped twice, as pauses do.
  /// `others`: where its partitions are read; `hasPassed`: whether it is known to be done with that offset.
  mutating func close(
    others: [(KafkaPlace, Int64)], hasPassed: (KafkaPlace, Int64) -> Bool
  ) -> [Confirmed] {
    guard isOpen, let current = rounds.indices.last else { return [] }
    for (place, offset) in others where rounds[current].returns[place] == nil {
      rounds[current].others[place] = offset
    }
    defer { rounds[current].isHandedOver = true }
    // Whoever seeks one partition leaves the others alone; a pause, or a framework, takes all of them back.
    let takesAllBack = rounds.contains { $0.returns.count > 1 }
    rounds[current].isNoAttempt = takesAllBack && goesOnBehindDeadLetter(current)
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
      if let record = round.record { return record == (place, offset) }
      return !round.isConfirmed || round.returns.allSatisfy { $0.key == place || !isDone($0.key, $0.value) }
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
      if rounds[i].returns.updateValue(offset, forKey: other) != nil { count -= 1 }
    }
  }

  private mutating func confirm(
    _ which: [Int], _ place: KafkaPlace, _ offset: Int64, isNamed: Bool
  ) -> [Confirmed] {
    var confirmed: [Confirmed] = []
    for i in which where !rounds[i].isConfirmed && !rounds[i].isNoAttempt {
      rounds[i].isConfirmed = true
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
