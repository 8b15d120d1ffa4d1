/// Which fetches of one consumer that went back were failed attempts: the rules about seeks.
///
/// Words. A *return* is a fetch at an offset below what the partition's consumer was delivered already. A record is *delivered*
/// when a fetch response brings it, and *in flight* until it is acknowledged by a commit. An *attempt* is one delivery that the
/// application tried to process. A *place* is a topic partition. Returns between two deliveries of records are one *round*.
///
/// A client fetches again for many reasons: after a pause, when it drops what it had prefetched, when a framework seeks
/// every partition after one failure. So a return is only a candidate, and the rules confirm it or set it aside. When a round
/// is closed they are asked in this order: `AbortedTransaction`, `NextAfterDeadLetter`, `SeparateSeeks`, `RepeatedSeek` (but
/// for `DroppedPrefetch`). `DeadLetteredSeek` is asked when a dead letter was published, `RenewedSession` before a fetch counts
/// as a return at all.
///
/// If a consumer's partitions return together, a round is at most one failed attempt, and only a dead letter tells in which
/// partition. If it seeks partition by partition (`SeparateSeeks`), each may have failed.
///
/// Memory: `roundBound` rounds and `totalBound` returns in them; the oldest rounds are forgotten. Cost: each return costs one
/// look-up for each round.
struct KafkaSeeks {
  /// A return that turned out to be a failed attempt.
  struct Confirmed: Equatable {
    var place: KafkaPlace
    var offset: Int64
    /// The record that failed is known to be this one.
    var isNamed: Bool
    /// The fetch has been answered with records since.
    var isHandedOver: Bool
    var rule: KafkaInference
  }

  /// What a round came to: returns that were failed attempts, and rules that set it aside.
  struct Conclusion: Equatable {
    var confirmed: [Confirmed] = []
    var setAside: KafkaInference?
  }

  private let rules: KafkaInferences
  private var rounds: [KafkaRound] = []
  private var deadLetter: KafkaRound.DeadLetter?
  /// Returns in all rounds.
  private(set) var count = 0

  init(_ rules: KafkaInferences = .all) { self.rules = rules }

  /// What a connection asked for, and when the answer came; nil: not yet.
  struct Request {
    var sentAt = Timestamp.zero
    var answeredAt: Timestamp?
  }

  /// A partition returned, by a request that was sent at `at`. `before`: the request before that, on the same connection. If
  /// that was still unanswered when the latest round began, this connection could not show its return earlier; so the return
  /// belongs to that round, as do all of one request. One that is never answered says nothing about that. `isAborted`:
  /// `AbortedTransaction` applies.
  mutating func returned(
    _ place: KafkaPlace, to offset: Int64, before: Request, isAborted: Bool = false, at: Timestamp
  ) {
    let belongsToLatest = rounds.last.map { last in
      at == last.began || before.sentAt < last.began && before.answeredAt.map { $0 >= last.began } ?? false
    }
    if let last = rounds.last, !last.isHandedOver || (last.returns[place] == nil && belongsToLatest == true) {
      guard last.returns[place] != nil || last.returns.count < Self.totalBound else { return }
      if last.returns[place] == nil { count += 1 }
      rounds[rounds.count - 1].returns[place] = offset
      rounds[rounds.count - 1].missing?.remove(place)
    } else {
      rounds.append(KafkaRound(began: at, place, offset, deadLetter: deadLetter))
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
  ) -> Conclusion {
    guard isOpen, let current = rounds.indices.last else { return Conclusion() }
    defer { rounds[current].isHandedOver = true }
    let returns = rounds[current].returns
    for other in others where returns[other.place] == nil { rounds[current].others[other.place] = other.asked }
    let inFlight = others.filter(\.isInFlight)
    if inFlight.count > 1 {
      rounds[current].missing = Set(inFlight.lazy.map(\.place).filter { returns[$0] == nil })
    }
    if rounds[current].isAborted {
      return Conclusion(confirmed: confirmEach(current, .abortedTransaction) { _, _ in [] })
    }
    let returnsTogether = !seeksSeparately && rounds.contains { $0.returns.count > 1 }
    if returnsTogether, rules.has(.nextAfterDeadLetter),
      NextAfterDeadLetter.tells(rounds[current], before: current > 0 ? rounds[current - 1] : nil)
    {
      rounds[current].isNoAttempt = true
      return Conclusion(setAside: .nextAfterDeadLetter)
    }
    guard rules.has(.repeatedSeek) else { return Conclusion() }
    let earlier = rounds.dropLast()
    func earlierReturns(_ place: KafkaPlace, _ offset: Int64) -> [Int] {
      RepeatedSeek.earlierReturns(place, offset, in: earlier)
    }
    if seeksSeparately, returns.count > 1, returns.allSatisfy({ !earlierReturns($0.key, $0.value).isEmpty }) {
      return Conclusion(confirmed: confirmEach(current, .separateSeeks, earlierReturns))
    }
    return closeAsOne(current, returnsTogether, hasPassed)
  }

  /// Judged by the rounds so far.
  private var seeksSeparately: Bool { rules.has(.separateSeeks) && SeparateSeeks.separateMinusTogether(rounds) > 0 }

  private mutating func confirmEach(
    _ current: Int, _ rule: KafkaInference, _ earlier: (KafkaPlace, Int64) -> [Int]
  ) -> [Confirmed] {
    rounds[current].returns.sorted { $0.key < $1.key }.flatMap {
      confirm(earlier($0.key, $0.value) + [current], $0.key, $0.value, isNamed: true, rule)
    }
  }

  /// The round is one attempt, if it repeats an earlier one and the consumer made no progress in between.
  private mutating func closeAsOne(
    _ current: Int, _ returnsTogether: Bool, _ hasPassed: (KafkaPlace, Int64) -> Bool
  ) -> Conclusion {
    var conclusion = Conclusion()
    var common: KafkaPlace?
    let earlier = rounds.indices.dropLast().filter { i in
      guard let place = RepeatedSeek.commonPartition(rounds[i], rounds[current]) else { return false }
      if rules.has(.droppedPrefetch),
        DroppedPrefetch.madeProgress(from: rounds[i], to: rounds[current], returnsTogether, hasPassed: hasPassed)
      {
        conclusion.setAside = .droppedPrefetch
        return false
      }
      if common == nil { common = place }
      return true
    }
    guard let common, let offset = rounds[current].returns[common] else { return conclusion }
    let all = earlier + [current]
    let isNamed = seeksSeparately || all.allSatisfy { rounds[$0].returns.count == 1 }
    return Conclusion(confirmed: confirm(all, common, offset, isNamed: isNamed, .repeatedSeek))
  }

  /// A dead letter was made of that record. `end`: behind what was handed over of the partition. Answers with returns not
  /// confirmed yet, and how many there were in all.
  mutating func deadLettered(
    _ place: KafkaPlace, _ offset: Int64, end: Int64, isDone: (KafkaPlace, Int64) -> Bool
  ) -> (confirmed: [Confirmed], all: Int) {
    deadLetter = KafkaRound.DeadLetter(place: place, offset: offset, end: end)
    guard rules.has(.deadLetteredSeek) else { return ([], 0) }
    let separately = seeksSeparately
    let mine = rounds.indices.filter {
      DeadLetteredSeek.tells(rounds[$0], place, offset, separately || rounds[$0].isAborted, isDone: isDone)
    }
    for i in mine { rounds[i].record = (place, offset) }
    return (confirm(mine, place, offset, isNamed: true, .deadLetteredSeek), mine.count)
  }

  /// A rebalance moves positions: all rounds are forgotten.
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

  /// What was filed under a topic's id is known by its name from now on.
  mutating func rename(_ place: KafkaPlace, to other: KafkaPlace) {
    if deadLetter?.place == place { deadLetter?.place = other }
    for i in rounds.indices {
      if rounds[i].deadLetter?.place == place { rounds[i].deadLetter?.place = other }
      if rounds[i].record?.place == place { rounds[i].record?.place = other }
      if rounds[i].missing?.remove(place) != nil { rounds[i].missing?.insert(other) }
      if let offset = rounds[i].others.removeValue(forKey: place) { rounds[i].others[other] = offset }
      guard let offset = rounds[i].returns.removeValue(forKey: place) else { continue }
      if rounds[i].confirmed.remove(place) != nil { rounds[i].confirmed.insert(other) }
      if rounds[i].returns.updateValue(offset, forKey: other) != nil { count -= 1 }
    }
  }

  private mutating func confirm(
    _ which: [Int], _ place: KafkaPlace, _ offset: Int64, isNamed: Bool, _ rule: KafkaInference
  ) -> [Confirmed] {
    var confirmed: [Confirmed] = []
    let separately = seeksSeparately
    for i in which where !rounds[i].isNoAttempt {
      let isEach = separately || rounds[i].isAborted
      guard isEach ? !rounds[i].confirmed.contains(place) : rounds[i].confirmed.isEmpty else { continue }
      rounds[i].confirmed.insert(place)
      confirmed.append(
        Confirmed(place: place, offset: offset, isNamed: isNamed, isHandedOver: rounds[i].isHandedOver, rule: rule))
    }
    return confirmed
  }

  /// At most so many of the consumer's other partitions are looked at.
  static let othersBound = 64
  private static let roundBound = 64
  static let totalBound = 16_384
}
