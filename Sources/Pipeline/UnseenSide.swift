/// How much a side has said of which no segment was captured, as far as the other side's acknowledgements tell: one
/// direction of a mirrored port, a filter for one address.
///
/// The bytes are missing for certain only once the connection or the capture is over, since captures may show
/// acknowledgements before what they acknowledge.
struct UnseenSide {
  /// What is missing for certain.
  private(set) var missing_bytes: UInt64 = 0
  /// The side that was seen first.
  private var seen: Side?
  /// Both sides were seen: there is nothing more to note.
  private(set) var isSettled = false
  private var acknowledged: Sequence?
  private var count = 0

  mutating func note(_ segment: Segment, from side: Side) {
    if let seen, seen != side {
      isSettled = true
      return
    }
    seen = side
    guard segment.flags.contains(.ack) else { return }
    let upTo = Sequence(segment.acknowledgement)
    let more = acknowledged.map { upTo.distance(from: $0) } ?? 0
    guard more > 0 || acknowledged == nil else { return }
    acknowledged = upTo
    count += more
  }

  /// The connection is over: the side that was not seen, and what of it is missing; nil if nothing is, or more than was
  /// answered before.
  mutating func end() -> (side: Side, bytes: Int)? {
    guard !isSettled, let seen, count > 0 else { return nil }
    defer { count = 0 }
    missing_bytes &+= UInt64(count)
    return (seen.other, count)
  }

  /// Another connection begins between the same endpoints.
  mutating func restart() {
    (seen, isSettled, acknowledged, count) = (nil, false, nil, 0)
  }
}
