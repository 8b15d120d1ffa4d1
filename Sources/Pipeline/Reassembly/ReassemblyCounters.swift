/// What reassembly saw and what it lost, of one connection or summed over several.
package struct ReassemblyCounters: Sendable, Equatable {
  /// Segments taken in, with or without payload.
  package var segments: UInt64 = 0
  /// Payload bytes handed on; each byte of a stream once.
  package var bytes: UInt64 = 0
  /// Segments that brought at least one byte seen before: retransmissions, keep-alive probes, packets captured twice.
  package var retransmitted_segments: UInt64 = 0
  package var retransmitted_bytes: UInt64 = 0
  /// Segments that came before a byte that precedes them.
  package var out_of_order_segments: UInt64 = 0
  /// Segments with sequence numbers that no window explains; ignored.
  package var out_of_window_segments: UInt64 = 0
  /// Segments with a length that no packet has, and bytes that followed their side's end; ignored.
  package var malformed_segments: UInt64 = 0
  /// Segments handed on although what they acknowledge had not been: contradictory numbers, or the bound was passed.
  package var causality_forced: UInt64 = 0
  /// How often a stream was picked up anew at a far-off place; each is a hole of unknown length.
  package var resynchronised: UInt64 = 0

  /// Bytes that the receiver acknowledged, or that stayed away for 30 s or until the end, but were never captured.
  package var lost_hole_bytes: UInt64 = 0
  /// Bytes on the wire that the capture cut off: snap length, or only headers were wanted.
  package var lost_snap_length_bytes: UInt64 = 0
  /// Bytes given up because more could not be held back while waiting for them.
  package var lost_bound_bytes: UInt64 = 0
  /// Of what was lost, the bytes that the capture itself had said it lost, by its cause.
  package var lost_ring_full_bytes: UInt64 = 0
  package var lost_table_full_bytes: UInt64 = 0
  package var lost_copy_failed_bytes: UInt64 = 0

  package init() {}

  package var lost_bytes: UInt64 {
    lost_hole_bytes &+ lost_snap_length_bytes &+ lost_bound_bytes &+ lost_ring_full_bytes &+ lost_table_full_bytes
      &+ lost_copy_failed_bytes
  }

  package static func += (sum: inout ReassemblyCounters, more: ReassemblyCounters) {
    sum.segments &+= more.segments
    sum.bytes &+= more.bytes
    sum.retransmitted_segments &+= more.retransmitted_segments
    sum.retransmitted_bytes &+= more.retransmitted_bytes
    sum.out_of_order_segments &+= more.out_of_order_segments
    sum.out_of_window_segments &+= more.out_of_window_segments
    sum.malformed_segments &+= more.malformed_segments
    sum.causality_forced &+= more.causality_forced
    sum.resynchronised &+= more.resynchronised
    sum.lost_hole_bytes &+= more.lost_hole_bytes
    sum.lost_snap_length_bytes &+= more.lost_snap_length_bytes
    sum.lost_bound_bytes &+= more.lost_bound_bytes
    sum.lost_ring_full_bytes &+= more.lost_ring_full_bytes
    sum.lost_table_full_bytes &+= more.lost_table_full_bytes
    sum.lost_copy_failed_bytes &+= more.lost_copy_failed_bytes
  }

  /// Why bytes were given up, as reassembly sees it.
  enum Cause {
    case hole, snapLength, bound
  }

  mutating func lost(_ count: UInt64, _ cause: Cause) {
    switch cause {
    case .hole: lost_hole_bytes &+= count
    case .snapLength: lost_snap_length_bytes &+= count
    case .bound: lost_bound_bytes &+= count
    }
  }

  mutating func lost(_ count: UInt64, _ cause: CaptureLoss.Cause) {
    switch cause {
    case .ringFull: lost_ring_full_bytes &+= count
    case .tableFull: lost_table_full_bytes &+= count
    case .copyFailed: lost_copy_failed_bytes &+= count
    }
  }

  /// Takes up to `count` bytes off what is noted under `cause`; gives how many.
  mutating func take(_ count: UInt64, _ cause: CaptureLoss.Cause) -> UInt64 {
    switch cause {
    case .ringFull: Self.take(count, from: &lost_ring_full_bytes)
    case .tableFull: Self.take(count, from: &lost_table_full_bytes)
    case .copyFailed: Self.take(count, from: &lost_copy_failed_bytes)
    }
  }

  private static func take(_ count: UInt64, from stock: inout UInt64) -> UInt64 {
    let taken = min(count, stock)
    stock -= taken
    return taken
  }
}
