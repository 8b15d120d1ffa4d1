/// The distinct failing messages of a sliding window, each with its failures: exact up to 1,024 messages, estimated
/// above.
///
/// In: keyed hashes of messages, one per failure. Out: how many differ, how many of them were dead-lettered, and the few
/// that fail most. Up to the bound each message has an entry whose counts leave by exact subtraction through a log of the
/// panes. A message that finds the table full is counted in `untracked` and in a sketch only; once the panes of all such
/// messages have left the window, the table is exact again.
///
/// Memory: nothing until the first failure, then 40 bytes per message and 8 bytes per message and pane in which it
/// failed; with 1,024 messages 45 KB, plus the log, plus 24 KB above the bound for the sketch, and as many for that of the
/// dead-lettered ones. Cost: one look-up per failure, O(1) amortised.
package struct DistinctMessages {
  private var entries: [Entry] = []
  private var free: [UInt16] = []
  /// Open addressing, linear probing: slot in `entries` + 1, or 0. At most half full.
  private var index: [UInt16] = []
  /// Slots that failed in the open pane.
  private var touched: [UInt16] = []
  private var log = Ring<LogEntry>()
  private var live = 0
  /// Of those: with a dead letter in the window.
  private var liveDeadLettered = 0

  private var sketch: CardinalitySketch?
  /// The open pane, counted from 1, and the last one in which a message found no room.
  private var pane: UInt32 = 1
  private var lastUntracked: UInt32 = 0
  /// The same of the dead letters alone.
  private var deadLetterSketch: CardinalitySketch?
  private var lastUntrackedDeadLetter: UInt32 = 0
  private var panes: UInt32

  /// Failures of messages that found the table full, since this was made.
  package private(set) var untracked: UInt64 = 0

  /// `panes`: how many a window has.
  init(panes: Int) { self.panes = UInt32(panes) }

  /// Counts one failure. `acks` is the window's running number of acks, so that later it can be told whether anything
  /// was acked since this message began to fail.
  mutating func record(_ message: UInt64, deadLetter: Bool, acks: UInt32) {
    guard let slot = find(message) ?? insert(message, acks: acks) else {
      if !isEstimated || sketch == nil { beginEstimate() }
      lastUntracked = pane
      untracked &+= 1
      sketch?.add(message, pane: pane)
      if deadLetter {
        if !isDeadLetteredEstimated || deadLetterSketch == nil { beginDeadLetterEstimate() }
        lastUntrackedDeadLetter = pane
        deadLetterSketch?.add(message, pane: pane)
      }
      return
    }
    if entries[slot].paneFailures == 0 { touched.append(UInt16(truncatingIfNeeded: slot)) }
    entries[slot].paneFailures &+= 1
    if deadLetter {
      if !entries[slot].isDeadLettered { liveDeadLettered += 1 }
      entries[slot].paneDeadLetters &+= 1
      if isDeadLetteredEstimated { deadLetterSketch?.add(message, pane: pane) }
    }
    entries[slot].everFailures &+= 1
    entries[slot].lastPane = pane
    if isEstimated { sketch?.add(message, pane: pane) }
  }

  /// Whether more messages than the table holds failed in this window, so that `count` is an estimate.
  package var isEstimated: Bool { lastUntracked >= oldestPane }

  /// Distinct failing messages in the window.
  package var count: Int {
    guard isEstimated, let sketch else { return live }
    return max(live, sketch.estimate(since: oldestPane))
  }

  /// Whether `deadLettered` is an estimate.
  package var isDeadLetteredEstimated: Bool { lastUntrackedDeadLetter >= oldestPane }

  /// Distinct messages with a dead letter in the window.
  package var deadLettered: Int {
    guard isDeadLetteredEstimated, let deadLetterSketch else { return liveDeadLettered }
    return max(liveDeadLettered, deadLetterSketch.estimate(since: oldestPane))
  }

  /// `deadLettered >= n`, without estimating where the table alone can tell.
  package func hasDeadLettered(atLeast n: Int) -> Bool {
    liveDeadLettered >= n || isDeadLetteredEstimated && deadLettered >= n
  }

  /// The fewest messages, at most `Named.most`, that make at least `numerator`/`denominator` of `failures`; nil if that
  /// many don't.
  func dominating(failures: UInt64, numerator: UInt64 = 4, denominator: UInt64 = 5) -> Named? {
    guard failures > 0 else { return nil }
    var top = Named()
    for entry in entries where entry.isLive { top.offer(entry) }
    var named = Named()
    for i in 0..<top.count {
      named.take(top, i)
      if UInt64(named.failures) * denominator >= failures * numerator { return named }
    }
    return nil
  }

  /// Ends the open pane; answers how many log entries it has.
  mutating func closePane() -> Int {
    let before = log.count
    for slot in touched {
      let at = Int(slot)
      entries[at].failures &+= entries[at].paneFailures
      entries[at].deadLetters &+= entries[at].paneDeadLetters
      while entries[at].paneFailures > 0 {
        let failures = min(entries[at].paneFailures, UInt32(UInt16.max))
        let deadLetters = min(entries[at].paneDeadLetters, failures)
        log.append(LogEntry(slot: slot, failures: UInt16(failures), deadLetters: UInt16(deadLetters)))
        entries[at].paneFailures -= failures
        entries[at].paneDeadLetters -= deadLetters
      }
    }
    touched.removeAll(keepingCapacity: true)
    return log.count - before
  }

  /// Takes the oldest `logEntries` off; messages that have no failure left go.
  mutating func evict(logEntries: Int) {
    for _ in 0..<logEntries {
      guard let gone = log.popFirst() else { return }
      let at = Int(gone.slot)
      entries[at].failures &-= UInt32(gone.failures)
      if gone.deadLetters > 0 {
        entries[at].deadLetters &-= UInt32(gone.deadLetters)
        if !entries[at].isDeadLettered { liveDeadLettered -= 1 }
      }
      if entries[at].failures == 0 { remove(at) }
    }
  }

  /// Moves on to a later pane.
  mutating func advance(panes n: Int64) {
    pane &+= UInt32(clamping: min(n, Int64(panes)))
    if sketch != nil, !isEstimated { sketch = nil }
    if deadLetterSketch != nil, !isDeadLetteredEstimated { deadLetterSketch = nil }
    if pane > UInt32.max / 2 { renumber() }
  }

  mutating func removeAll() {
    entries.removeAll(keepingCapacity: true)
    free.removeAll(keepingCapacity: true)
    touched.removeAll(keepingCapacity: true)
    for i in index.indices { index[i] = 0 }
    log.removeAll()
    live = 0
    liveDeadLettered = 0
    sketch = nil
    deadLetterSketch = nil
    pane = 1
    lastUntracked = 0
    lastUntrackedDeadLetter = 0
  }

  /// What counts as exact.
  package static let bound = 1024

  private struct LogEntry: BitwiseCopyable {
    var slot: UInt16
    var failures: UInt16
    var deadLetters: UInt16
  }
}

extension DistinctMessages {
  struct Entry: BitwiseCopyable {
    var message: UInt64
    /// In closed panes of the window.
    var failures: UInt32 = 0
    var deadLetters: UInt32 = 0
    var paneFailures: UInt32 = 0
    var paneDeadLetters: UInt32 = 0
    /// Since the entry was made.
    var everFailures: UInt32 = 0
    /// The window's running number of acks when it was made.
    var acksBefore: UInt32
    var lastPane: UInt32 = 0

    var isLive: Bool { failures > 0 || paneFailures > 0 }
    var isDeadLettered: Bool { deadLetters > 0 || paneDeadLetters > 0 }
  }

  private var oldestPane: UInt32 { pane > panes ? pane - panes + 1 : 1 }

  private func find(_ message: UInt64) -> Int? {
    guard !index.isEmpty else { return nil }
    var at = home(message)
    while index[at] != 0 {
      let slot = Int(index[at]) - 1
      if entries[slot].message == message { return slot }
      at = (at + 1) & (index.count - 1)
    }
    return nil
  }

  private mutating func insert(_ message: UInt64, acks: UInt32) -> Int? {
    guard live < Self.bound else { return nil }
    if (live + 1) * 2 > index.count { growIndex() }
    let entry = Entry(message: message, acksBefore: acks)
    let slot: Int
    if let reused = free.popLast() {
      slot = Int(reused)
      entries[slot] = entry
    } else {
      slot = entries.count
      entries.append(entry)
    }
    place(slot)
    live += 1
    return slot
  }

  private mutating func remove(_ slot: Int) {
    var at = home(entries[slot].message)
    while Int(index[at]) != slot + 1 { at = (at + 1) & (index.count - 1) }
    // Backward shift: whoever probed past this place moves up, so that no tombstone is needed.
    var next = (at + 1) & (index.count - 1)
    while index[next] != 0 {
      let wanted = home(entries[Int(index[next]) - 1].message)
      if (next &- wanted) & (index.count - 1) >= (next &- at) & (index.count - 1) {
        index[at] = index[next]
        at = next
      }
      next = (next + 1) & (index.count - 1)
    }
    index[at] = 0
    entries[slot].failures = 0
    free.append(UInt16(slot))
    live -= 1
  }

  private mutating func growIndex() {
    index = [UInt16](repeating: 0, count: max(16, index.count * 2))
    for slot in entries.indices where entries[slot].isLive { place(slot) }
  }

  private mutating func place(_ slot: Int) {
    var at = home(entries[slot].message)
    while index[at] != 0 { at = (at + 1) & (index.count - 1) }
    index[at] = UInt16(slot + 1)
  }

  private func home(_ message: UInt64) -> Int { Int(truncatingIfNeeded: mixed(message)) & (index.count - 1) }

  /// The table is full: what it knows goes into a sketch, which from here on sees every failure.
  private mutating func beginEstimate() {
    var sketch = CardinalitySketch()
    for entry in entries where entry.isLive {
      sketch.add(entry.message, pane: entry.lastPane)
    }
    self.sketch = sketch
  }

  private mutating func beginDeadLetterEstimate() {
    var sketch = CardinalitySketch()
    for entry in entries where entry.isLive && entry.isDeadLettered {
      sketch.add(entry.message, pane: entry.lastPane)
    }
    deadLetterSketch = sketch
  }

  /// After two thousand million panes the numbers start over, and an estimate with them.
  private mutating func renumber() {
    pane = 1
    lastUntracked = 0
    lastUntrackedDeadLetter = 0
    sketch = nil
    deadLetterSketch = nil
    for slot in entries.indices { entries[slot].lastPane = 1 }
  }
}
