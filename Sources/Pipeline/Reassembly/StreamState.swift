/// What reassembly knows about one side of a connection. Not copyable, so that no access copies it by accident.
struct StreamState: ~Copyable {
  enum Phase: UInt8 {
    /// No segment of this side yet.
    case unseen
    /// Only segments without payload, and no SYN: where the stream is, is not known.
    case seen
    /// Caught in the middle: the first segments are held for a moment, since they may be out of order.
    case starting
    /// `next` is the next byte to hand on.
    case open
    /// FIN or RST was told.
    case ended
  }

  var phase = Phase.unseen
  /// The next byte to hand on. While starting, a place safely before everything held.
  var next = Sequence(0)
  /// Where the stream began: after the SYN, or at the first byte seen.
  var start = Sequence(0)
  /// `start` is known from a SYN of this side or from the other side's SYN-ACK.
  var isStartKnown = false
  var wasReset = false

  var held = HeldBytes()
  /// A FIN or RST that was seen, but not reached yet.
  var end: End?

  /// What the other side acknowledged, kept only while it lies ahead of `next`: bytes that we miss.
  var acknowledged: Sequence?
  /// `acknowledged` as it was a while ago: first a candidate with the time it was noted, then ripe.
  var candidate: Candidate?
  /// Acknowledged longer ago than the grace: what is missing before this is lost.
  var ripe: Sequence?
  /// Since when nothing was handed on although something waits; nil if nothing waits.
  var stuck: Moment?
  /// Consecutive segments of this side outside the window.
  var outOfWindow = 0

  struct End {
    var position: Sequence
    var kind: StreamEnd
    var acknowledges: Acknowledgement
    var at: Timestamp
  }

  struct Candidate {
    var upTo: Sequence
    var since: Moment
  }

  /// The first thing held or awaited after `next`: where a hole at `next` ends at the latest.
  var holeEnd: Sequence? {
    if let start = held.start { return start }
    if let end, end.position.distance(from: next) > 0 { return end.position }
    return nil
  }

  /// Bytes at `next` are missing: something after them was seen, or the other side has acknowledged them.
  var hasHole: Bool {
    guard phase == .open else { return false }
    if let end, end.position.distance(from: next) <= 0 { return false }
    if let start = held.start { return start != next }
    return acknowledged != nil || end != nil
  }

  /// Nothing is held, missing or awaited.
  var isQuiet: Bool {
    @inline(__always) get { phase != .starting && held.isEmpty && end == nil && acknowledged == nil }
  }

  /// Forgets what is held and awaited.
  mutating func forgetAll() {
    held.removeAll()
    end = nil
    acknowledged = nil
    candidate = nil
    ripe = nil
    stuck = nil
  }

  /// Forgets acknowledgements that `next` has reached.
  mutating func forgetReached() {
    if let value = acknowledged, value.distance(from: next) <= 0 { acknowledged = nil }
    if let value = ripe, value.distance(from: next) <= 0 { ripe = nil }
    if acknowledged == nil { candidate = nil }
  }
}

/// A place on both clocks of a connection: capture time, and the count of its segments.
struct Moment {
  var at: Timestamp
  var segment: UInt64

  /// True if either span has passed. Capture time may jump back: then the wait begins anew on that clock.
  mutating func isOlder(than span_ns: Int64, or segments: UInt64, now: Moment) -> Bool {
    if now.at < at { at = now.at }
    return now.at - at >= span_ns || now.segment &- segment >= segments
  }
}
