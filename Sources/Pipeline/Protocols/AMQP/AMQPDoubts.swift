/// Acknowledgements of one channel that the broker may be about to refuse, and the acks that were sent behind them: it
/// closes the channel at the first tag that it does not know, and what is acknowledged behind that is void (seen with
/// RabbitMQ 3.10: the messages are handed out again).
///
/// Memory: nothing until a tag is acknowledged that is not outstanding; then at most 16 such tags and 4,096 acks behind them
/// with 150 bytes each, for ten seconds. What is beyond stays acknowledged, counted in `Ledger.Dropped.revisions`.
struct AMQPDoubts {
  private var doubts: [(tag: UInt64, behind: Int)] = []
  private var acks: [SettledAck] = []
  private var began = Timestamp.zero

  var isEmpty: Bool { doubts.isEmpty }

  /// A tag was acknowledged that is not outstanding.
  mutating func add(_ tag: UInt64, at: Timestamp) {
    if !doubts.isEmpty, at - began > Self.span_ns { self = AMQPDoubts() }
    if doubts.isEmpty { began = at }
    if doubts.count < Self.most { doubts.append((tag, acks.count)) }
  }

  /// A delivery was acknowledged behind it. Answers false if there is no room for it.
  mutating func append(_ ack: SettledAck) -> Bool {
    if ack.at - began > Self.span_ns {
      self = AMQPDoubts()
      return true
    }
    guard acks.count < Self.bound else { return false }
    acks.append(ack)
    return true
  }

  /// The acks that are void now that the broker has refused this tag; empty where that was not seen.
  func behind(_ tag: UInt64) -> ArraySlice<SettledAck> {
    guard let doubt = doubts.first(where: { $0.tag == tag }) else { return [] }
    return acks[doubt.behind...]
  }

  private static let span_ns: Int64 = .seconds(10)
  private static let most = 16
  private static let bound = 4096
}
