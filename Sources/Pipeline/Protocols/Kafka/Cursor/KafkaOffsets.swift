/// Deliveries of one partition that are not acknowledged yet, by offset, ascending. A queue: commits take from the front.
struct KafkaOffsets {
  private var entries: [(offset: Int64, id: DeliveryID)] = []
  private var head = 0

  var isEmpty: Bool { head == entries.count }
  var count: Int { entries.count - head }
  var first: (offset: Int64, id: DeliveryID)? { head < entries.count ? entries[head] : nil }

  /// The delivery of that offset, in place of an earlier one.
  mutating func insert(_ offset: Int64, _ id: DeliveryID) {
    if entries.count == head || offset > entries[entries.count - 1].offset {
      if head > 64, head * 2 >= entries.count {
        entries.removeFirst(head)
        head = 0
      }
      entries.append((offset, id))
      return
    }
    let i = position(of: offset)
    if entries[i].offset == offset { entries[i].id = id } else { entries.insert((offset, id), at: i) }
  }

  func find(_ offset: Int64) -> DeliveryID? {
    let i = position(of: offset)
    return i < entries.count && entries[i].offset == offset ? entries[i].id : nil
  }

  /// How many lie below.
  func count(below offset: Int64) -> Int { position(of: offset) - head }

  /// A copy of the entries in that range.
  func within(_ range: ClosedRange<Int64>) -> [(offset: Int64, id: DeliveryID)] {
    let start = position(of: range.lowerBound)
    var end = start
    while end < entries.count, entries[end].offset <= range.upperBound { end += 1 }
    return Array(entries[start..<end])
  }

  mutating func removeFirst() -> (offset: Int64, id: DeliveryID)? {
    guard head < entries.count else { return nil }
    defer {
      head += 1
      // What is in order costs nothing to leave where it is for a while.
      if head == entries.count, head > 64 {
        entries.removeAll(keepingCapacity: entries.count <= 65_536)
        head = 0
      }
    }
    return entries[head]
  }

  /// Takes out the entries in that range.
  mutating func take(_ range: ClosedRange<Int64>) -> [(offset: Int64, id: DeliveryID)] {
    let taken = within(range)
    let start = position(of: range.lowerBound)
    entries.removeSubrange(start..<start + taken.count)
    return taken
  }

  mutating func remove(_ offset: Int64) {
    let i = position(of: offset)
    guard i < entries.count, entries[i].offset == offset else { return }
    if i == head { _ = removeFirst() } else { entries.remove(at: i) }
  }

  /// Of the first entry at or above the offset.
  private func position(of offset: Int64) -> Int {
    var low = head
    var high = entries.count
    while low < high {
      let middle = (low + high) / 2
      if entries[middle].offset < offset { low = middle + 1 } else { high = middle }
    }
    return low
  }
}
