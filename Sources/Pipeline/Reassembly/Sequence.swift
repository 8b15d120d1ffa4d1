/// A position in one side's stream: a TCP sequence number, which wraps at 2^32 (RFC 9293 section 3.4).
struct Sequence: Equatable {
  var number: UInt32

  init(_ number: UInt32) { self.number = number }

  /// How far `self` lies ahead of `origin`; negative if behind. Right as long as they are less than 2 GiB apart.
  @inline(__always) func distance(from origin: Sequence) -> Int {
    Int(Int32(bitPattern: number &- origin.number))
  }

  @inline(__always) func advanced(by count: Int) -> Sequence {
    Sequence(number &+ UInt32(truncatingIfNeeded: count))
  }

  /// No window is larger (RFC 7323 section 2.3): what lies further ahead belongs to some other stream.
  static let window = 1 << 30
}

/// What a sender had received from the other side when it sent something.
struct Acknowledgement {
  var upTo: Sequence
  /// False for a segment without the ACK flag: then `upTo` means nothing.
  var isValid: Bool

  init(_ segment: Segment) {
    upTo = Sequence(segment.acknowledgement)
    isValid = segment.flags.contains(.ack)
  }
}
