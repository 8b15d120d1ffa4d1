/// A copy that the target published and that may come back to it.
struct Passage: BitwiseCopyable {
  /// Hash of what the broker leaves as it is (`MessageMarks.whole`).
  var whole: UInt64 = 0
  /// The message that it is another try of.
  var message: UInt64 = 0
  /// Which try it will be when it comes back.
  var attempt: Int32 = 1
  /// Of the delivery that it was made of. It may have been absorbed since: see `Ledger.present`.
  var group = GroupID(index: 0, serial: 0)
  var source: UInt32 = 0
  var producer: Int32 = 0
  /// The delivery that it was made of has ended by it.
  var isCounted = false
  /// Nothing says that its source failed.
  var isReturned = false
  var hasArrived = false
  fileprivate var older: UInt32 = 0
}

/// The latest copies that were published, to be found when they arrive. As `SourceTable`: a ring with chains, at most
/// `most` of them. Memory: nothing before the first copy, at most 4 MB.
struct PassageTable: ~Copyable {
  private var passages = FlatArray(repeating: Passage(), count: 0)
  private var heads = FlatArray(repeating: UInt32(0), count: 0)
  private var next: UInt32 = 1
  /// Copies of failed messages that were overwritten before they came back.
  private(set) var dropped: UInt64 = 0

  var isEmpty: Bool { next == 1 }

  mutating func insert(_ passage: Passage) -> UInt32 {
    if passages.count == 0 {
      passages = FlatArray(repeating: Passage(), count: Self.first)
      heads = FlatArray(repeating: 0, count: Self.first)
    } else if Int(next) >= passages.count, passages.count < Self.most {
      grow()
    }
    let number = next
    let slot = Int(number) & (passages.count - 1)
    if passages[slot].isCounted, !passages[slot].hasArrived { dropped += 1 }
    passages[slot] = passage
    let head = Self.slot(passage.whole, heads.count)
    passages[slot].older = heads[head]
    heads[head] = number
    next = next &+ 1 == 0 ? 1 : next &+ 1
    return number
  }

  func isKept(_ number: UInt32) -> Bool {
    number != 0 && passages.count > 0 && next &- number <= UInt32(passages.count) && next != number
  }

  /// Only of one that is kept.
  subscript(_ number: UInt32) -> Passage {
    @inline(__always) _read { yield passages[Int(number) & (passages.count - 1)] }
    @inline(__always) _modify { yield &passages[Int(number) & (passages.count - 1)] }
  }

  /// The oldest of the latest that looks like that and has not arrived yet; 0 if there is none. `again`: the latest that has
  /// arrived.
  func find(_ whole: UInt64, again: Bool) -> UInt32 {
    guard heads.count > 0 else { return 0 }
    var found: UInt32 = 0
    var at = heads[Self.slot(whole, heads.count)]
    for _ in 0..<Self.mostVisited {
      guard isKept(at) else { break }
      let passage = passages[Int(at) & (passages.count - 1)]
      if passage.whole == whole, passage.hasArrived == again {
        found = at
        if again { break }
      }
      at = passage.older
    }
    return found
  }

  private mutating func grow() {
    var kept = FlatArray(repeating: Passage(), count: passages.count * 2)
    swap(&kept, &passages)
    heads = FlatArray(repeating: 0, count: passages.count)
    for at in max(1, next - UInt32(kept.count) + 1)..<next {
      let slot = Int(at) & (passages.count - 1)
      passages[slot] = kept[Int(at) & (kept.count - 1)]
      let head = Self.slot(passages[slot].whole, heads.count)
      passages[slot].older = heads[head]
      heads[head] = at
    }
  }

  @inline(__always) private static func slot(_ value: UInt64, _ count: Int) -> Int {
    Int(truncatingIfNeeded: (value &* 0x9e37_79b9_7f4a_7c15) &>> 32) & (count &- 1)
  }

  private static let first = 256
  private static let most = 32_768
  private static let mostVisited = 64
}
