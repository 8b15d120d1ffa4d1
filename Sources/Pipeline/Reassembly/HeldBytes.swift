/// The bytes of one side that can't be handed on yet, in stream order, without overlaps: the first copy of a byte wins.
///
/// Cost: appending and taking from the front O(1), a place in the middle O(log n) to find and a move of what follows.
struct HeldBytes {
  struct Chunk {
    var start: Sequence
    var count: Int
    /// Empty if `isMissing`; otherwise exactly `count` bytes.
    var bytes: [UInt8]
    /// These bytes passed on the wire but not into the capture: a hole of known length.
    var isMissing: Bool
    var acknowledges: Acknowledgement
    var at: Timestamp

    var end: Sequence { start.advanced(by: count) }
  }

  private var chunks: [Chunk] = []
  /// Index of the first chunk still held; those before it are spent.
  private var head = 0
  /// Memory in use, with an allowance for each chunk's own.
  private(set) var cost_bytes = 0
  /// Payload bytes held.
  private(set) var count = 0

  var isEmpty: Bool { head == chunks.count }
  var first: Chunk? { head < chunks.count ? chunks[head] : nil }
  /// Where the first held chunk begins; nil if nothing is held.
  var start: Sequence? { head < chunks.count ? chunks[head].start : nil }

  /// What the first held chunk acknowledges.
  var acknowledges: Acknowledgement? { head < chunks.count ? chunks[head].acknowledges : nil }
  /// True if the first held chunk is known to be missing.
  var isFirstMissing: Bool { head < chunks.count && chunks[head].isMissing }

  mutating func popFirst() -> Chunk? {
    guard head < chunks.count else { return nil }
    let chunk = chunks[head]
    chunks[head].bytes = []
    head += 1
    cost_bytes -= chunk.bytes.count + Self.overhead_bytes
    count -= chunk.bytes.count
    if head == chunks.count {
      chunks.removeAll(keepingCapacity: chunks.capacity <= 64)
      head = 0
    } else if head >= 64, head * 2 >= chunks.count {
      chunks.removeSubrange(..<head)
      head = 0
    }
    return chunk
  }

  mutating func removeAll() {
    self = HeldBytes()
  }

  /// Drops what lies before `position`, and everything if part of it lies further than a window from there; gives the
  /// number of payload bytes dropped.
  mutating func trim(before position: Sequence) -> Int {
    var dropped = 0
    if let start, let last = chunks.last,
      start.distance(from: position) < -Sequence.window
        || !(-Sequence.window...Sequence.window).contains(last.end.distance(from: position))
    {
      dropped = count
      removeAll()
      return dropped
    }
    while let front = first, front.start.distance(from: position) < 0 {
      _ = popFirst()
      let keep = front.end.distance(from: position)
      guard keep > 0 else {
        dropped += front.bytes.count
        continue
      }
      var rest = front
      rest.start = position
      rest.count = keep
      if !front.isMissing {
        rest.bytes = Array(front.bytes.suffix(keep))
        dropped += front.bytes.count - keep
      }
      insert(rest, at: head)
      break
    }
    return dropped
  }

  /// Adds `count` bytes at `start`: `payload[offset...]`, or bytes known to be missing if `payload` is nil. Bytes
  /// take the place of missing ones, never of other bytes.
  ///
  /// `start` must not lie before `origin`, nor `start + count` a whole window after it.
  /// - Returns: how many of the bytes were here already.
  mutating func add(
    _ payload: borrowing RawSpan, from offset: Int, count: Int, isMissing: Bool, start: Sequence, origin: Sequence,
    acknowledges: Acknowledgement, at: Timestamp
  ) -> Int {
    let low = start.distance(from: origin)
    let high = low + count
    var cursor = low
    var index = firstIndex(endingAfter: low, origin: origin)
    var repeated = 0
    while cursor < high {
      var stop = high
      if index < chunks.count {
        let from = chunks[index].start.distance(from: origin)
        let to = from + chunks[index].count
        if from <= cursor {
          if chunks[index].isMissing, !isMissing {
            // Make room: cut the overlapped part out of the missing chunk.
            cutMissing(at: &index, from: cursor - from, to: min(high, to) - from)
            stop = min(high, to)
          } else {
            let covered = min(high, to) - cursor
            if !isMissing { repeated += covered }
            cursor += covered
            noteCopy(of: &index, upTo: min(high, to) - from, acknowledges)
            index += 1
            continue
          }
        } else {
          stop = min(high, from)
        }
      }
      let size = stop - cursor
      var bytes: [UInt8] = []
      if !isMissing {
        let begin = offset + cursor - low
        bytes = payload.withUnsafeBytes { Array($0[begin..<begin + size]) }
      }
      let chunk = Chunk(
        start: origin.advanced(by: cursor), count: size, bytes: bytes, isMissing: isMissing,
        acknowledges: acknowledges, at: at)
      insert(chunk, at: index)
      lowerAcknowledgements(around: index)
      cursor = stop
      index += 1
    }
    return repeated
  }

  private mutating func insert(_ chunk: Chunk, at index: Int) {
    chunks.insert(chunk, at: index)
    cost_bytes += chunk.bytes.count + Self.overhead_bytes
    count += chunk.bytes.count
  }

  /// Removes `from..<to` (offsets) of the missing chunk at `index`; afterwards `index` is where new bytes belong.
  private mutating func cutMissing(at index: inout Int, from: Int, to: Int) {
    let whole = chunks[index]
    chunks.remove(at: index)
    cost_bytes -= Self.overhead_bytes
    if to < whole.count {
      var tail = whole
      tail.start = whole.start.advanced(by: to)
      tail.count = whole.count - to
      insert(tail, at: index)
    }
    if from > 0 {
      var front = whole
      front.count = from
      insert(front, at: index)
      index += 1
    }
  }

  /// The first `count` bytes of the chunk at `index` came again. Of two copies the one that acknowledges less is the
  /// older. Afterwards `index` is the chunk that ends with them.
  private mutating func noteCopy(of index: inout Int, upTo count: Int, _ acknowledges: Acknowledgement) {
    var rest = chunks[index]
    guard lower(index, to: acknowledges) else { return }
    if count < rest.count {
      // What follows keeps its own acknowledgement.
      cost_bytes -= rest.bytes.count + Self.overhead_bytes
      self.count -= rest.bytes.count
      var front = chunks.remove(at: index)
      rest.start = rest.start.advanced(by: count)
      rest.count -= count
      front.count = count
      if !rest.isMissing {
        rest.bytes = Array(rest.bytes[count...])
        front.bytes = Array(front.bytes[..<count])
      }
      insert(rest, at: index)
      insert(front, at: index)
    }
    lowerAcknowledgements(around: index)
  }

  /// Earlier bytes of a stream were first sent no later than the bytes after them, so they can't have acknowledged
  /// more. A retransmission carries a newer acknowledgement than the original did: this takes it back.
  private mutating func lowerAcknowledgements(around index: Int) {
    if index + 1 < chunks.count { lower(index, to: chunks[index + 1].acknowledges) }
    let newest = chunks[index].acknowledges
    var earlier = index - 1
    while earlier >= head, lower(earlier, to: newest) { earlier -= 1 }
  }

  @discardableResult
  private mutating func lower(_ index: Int, to other: Acknowledgement) -> Bool {
    guard other.isValid, chunks[index].acknowledges.isValid,
      chunks[index].acknowledges.upTo.distance(from: other.upTo) > 0
    else { return false }
    chunks[index].acknowledges = other
    return true
  }

  private func firstIndex(endingAfter offset: Int, origin: Sequence) -> Int {
    // Nearly always the new bytes come last.
    if let last = chunks.last, head < chunks.count, last.end.distance(from: origin) <= offset { return chunks.count }
    var low = head
    var high = chunks.count
    while low < high {
      let middle = (low + high) / 2
      if chunks[middle].end.distance(from: origin) > offset { high = middle } else { low = middle + 1 }
    }
    return low
  }

  /// What a chunk costs beside its bytes: its entry here and the array's header, rounded up.
  static let overhead_bytes = 128
}
