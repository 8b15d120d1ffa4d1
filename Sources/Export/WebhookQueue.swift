/// The events that wait or are on their way, in the order they came. A group has at most one on its way. Bounded by
/// `limit`; each operation walks the queue once at most.
struct WebhookQueue {
  struct Entry: Sendable {
    var id: String
    /// Events of the same group keep their order.
    var group: String
    var key: String
    var body: [UInt8]
    var accepted: ContinuousClock.Instant
    /// Including the one under way.
    var tries = 0
    var due: ContinuousClock.Instant?
    var isUnderWay = false
    fileprivate(set) var number = 0
  }

  private var entries: [Entry] = []
  private var last = 0
  private let limit: Int

  init(limit: Int = 1024) { self.limit = limit }

  var count: Int { entries.count }

  /// False when the oldest waiting entry had to go for it (or the new one, if all are under way).
  mutating func append(_ entry: Entry) -> Bool {
    var kept = true
    if entries.count >= limit {
      kept = false
      guard let oldest = entries.firstIndex(where: { !$0.isUnderWay }) else { return false }
      entries.remove(at: oldest)
    }
    last += 1
    var entry = entry
    entry.number = last
    entries.append(entry)
    return kept
  }

  /// The oldest entry that is due and first of its group; it is then under way. Nil if none is, or `most` are.
  mutating func next(at now: ContinuousClock.Instant, atMost most: Int) -> Entry? {
    guard entries.count(where: \.isUnderWay) < most else { return nil }
    var groups: Set<String> = []
    for index in entries.indices where groups.insert(entries[index].group).inserted {
      guard !entries[index].isUnderWay, entries[index].due.map({ $0 <= now }) ?? true else { continue }
      entries[index].isUnderWay = true
      entries[index].tries += 1
      return entries[index]
    }
    return nil
  }

  mutating func finish(_ entry: Entry) { entries.removeAll { $0.number == entry.number } }

  mutating func retry(_ entry: Entry, at due: ContinuousClock.Instant) {
    guard let index = entries.firstIndex(where: { $0.number == entry.number }) else { return }
    entries[index].isUnderWay = false
    entries[index].due = due
  }

  /// How many there were.
  mutating func removeAll() -> Int {
    defer { entries.removeAll() }
    return entries.count
  }
}
