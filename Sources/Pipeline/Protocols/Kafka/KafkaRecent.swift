/// The records of a partition that were acknowledged last, by offset: a copy of one may come yet, since client libraries
/// publish later than they are told to (kafka-go waits a second by default).
///
/// Of those that find no room the offsets are kept, as ranges: a copy that names one of them proves that it failed.
///
/// Memory: as many as `insert` is told to keep; the lowest offsets go first. `mostRanges` ranges.
struct KafkaRecent {
  private var entries: [(offset: Int64, ack: SettledAck)] = []
  private var forgotten: [Range<Int64>] = []
  /// Of one that was forgotten.
  private var pattern: SettledAck?

  var acks: some Swift.Sequence<SettledAck> { entries.lazy.map(\.ack) }

  subscript(offset: Int64) -> SettledAck? {
    let i = place(of: offset)
    return i < entries.count && entries[i].offset == offset ? entries[i].ack : nil
  }

  /// One of an offset that is there takes its place. One far below all others was delivered anew: they are of no use then.
  mutating func insert(_ offset: Int64, _ ack: SettledAck, bound: Int) {
    if entries.count >= Self.latest, let first = entries.first, offset < first.offset { removeAll() }
    if entries.count >= bound {
      forget(entries.count - bound / 2)
    }
    let i = place(of: offset)
    if i < entries.count, entries[i].offset == offset {
      entries[i].ack = ack
    } else {
      entries.insert((offset, ack), at: i)
    }
  }

  mutating func remove(_ offset: Int64) -> SettledAck? {
    let i = place(of: offset)
    guard i < entries.count, entries[i].offset == offset else { return nil }
    return entries.remove(at: i).ack
  }

  private mutating func forget(_ count: Int) {
    pattern = entries.first?.ack
    for entry in entries.prefix(count) {
      if let last = forgotten.last, last.upperBound == entry.offset {
        forgotten[forgotten.count - 1] = last.lowerBound..<entry.offset + 1
      } else if forgotten.last.map({ $0.upperBound < entry.offset }) ?? true {
        if forgotten.count >= Self.mostRanges { forgotten.removeFirst() }
        forgotten.append(entry.offset..<entry.offset + 1)
      }
    }
    entries.removeFirst(count)
  }

  func hasForgotten(_ offset: Int64) -> Bool { range(of: offset) != nil }

  /// The acknowledgement of that offset, of which nothing but the offset was kept: it was counted too long ago to be taken
  /// out of a window. Nil: there is none, or a copy has taken it already.
  mutating func takeForgotten(_ offset: Int64, message: UInt64) -> SettledAck? {
    guard let i = range(of: offset), var ack = pattern else { return nil }
    let range = forgotten[i]
    forgotten.replaceSubrange(
      i...i, with: [range.lowerBound..<offset, offset + 1..<range.upperBound].filter { !$0.isEmpty })
    if forgotten.count > Self.mostRanges { forgotten.removeFirst() }
    ack.delivery.message = message
    ack.at = .zero
    return ack
  }

  private func range(of offset: Int64) -> Int? {
    var (low, high) = (0, forgotten.count)
    while low < high {
      let middle = (low + high) / 2
      if forgotten[middle].upperBound <= offset { low = middle + 1 } else { high = middle }
    }
    return low < forgotten.count && forgotten[low].contains(offset) ? low : nil
  }

  mutating func removeLast() -> (offset: Int64, ack: SettledAck)? { entries.popLast() }

  mutating func removeAll() {
    entries.removeAll()
    forgotten.removeAll()
  }

  private static let latest = 64
  private static let mostRanges = 256

  /// Where it is, or would be. Mostly it lies behind all others.
  private func place(of offset: Int64) -> Int {
    guard let last = entries.last, last.offset >= offset else { return entries.count }
    var (low, high) = (0, entries.count - 1)
    while low < high {
      let middle = (low + high) / 2
      if entries[middle].offset < offset { low = middle + 1 } else { high = middle }
    }
    return low
  }
}
