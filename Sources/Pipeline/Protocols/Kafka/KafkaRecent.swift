/// The records of a partition that were acknowledged last, by offset: a copy of one may come yet, since client libraries
/// publish later than they are told to (kafka-go waits a second by default).
///
/// Memory: as many as `insert` is told to keep; the lowest offsets go first.
struct KafkaRecent {
  private var entries: [(offset: Int64, ack: SettledAck)] = []

  var acks: some Swift.Sequence<SettledAck> { entries.lazy.map(\.ack) }

  subscript(offset: Int64) -> SettledAck? {
    let i = place(of: offset)
    return i < entries.count && entries[i].offset == offset ? entries[i].ack : nil
  }

  /// One of an offset that is there takes its place. One far below all others was delivered anew: they are of no use then.
  mutating func insert(_ offset: Int64, _ ack: SettledAck, bound: Int) {
    if entries.count >= Self.latest, let first = entries.first, offset < first.offset { removeAll() }
    if entries.count >= bound {
      entries.removeFirst(entries.count - bound / 2)
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

  mutating func removeLast() -> (offset: Int64, ack: SettledAck)? { entries.popLast() }

  mutating func removeAll() { entries.removeAll() }

  private static let latest = 64

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
