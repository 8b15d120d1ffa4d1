/// A delivery that a copy may be made of: in flight, or ended a while ago.
struct Source: BitwiseCopyable {
  /// As it began; once it has ended, as it was then. Its group may have been absorbed since: see `Ledger.present`.
  var delivery = Delivery()
  /// In the `DeliveryTable`, while it is there.
  var id: DeliveryID = 0
  var state = State.inFlight
  /// Of one that ended.
  var settlement = Settlement.acked
  var settledAt = Timestamp.zero
  var inBatch = false
  /// Rejected, and nothing tells whether it waits and returns.
  var causeUnknown = false
  /// An equal message was published to where it came from, and nothing says that it failed. It may be dead-lettered yet.
  var isReturned = false
  /// Some of its marks were overwritten while it was in flight, counted.
  fileprivate var isForgotten = false
  /// The published copy that it is, if the target published it.
  var passage: UInt32 = 0
  /// Of an acknowledged one: the one that its group acknowledged before it.
  var ackedBefore: UInt32 = 0
  var firstMark: UInt32 = 0
  var markCount: UInt32 = 0
  var history: UInt64 = 0

  enum State: UInt8 {
    case inFlight, settled
    /// A copy has ended it.
    case copied
    /// It was handed back to the group that it waited for.
    case moved
  }

  /// No copy can end it any more.
  var isClosed: Bool { state == .copied || state == .moved }
}

/// The latest deliveries of a target with their marks, to be found by the marks.
///
/// Two rings, one of deliveries and one of marks; what is overwritten is forgotten. Marks with an equal hash are chained from
/// the latest on. Nothing is removed one by one: a place in a ring counts from the beginning of time, so an old one shows
/// that it is old. Both rings grow with use to their bounds. Memory: nothing before the first delivery is kept, at most
/// 20 MB. Cost: O(1) for each mark.
struct SourceTable: ~Copyable {
  private var sources = FlatArray(repeating: Source(), count: 0)
  private var marks = FlatArray(repeating: Stored(), count: 0)
  private var heads = FlatArray(repeating: UInt32(0), count: 0)
  /// How many there were so far; the next one's number. 0 is none.
  private var nextSource: UInt32 = 1
  private var nextMark: UInt32 = 1
  /// Sources in flight that were overwritten, or some of their marks.
  private(set) var dropped: UInt64 = 0

  /// Not private: the compiler (6.3.1) fails on a private type as another type's element in debug builds.
  struct Stored: BitwiseCopyable {
    var mark = Mark(value: 0, place: 0, kind: .text, name: MarkName(rawValue: 0))
    var source: UInt32 = 0
    /// The one before it with an equal hash.
    var older: UInt32 = 0
  }

  var isEmpty: Bool { nextSource == 1 }

  /// Keeps a delivery. Answers with its number.
  mutating func insert(_ source: Source, _ list: borrowing ContiguousArray<Mark>) -> UInt32 {
    makeRoom(list.count)
    var source = source
    source.firstMark = nextMark
    for i in 0..<list.count where list[i].isKept { append(list[i]) }
    source.markCount = nextMark &- source.firstMark
    let number = nextSource
    let slot = Int(number) & (sources.count - 1)
    forget(slot)
    sources[slot] = source
    // 0 is none: once in four thousand million a number is passed over.
    nextSource = nextSource &+ 1 == 0 ? 1 : nextSource &+ 1
    return number
  }

  private mutating func forget(_ slot: Int) {
    guard sources[slot].state == .inFlight, sources[slot].id != 0, !sources[slot].isForgotten else { return }
    sources[slot].isForgotten = true
    dropped += 1
  }

  private mutating func append(_ mark: Mark) {
    var stored = Stored(mark: mark, source: nextSource)
    let overwritten = marks[Int(nextMark) & (marks.count - 1)].source
    if isKept(overwritten) { forget(Int(overwritten) & (sources.count - 1)) }
    if mark.kind.isSearchable {
      let head = Self.slot(mark.value, heads.count)
      stored.older = heads[head]
      heads[head] = nextMark
    }
    marks[Int(nextMark) & (marks.count - 1)] = stored
    nextMark = nextMark &+ 1 == 0 ? 1 : nextMark &+ 1
  }

  func isKept(_ number: UInt32) -> Bool {
    number != 0 && sources.count > 0 && nextSource &- number <= UInt32(sources.count) && nextSource != number
  }

  /// Only of one that is kept.
  subscript(_ number: UInt32) -> Source {
    @inline(__always) _read { yield sources[Int(number) & (sources.count - 1)] }
    @inline(__always) _modify { yield &sources[Int(number) & (sources.count - 1)] }
  }

  /// Takes what no copy can end any more out of the chain of that value, as far as it would be visited, so that many
  /// deliveries that look alike do not hide each other. Ids stay: they tell that a message is known. So do last bytes.
  mutating func prune(_ value: UInt64) {
    guard heads.count > 0 else { return }
    let head = Self.slot(value, heads.count)
    var (before, at) = (UInt32(0), heads[head])
    var (visited, removed) = (0, 0)
    while visited < Self.mostVisited, removed < Self.mostPruned, isMarkKept(at) {
      let stored = marks[Int(at) & (marks.count - 1)]
      if stored.mark.kind.isPruned, isKept(stored.source), self[stored.source].isClosed {
        if before == 0 {
          heads[head] = stored.older
        } else {
          marks[Int(before) & (marks.count - 1)].older = stored.older
        }
        removed += 1
      } else {
        before = at
        visited += 1
      }
      at = stored.older
    }
  }

  /// Calls `body` for each delivery that has such a value, latest first, `mostVisited` at most, until it answers false.
  func forEach(_ value: UInt64, _ body: (_ source: UInt32, _ mark: Mark) -> Bool) {
    guard heads.count > 0 else { return }
    var at = heads[Self.slot(value, heads.count)]
    for _ in 0..<Self.mostVisited {
      guard isMarkKept(at) else { return }
      let stored = marks[Int(at) & (marks.count - 1)]
      if stored.mark.value == value, stored.mark.kind.isSearchable, isKept(stored.source),
        !body(stored.source, stored.mark)
      {
        return
      }
      at = stored.older
    }
  }

  /// The marks of a delivery that is kept, as far as they are.
  func forEachMark(of number: UInt32, _ body: (Mark) -> Bool) {
    let source = sources[Int(number) & (sources.count - 1)]
    for i in 0..<source.markCount {
      let at = source.firstMark &+ i
      guard isMarkKept(at), body(marks[Int(at) & (marks.count - 1)].mark) else { return }
    }
  }

  private func isMarkKept(_ at: UInt32) -> Bool {
    at != 0 && nextMark &- at <= UInt32(marks.count) && nextMark != at
  }

  /// Grows the rings while they are full and may grow.
  private mutating func makeRoom(_ count: Int) {
    if sources.count == 0 {
      sources = FlatArray(repeating: Source(), count: Self.firstSources)
      marks = FlatArray(repeating: Stored(), count: Self.firstMarks)
      heads = FlatArray(repeating: 0, count: Self.firstMarks)
    }
    if Int(nextSource) >= sources.count, sources.count < Self.mostSources {
      var larger = FlatArray(repeating: Source(), count: sources.count * 2)
      for number in max(1, nextSource - UInt32(sources.count) + 1)..<nextSource {
        larger[Int(number) & (larger.count - 1)] = sources[Int(number) & (sources.count - 1)]
      }
      sources = larger
    }
    if Int(nextMark) + count >= marks.count, marks.count < Self.mostMarks { growMarks() }
  }

  private mutating func growMarks() {
    let old = nextMark
    let first = max(1, Int(old) - marks.count + 1)
    var kept = FlatArray(repeating: Stored(), count: marks.count * 2)
    swap(&kept, &marks)
    heads = FlatArray(repeating: 0, count: marks.count)
    for at in UInt32(first)..<old {
      var stored = kept[Int(at) & (kept.count - 1)]
      stored.older = 0
      if stored.mark.kind.isSearchable {
        let head = Self.slot(stored.mark.value, heads.count)
        stored.older = heads[head]
        heads[head] = at
      }
      marks[Int(at) & (marks.count - 1)] = stored
    }
  }

  @inline(__always) private static func slot(_ value: UInt64, _ count: Int) -> Int {
    Int(truncatingIfNeeded: (value &* 0x9e37_79b9_7f4a_7c15) &>> 32) & (count &- 1)
  }

  private static let firstSources = 256
  private static let mostSources = 32_768
  private static let firstMarks = 2048
  private static let mostMarks = 262_144
  private static let mostVisited = 32
  private static let mostPruned = 1024
}
