/// A channel's unsettled deliveries by delivery tag. The server counts tags up over all consumers and gets of a channel
/// (specification section 3.1.8, "delivery-tag"), so they lie in order, and where none is missing a tag's place is known
/// from the first one's: O(1) per delivery and ack, a binary search at worst.
///
/// Memory: 16 bytes for each delivery that is not settled, as much again for the room that settled ones leave; what the
/// ledger gave up is let go of as well, so that a consumer that never acks some message costs nothing.
struct AMQPTags {
  private struct Slot: BitwiseCopyable {
    var tag: UInt64
    /// 0: settled.
    var id: DeliveryID
  }

  private var slots: ContiguousArray<Slot> = []
  private var head = 0
  /// When the array is that long it is tidied.
  private var tidyAt = Self.least
  /// The latest tag, delivered with or without acknowledgement; 0 before the first.
  private(set) var last: UInt64 = 0

  /// Files a delivery, or 0 for one that needs no acknowledgement. False if the tag is not higher than all before: the
  /// channel has begun anew. `isLive` says whether a delivery is still worth keeping.
  mutating func insert(_ tag: UInt64, _ id: DeliveryID, isLive: (DeliveryID) -> Bool) -> Bool {
    guard tag > last else { return false }
    last = tag
    guard id != 0 else { return true }
    if slots.count >= tidyAt { tidy(isLive) }
    slots.append(Slot(tag: tag, id: id))
    return true
  }

  /// Takes out one delivery; 0 if there is none under that tag.
  mutating func take(_ tag: UInt64) -> DeliveryID {
    guard let place = place(of: tag) else { return 0 }
    let id = slots[place].id
    slots[place].id = 0
    trim()
    return id
  }

  /// Takes out the oldest delivery at or below `tag`; 0 when there is none left. `UInt64.max` means all of them.
  mutating func takeFirst(through tag: UInt64) -> DeliveryID {
    while head < slots.count, slots[head].tag <= tag {
      let id = slots[head].id
      head += 1
      if id != 0 {
        trim()
        return id
      }
    }
    trim()
    return 0
  }

  /// All unsettled deliveries, oldest first.
  var outstanding: [DeliveryID] {
    var all: [DeliveryID] = []
    forEach(.max, multiple: true) { all.append($0) }
    return all
  }

  /// The unsettled deliveries that an acknowledgement of `tag` would settle; nothing is taken out.
  func forEach(_ tag: UInt64, multiple: Bool, _ body: (DeliveryID) -> Void) {
    guard multiple else {
      if let place = place(of: tag), slots[place].id != 0 { body(slots[place].id) }
      return
    }
    var place = head
    while place < slots.count, slots[place].tag <= tag {
      if slots[place].id != 0 { body(slots[place].id) }
      place += 1
    }
  }

  private func place(of tag: UInt64) -> Int? {
    guard head < slots.count, tag >= slots[head].tag, tag <= slots[slots.count - 1].tag else { return nil }
    // Tags differ, so the place is at most as far from the head as the tag is from the first one.
    let reach = tag - slots[head].tag
    var upper = head + Int(min(reach, UInt64(slots.count - 1 - head)))
    if slots[upper].tag == tag { return upper }
    var lower = head
    while lower < upper {
      let middle = lower + (upper - lower) / 2
      if slots[middle].tag < tag { lower = middle + 1 } else { upper = middle }
    }
    return slots[lower].tag == tag ? lower : nil
  }

  private mutating func trim() {
    while head < slots.count, slots[head].id == 0 { head += 1 }
    guard head == slots.count else { return }
    slots.removeAll(keepingCapacity: slots.count <= Self.least)
    head = 0
    tidyAt = Self.least
  }

  private mutating func tidy(_ isLive: (DeliveryID) -> Bool) {
    var kept = 0
    for place in head..<slots.count where slots[place].id != 0 && isLive(slots[place].id) {
      slots[kept] = slots[place]
      kept += 1
    }
    slots.removeLast(slots.count - kept)
    head = 0
    tidyAt = max(Self.least, 2 * kept)
  }

  private static var least: Int { 1024 }
}
