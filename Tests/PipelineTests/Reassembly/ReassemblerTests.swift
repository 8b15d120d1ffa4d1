import Testing

@testable import Pipeline

struct ReassemblerTests {
  @Test func `bytes in order are handed on at once, with the handshake and both FINs`() {
    let r = StreamRecorder()
    r.shakeHands()
    r.take(.first, 1001, [1, 2, 3], ack: 5001)
    r.take(.second, 5001, [9], ack: 1004)
    r.take(.first, 1004, ack: 5002, flags: .fin)
    r.take(.second, 5002, ack: 1005, flags: .fin)
    r.take(.first, 1005, ack: 5003)
    #expect(
      r.events == [
        .bytes(.first, [1, 2, 3]), .bytes(.second, [9]), .ended(.first, .finished), .ended(.second, .finished),
      ])
    #expect(r.isOver)
    #expect(!r.isWaiting)
  }

  @Test func `a segment out of order waits for the one before it`() {
    let r = StreamRecorder()
    r.shakeHands()
    r.take(.first, 1003, [3, 4], ack: 5001)
    #expect(r.events.isEmpty)
    #expect(r.buffered_bytes == 2)
    r.take(.first, 1001, [1, 2], ack: 5001)
    #expect(r.events == [.bytes(.first, [1, 2, 3, 4])])
    #expect(r.counters.out_of_order_segments == 1)
  }

  @Test func `of overlapping copies the first wins`() {
    let r = StreamRecorder()
    r.shakeHands()
    r.take(.first, 1003, [3, 4], ack: 5001)
    r.take(.first, 1001, [1, 2, 103, 104, 5], ack: 5001)
    r.take(.first, 1004, [204, 205, 6], ack: 5001)
    #expect(r.events == [.bytes(.first, [1, 2, 3, 4, 5, 6])])
    #expect(r.counters.retransmitted_bytes == 4)
  }

  @Test func `keep-alive probes and window probes add nothing twice`() {
    let r = StreamRecorder()
    r.shakeHands()
    r.take(.first, 1001, [1], ack: 5001)
    r.take(.first, 1001, [0], ack: 5001)  // keep-alive with one garbage byte below the next expected
    r.take(.first, 1001, [], ack: 5001)  // the same without a byte
    r.take(.first, 1002, [2], ack: 5001)  // a window probe carries the next byte
    r.take(.first, 1002, [2, 3], ack: 5001)
    #expect(r.events == [.bytes(.first, [1, 2, 3])])
  }

  @Test func `data on the SYN follows the SYN`() {
    let r = StreamRecorder()
    r.take(.first, 1000, [1, 2], flags: .syn)
    r.take(.second, 5000, ack: 1003, flags: .syn)
    r.take(.first, 1003, [3], ack: 5001)
    #expect(r.events == [.bytes(.first, [1, 2, 3])])
  }

  @Test func `a hole that the other side acknowledged is lost after the grace in segments`() {
    let r = StreamRecorder()
    r.shakeHands()
    r.take(.first, 1011, [2], ack: 5001)
    for _ in 0..<255 { r.take(.second, 5001, ack: 1012) }
    #expect(r.events.isEmpty)
    for _ in 0..<3 { r.take(.second, 5001, ack: 1012) }
    #expect(r.events == [.lost(.first, 10), .bytes(.first, [2])])
    #expect(r.counters.lost_hole_bytes == 10)
  }

  @Test func `a hole that the other side acknowledged is lost after the grace in time`() {
    let r = StreamRecorder()
    r.shakeHands()
    r.take(.first, 1011, [2], ack: 5001, at_ms: 10)
    r.take(.second, 5001, ack: 1012, at_ms: 20)
    r.expire(at_ms: 219)
    #expect(r.events.isEmpty)
    r.expire(at_ms: 220)
    #expect(r.events == [.lost(.first, 10), .bytes(.first, [2])])
  }

  @Test func `a hole that nobody acknowledged waits 30 s for its retransmission`() {
    let r = StreamRecorder()
    r.shakeHands()
    r.take(.first, 1011, [2], ack: 5001, at_ms: 0)
    for time in stride(from: 1 as Int64, to: 30_000, by: 50) { r.take(.second, 5001, ack: 1001, at_ms: time) }
    #expect(r.events.isEmpty)
    r.expire(at_ms: 30_000)
    #expect(r.events == [.lost(.first, 10), .bytes(.first, [2])])
  }

  @Test func `an acknowledged tail that was never captured is lost too`() {
    let r = StreamRecorder()
    r.shakeHands()
    r.take(.second, 5001, [7], ack: 1011, at_ms: 0)
    #expect(r.events.isEmpty)
    r.expire(at_ms: 200)
    #expect(r.events == [.lost(.first, 10), .bytes(.second, [7])])
  }

  @Test func `an acknowledgement never overtakes what it acknowledges`() {
    let r = StreamRecorder()
    r.shakeHands()
    r.take(.first, 1001, [50], ack: 5003)
    r.take(.first, 1002, [51], ack: 5003)
    r.take(.second, 5001, [1, 2], ack: 1001)
    #expect(r.events == [.bytes(.second, [1, 2]), .bytes(.first, [50, 51])])
    #expect(r.counters.causality_forced == 0)
  }

  @Test func `a retransmission with a newer acknowledgement does not lock both sides`() {
    let r = StreamRecorder()
    r.shakeHands()
    r.take(.first, 1002, [2], ack: 5001)  // the byte before it was not captured the first time
    r.take(.second, 5001, [9], ack: 1003)
    r.take(.first, 1001, [1], ack: 5002)  // sent again, acknowledging what followed it
    #expect(r.events == [.bytes(.first, [1, 2]), .bytes(.second, [9])])
  }

  @Test func `numbers that contradict each other are waited for, but not for ever`() {
    let r = StreamRecorder()
    r.shakeHands()
    r.take(.first, 1001, [1], ack: 5002)
    r.take(.second, 5001, [9], ack: 1002)
    #expect(r.events.isEmpty)
    r.expire(at_ms: 600)
    #expect(r.events == [.bytes(.first, [1]), .bytes(.second, [9])])
    #expect(r.counters.causality_forced == 1)
  }

  @Test func `what the snap length cut off is a hole of known length`() {
    let r = StreamRecorder()
    r.shakeHands()
    r.take(.first, 1001, [1, 2], ack: 5001, length: 10)
    r.take(.first, 1011, [3], ack: 5001)
    #expect(r.events == [.bytes(.first, [1, 2]), .lost(.first, 8), .bytes(.first, [3])])
    #expect(r.counters.lost_snap_length_bytes == 8)
  }

  @Test func `a whole copy in time replaces what the snap length cut off`() {
    let r = StreamRecorder()
    r.shakeHands()
    r.take(.first, 1003, [3], ack: 5001, length: 4)
    r.take(.first, 1004, [4, 5], ack: 5001)
    r.take(.first, 1001, [1, 2], ack: 5001)
    #expect(r.events == [.bytes(.first, [1, 2, 3, 4, 5]), .lost(.first, 1)])
  }

  @Test func `headers without payload are holes`() {
    let r = StreamRecorder()
    r.shakeHands()
    r.take(.first, 1001, [], ack: 5001, length: 100)
    r.take(.first, 1101, [], ack: 5001, length: 50)
    #expect(r.events == [.lost(.first, 100), .lost(.first, 50)])
  }

  @Test func `a reset ends its side and tells what was lost before it`() {
    let r = StreamRecorder()
    r.shakeHands()
    r.take(.first, 1003, [3], ack: 5001)
    r.take(.first, 1004, ack: 5001, flags: .rst)
    #expect(r.events.isEmpty)
    r.expire(at_ms: 200)
    #expect(r.events == [.lost(.first, 2), .bytes(.first, [3]), .ended(.first, .reset)])
    #expect(r.isOver)
  }

  @Test func `a FIN before its data waits for it`() {
    let r = StreamRecorder()
    r.shakeHands()
    r.take(.first, 1003, [3], ack: 5001, flags: .fin)
    r.take(.first, 1001, [1, 2], ack: 5001)
    #expect(r.events == [.bytes(.first, [1, 2, 3]), .ended(.first, .finished)])
  }

  @Test func `a stream caught in the middle starts at its lowest first byte`() {
    let r = StreamRecorder()
    r.take(.first, 7005, [5], ack: 90)
    r.take(.first, 7003, [3, 4], ack: 90)
    #expect(r.events.isEmpty)
    r.expire(at_ms: 200)
    #expect(r.events == [.bytes(.first, [3, 4, 5])])
    r.take(.first, 7006, [6], ack: 90, at_ms: 201)
    #expect(r.events == [.bytes(.first, [3, 4, 5, 6])])
  }

  @Test func `a SYN captured after the first data still sets the start`() {
    let r = StreamRecorder()
    r.take(.first, 1002, [2], ack: 5001)
    r.take(.second, 5000, ack: 1001, flags: .syn)
    r.take(.first, 1001, [1], ack: 5001)
    r.take(.first, 1000, flags: .syn)
    #expect(r.events == [.bytes(.first, [1, 2])])
  }

  @Test func `one direction alone is handed on without waiting for the other`() {
    let r = StreamRecorder()
    var expected: [UInt8] = []
    for index in 0..<100 {
      r.take(.second, 7000 &+ UInt32(index), [UInt8(index)], ack: 90 + UInt32(index) * 10)
      expected.append(UInt8(index))
      if index >= 33 { #expect(r.events == [.bytes(.second, expected)]) }
    }
    #expect(r.counters.lost_bytes == 0)
    #expect(r.counters.causality_forced == 0)
  }

  @Test func `another SYN on the same addresses begins another connection`() {
    let r = StreamRecorder()
    r.shakeHands()
    r.take(.first, 1002, [2], ack: 5001)
    #expect(r.take(.first, 1000, flags: .syn) == .taken)
    #expect(r.take(.first, 88_000, flags: .syn) == .beginsAnew)
    #expect(
      r.events == [
        .lost(.first, 1), .bytes(.first, [2]), .ended(.first, .replaced), .ended(.second, .replaced),
      ])
  }

  @Test func `past the bound the hole is given up`() {
    var limits = Reassembler.Limits()
    limits.held_bytes = 10_000
    let r = StreamRecorder(limits: limits)
    r.shakeHands()
    for index in 0..<20 as Range<UInt32> {
      r.take(.first, 1011 + index * 1000, [UInt8](repeating: 1, count: 1000), ack: 5001)
    }
    #expect(r.mostBuffered_bytes <= 10_000)
    #expect(r.events == [.lost(.first, 10), .bytes(.first, [UInt8](repeating: 1, count: 20_000))])
    #expect(r.counters.lost_bound_bytes == 10)
  }

  @Test func `stray numbers are ignored, a stream that went on elsewhere is found again`() {
    let r = StreamRecorder()
    r.shakeHands()
    r.take(.first, 0x7000_0000, [9], ack: 5001)
    r.take(.first, 1001, [1], ack: 5001)
    #expect(r.events == [.bytes(.first, [1])])
    for index in 0..<17 as Range<UInt32> { r.take(.first, 0x7000_0000 + index, [UInt8(index)], ack: 5001) }
    #expect(r.events == [.bytes(.first, [1]), .lost(.first, 0), .bytes(.first, [15, 16])])
    #expect(r.counters.resynchronised == 1)
  }

  @Test func `a hole takes its cause from the loss that the capture announced`() {
    let r = StreamRecorder()
    r.shakeHands()
    r.reassembler.lost(CaptureLoss(at: .zero, cookie: 1, segments: 1, bytes: 7, cause: .ringFull))
    r.reassembler.lost(CaptureLoss(at: .zero, cookie: 1, segments: 1, bytes: 50, cause: .tableFull))
    r.take(.first, 1011, [2], ack: 5001)
    r.flush()
    let counters = r.counters
    #expect(counters.lost_ring_full_bytes == 7)
    #expect(counters.lost_table_full_bytes == 50)
    #expect(counters.lost_hole_bytes == 0)
  }

  @Test func `a flush hands on everything with its holes, in causal order`() {
    let r = StreamRecorder()
    r.shakeHands()
    r.take(.first, 1001, [1], ack: 5011)
    r.take(.second, 5006, [6, 7, 8, 9, 10], ack: 1001)
    r.flush()
    #expect(
      r.events == [
        .lost(.second, 5), .bytes(.second, [6, 7, 8, 9, 10]), .bytes(.first, [1]), .ended(.first, .forgotten),
        .ended(.second, .forgotten),
      ])
    #expect(!r.isWaiting)
  }
}
