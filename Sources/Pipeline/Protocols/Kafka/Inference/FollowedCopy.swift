/// `followed_copy`
///
/// - Concludes: a record is another try of one that the target had published again: it is the same message, and its attempt is
///   one higher.
/// - Evidence: its contents equal those of the copy. A copy to a topic that its source's group consumes is looked for in that
///   group, one to another retry topic in any.
/// - For: the same as `RepublishedRecord`, and retry topics without headers that count.
/// - Wrong if: a record with equal contents that another producer published comes before the copy.
/// - Tests: `KafkaRepublishTests`; recording `kafka_same_topic`.
///
/// Memory: `bound` copies that are on their way. Past it all are forgotten, counted in `dropped.pairs`.
struct FollowedCopy {
  /// What a record is another try of.
  struct Try: BitwiseCopyable {
    /// Of the first delivery.
    var message: UInt64
    var attempt: Int32
  }

  private var published: [UInt64: (next: Try, count: Int32)] = [:]

  var isEmpty: Bool { published.isEmpty }

  /// A copy was published. `salt`: the group's that will get it; 0: it is not known. Answers how many were forgotten.
  mutating func publish(_ contents: UInt64, for salt: UInt64, _ next: Try) -> Int {
    guard contents != 0 else { return 0 }
    let filed = contents ^ salt
    if let known = published[filed] {
      published[filed] = (next.attempt > known.next.attempt ? next : known.next, known.count &+ 1)
      return 0
    }
    let forgotten = published.count >= Self.bound ? published.count : 0
    if forgotten > 0 { published.removeAll(keepingCapacity: true) }
    published[filed] = (next, 1)
    return forgotten
  }

  /// A record of those contents was delivered.
  mutating func take(_ contents: UInt64, by salt: UInt64) -> Try? {
    let filed = contents ^ salt
    guard let known = published[filed] else { return nil }
    published[filed] = known.count > 1 ? (known.next, known.count - 1) : nil
    return known.next
  }

  private static let bound = 65_536
}
